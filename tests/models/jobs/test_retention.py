"""What is kept for days is counted by the service's age, which no clock that jumps changes."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from models.jobs.retention import Retention
from utils.storage.database import open_engine

DAY = 86_400.0


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    opened = open_engine(database_url)
    yield opened
    opened.dispose()


class Monotonic:
    """The monotonic clock of this process, set by the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


@pytest.fixture
def monotonic(monkeypatch: pytest.MonkeyPatch) -> Monotonic:
    return Monotonic(monkeypatch)


def opened(engine: sa.Engine) -> Retention:
    retention = Retention(engine)
    retention.create()
    return retention


def pass_time(engine: sa.Engine, seconds: float) -> None:
    """Let the database's clock be that much later than when the age was counted last."""
    with engine.begin() as connection:
        change = sa.text("UPDATE service_age SET counted_at = counted_at - :seconds")
        connection.execute(change, {"seconds": seconds})


def live(engine: sa.Engine, monotonic: Monotonic, retention: Retention, seconds: float) -> None:
    monotonic.now += seconds
    pass_time(engine, seconds)
    retention.count()


def test_the_age_grows_with_the_time_that_a_worker_runs(
    engine: sa.Engine, monotonic: Monotonic
) -> None:
    retention = opened(engine)
    for seconds in (3, 3, 60):
        live(engine, monotonic, retention, seconds)
    assert retention.age() == pytest.approx(66, abs=1)
    opened(engine).count()  # another worker that has just started
    assert retention.age() == pytest.approx(66, abs=2)


@pytest.mark.parametrize("jump", [3600, DAY, 31 * DAY, 3653 * DAY, -3600, -56 * 365 * DAY])
def test_a_clock_that_jumps_and_is_put_right_makes_nothing_old(
    engine: sa.Engine, monotonic: Monotonic, jump: float
) -> None:
    retention = opened(engine)
    assert retention.due("job", {"a": 30 * DAY}) == []
    for each in (jump, -jump):
        pass_time(engine, each)
        live(engine, monotonic, retention, 3)
        assert retention.due("job", {"a": 30 * DAY}) == []
    assert retention.age() <= 7


def test_two_workers_count_a_second_once(engine: sa.Engine, monotonic: Monotonic) -> None:
    one, two = opened(engine), opened(engine)
    for _ in range(10):
        monotonic.now += 3
        pass_time(engine, 1.5)
        one.count()
        pass_time(engine, 1.5)
        two.count()
    assert one.age() == pytest.approx(30, abs=2)


def test_names_are_due_once_they_were_seen_for_as_long_as_they_are_kept(
    engine: sa.Engine, monotonic: Monotonic
) -> None:
    retention = opened(engine)
    assert retention.due("job", {"old": DAY, "kept": 3 * DAY}) == []
    assert retention.due("note", {"old": 3 * DAY}) == []
    live(engine, monotonic, retention, DAY + 10)
    assert retention.due("job", {"old": DAY, "kept": 3 * DAY, "new": DAY}) == ["old"]
    assert retention.due("job", {"kept": 3 * DAY}) == []  # the others are gone
    live(engine, monotonic, retention, DAY)
    assert retention.due("job", {"old": DAY, "new": DAY}) == []  # seen anew
    assert opened(engine).due("note", {"old": DAY}) == ["old"]  # also after a restart
