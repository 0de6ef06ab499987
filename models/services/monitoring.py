"""Health, readiness and operating figures of one service."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from models.data.datasets import Datasets
from models.jobs.jobs import Jobs
from models.registry.registry import Registry
from utils import process_figures
from utils.api.replies.operation import HealthReply, ReadyReply
from utils.errors import Detail, Unavailable
from utils.storage.artifact_reader import DOCUMENT
from utils.storage.artifact_store import ArtifactStore

_ANSWERS_WITHIN = 2.0  # seconds
_RETRY_AFTER = 5  # seconds

T = TypeVar("T")


@dataclass(frozen=True)
class Facts:
    """Figures of the database and the stores at this moment; None: not known.

    Attributes:
        jobs: trainings by state.
        queue_depth: trainings that wait for a worker.
        workers_alive: training workers that are alive.
        epochs_per_second: epochs that all workers together trained, over the last minute.
        published_models: models in the model store.
        data_sets: data sets in the data store.
        process_cpu_seconds: processor time of the service's processes on this machine.
        process_memory_bytes: their memory.
    """

    jobs: dict[str, int] | None
    queue_depth: int | None
    workers_alive: int | None
    epochs_per_second: float | None
    published_models: int | None
    data_sets: int | None
    process_cpu_seconds: dict[str, float]
    process_memory_bytes: dict[str, float]


class Monitoring:
    """Checks of the database and the stores.

    Args:
        version: of the service.
    """

    def __init__(self, version: str, registry: Registry, jobs: Jobs, datasets: Datasets) -> None:
        self._version = version
        self._registry, self._jobs, self._datasets = registry, jobs, datasets
        self._started = time.monotonic()
        self._connecting = threading.Semaphore(1)
        self._connected = threading.Event()
        # One thread: however often figures are requested of a database that hangs, one query waits.
        self._query_thread = ThreadPoolExecutor(1, "database")

    def connect(self) -> None:
        """Connect to the database and open the lists of models and data sets; once per process."""
        if not self._connecting.acquire(blocking=False):
            return
        with contextlib.suppress(Unavailable):  # every request that needs them reports it
            self._jobs.workers_alive()
        self._connected.set()
        with contextlib.suppress(Unavailable):
            self._registry.index.update()
            self._datasets.index.update()

    def health(self) -> HealthReply:
        """Return the state of the service; always answers, whatever state the rest is in."""
        workers = queued = models = None
        with contextlib.suppress(Unavailable):
            models = self._registry.count()
        if self._connected.is_set():
            with contextlib.suppress(Unavailable):
                workers, queued = self._jobs.workers_alive(), self._jobs.queued()
        else:
            threading.Thread(target=self.connect, daemon=True).start()
        return HealthReply(
            timestamp=datetime.now(UTC).isoformat(),
            version=self._version,
            uptime_seconds=round(time.monotonic() - self._started, 3),
            models=models,
            workers_alive=workers,
            jobs_queued=queued,
        )

    def ready(self) -> ReadyReply:
        """Check that everything that work needs is there.

        Raises:
            Unavailable: something is missing; the details name it.
        """
        missing = []
        try:
            if not self._query(self._jobs.workers_alive):
                advice = "Start one with `python run.py worker`."
                missing.append(Detail("workers", f"No training worker is alive. {advice}"))
        except Unavailable as error:
            missing.append(Detail("database", error.message.splitlines()[0]))
        stores = {"model_store": self._registry.store, "data_store": self._datasets.store}
        for name, store in stores.items():
            try:
                store.stems(DOCUMENT)
                store.expect_writable()
            except Unavailable as error:
                missing.append(Detail(name, error.message))
        if missing:
            names = ", ".join(detail.field for detail in missing)
            raise Unavailable(
                f"The service is not ready; to be repaired: {names}.", missing, _RETRY_AFTER
            )
        return ReadyReply(
            checks=dict.fromkeys(("database", "model_store", "data_store", "workers"), "ok")
        )

    def facts(self) -> Facts:
        """Return the figures of the database and the stores, less those that do not answer."""
        jobs = self._jobs
        workers = states = pace = None
        worker_pids: list[int] = []
        with contextlib.suppress(Unavailable):
            workers, states, pace, worker_pids = self._query(
                lambda: (
                    jobs.workers_alive(),
                    jobs.counts(),
                    jobs.epochs_per_second(),
                    jobs.worker_pids(),
                )
            )
        processes = _figures(worker_pids)
        named = {str(state): count for state, count in states.items()} if states else None
        return Facts(
            jobs=named,
            queue_depth=named["queued"] if named else None,
            workers_alive=workers,
            epochs_per_second=pace,
            published_models=_size(self._registry.store),
            data_sets=_size(self._datasets.store),
            process_cpu_seconds={name: each.cpu_seconds for name, each in processes.items()},
            process_memory_bytes={name: each.memory_bytes for name, each in processes.items()},
        )

    def _query(self, query: Callable[[], T]) -> T:
        """Return the result of a query.

        Raises:
            Unavailable: the database does not answer, or not within two seconds.
        """
        answer = self._query_thread.submit(query)
        try:
            return answer.result(_ANSWERS_WITHIN)
        except TimeoutError as error:
            answer.cancel()
            raise Unavailable(
                f"The database does not answer within {_ANSWERS_WITHIN:g} s."
            ) from error


def _figures(worker_pids: list[int]) -> dict[str, process_figures.ProcessFigures]:
    """Return the figures of the processes of this machine, by kind and process id."""
    pids = [("web", pid) for pid in process_figures.siblings()]
    pids += [("worker", pid) for pid in worker_pids]
    found = {f"{kind} {pid}": process_figures.figures(pid) for kind, pid in pids}
    return {name: figures for name, figures in found.items() if figures is not None}


def _size(store: ArtifactStore) -> int | None:
    try:
        return len(store.stems(DOCUMENT))
    except Unavailable:
        return None
