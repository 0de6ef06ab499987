"""Jobs on DBOS, seen from the web process: hand one in, wait for its end.

The worker's side is `models.worker`. Both meet in one database; what passes between them is
JSON, never a pickle.
"""

from __future__ import annotations

import threading
import time
from enum import StrEnum
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from dbos import DBOSClient, DBOSPortableJSONSerializer, PortableWorkflowError
from sqlalchemy.exc import SQLAlchemyError

from utils.database import Workers, open_engine
from utils.errors import InternalError, ServiceError, Unavailable, from_document

QUEUE = "training"
APPLICATION = "lstm-backend-service"

_GRACE = 5.0  # seconds that a starting or restarting worker has to show up
_POLL = (0.05, 0.5)  # seconds between two looks at a job: at first, and at most


class Work(StrEnum):
    """The kinds of work that a worker does; the names of its workflows."""

    TRAIN = "train"
    DERIVE = "derive"


def error_of(failure: BaseException) -> ServiceError:
    """The error that a failed job ended with, as `failed` packed it."""
    data = getattr(failure, "data", None)
    return from_document(data) if isinstance(data, dict) else InternalError(str(failure))


def failed(error: ServiceError) -> PortableWorkflowError:
    """A job's failure, packed so that it passes the database as JSON."""
    document = error.to_document()
    return PortableWorkflowError(message=error.message, name=document["kind"], data=document)


class Jobs:
    """Hands jobs to the workers of a database.

    Connections are made on first use: a web process starts, and answers, without them.
    """

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._lock = threading.Lock()
        self._connected: tuple[sa.Engine, DBOSClient] | None = None

    def _connection(self) -> tuple[sa.Engine, DBOSClient]:
        with self._lock:
            if self._connected is None:
                engine = open_engine(self._url)
                client = DBOSClient(
                    system_database_engine=engine,
                    serializer=DBOSPortableJSONSerializer(),
                    application_name=APPLICATION,
                    lazy=True,
                    retry_connection_errors=False,
                )
                self._connected = engine, client
            return self._connected

    def workers_alive(self) -> int:
        """How many workers could take a job now.

        Raises:
            Unavailable: the database does not answer.
        """
        return Workers(self._connection()[0]).alive()

    def queued(self) -> int:
        """How many jobs wait for a worker."""
        if not self.workers_alive() and not self._prepared():
            return 0
        waiting = self._connection()[1].list_workflows(
            status="ENQUEUED", queue_name=QUEUE, load_input=False, load_output=False
        )
        return len(waiting)

    def _prepared(self) -> bool:
        """Whether a worker has ever made the engine's tables in this database."""
        engine = self._connection()[0]
        schema = None if engine.dialect.name == "sqlite" else "dbos"
        return sa.inspect(engine).has_table("workflow_status", schema=schema)

    def run(self, work: Work, job_id: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Hand in a job and wait for its result.

        Raises:
            Unavailable: no worker is alive any more while the job waits.
            ServiceError: what the job failed with.
        """
        client = self._connection()[1]
        handle: Any = client.enqueue(
            {"workflow_name": work.value, "queue_name": QUEUE, "workflow_id": job_id}, arguments
        )
        pause, most = _POLL
        while (status := handle.get_status().status) in ("ENQUEUED", "PENDING", "DELAYED"):
            time.sleep(pause)
            pause = min(most, pause * 1.2)
            if status == "ENQUEUED" and not self.workers_alive():
                client.cancel_workflow(job_id)
                raise no_worker()
        try:
            return handle.get_result()
        except Exception as failure:  # whatever the job raised, as the database kept it
            raise error_of(failure) from failure

    def derive(self, model_id: str) -> None:
        """Have a model's ONNX file made from its `.keras` or `.h5`.

        Raises:
            ServiceError: as `run`.
        """
        self.run(Work.DERIVE, str(uuid4()), {"model_id": model_id})

    def expect_worker(self) -> None:
        """Wait a moment for a worker that starts or restarts.

        Raises:
            Unavailable: none showed up.
        """
        deadline = time.monotonic() + _GRACE
        while not self.workers_alive():
            if time.monotonic() > deadline:
                raise no_worker()
            time.sleep(0.1)

    def counts(self) -> dict[str, int]:
        """How many jobs there are in each status of the job engine; {} before the first worker.

        Raises:
            Unavailable: the database does not answer.
        """
        engine = self._connection()[0]
        schema = None if engine.dialect.name == "sqlite" else "dbos"
        status, queue = sa.column("status", sa.Text), sa.column("queue_name", sa.Text)
        table = sa.table("workflow_status", status, queue, schema=schema)
        query = sa.select(status, sa.func.count()).where(queue == QUEUE).group_by(status)
        try:
            if not self._prepared():
                return {}
            with engine.connect() as connection:
                return {row[0]: row[1] for row in connection.execute(query.select_from(table))}
        except SQLAlchemyError as error:
            raise Unavailable(f"The database does not answer: {error}") from error


def no_worker() -> Unavailable:
    """The error of a service that has a web server only."""
    return Unavailable(
        "No training worker is running. Start one with `python run.py worker`, with the same "
        "MODEL_STORE, DATA_STORE and DATABASE_URL as this server."
    )
