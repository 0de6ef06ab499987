"""What SQLite itself can say and do about a database file that is in use."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from utils.errors import DamagedFile, Unavailable

_PATIENCE = 30.0  # seconds that a writer may keep us waiting
_MOST_SAID = 5


@contextlib.contextmanager
def connect(path: Path, patience: float = _PATIENCE) -> Iterator[sqlite3.Connection]:
    """A connection to a file that exists.

    Raises:
        Unavailable: it cannot be opened, or is locked.
        DamagedFile: it is no database, or a damaged one.
    """
    try:
        url = f"file:{quote(str(path))}?mode=rw"
        with contextlib.closing(sqlite3.connect(url, patience, uri=True)) as connection:
            yield connection
    except sqlite3.OperationalError as error:
        raise Unavailable(f"The database {path} cannot be used: {error}.") from error
    except sqlite3.DatabaseError as error:
        raise DamagedFile(f"The database {path} is damaged: {error}.") from error


def expect_whole(path: Path) -> None:
    """Have SQLite check every page and index.

    Raises:
        DamagedFile: something is wrong.
        Unavailable: as `connect`.
    """
    with connect(path) as connection:
        said = [row[0] for row in connection.execute(f"PRAGMA integrity_check({_MOST_SAID})")]
    if said != ["ok"]:
        raise DamagedFile(f"The database {path} is damaged: {'; '.join(said)}.")


def copy(source: Path, target: Path) -> None:
    """Copy a database as it is at one moment, whoever writes to it.

    Raises:
        DamagedFile, Unavailable: as `connect`.
    """
    with connect(source) as connection, contextlib.closing(sqlite3.connect(target)) as copied:
        connection.backup(copied)
        copied.execute("PRAGMA journal_mode=DELETE")  # one file, nothing beside it


def is_open_elsewhere(path: Path) -> bool:
    """Whether another process, or another part of this one, has the database open.

    As long as it is, nobody can have the log ahead put away.
    """
    try:
        with connect(path, patience=0.5) as connection:
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
            return bool(connection.execute("PRAGMA journal_mode=DELETE").fetchone() != ("delete",))
    except Unavailable:
        return True
