"""The event logs of jobs, the same in SQLite and in PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from models.jobs.job_log import Decision, JobLog, StaleAttempt
from utils.storage.database import open_engine


@pytest.fixture
def log(database_url: str) -> Iterator[JobLog]:
    engine = open_engine(database_url)
    made = JobLog(engine)
    made.create()
    made.create()
    yield made
    engine.dispose()


@pytest.fixture
def job() -> str:
    return str(uuid4())


def test_events_are_numbered_from_one_and_come_back_in_order(log: JobLog, job: str) -> None:
    log.add_status(job, {"status": "running"})
    for epoch in (1, 2):
        log.add_epoch(job, epoch, {"epoch": epoch, "loss": 0.5})
    recorded = log.after({job: 0})
    assert [(event.number, event.epoch) for event in recorded] == [(1, None), (2, 1), (3, 2)]
    assert recorded[1].data == {"epoch": 1, "loss": 0.5}
    assert recorded[0].at <= recorded[1].at <= recorded[2].at <= time.time()
    assert [[event.number for event in log.after({job: seen})] for seen in range(4)] == [
        [1, 2, 3],
        [2, 3],
        [3],
        [],
    ]


def test_what_is_told_again_is_told_once(log: JobLog, job: str) -> None:
    for _ in range(2):
        log.add_status(job, {"status": "running", "try": 1})
        log.add_epoch(job, 1, {"epoch": 1})
    log.add_status(job, {"status": "queued"})
    log.add_status(job, {"status": "running", "try": 1})
    assert len(log.after({job: 0})) == 4


def test_several_writers_leave_no_gap_and_no_repeat(log: JobLog, job: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: log.add_epoch(job, i // 2, {"epoch": i // 2}), range(40)))
    recorded = log.after({job: 0})
    assert [event.number for event in recorded] == list(range(1, 21))
    assert sorted(event.epoch or 0 for event in recorded) == list(range(20))


def test_jobs_are_told_apart(log: JobLog, job: str) -> None:
    other = str(uuid4())
    for each, epochs in ((job, 3), (other, 1)):
        for epoch in range(1, epochs + 1):
            log.add_epoch(each, epoch, {"epoch": epoch})
    assert {id: event.epoch for id, event in log.last_epochs([job, other]).items()} == {
        job: 3,
        other: 1,
    }
    begun, ended = log.spans([job])[job]
    assert begun <= ended and set(log.spans([job])) == {job}
    assert log.epochs_since(time.time() - 60) == 4 and log.epochs_since(time.time() + 1) == 0
    log.decide(job, Decision.PUBLISH)
    log.delete([job])
    assert log.after({job: 0, other: 0})[0].job_id == other
    assert log.decision(job) is None


@pytest.mark.parametrize("first", list(Decision))
def test_the_first_decision_stands(log: JobLog, job: str, first: Decision) -> None:
    assert log.decision(job) is None
    assert [log.decide(job, each) for each in (first, *Decision)] == [first] * 4
    assert log.decision(job) is first


def test_many_who_decide_at_once_get_one_decision(log: JobLog, job: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        decisions = set(pool.map(lambda i: log.decide(job, list(Decision)[i % 2]), range(16)))
    assert decisions == {log.decision(job)}


def test_the_token_of_an_attempt_grows_and_a_stale_one_decides_nothing(
    log: JobLog, job: str
) -> None:
    assert log.token(job) is None
    stale, newest = log.claim(job, "one"), log.claim(job, "two")
    assert (stale, newest, log.token(job)) == (1, 2, 2)
    for decision in Decision:
        with pytest.raises(StaleAttempt):
            log.decide(job, decision, stale)
    assert log.decision(job) is None
    assert log.decide(job, Decision.PUBLISH, newest) is Decision.PUBLISH
    assert log.decide(job, Decision.FAIL, newest) is Decision.PUBLISH
    with pytest.raises(StaleAttempt):
        log.decide(job, Decision.PUBLISH, stale)


def test_attempts_that_begin_at_once_have_tokens_of_their_own(log: JobLog, job: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(lambda i: log.claim(job, f"worker {i}"), range(16)))
    assert sorted(tokens) == list(range(1, 17)) and log.token(job) == 16


@pytest.mark.parametrize(
    ("events", "tries"),
    [
        ("", 0),
        ("1", 1),
        ("123", 3),
        ("12e3", 1),  # killed after an epoch
        ("1ee23e", 0),
        ("12q3", 3),  # taken over by another worker
        ("12q1", 1),  # released by a worker that was stopped
        ("12q1q12", 2),
        ("2pp3", 2),  # a backtest records its progress several times a try
    ],
)
def test_tries_that_got_a_job_no_further_are_counted(
    log: JobLog, job: str, events: str, tries: int
) -> None:
    """Digits begin a try; `e` is an epoch, `q` back in the queue, `p` a share that is done."""
    number = 0
    for place, step in enumerate(events):
        number = int(step) if step.isdigit() else number
        if step == "e":
            log.add_epoch(job, place, {"epoch": place})
        elif step == "q":
            log.add_status(job, {"status": "queued"})
        else:
            progress = {"progress": place} if step == "p" else {}
            log.add_status(job, {"status": "running", "try": number} | progress)
    assert log.tries_without_progress(job) == tries


def test_times_are_in_the_order_in_which_things_were_told(
    log: JobLog, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock was set back by an hour meanwhile."""
    now = time.time()
    for epoch, at in enumerate((now - 2, now, now - 3600), 1):
        monkeypatch.setattr(time, "time", lambda at=at: at)
        log.add_epoch(job, epoch, {"epoch": epoch})
    assert log.spans([job])[job] == (now - 2, now - 3600)
    assert [event.epoch for event in log.after({job: 0})] == [1, 2, 3]
    assert [event.epoch for event in log.first_and_last(job, 2)] == [1, 3]
