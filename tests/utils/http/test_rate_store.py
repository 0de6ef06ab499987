"""Counting: as the library's own reference does, once for all processes, in the way of nobody."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
import sqlalchemy as sa
import structlog
from hypothesis import given
from hypothesis import strategies as st
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from tests.support import redis_server
from tests.support.running_service import ROOT, free_port
from utils.http.rate_store import DatabaseStorage, Forgiving
from utils.storage.database import open_hasty_engine

WINDOW = 60


class Time:
    """A time that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    @property
    def of_database(self) -> sa.ColumnElement[float]:
        return sa.bindparam("now", callable_=self, type_=sa.Float)


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    opened = open_hasty_engine(database_url)
    yield opened
    opened.dispose()


@given(
    steps=st.lists(
        st.tuples(st.sampled_from([0.0, 0.5, 1.0, 29.5, 60.0, 200.0]), st.sampled_from("ab")),
        max_size=40,
    ),
    amount=st.integers(1, 4),
)
def test_it_answers_as_the_reference_does(
    engine: sa.Engine, steps: list[tuple[float, str]], amount: int
) -> None:
    clock, item = Time(), RateLimitItemPerSecond(amount, WINDOW)
    mine = DatabaseStorage(engine, clock.of_database)
    mine.reset()
    with mock.patch("time.time", clock):
        reference = MemoryStorage()
        ours, theirs = FixedWindowRateLimiter(mine), FixedWindowRateLimiter(reference)
        for pause, who in steps:
            clock.now += pause
            assert ours.test(item, who) == theirs.test(item, who)
            assert ours.hit(item, who) == theirs.hit(item, who)
            assert ours.get_window_stats(item, who) == theirs.get_window_stats(item, who)
        reference.timer.cancel()


def test_a_clock_that_is_set_back_does_not_keep_a_window_open(engine: sa.Engine) -> None:
    clock = Time()
    storage = DatabaseStorage(engine, clock.of_database)
    assert [storage.incr("a", WINDOW) for _ in range(3)] == [1, 2, 3]
    clock.now -= 3600
    assert storage.incr("a", WINDOW) == 1
    assert storage.get_expiry("a") == clock.now + WINDOW


def test_windows_that_are_over_are_removed(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("utils.http.rate_store._SWEEP_EVERY", -1.0)
    clock = Time()
    storage = DatabaseStorage(engine, clock.of_database)
    for who in "abc":
        storage.incr(who, WINDOW)
    clock.now += WINDOW
    storage.incr("d", WINDOW)
    with engine.connect() as connection:
        assert connection.scalars(sa.text("SELECT key FROM rate_hits")).all() == ["d"]


HIT = """
import sys
from utils.storage.database import open_hasty_engine
from utils.http.rate_store import DatabaseStorage
storage = DatabaseStorage(open_hasty_engine(sys.argv[1]))
assert sys.stdin.readline()
passed = 0
for _ in range(200):
    while True:
        try:
            passed += storage.incr("everybody", 3600) <= 300
            break
        except storage.base_exceptions:  # the file was locked for longer than it waits
            pass
print(passed)
"""


@pytest.mark.service
def test_of_many_processes_together_just_as_many_pass_as_may(database_url: str) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", HIT, database_url],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:  # they begin together
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert sum(int(process.communicate(timeout=60)[0]) for process in processes) == 300


@pytest.mark.service
def test_redis_counts_as_well(tmp_path: Path) -> None:
    with redis_server.running(tmp_path) as url:
        one, other = Forgiving(url=url), Forgiving(url=url)
        assert [one.incr("a", WINDOW), other.incr("a", WINDOW), one.incr("b", WINDOW)] == [1, 2, 1]
        assert one.knows and one.get("b") == 1
        assert time.time() < one.get_expiry("b") <= time.time() + WINDOW + 1
        one.clear("a")
        assert other.check() and other.incr("a", WINDOW) == 1
        other.reset()
        assert one.incr("a", WINDOW) == 1


@pytest.fixture(params=["sqlite", "postgresql", "redis"])
def dead_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a store that does not do what it is asked to."""
    if request.param == "sqlite":
        (tmp_path / "jobs.rates.sqlite").write_text("no database at all, but a text" * 100)
        return f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    host = f"127.0.0.1:{free_port()}"
    return f"{request.param}://user:s3cr3t@{host}/0"


def test_while_the_store_fails_everybody_passes_and_the_log_says_so_once(dead_url: str) -> None:
    storage = Forgiving(url=dead_url)
    with structlog.testing.capture_logs() as logs:
        for _ in range(100):
            assert storage.incr("a", WINDOW) == 0
            assert not storage.knows
    assert [line["log_level"] for line in logs] == ["warning"]
    assert "s3cr3t" not in str(logs)


def test_a_store_that_is_back_counts_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("utils.http.rate_store._AFTER_TROUBLE", 0.0)
    place = tmp_path / "jobs.rates.sqlite"
    storage = Forgiving(url=f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    assert storage.incr("a", WINDOW) == 1
    locked = sa.create_engine(f"sqlite:///{place}")
    with locked.connect() as connection:
        connection.exec_driver_sql("BEGIN EXCLUSIVE")
        assert storage.incr("a", WINDOW) == 0
        connection.exec_driver_sql("ROLLBACK")
    locked.dispose()
    assert storage.incr("a", WINDOW) == 2
