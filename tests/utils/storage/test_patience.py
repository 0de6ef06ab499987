"""A database that hangs: operations end in time, and the others are refused at once."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support import postgres
from tests.support.running_service import wait_until
from utils.errors import Unavailable
from utils.storage import patience
from utils.storage.database import answering, open_engine

QUERY = sa.text("SELECT 1")


def query(engine: sa.Engine) -> int:
    with answering(engine), engine.begin() as connection:
        return int(connection.execute(QUERY).scalar_one())


def seconds_of_refusal(engine: sa.Engine) -> float:
    began = time.monotonic()
    with pytest.raises(Unavailable, match="database does not answer"):
        query(engine)
    return time.monotonic() - began


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LONGEST", 0.6)
    monkeypatch.setattr(patience, "_SUSPICIOUS", 0.3)


@contextmanager
def held(engine: sa.Engine, count: int) -> Iterator[None]:
    """Operations of other threads that last as long as the context is open."""
    begun, end = threading.Semaphore(0), threading.Event()

    def last() -> None:
        with answering(engine):
            begun.release()
            end.wait(30)

    threads = [threading.Thread(target=last) for _ in range(count)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert begun.acquire(timeout=10)
    yield
    end.set()
    for thread in threads:
        thread.join()


def test_an_operation_without_a_place_is_refused_soon(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'a'}", 3)
    with held(engine, 2):
        assert query(engine) == 1
        with held(engine, 1):
            assert seconds_of_refusal(engine) < 5
        assert query(engine) == 1
    engine.dispose()


def test_parts_of_one_operation_take_one_place(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'a'}", 1)
    with answering(engine):
        assert query(engine) == 1
    engine.dispose()


@pytest.mark.usefixtures("quick")
def test_after_a_slow_failure_one_operation_tries_and_the_others_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "_RETRY_AFTER", 0.5)
    engine = open_engine(f"sqlite:///{tmp_path / 'a'}", 2)
    with pytest.raises(Unavailable), answering(engine):
        time.sleep(0.4)
        raise sa.exc.OperationalError("SELECT", {}, sqlite3.OperationalError("database is locked"))
    assert seconds_of_refusal(engine) < 0.4  # without asking the database
    time.sleep(0.6)
    with held(engine, 1):  # the attempt
        seconds_of_refusal(engine)
    assert query(engine) == 1  # the attempt has succeeded
    with held(engine, 1):
        assert query(engine) == 1
    engine.dispose()


@pytest.mark.usefixtures("quick")
@pytest.mark.service
def test_a_postgresql_that_is_stopped_by_a_signal_is_given_up_in_time() -> None:
    """Its kernel still accepts connections and queries, and nobody reads them."""
    with postgres.running() as server:
        engine = open_engine(server.new_database(), 2)
        assert query(engine) == 1
        with server.paused():
            assert seconds_of_refusal(engine) < 5
            assert seconds_of_refusal(engine) < 0.4
        wait_until(lambda: _answers(engine))
        engine.dispose()


def _answers(engine: sa.Engine) -> bool:
    try:
        return query(engine) == 1
    except Unavailable:
        return False
