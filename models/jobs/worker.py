"""The training worker: a process that takes jobs from the queues. TensorFlow runs here."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import socket
import threading
import time
from functools import partial
from uuid import uuid4

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, PortableWorkflowError
from dbos import error as engine_errors

from models.jobs.job_queries import APPLICATION
from models.jobs.jobs import FORMER_QUEUES, QUEUE
from models.jobs.retention import Retention
from models.jobs.training_log import Notes
from models.jobs.worker_context import WorkerContext
from models.jobs.worker_jobs import WorkerJobs
from models.jobs.workflows import register
from utils import logs, process_limits, temporary_folder
from utils.errors import NotFound, Unavailable
from utils.logs import logger
from utils.settings import Settings
from utils.storage.database import BEAT_EVERY, Workers, open_engine

log = logger("worker")

_END_SECONDS = 10.0  # from SIGTERM to the end, though the database may not answer
_POLL_EMPTY_SECONDS = 120.0  # between two polls of a former queue without jobs
_COUNT_SECONDS = 60.0  # between two counts of the time that the service runs
_CLEANUP_SECONDS = 600.0  # between two removals of what is old
_DELETED_AT_ONCE = 500
_DAY = 86_400.0


def run(settings: Settings) -> None:
    """Work until SIGTERM or Ctrl-C, or until the process that started this one is gone."""
    # Of this start alone: no other worker, and no earlier start of this one, has the same.
    worker_id = f"{settings.worker_id or socket.gethostname()}.{uuid4().hex[:12]}"
    process_limits.cap_memory(settings.worker_memory_mb, settings.workers)
    process_limits.be_ended_first()
    process_limits.lower_priority()
    folder = temporary_folder.use_own("lstm-worker-")
    engine = open_engine(settings.resolved_database_url)
    workers = Workers(engine)
    workers.create()
    jobs = WorkerJobs(settings.resolved_database_url, engine)
    stop = threading.Event()

    def end(*_: object) -> None:
        stop.set()
        # A database that hangs would hold the process for as long; its jobs are taken over.
        threading.Timer(_END_SECONDS, os._exit, [1]).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    context = WorkerContext(settings, jobs, worker_id, lambda: workers.leave(worker_id))
    started = time.time()
    workers.beat(worker_id, started)
    upkeep = _Upkeep(settings, context, workers, started)
    _launch(engine, context, upkeep)
    log.info("worker ready", worker_id=worker_id, pid=os.getpid())
    threading.Thread(target=_warm_up, args=(context,), daemon=True).start()
    upkeep.run(stop)
    with contextlib.suppress(Unavailable):  # other workers notice that it reports no more
        context.stop()
        workers.leave(worker_id)
    log.info("worker stopped", worker_id=worker_id)
    shutil.rmtree(folder, ignore_errors=True)
    # A training in the middle of an epoch would hold the process; its job is in the queue again.
    os._exit(0)


class _Upkeep:
    """The duties of a worker beside its jobs, every few seconds: it reports that it is alive,
    requeues jobs of workers that are not, and deletes old jobs."""

    def __init__(
        self, settings: Settings, context: WorkerContext, workers: Workers, started: float
    ) -> None:
        self._kept_for = settings.jobs_kept_days * _DAY
        self._retention = Retention(context.jobs.engine)
        self._retention.create()
        self._context, self._workers, self._started = context, workers, started
        self._counted_at = self._cleaned_at = float("-inf")
        self._stray: set[str] = set()  # jobs of this worker that were not active a moment ago

    def run(self, stop: threading.Event) -> None:
        """Repeat the duties until the worker is to stop or its parent has ended."""
        parent = os.getppid()
        while os.getppid() == parent:
            try:
                self._workers.beat(self._context.worker_id, self._started)
                self.requeue_lost()
                if time.monotonic() - self._counted_at > _COUNT_SECONDS:
                    self._counted_at = time.monotonic()
                    self._retention.count()
                if time.monotonic() - self._cleaned_at > _CLEANUP_SECONDS:
                    self._cleaned_at = time.monotonic()
                    self._delete_old()
            except Unavailable as error:
                log.warning("the database does not answer", error=error.message)
            if stop.wait(BEAT_EVERY):
                return
        log.warning("the process that started this worker has ended")

    def requeue_lost(self) -> None:
        """Requeue jobs that their workers will not end.

        A job of a dead worker is requeued once, however many workers notice the death. A job of
        this worker is requeued if the engine could not record its end (the database's disk was
        full, say); its published result is found when it runs again.
        """
        jobs, worker_id = self._context.jobs, self._context.worker_id
        held = jobs.running()
        own = {job_id for job_id, worker in held.items() if worker == worker_id}
        stray = own - self._context.active
        for job_id in stray & self._stray:
            log.warning("requeueing a job whose end was not recorded", job_id=job_id)
            jobs.requeue(job_id)
        self._stray = stray
        if not held:
            return
        living = self._workers.alive_ids() | {worker_id}
        for job_id, worker in held.items():
            if worker not in living and jobs.recover(job_id, worker, worker_id, living):
                log.warning("requeued the job of a dead worker", job_id=job_id, worker_id=worker)

    def _delete_old(self) -> None:
        """Delete old jobs, notes, workers, and files that belong to nothing."""
        context, retention, notes = self._context, self._retention, Notes(self._context.jobs.engine)
        ended = dict.fromkeys(context.jobs.ended(), self._kept_for)
        old = retention.due("job", ended)[:_DELETED_AT_ONCE]
        if old:
            for job_id in set(context.backtests.ids()).intersection(old):
                with contextlib.suppress(NotFound):  # somebody deleted its model
                    context.backtests.delete(job_id)
            context.jobs.delete(old)
            log.info("deleted old jobs", jobs=len(old))
        written = dict.fromkeys(map(str, notes.ids()), self._kept_for)
        notes.delete([int(id) for id in retention.due("note", written)])
        for store in (context.models, context.datasets.store, context.backtests):
            store.sweep(partial(retention.due, f"file of a {store.noun}"))
        self._workers.forget(_DAY)


def _warm_up(context: WorkerContext) -> None:
    """Import TensorFlow, and use it once, before the first job needs it."""
    began = time.perf_counter()
    try:
        with logs.without_chatter():
            from models.training import train
        train.warm_up()
    finally:
        context.loaded.set()
    log.info("trainer loaded", module=train.__name__, seconds=time.perf_counter() - began)


def _is_news(line: logging.LogRecord) -> bool:
    """Return False for the engine's tracebacks of jobs whose end the log has already."""
    known = PortableWorkflowError, engine_errors.DBOSAwaitedWorkflowCancelledError
    return line.exc_info is None or not isinstance(line.exc_info[1], known)


def _launch(engine: sa.Engine, context: WorkerContext, upkeep: _Upkeep) -> None:
    config: DBOSConfig = {
        "name": APPLICATION,
        "system_database_engine": engine,
        "serializer": DBOSPortableJSONSerializer(),
        "executor_id": context.worker_id,
        # Fixed: a job that a restart or an upgrade interrupted is resumed after it.
        "application_version": "1",
        "log_level": "WARNING",
    }
    DBOS(config=config)
    logging.getLogger("dbos").addFilter(_is_news)
    register(context)
    DBOS.launch()
    context.jobs.log.create()  # after the engine's tables: see `JobQueries`
    upkeep.requeue_lost()  # before jobs are taken from the queues: those go on before later ones
    # One training at a time and process, one backtest beside it; more processes train side by side.
    poll = context.queue_poll_seconds
    DBOS.register_queue(QUEUE, partition_worker_concurrency=1, polling_interval_sec=poll)
    # A former queue is polled often only where it has jobs.
    used = context.jobs.uses_former_queues()
    seconds = poll if used else _POLL_EMPTY_SECONDS
    for queue in sorted(set(FORMER_QUEUES.values())):
        DBOS.register_queue(queue, worker_concurrency=1, polling_interval_sec=seconds)
