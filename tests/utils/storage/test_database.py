"""The signs of life of workers, the same in SQLite and in PostgreSQL."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.running_service import free_port, wait_until
from tests.support.tcp_proxy import tcp_proxy
from utils.errors import Unavailable
from utils.storage import database
from utils.storage.database import ALIVE_FOR, Clock, Workers, open_engine

SECRET = "s3cr3t-w0rd"


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    opened = open_engine(database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def workers(engine: sa.Engine) -> Workers:
    made = Workers(engine)
    made.create()
    return made


def row(engine: sa.Engine, worker_id: str) -> sa.RowMapping:
    with engine.connect() as connection:
        query = sa.text("SELECT * FROM service_workers WHERE worker_id = :id")
        return connection.execute(query, {"id": worker_id}).mappings().one()


def clock(engine: sa.Engine) -> float:
    with engine.connect() as connection:
        return connection.execute(sa.select(Clock())).scalar_one()


def age(engine: sa.Engine, worker_id: str, seconds: float) -> None:
    """Let a worker's last sign of life be that long ago."""
    change = sa.text("UPDATE service_workers SET beat_at = beat_at - :s WHERE worker_id = :id")
    with engine.begin() as connection:
        connection.execute(change, {"s": seconds, "id": worker_id})


def test_a_database_that_no_worker_has_seen_yet_has_none(engine: sa.Engine) -> None:
    assert Workers(engine).alive_ids() == set()
    assert Workers(engine).alive() == 0


def test_a_beat_makes_a_worker_alive_and_leaving_ends_it(
    workers: Workers, engine: sa.Engine
) -> None:
    for started in (1.5, 2.5):  # the second beat replaces the first
        workers.beat("wörker-1", started)
    workers.beat("worker-2", 3.0)
    assert workers.alive_ids() == {"wörker-1", "worker-2"} and workers.alive() == 2
    kept = row(engine, "wörker-1")
    assert kept["started_at"] == 2.5 and kept["host"].startswith(socket.gethostname())
    workers.leave("worker-2")
    workers.leave("nobody")
    assert workers.alive_ids() == {"wörker-1"}


@pytest.mark.parametrize(("elsewhere", "alive"), [(False, set()), (True, {"ended"})])
def test_a_worker_whose_process_has_ended_is_dead_at_once_on_this_machine(
    workers: Workers, engine: sa.Engine, elsewhere: bool, alive: set[str]
) -> None:
    """Another machine with the same host name, or another container, has other processes."""
    workers.beat("ended", 0)
    change = {"pid": 2**22 + 1, "host": f"{socket.gethostname()} another kernel"}
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE service_workers SET pid = :pid"), change)
        if elsewhere:
            connection.execute(sa.text("UPDATE service_workers SET host = :host"), change)
    assert workers.alive_ids() == alive


def test_a_worker_is_dead_after_a_silence(workers: Workers, engine: sa.Engine) -> None:
    workers.beat("quiet", 0)
    workers.beat("silent", 0)
    age(engine, "quiet", ALIVE_FOR - 3)
    age(engine, "silent", ALIVE_FOR + 0.1)
    assert workers.alive_ids() == {"quiet"}
    workers.beat("silent", 0)
    assert workers.alive_ids() == {"quiet", "silent"}


def test_a_sign_of_life_of_the_future_lasts_no_longer_than_others(
    workers: Workers, engine: sa.Engine
) -> None:
    """The database's clock was set back by an hour: who died before that is missed as ever."""
    workers.beat("dead", 0)
    age(engine, "dead", -3600)
    workers.beat("alive", 0)
    assert workers.alive_ids() == {"alive", "dead"}
    age(engine, "dead", ALIVE_FOR + 0.1)
    workers.beat("alive", 0)
    assert workers.alive_ids() == {"alive"}


