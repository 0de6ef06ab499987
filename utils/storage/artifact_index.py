"""Index of a store's artifacts: what lists show of each, so that a page reads no documents.

The documents are the truth, the index is made from them: a SQLite file beside them (a temporary one
of this process for a remote store), which may be deleted at any time. Each use compares it with the
names of the files, unless these have not changed since; what it returns is compared with the stamps
of the documents.
"""

from __future__ import annotations

import hashlib
import random
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, Literal, NamedTuple

import orjson

from utils.errors import NotFound, Unavailable
from utils.shutdown import DRAIN
from utils.storage.artifact_reader import DOCUMENT, ArtifactReader

_FILE = "artifacts-{version}.sqlite"  # processes of another version have an index of their own
_WAIT = 4.0  # seconds that a request waits for the index to be made
_RETRY_AFTER = 5  # seconds
_BATCH = 200  # artifacts that are added as one transaction
_BUSY = 4.0  # seconds to wait for another process that writes to the index
_PASSING = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_TABLES = (
    """CREATE TABLE IF NOT EXISTS entries (
        id TEXT PRIMARY KEY, stamp TEXT NOT NULL, created_at TEXT NOT NULL, number REAL NOT NULL,
        text TEXT NOT NULL, names TEXT NOT NULL
    )""",
    # With the text: a search reads nothing but one of them. Earlier releases made them without.
    "DROP INDEX IF EXISTS by_time",
    "DROP INDEX IF EXISTS by_number",
    "CREATE INDEX IF NOT EXISTS text_by_time ON entries (created_at, id, text)",
    "CREATE INDEX IF NOT EXISTS text_by_number ON entries (number, id, text)",
    "CREATE INDEX IF NOT EXISTS by_names ON entries (names, created_at)",
    "CREATE TABLE IF NOT EXISTS shown (id TEXT PRIMARY KEY, content BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS names (digest TEXT PRIMARY KEY, content BLOB NOT NULL)",
    """CREATE TABLE IF NOT EXISTS tags (
        name TEXT NOT NULL, value TEXT NOT NULL, created_at TEXT NOT NULL, id TEXT NOT NULL,
        note BLOB NOT NULL, PRIMARY KEY (name, value, created_at, id)
    ) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS tags_of ON tags (id)",
)


class _Unwritable(Unavailable):
    """The file of the index cannot be written: its disk is full, say."""


class Tag(NamedTuple):
    """A value by which entries can be found, and what is returned with it; JSON-ready."""

    value: str
    note: Any = None


class Entry(NamedTuple):
    """An artifact as an index has it.

    Attributes:
        created_at: ISO 8601 in UTC; lists are sorted by it.
        number: what lists can also be sorted by; infinity if it is not known.
        text: what a search looks in.
        tags: name → tag.
        names: JSON-ready; many artifacts have the same, which is kept once.
        shown: the rest; JSON-ready.
    """

    created_at: str
    number: float
    text: str
    tags: dict[str, Tag]
    names: Any
    shown: dict[str, Any]


class Selection(NamedTuple):
    """The entries of a page.

    Attributes:
        by: the attribute that they are sorted by; entries of the same value by id.
        descending: True for the largest first.
        after: value and id of the last entry of the page before; None: the first page.
        search: only entries whose text contains it, in upper or lower case.
    """

    limit: int
    by: Literal["created_at", "number"] = "created_at"
    descending: bool = True
    after: tuple[str | float, str] | None = None
    search: str | None = None


class Page(NamedTuple):
    """Entries of an index, in order.

    Attributes:
        shown: what is shown of each, by id.
        last: value and id of the last entry, if there are more after it.
        total: the number of entries on all pages.
    """

    shown: dict[str, dict[str, Any]]
    last: tuple[str | float, str] | None
    total: int


class ArtifactIndex:
    """The index of one store. Threads may share it.

    Every method raises Unavailable if the store cannot be listed, or as long as the index is being
    made of very many artifacts.

    Args:
        reader: the store.
        version: of what `describe` returns.
        describe: id → entry; raises NotFound if the artifact is gone.
        suffixes: a file with one of these endings is an artifact.
    """

    def __init__(
        self,
        reader: ArtifactReader,
        version: int,
        describe: Callable[[str], Entry],
        suffixes: tuple[str, ...] = (DOCUMENT,),
    ) -> None:
        self._reader, self._describe, self._suffixes = reader, describe, suffixes
        self._file = _FILE.format(version=version)
        self._lock = threading.Lock()  # of the connection
        self._connection: sqlite3.Connection | None = None
        self._is_private = False  # the file of the index cannot be written
        self._listed: int | None = None  # version of the listing that the index agrees with
        self._updates = ThreadPoolExecutor(1, "index")
        self._to_add = 0

    def page(self, selection: Selection) -> Page:
        """Return some entries, in order."""
        self.update()
        order = "DESC" if selection.descending else "ASC"
        in_order = f"ORDER BY {selection.by} {order}, id {order}"
        matches = "1"
        searched: list[str | float] = []
        if selection.search is not None:
            matches, searched = "instr(text, ?)", [selection.search.lower()]
        where, values = matches, [*searched]
        if selection.after is not None:
            sign = "<" if selection.descending else ">"
            where = f"{matches} AND ({selection.by}, id) {sign} (?, ?)"
            values = [*searched, *selection.after]
        with self._database() as connection:
            found = connection.execute(
                f"SELECT {selection.by}, id, stamp, content "  # noqa: S608  # nosec B608
                "FROM entries JOIN shown USING (id) WHERE id IN "
                f"(SELECT id FROM entries WHERE {where} {in_order} LIMIT ?) {in_order}",
                [*values, selection.limit + 1],
            ).fetchall()
            total = len(found)
            if selection.after is not None or total > selection.limit:
                [[total]] = connection.execute(
                    f"SELECT count(*) FROM entries WHERE {matches}",  # noqa: S608  # nosec B608
                    searched,
                )
        shown: dict[str, dict[str, Any]] = {}
        for _, id, stamp, content in found[: selection.limit]:
            with suppress(NotFound):  # deleted meanwhile
                if self._stamp(id) == stamp:
                    shown[id] = orjson.loads(content)
                elif entry := self._add([id]).get(id):
                    shown[id] = entry.shown
        has_more = len(found) > selection.limit
        return Page(shown, found[selection.limit - 1][:2] if has_more else None, total)

    def tagged(self, name: str, value: str | None = None, limit: int = -1) -> list[tuple[str, Tag]]:
        """Return (id, tag) of the entries with a tag, newest first.

        Args:
            value: only tags of this value; None: of any.
            limit: entries at most; -1: all.
        """
        self.update()
        with self._database() as connection:
            found = connection.execute(
                "SELECT id, value, note FROM tags WHERE name = ? AND (? IS NULL OR value = ?) "
                "ORDER BY created_at DESC, id DESC LIMIT ?",
                [name, value, value, limit],
            ).fetchall()
        return [(id, Tag(each, orjson.loads(note))) for id, each, note in found]

    def distinct_names(self) -> list[Any]:
        """Return the `names` of all entries, each once, those of the newest entries first."""
        self.update()
        with self._database() as connection:
            found = connection.execute(
                "SELECT content FROM (SELECT names, max(created_at) AS newest FROM entries "
                "GROUP BY names) JOIN names ON digest = names ORDER BY newest DESC"
            ).fetchall()
        return [orjson.loads(content) for [content] in found]

    def names_by_id(self) -> Iterator[tuple[str, Any]]:
        """Yield (id, `names`) of all entries, newest first."""
        self.update()
        with self._database() as connection:
            contents = dict(connection.execute("SELECT digest, content FROM names").fetchall())
            found = connection.execute(
                "SELECT id, names FROM entries ORDER BY created_at DESC"
            ).fetchall()
        parsed = {digest: orjson.loads(content) for digest, content in contents.items()}
        yield from ((id, parsed[digest]) for id, digest in found)

    # --- keeping it current -------------------------------------------------------------------

    def update(self) -> None:
        """Have the index agree with the names of the files.

        Raises:
            Unavailable: the store cannot be listed; or there is more to add than a request waits
                for, and it goes on.
        """
        listed = self._reader.listing_version()
        if listed is not None and listed == self._listed:
            return
        try:
            update = self._updates.submit(self._reconcile)
        except RuntimeError as error:  # no thread takes work any more
            raise Unavailable("This process is ending. Ask again in a moment.") from error
        try:
            update.result(_WAIT)
        except TimeoutError as error:
            update.cancel()
            noun = self._reader.noun
            raise Unavailable(
                f"The index of the {noun}s is being made; {self._to_add:,} are still to be read.",
                retry_after=_RETRY_AFTER,
            ) from error

    def _reconcile(self) -> None:
        with suppress(_Unwritable):  # once more, with a private index
            return self._agree()
        return self._agree()

    def _agree(self) -> None:
        listed = self._reader.listing_version()  # before the listing, which may be a newer one
        if listed is not None and listed == self._listed:
            return
        ids = self._reader.stems(*self._suffixes)
        self._remove(self._ids() - ids)
        new = list(ids - self._ids())
        random.shuffle(new)  # processes that make the index at once share the work
        for begin in range(0, len(new), _BATCH):
            self._to_add = len(new) - begin
            known = self._ids() if begin else set()
            self._add([id for id in new[begin : begin + _BATCH] if id not in known])
            if DRAIN.ending:
                return
        self._listed = listed

    def _stamp(self, id: str) -> str:
        return self._reader.stamp_of(id, self._suffixes)

    def _ids(self) -> set[str]:
        with self._database() as connection:
            return {id for [id] in connection.execute("SELECT id FROM entries")}

    def _remove(self, ids: Iterable[str]) -> None:
        rows = [[id] for id in ids]
        if rows:
            with self._database() as connection:
                _remove(connection, rows)
                connection.execute(
                    "DELETE FROM names WHERE digest NOT IN (SELECT names FROM entries)"
                )

    def _add(self, ids: list[str]) -> dict[str, Entry]:
        """Add artifacts, or replace their entries; return the entries of those that exist."""
        entries, stamps = {}, {}
        for id in ids:
            with suppress(NotFound):  # deleted meanwhile
                stamps[id] = self._stamp(id)  # before it is read
                entries[id] = self._describe(id)
        with self._database() as connection:
            _remove(connection, [[id] for id in ids])
            for id, entry in entries.items():
                _insert(connection, id, stamps[id], entry)
        return entries

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        """The connection, in a transaction. A damaged index is removed, to be made anew.

        Raises:
            Unavailable: the index cannot be read or written now.
        """
        with self._lock:
            try:
                self._connection = self._connection or self._open()
                with self._connection:
                    yield self._connection
            except sqlite3.DatabaseError as error:
                self._close()
                sentence = f"The index of the {self._reader.noun}s failed: {error}."
                if not isinstance(error, sqlite3.OperationalError):
                    self._delete()
                elif error.sqlite_errorcode & 0xFF not in _PASSING:
                    self._is_private = True
                    raise _Unwritable(sentence, retry_after=_RETRY_AFTER) from error
                raise Unavailable(sentence, retry_after=_RETRY_AFTER) from error

    def _open(self) -> sqlite3.Connection:
        """Open the file of the index, or a temporary one where there can be none."""
        folder = None if self._is_private else self._reader.files.index_folder()
        if folder is not None:
            path = str(folder / self._file)
            with suppress(OSError, sqlite3.OperationalError):  # a store that is only read
                folder.mkdir(exist_ok=True)
                try:
                    return _opened(path)
                except sqlite3.OperationalError:
                    raise
                except sqlite3.DatabaseError:  # it is damaged
                    self._delete()
                    return _opened(path)
        return _opened("")

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._listed = None, None

    def _delete(self) -> None:
        folder = self._reader.files.index_folder()
        if folder is not None:
            (folder / self._file).unlink(missing_ok=True)


def _opened(path: str) -> sqlite3.Connection:
    """Open an index; make its tables if they are not there."""
    connection = sqlite3.connect(path, timeout=_BUSY, check_same_thread=False)
    try:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            for statement in _TABLES:
                connection.execute(statement)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _remove(connection: sqlite3.Connection, rows: list[list[str]]) -> None:
    for table in ("entries", "shown", "tags"):
        connection.executemany(f"DELETE FROM {table} WHERE id = ?", rows)  # noqa: S608  # nosec B608


def _insert(connection: sqlite3.Connection, id: str, stamp: str, entry: Entry) -> None:
    names = orjson.dumps(entry.names)
    digest = hashlib.sha256(names).hexdigest()
    text = f"{id} {entry.text}".lower()
    connection.execute("INSERT OR IGNORE INTO names VALUES (?, ?)", [digest, names])
    connection.execute(
        "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)",
        [id, stamp, entry.created_at, entry.number, text, digest],
    )
    connection.execute("INSERT INTO shown VALUES (?, ?)", [id, orjson.dumps(entry.shown)])
    tags = [
        [name, tag.value, entry.created_at, id, orjson.dumps(tag.note)]
        for name, tag in entry.tags.items()
    ]
    connection.executemany("INSERT INTO tags VALUES (?, ?, ?, ?, ?)", tags)
