"""Jobs of lost workers are requeued once, as tried; the same in SQLite and in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
import sqlalchemy as sa
from dbos import DBOS

from models.jobs.arguments import TrainArguments
from models.jobs.states import JobState, Work
from models.jobs.worker_jobs import WorkerJobs
from utils.errors import InternalError

JOB = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
def jobs(database_url: str) -> Iterator[WorkerJobs]:
    made = WorkerJobs(database_url)
    DBOS.migrate(made.engine.url.render_as_string(hide_password=False))
    made.log.create()
    yield made
    made.engine.dispose()


def table(jobs: WorkerJobs) -> str:
    return "workflow_status" if jobs.engine.dialect.name == "sqlite" else "dbos.workflow_status"


def change(jobs: WorkerJobs, statement: str, **values: str) -> int:
    with jobs.engine.begin() as connection:
        return connection.execute(sa.text(statement), values).rowcount


def taken(jobs: WorkerJobs, worker_id: str) -> None:
    """Let a worker take the waiting job, as the engine does."""
    statement = (
        f"UPDATE {table(jobs)} SET status = 'PENDING', executor_id = :worker, "
        "recovery_attempts = recovery_attempts + 1 WHERE status = 'ENQUEUED'"
    )
    assert change(jobs, statement, worker=worker_id) == 1


def taken_by(jobs: WorkerJobs, worker_id: str) -> WorkerJobs:
    """Submit the job and let a worker take it."""
    jobs.enqueue(Work.TRAIN, JOB, TrainArguments(dataset_id=str(uuid4())))
    taken(jobs, worker_id)
    return jobs


def statuses(jobs: WorkerJobs) -> list[str]:
    return [event.data["status"] for event in jobs.log.after({JOB: 0})]


def test_a_job_of_a_lost_worker_is_requeued_as_tried(jobs: WorkerJobs) -> None:
    taken_by(jobs, "one")
    assert jobs.recover(JOB, "one", "two", {"two"})
    job = jobs.get(JOB)
    assert (job.state, job.tries) == (JobState.QUEUED, 1)
    taken(jobs, "two")
    assert jobs.owner(JOB) == (JobState.RUNNING, "two") and jobs.get(JOB).tries == 2


def test_a_job_is_requeued_once_however_many_workers_notice(jobs: WorkerJobs) -> None:
    taken_by(jobs, "one")
    alive = {str(number) for number in range(8)}
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda me: jobs.recover(JOB, "one", me, alive), alive))
    assert found.count(True) == 1 and statuses(jobs) == ["queued"]
    taken(jobs, "0")  # the others notice late
    assert not any(jobs.recover(JOB, "one", me, alive) for me in alive)
    assert jobs.owner(JOB) == (JobState.RUNNING, "0") and jobs.get(JOB).tries == 2


def test_another_worker_requeues_where_the_one_that_was_to_do_it_is_lost_too(
    jobs: WorkerJobs,
) -> None:
    taken_by(jobs, "one")
    assert jobs.log.claim_recovery(JOB, "one", "two", {"two", "three"})
    assert not jobs.recover(JOB, "one", "three", {"two", "three"})
    assert jobs.recover(JOB, "one", "three", {"three"})
    assert (jobs.get(JOB).state, jobs.get(JOB).tries) == (JobState.QUEUED, 1)


def test_a_worker_that_was_paused_and_is_lost_later_loses_its_job_again(jobs: WorkerJobs) -> None:
    taken_by(jobs, "one")
    for _ in range(2):
        assert jobs.recover(JOB, "one", "two", {"two"})
        taken(jobs, "one")
    assert jobs.owner(JOB) == (JobState.RUNNING, "one")


@pytest.mark.parametrize("status", ["CANCELLED", "SUCCESS", "ERROR", "ENQUEUED"])
def test_a_job_that_its_worker_has_no_more_is_left_as_it_is(jobs: WorkerJobs, status: str) -> None:
    taken_by(jobs, "one")
    change(jobs, f"UPDATE {table(jobs)} SET status = :status", status=status)
    state = jobs.get(JOB).state
    assert not jobs.recover(JOB, "one", "two", {"two"})
    assert jobs.get(JOB).state is state and statuses(jobs) == []


def test_a_job_that_is_released_begins_to_count_its_tries_anew(jobs: WorkerJobs) -> None:
    taken_by(jobs, "one")
    jobs.recover(JOB, "one", "two", {"two"})
    taken(jobs, "two")
    jobs.release(JOB, "two")
    assert jobs.get(JOB).tries == 0
    taken(jobs, "two")
    assert jobs.get(JOB).tries == 1


def test_a_job_is_given_up_after_five_workers_that_ended_with_it(jobs: WorkerJobs) -> None:
    taken_by(jobs, "0")
    for number in range(5):
        jobs.check_tries(JOB, Work.REPORT)
        assert jobs.recover(JOB, str(number), "other", {"other"})
        taken(jobs, str(number + 1))
    with pytest.raises(InternalError, match="tried 5 times"):
        jobs.check_tries(JOB, Work.REPORT)


def test_a_deleted_job_leaves_no_record_of_its_workers(jobs: WorkerJobs) -> None:
    taken_by(jobs, "one")
    jobs.recover(JOB, "one", "two", {"two"})
    jobs.delete([JOB])
    assert jobs.log.recoveries([JOB]) == {}


def test_jobs_are_read_once_the_engine_has_all_columns_that_are_used(jobs: WorkerJobs) -> None:
    taken_by(jobs, "one")
    changed = f"ALTER TABLE {table(jobs)} RENAME COLUMN authenticated_user TO somebody"
    change(jobs, changed)
    again = WorkerJobs(jobs.engine.url.render_as_string(hide_password=False))
    assert again.counts() == {} and again.newest(None, 10, 0) == []
    again.engine.dispose()