def test_the_clock_of_the_machine_does_not_matter(
    workers: Workers, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = clock(engine)
    with monkeypatch.context() as wrong:
        wrong.setattr(time, "time", lambda: 4e9)
        workers.beat("w", 0)
        assert workers.alive_ids() == {"w"}
    assert before - 0.01 <= row(engine, "w")["beat_at"] <= clock(engine) + 0.01
    assert workers.alive_ids() == {"w"}


def test_the_databases_clock_runs_in_fractions_of_seconds_since_1970(engine: sa.Engine) -> None:
    assert clock(engine) == pytest.approx(time.time(), abs=0.5)
    first = clock(engine)
    time.sleep(0.05)
    assert 0.04 < clock(engine) - first < 1


def test_the_long_dead_are_forgotten(workers: Workers, engine: sa.Engine) -> None:
    for name, seconds in (("alive", 0), ("dead", 100), ("long dead", 5000)):
        workers.beat(name, 0)
        age(engine, name, seconds)
    workers.forget(3600)
    with engine.connect() as connection:
        kept = set(connection.scalars(sa.text("SELECT worker_id FROM service_workers")))
    assert kept == {"alive", "dead"} and workers.alive_ids() == {"alive"}


def test_workers_that_start_together_share_a_table(database_url: str) -> None:
    engines = [open_engine(database_url) for _ in range(8)]

    def begin(number: int) -> None:
        workers = Workers(engines[number])
        workers.create()
        for _ in range(5):
            workers.beat(f"w{number}", 0)
            workers.beat("shared", number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(begin, range(8)))
    assert Workers(engines[0]).alive() == 9
    for engine in engines:
        engine.dispose()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_every_postgresql_url_is_spoken_to_by_psycopg_3(postgres_url: str, scheme: str) -> None:
    engine = open_engine(postgres_url.replace("postgresql", scheme, 1))
    assert (engine.dialect.name, engine.dialect.driver) == ("postgresql", "psycopg")
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1
    engine.dispose()


@pytest.mark.parametrize("mine", ["1", "7"])
def test_what_the_url_says_of_the_connection_counts(postgres_url: str, mine: str) -> None:
    engine = open_engine(f"{postgres_url}?keepalives_count={mine}&application_name=me")
    assert engine.url.query["keepalives_count"] == mine
    assert engine.url.query["application_name"] == "me"
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SHOW application_name")) == "me"
    engine.dispose()


def refusals(url: str) -> list[str]:
    """Return the refusal of each use of a database that does not work."""
    uses = [Workers.create, Workers.alive, Workers.alive_ids]
    uses += [lambda w: w.beat("w", 0), lambda w: w.leave("w"), lambda w: w.forget(1)]
    engine, messages = open_engine(url), []
    for use in uses:
        with pytest.raises(Unavailable) as caught:
            use(Workers(engine))
        messages.append(caught.value.message)
    engine.dispose()
    return messages


def test_a_database_that_is_down_is_unavailable_in_one_sentence() -> None:
    for message in refusals(f"postgresql://lstm:{SECRET}@127.0.0.1:{free_port()}/jobs"):
        assert message.startswith("The database does not answer: ") and "refused" in message
        assert SECRET not in message and "\n" not in message


def test_a_wrong_password_is_not_repeated(postgres_url: str) -> None:
    url = sa.make_url(postgres_url).set(password=SECRET)
    for message in refusals(url.render_as_string(hide_password=False)):
        assert "password authentication failed" in message and SECRET not in message


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite").write_bytes(b"not a database at all" * 100)
    assert set(refusals(f"sqlite:///{tmp_path}/jobs.sqlite")) == {
        "The database does not answer: file is not a database."
    }


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "cannot be read"),
        (f"postgresql://lstm:{SECRET}@host:port/jobs", "cannot be read"),
        (f"mysql://lstm:{SECRET}@host/jobs", "mysql"),
        ("sqlite:////dev/null/jobs.sqlite", "/dev/null"),
    ],
)
def test_a_url_that_is_none_is_refused_without_its_password(url: str, words: str) -> None:
    with pytest.raises(Unavailable, match=words) as caught:
        open_engine(url)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_new_sqlite_file_is_its_owners_only(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    Workers(engine).create()
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}
    engine.dispose()


@pytest.mark.service
def test_connections_that_are_opened_later_leave_the_locks_of_a_sqlite_file(
    tmp_path: Path,
) -> None:
    """A file that a process opens and closes loses the locks that SQLite holds on it there.

    Then another process takes itself for the last one, and removes the write-ahead log.
    """
    path = tmp_path / "jobs.sqlite"
    engine, log = open_engine(f"sqlite:///{path}"), tmp_path / "jobs.sqlite-wal"
    Workers(engine).create()
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT * FROM service_workers")).all()
        before = log.stat().st_ino
        later = open_engine(f"sqlite:///{path}")
        later.connect().close()
        later.dispose()
        subprocess.run([sys.executable, "-c", READ, str(path)], check=True)
        assert log.exists() and log.stat().st_ino == before
    Workers(engine).beat("w", 0)
    assert Workers(engine).alive_ids() == {"w"}
    engine.dispose()


READ = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT * FROM service_workers").fetchall()
connection.close()
"""


def test_a_transaction_that_stands_still_holds_its_locks_for_seconds(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a worker that is paused in the middle of one holds up those that take its jobs over."""
    monkeypatch.setitem(database._SESSION, "idle_in_transaction_session_timeout", "500ms")
    paused, other = open_engine(postgres_url), open_engine(postgres_url)
    Workers(other).create()
    Workers(other).beat("one", 0.0)
    with (
        ThreadPoolExecutor(1) as pool,
        pytest.raises(sa.exc.DBAPIError, match="idle-in-transaction") as raised,
        paused.begin() as transaction,
    ):
        transaction.execute(sa.text("UPDATE service_workers SET pid = 1"))
        pool.submit(Workers(other).beat, "one", 1.0).result(20)
        transaction.execute(sa.text("SELECT 1"))
    assert raised.value.connection_invalidated  # the pool makes another one
    assert row(other, "one")["started_at"] == 1.0
    Workers(paused).beat("one", 2.0)
    for each in (paused, other):
        each.dispose()


def test_the_sessions_of_a_lost_machine_end(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else they would count among the connections of the server for hours."""
    for name in ("idle", "interval", "count"):
        monkeypatch.setitem(database._SESSION, f"tcp_keepalives_{name}", "1")
    url = sa.make_url(postgres_url)

    def sessions() -> int:
        query = sa.text("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lost'")
        with admin.connect() as connection:
            return int(connection.execute(query).scalar_one())

    admin = open_engine(postgres_url)
    with tcp_proxy(url.port or 5432) as proxy:
        far = url.set(port=proxy.port).update_query_dict({"application_name": "lost"})
        lost = open_engine(far.render_as_string(hide_password=False))
        lost.connect().close()
        assert sessions() == 1
        proxy.forget()
        wait_until(lambda: sessions() == 0)
    for each in (lost, admin):
        each.dispose()
