"""The training worker: a process that takes jobs from the queue. TensorFlow lives here."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer

from models.jobs.jobs import APPLICATION, QUEUE, QUEUES
from models.jobs.training_log import Notes
from models.jobs.worker_context import WorkerContext
from models.jobs.worker_jobs import WorkerJobs
from models.jobs.workflows import register
from utils import logs, process_limits
from utils.errors import NotFound, SettingsError, Unavailable
from utils.logs import logger
from utils.settings import Settings
from utils.storage.database import ALIVE_FOR, BEAT_EVERY, Workers, open_engine

log = logger("worker")

# Seconds between two looks at the queue of trainings, and at the others. Each costs 2.5 ms of a
# core, all day long; of the second until a first epoch begins, the wait is to be little.
_LOOK_EVERY, _LOOK_ELSEWHERE_EVERY = 0.1, 0.25
_TIDY_EVERY = 60.0  # seconds between two looks for what is old or left behind
_FORGOTTEN_AT_ONCE = 500
_DAY = 86_400.0


def run(settings: Settings) -> None:
    """Work until SIGTERM or Ctrl-C, or until the process that started this one is gone."""
    worker_id = settings.worker_id or socket.gethostname()
    process_limits.cap_memory(settings.worker_memory_mb, settings.workers)
    process_limits.return_large_arrays()
    process_limits.give_way()
    engine = open_engine(settings.resolved_database_url)
    workers = Workers(engine)
    workers.create()
    jobs = WorkerJobs(settings.resolved_database_url, engine)
    jobs.log.create()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    desk = WorkerContext(settings, jobs, worker_id)
    for store in (desk.models, desk.datasets.store, desk.backtests):
        store.sweep()
    _expect_unique(workers, worker_id)
    started = time.time()
    workers.beat(worker_id, started)
    _launch(engine, desk)
    log.info("worker ready", worker_id=worker_id, pid=os.getpid())
    threading.Thread(target=_warm_up, args=(desk,), daemon=True).start()
    _Rounds(settings, desk, workers, started).go(stop)
    with contextlib.suppress(Unavailable):  # then others notice by its silence
        desk.leave()
        workers.leave(worker_id)
    log.info("worker stopped", worker_id=worker_id)
    # A training in the middle of an epoch would hold the process; its job is in the queue again.
    os._exit(0)


def _expect_unique(workers: Workers, worker_id: str) -> None:
    """Refuse a name that another worker has; wait for one that has just ended.

    Two workers of one name would take each other's jobs for their own.
    """
    deadline = time.monotonic() + ALIVE_FOR + BEAT_EVERY
    while (host := workers.rival(worker_id)) is not None:
        if time.monotonic() > deadline:
            raise SettingsError(
                f"WORKER_ID must be another one for every worker. Received: {worker_id!r}, which "
                f"a worker on {host} has."
            )
        time.sleep(0.5)


class _Rounds:
    """What a worker sees to beside its work, every few seconds: that it is known to live, that
    jobs of workers which live no more are taken up, and that old jobs are forgotten."""

    def __init__(
        self, settings: Settings, desk: WorkerContext, workers: Workers, started: float
    ) -> None:
        self._kept_for = settings.jobs_kept_days * _DAY
        self._desk, self._workers, self._started = desk, workers, started
        self._tidied = 0.0
        self._stray: set[str] = set()  # jobs of this worker that it was not at a moment ago

    def go(self, stop: threading.Event) -> None:
        """Go round until the worker is to stop or its parent is gone."""
        parent = os.getppid()
        while os.getppid() == parent:
            try:
                self._workers.beat(self._desk.worker_id, self._started)
                self._see_to_held()
                if time.monotonic() - self._tidied > _TIDY_EVERY:
                    self._tidied = time.monotonic()
                    self._tidy()
            except Unavailable as error:
                log.warning("the database does not answer", error=error.message)
            if stop.wait(BEAT_EVERY):
                return
        log.warning("the process that started this worker is gone")

    def _see_to_held(self) -> None:
        """Put jobs into the queue again that their workers will not end.

        Of workers that gave no sign of life, the engine takes them only where the job is still
        with the worker that is dead: however many workers notice it, and however late, a job is
        put back once. Of this worker itself, those whose end the engine could not record, as the
        database's disk was full, say: what they gave is found when they are begun again.
        """
        jobs, worker_id = self._desk.jobs, self._desk.worker_id
        held = jobs.held()
        mine = {job_id for job_id, worker in held.items() if worker == worker_id}
        stray = mine - self._desk.at_work
        for job_id in stray & self._stray:
            log.warning("beginning a job again whose end was not recorded", job_id=job_id)
            jobs.begin_again(job_id)
        self._stray = stray
        living = self._workers.alive_ids() | {worker_id}
        lost = {job_id: worker for job_id, worker in held.items() if worker not in living}
        for job_id, dead in lost.items():
            log.warning("taking over from a worker that is gone", job_id=job_id, worker_id=dead)
            jobs.tell_requeued(job_id)
        if lost:
            DBOS._recover_pending_workflows(sorted(set(lost.values())))

    def _tidy(self) -> None:
        """Forget old jobs and workers."""
        jobs = self._desk.jobs
        old = jobs.ended_before(time.time() - self._kept_for, _FORGOTTEN_AT_ONCE)
        Notes(jobs.engine).forget(time.time() - self._kept_for)
        if old:
            for job_id in set(self._desk.backtests.ids()).intersection(old):
                with contextlib.suppress(NotFound):  # somebody deleted its model
                    self._desk.backtests.delete(job_id)
            jobs.forget(old)
            log.info("forgot old jobs", jobs=len(old))
        self._workers.forget(_DAY)


def _warm_up(desk: WorkerContext) -> None:
    """Import TensorFlow, and use it once, before the first job asks for it."""
    began = time.perf_counter()
    try:
        with logs.without_chatter():
            from models.training import train
        train.warm_up()
    finally:
        desk.loaded.set()
    log.info("trainer loaded", module=train.__name__, seconds=time.perf_counter() - began)


def _launch(engine: sa.Engine, desk: WorkerContext) -> None:
    config: DBOSConfig = {
        "name": APPLICATION,
        "system_database_engine": engine,
        "serializer": DBOSPortableJSONSerializer(),
        "executor_id": desk.worker_id,
        # Fixed: a job that a restart or an upgrade interrupted is taken up again after it.
        "application_version": "1",
        "log_level": "WARNING",
    }
    DBOS(config=config)
    register(desk)
    DBOS.launch()
    # One training at a time and process, one backtest beside it; more processes train side by side.
    for queue in sorted(set(QUEUES.values())):
        seconds = _LOOK_EVERY if queue == QUEUE else _LOOK_ELSEWHERE_EVERY
        DBOS.register_queue(queue, worker_concurrency=1, polling_interval_sec=seconds)
