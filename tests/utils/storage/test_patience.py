"""A database that hangs: operations end in time, and the others are refused at once."""

from __future__ import annotations

import sqlite3
import threading
import time
from asyncio import CancelledError
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


@pytest.mark.long
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


class Hanging:
    """A server that fails for as long as it is told to, by errors of any kind."""

    def __init__(self, errors: list[BaseException]) -> None:
        self.errors = errors

    def probe(self) -> None:
        if self.errors:
            raise self.errors.pop(0)


def fail_late(kept: patience.Patience) -> None:
    with pytest.raises(OSError, match="late"), kept.operation():
        time.sleep(0.4)
        raise OSError("late")


@pytest.mark.usefixtures("quick")
def test_a_probe_outlives_errors_of_any_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_RETRY_AFTER", 0.05)
    server = Hanging([OSError("no"), CancelledError(), FileNotFoundError()])
    kept = patience.Patience("The store", 2, server.probe)
    for _ in range(2):
        fail_late(kept)
        with pytest.raises(Unavailable, match="The store does not answer"), kept.operation():
            pass
        wait_until(lambda: not kept._is_probing, 5)
        with kept.operation():
            pass
        server.errors = [CancelledError()]


@pytest.mark.usefixtures("quick")
def test_an_operation_tries_where_the_probe_itself_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_WITHOUT_PROBE", 0.3)
    end = threading.Event()
    kept = patience.Patience("The store", 2, lambda: end.wait(30))
    fail_late(kept)
    with pytest.raises(Unavailable), kept.operation():
        pass
    time.sleep(0.4)
    with kept.operation():
        pass
    with kept.operation():
        pass
    end.set()


def test_a_late_answer_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_SUSPICIOUS", 0.0)
    kept = patience.Patience("The store", 2, lambda: pytest.fail("asked"))
    with pytest.raises(FileNotFoundError), kept.operation(FileNotFoundError):
        raise FileNotFoundError("there is none")
    with kept.operation():
        pass
