"""The control of a job: its progress outlives the worker, and cancelled work is stopped."""

from __future__ import annotations

import threading
from pathlib import Path
from uuid import uuid4

import pytest
import structlog
from dbos import error as engine

from models.jobs import job_control
from models.jobs.job_control import JobControl
from models.jobs.job_log import Decision
from models.jobs.states import JobState
from models.jobs.worker_context import WorkerContext
from models.jobs.worker_jobs import WorkerJobs
from models.registry.model_store import CHECKPOINT
from models.training.control import Epoch
from utils.errors import Unavailable
from utils.settings import Settings

pytestmark = pytest.mark.training


@pytest.fixture
def context(settings: Settings) -> WorkerContext:
    jobs = WorkerJobs(settings.resolved_database_url)
    jobs.log.create()
    return WorkerContext(settings, jobs, "one")


def epoch(number: int) -> Epoch:
    return Epoch(number, 9, 0.5, 0.25, 3.0, 0.75, 0.125, 1.0)


def test_an_epoch_that_a_worker_could_not_record_is_recorded_by_the_next(
    context: WorkerContext,
) -> None:
    """It is not trained again where the checkpoint is from after it."""
    job = str(uuid4())
    lost = JobControl(context, job)
    for number in (1, 2):
        lost.on_epoch(epoch(number))
    lost.save_checkpoint(b"weights\nof any bytes")
    taken_up = JobControl(context, job)
    assert taken_up.checkpoint() == b"weights\nof any bytes"
    taken_up.on_epoch(epoch(3))
    taken_up.__exit__()
    assert [event.data["epoch"] for event in context.jobs.log.after({job: 0})] == [1, 2, 3]


@pytest.mark.parametrize("where", [0, 40, -1])
def test_a_checkpoint_with_a_lost_bit_is_not_taken_up(context: WorkerContext, where: int) -> None:
    job = str(uuid4())
    lost = JobControl(context, job)
    lost.on_epoch(epoch(1))
    lost.save_checkpoint(b"weights")
    kept = bytearray(context.models.kept(job, CHECKPOINT) or b"")
    kept[where] ^= 1

    def damaged(path: Path) -> None:
        path.write_bytes(kept)

    context.models.keep(job, CHECKPOINT, damaged)
    assert JobControl(context, job).checkpoint() is None


def test_the_log_line_of_an_epoch_has_fields(context: WorkerContext) -> None:
    job = str(uuid4())
    with structlog.testing.capture_logs() as lines:
        JobControl(context, job).on_epoch(epoch(3))
    [line] = lines
    figures = {"epoch": 3, "epochs": 9, "loss": 0.5, "val_loss": 0.25, "mae": 3.0, "r2_score": 0.75}
    assert line == figures | {
        "event": "Epoch 3/9",
        "log_level": "info",
        "job_id": job,
        "seconds": 0.125,
        "eta_seconds": 1.0,
        "relative_mae": None,
    }


def test_work_that_ignores_a_cancellation_has_the_worker_restarted(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, restarted = str(uuid4()), threading.Event()
    monkeypatch.setattr(context.jobs, "owner", lambda job_id: (JobState.RUNNING, "one"))
    monkeypatch.setattr(context, "restart", lambda job_id: restarted.set())
    monkeypatch.setattr(job_control, "_STOP_SECONDS", 0.1)
    context.loaded.set()
    with JobControl(context, job) as control:
        control.check()
        context.jobs.log.decide(job, Decision.CANCEL)
        assert restarted.wait(30)
        with pytest.raises(engine.DBOSWorkflowCancelledError):
            control.check()
    assert job not in context.running


def test_a_job_that_another_worker_has_taken_over_is_stopped(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners = iter(["one"])
    monkeypatch.setattr(
        context.jobs, "owner", lambda job_id: (JobState.RUNNING, next(owners, "two"))
    )
    stopped = threading.Event()
    monkeypatch.setattr(context, "restart", lambda job_id: stopped.set())
    monkeypatch.setattr(job_control, "_STOP_SECONDS", 0.1)
    context.loaded.set()
    with JobControl(context, str(uuid4())) as control:
        assert stopped.wait(30)
        with pytest.raises(engine.DBOSWorkflowConflictIDError):
            control.check()


def test_a_stale_attempt_decides_keeps_and_publishes_nothing(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worker was paused, and does not know yet that another one took the job over."""
    job = str(uuid4())
    monkeypatch.setattr(context.jobs, "owner", lambda job_id: (JobState.RUNNING, "one"))
    monkeypatch.setattr(context, "restart", lambda job_id: None)
    with JobControl(context, job) as stale:
        context.jobs.log.claim(job, "two")
        stale.save_checkpoint(b"weights")
        assert context.models.kept(job, CHECKPOINT) is None
        for act in (lambda: stale.publish(lambda: pytest.fail("published")), stale.fail):
            with pytest.raises(engine.DBOSWorkflowConflictIDError):
                act()
    assert context.jobs.log.decision(job) is None


@pytest.mark.parametrize("decided", [None, Decision.CANCEL])
def test_a_job_that_fails_decides_so_before_anything_is_removed(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch, decided: Decision | None
) -> None:
    job = str(uuid4())
    monkeypatch.setattr(context.jobs, "owner", lambda job_id: (JobState.RUNNING, "one"))
    monkeypatch.setattr(context, "restart", lambda job_id: None)
    with JobControl(context, job) as control:
        if decided:
            context.jobs.log.decide(job, decided)
            with pytest.raises(engine.DBOSWorkflowCancelledError):
                control.fail()
        else:
            control.fail()
    assert context.jobs.log.decision(job) is (decided or Decision.FAIL)


def test_a_job_says_what_it_waits_for_until_it_goes_on(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_control, "_RETRY_SECONDS", 0.01)
    job, outcomes = str(uuid4()), [Unavailable("The disk is full."), Unavailable("It is full.")]
    control = JobControl(context, job)

    def act() -> str:
        if outcomes:
            raise outcomes.pop(0)
        return "done"

    assert control.with_retries(act) == "done"
    recorded = [event.data["waiting"] for event in context.jobs.log.after({job: 0})]
    assert recorded == ["The disk is full.", "It is full.", None]
