"""A job that is watched: what is known of it outlives the worker."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from models.jobs.job_control import JobControl
from models.jobs.worker_context import WorkerContext
from models.jobs.worker_jobs import WorkerJobs
from models.registry.registry import CHECKPOINT
from models.training.fit import Epoch
from utils.settings import Settings

pytestmark = pytest.mark.training


@pytest.fixture
def context(tmp_path: Path) -> WorkerContext:
    settings = Settings(
        model_store=str(tmp_path / "models"),
        data_store=str(tmp_path / "data"),
        database_url=f"sqlite:///{tmp_path / 'jobs.sqlite'}",
    )
    jobs = WorkerJobs(settings.resolved_database_url)
    jobs.log.create()
    return WorkerContext(settings, jobs, "one")


def epoch(number: int) -> Epoch:
    return Epoch(number, 9, 0.5, 0.25, 3.0, 0.75, 0.125, 1.0)


def test_an_epoch_that_its_worker_could_not_tell_of_is_told_by_the_next(
    context: WorkerContext,
) -> None:
    """It is not trained again where the checkpoint is from after it."""
    job = str(uuid4())
    lost = JobControl(context, job)
    for number in (1, 2):
        lost.on_epoch(epoch(number))
    lost.keep(b"weights\nof any bytes")
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
    lost.keep(b"weights")
    kept = bytearray(context.models.kept(job, CHECKPOINT) or b"")
    kept[where] ^= 1

    def damaged(path: Path) -> None:
        path.write_bytes(kept)

    context.models.keep(job, CHECKPOINT, damaged)
    assert JobControl(context, job).checkpoint() is None
