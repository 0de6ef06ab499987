"""A SQLite database file that other processes may have open: checked, copied, found in use."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from utils.errors import DamagedFile, Unavailable


@contextlib.contextmanager
def connect(path: Path, timeout: float = 30.0) -> Iterator[sqlite3.Connection]:
    """Open an existing database.

    Args:
        timeout: seconds to wait for a lock.

    Raises:
        Unavailable: it cannot be opened, or is locked.
        DamagedFile: it is no database, or a damaged one.
    """
    try:
        url = f"file:{quote(str(path))}?mode=rw"
        with contextlib.closing(sqlite3.connect(url, timeout, uri=True)) as connection:
            yield connection
    except sqlite3.OperationalError as error:
        raise Unavailable(f"The database {path} cannot be used: {error}.") from error
    except sqlite3.DatabaseError as error:
        raise DamagedFile(f"The database {path} is damaged: {error}.") from error


def expect_whole(path: Path) -> None:
    """Have SQLite check every page and index. Raises as `connect`."""
    with connect(path) as connection:
        found = [row[0] for row in connection.execute("PRAGMA integrity_check(5)")]
    if found != ["ok"]:
        raise DamagedFile(f"The database {path} is damaged: {'; '.join(found)}.")


def copy(source: Path, target: Path) -> None:
    """Copy a database as it is at one moment, and check the copy. Raises as `connect`."""
    with connect(source) as connection, contextlib.closing(sqlite3.connect(target)) as copied:
        connection.backup(copied)
        copied.execute("PRAGMA journal_mode=DELETE")  # one file, nothing beside it
    expect_whole(target)


def is_open_elsewhere(path: Path) -> bool:
    """Return whether another connection exists: SQLite leaves WAL mode for the last one only."""
    try:
        with connect(path, timeout=0.5) as connection:
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
            return bool(connection.execute("PRAGMA journal_mode=DELETE").fetchone() != ("delete",))
    except Unavailable:
        return True
