"""Keys and the commands that make, list and revoke them; the same in SQLite and in PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from tests.support.running_service import run_command
from utils.auth import keys
from utils.auth.key_store import KeyStore
from utils.cli.key_commands import keys as group
from utils.errors import NotFound
from utils.settings import Settings
from utils.storage.database import open_engine


@pytest.fixture
def store(database_url: str) -> Iterator[KeyStore]:
    opened = KeyStore(database_url)
    yield opened
    opened.close()


def change(url: str, text: str) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text(text))
    engine.dispose()


def secret_of(key: str) -> str:
    return key.split("_", 2)[2]


@given(st.text(min_size=1, max_size=3), st.integers(0, 57), st.integers(0, 3))
def test_a_key_that_is_changed_in_form_is_none(put: str, at: int, instead_of: int) -> None:
    id, key = keys.new_key()
    changed = key[:at] + put + key[at + instead_of :]
    found = keys.id_of(changed)
    # Of the right length and letters it is another key.
    assert found is None or (changed.startswith(f"lstm_{found}_") and len(changed) == len(key))
    assert keys.id_of(key) == id


def test_no_two_keys_are_alike_and_their_secrets_are_long() -> None:
    made = dict(keys.new_key() for _ in range(200))
    assert len(made) == len(set(made.values())) == 200
    assert all(keys.id_of(key) == id for id, key in made.items())
    assert all(len(secret_of(key)) * 6 >= 256 for key in made.values())


def test_a_hash_is_of_one_key() -> None:
    (_, key), (_, other) = keys.new_key(), keys.new_key()
    stored = keys.hashed(key)
    assert stored.startswith("sha256$") and secret_of(key) not in stored
    assert keys.matches(stored, key) and not keys.matches(stored, other)


def test_hashes_of_version_1_0_are_verified() -> None:
    (_, key), (_, other) = keys.new_key(), keys.new_key()
    stored = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1).hash(key)
    assert keys.is_slow(stored) and not keys.is_slow(keys.hashed(key))
    assert keys.matches(stored, key) and not keys.matches(stored, other)


def test_a_database_that_never_had_keys_has_none(store: KeyStore) -> None:
    assert store.all() == store.unrevoked() == []
    with pytest.raises(NotFound, match="keys list"):
        store.revoke("none")


def test_keys_are_valid_until_they_expire_or_are_revoked(
    store: KeyStore, database_url: str
) -> None:
    made = [keys.id_of(store.add(name, "write", days)) for name, days in (("a", None), ("b", 2))]
    assert [(key.id, key.state) for key in store.all()] == [(id, "valid") for id in made]
    lasting, passing = store.all()
    assert lasting.expires_at is None
    assert passing.expires_at == pytest.approx(passing.created_at + 2 * 86_400, abs=5)
    change(database_url, "UPDATE service_keys SET expires_at = expires_at - 172806")
    assert [key.state for key in store.unrevoked()] == ["valid", "expired"]
    store.revoke(lasting.id)
    revoked_at = store.all()[0].revoked_at
    store.revoke(lasting.id)
    assert [key.state for key in store.all()] == ["revoked", "expired"]
    assert store.all()[0].revoked_at == revoked_at
    assert [key.name for key in store.unrevoked()] == ["b"]


def test_all_that_is_kept_of_a_key_is_its_hash(tmp_path: Path) -> None:
    key = KeyStore(f"sqlite:///{tmp_path / 'jobs.sqlite'}").add("somebody", "read")
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"sha256$" in kept and secret_of(key).encode() not in kept


def test_all_processes_sign_by_the_secret_of_the_first(database_url: str) -> None:
    stores = [KeyStore(database_url) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(KeyStore.signing_secret, stores))
    assert len(set(found)) == 1 and len(found[0]) >= 64
    for store in stores:
        store.close()


def test_a_ticket_opens_for_a_minute_and_again_for_hours(store: KeyStore) -> None:
    store.create()
    now = store.clock()

    def uses(id: str, age: float) -> bool:
        return store.use_ticket(id, now - age, 60, 3600)

    assert uses("new", 0) and uses("new", 59)
    assert uses("new", 3000), "one that has opened a stream opens it again"
    assert not uses("new", 3700)
    assert not uses("never used", 100)
    assert uses("other", 1), "which also forgets what is too old"
    assert not uses("never used", 3000)


def run(tmp_path: Path, *arguments: str) -> Result:
    chosen = Settings(database_url=f"sqlite:///{tmp_path / 'new' / 'jobs.sqlite'}")
    return CliRunner().invoke(group, arguments, obj=chosen)


def test_a_key_is_printed_once_then_listed_and_revoked(tmp_path: Path) -> None:
    made = run(tmp_path, "create", "Grafana (Wörk 2)", "--role", "admin", "--days", "30")
    key = made.stdout.strip()
    id = keys.id_of(key)
    assert id and "cannot be shown again" in made.stderr
    listed = run(tmp_path, "list").stdout
    assert key not in listed and "Grafana (Wörk 2)" in listed
    assert listed.splitlines()[1].split()[:3] == [id, "admin", "valid"]
    revoked = run(tmp_path, "revoke", id)
    assert "is revoked" in revoked.stdout and "open again" in revoked.stderr
    assert run(tmp_path, "list").stdout.splitlines()[1].split()[2] == "revoked"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("create", "x", "--role", "root"), "'root' is not one of"),
        (("create", "x", "--days", "0"), "0 is not in the range"),
        (("create", " "), "printable"),
        (("create", "x" * 101), "1 to 100"),
        (("create", "a\nb"), "printable"),
        (("revoke", "nonesuch"), "'nonesuch'"),
    ],
)
def test_commands_that_make_no_sense_make_nothing(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = run(tmp_path, *arguments)
    assert done.exit_code != 0 and words in done.output + str(done.exception)
    assert run(tmp_path, "list").stdout.count("\n") == 1


@pytest.mark.service
def test_the_command_line_makes_keys_before_anything_ran(tmp_path: Path) -> None:
    made = run_command(tmp_path, "keys", "create", "first")
    assert made.returncode == 0, made.stderr
    with sqlite3.connect(tmp_path / "jobs.sqlite") as connection:
        rows = connection.execute("SELECT id, name, role FROM service_keys").fetchall()
    connection.close()
    assert rows == [(keys.id_of(made.stdout.strip()), "first", "read")]
    refused = run_command(tmp_path, "keys", "revoke", "nonesuch")
    assert refused.returncode == 2 and refused.stderr.startswith("Error: There is no key")
    assert refused.stderr.count("\n") == 1
