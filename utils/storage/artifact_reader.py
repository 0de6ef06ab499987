"""Published artifacts, read: listed, opened, and checked against their documents."""

from __future__ import annotations

import contextlib
import hashlib
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from utils.errors import DamagedFile, NotFound, Unavailable
from utils.storage.checksums import document_from_bytes
from utils.storage.files import Files, Stamp, exhausted, listing
from utils.storage.locations import open_files
from utils.storage.quick_looks import QuickLooks

T = TypeVar("T")
Document = dict[str, Any]

DOCUMENT = ".json"
_UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
MISSING = "is missing"
STORED_AS = "stored_as"  # in the entry of a file: its name in the store, where it has another one

_MOST_CACHED = 1000  # documents

# A file is replaced just before its document: a reader in between reads again.
_SETTLED_AFTER = 5.0  # seconds since a change after which a file is not being replaced
_RETRY_AFTER = (0.05, 0.2, 0.5)  # seconds
_REPAIR = (
    "`python run.py verify --repair` repairs what can be repaired; else restore it from a backup, "
    "or delete it and make it again."
)


class _Cached(NamedTuple):
    """The summary of a document; `is_complete` if it is the document itself."""

    stamp: Stamp
    summary: Document
    is_complete: bool


class ArtifactReader:
    """The artifacts of one noun ("model", "data set") at one location, for reading.

    Args:
        location: a folder, or a URL of fsspec. It is made at the first write.
        noun: what an artifact is called in messages.
        suffixes: endings of the files that an artifact may have beside its document.
        summarize: makes the summary of a document to keep in memory, with its `files` at least;
            None: the whole document is kept.
    """

    def __init__(
        self,
        location: str | Path,
        noun: str,
        suffixes: tuple[str, ...],
        summarize: Callable[[Document], Document] | None = None,
    ) -> None:
        self.noun = noun
        self.suffixes = suffixes
        self._files = open_files(str(location))
        self._summarize = summarize
        self._documents: OrderedDict[str, _Cached] = OrderedDict()  # the one used last at the end
        self._lock = threading.Lock()
        # Stems by suffixes, with the version of the listing.
        self._listed: dict[tuple[str, ...], tuple[int, frozenset[str]]] = {}
        self._stamps: dict[str, tuple[float, Stamp]] = {}  # with the time of the look
        self._looks = QuickLooks()

    @property
    def files(self) -> Files:
        """Return the files at the location."""
        return self._files

    def ids(self) -> list[str]:
        """Return the ids of all artifacts.

        Raises:
            Unavailable: the location cannot be reached.
        """
        return sorted(self.stems(DOCUMENT))

    def listing_version(self) -> int | None:
        """Return a value that differs after a file was added, replaced or removed, or None.

        Raises:
            Unavailable: the location cannot be reached.
        """
        with listing(self.noun):
            return self._files.listing_version()

    def stems(self, *suffixes: str) -> frozenset[str]:
        """Return the names, without the ending, of the files that end in one of the suffixes.

        Raises:
            Unavailable: the location cannot be reached.
        """
        version = self.listing_version()
        known = self._listed.get(suffixes)
        if known and known[0] == version:
            return known[1]
        with listing(self.noun):
            names = self._files.names()
        now = time.monotonic()
        self._stamps |= {name: (now, stamp) for name, stamp in names.items() if stamp is not None}
        found = frozenset(
            name.removesuffix(suffix)
            for name in names
            for suffix in suffixes
            if name.endswith(suffix)
        )
        if version is not None:
            self._listed[suffixes] = version, found
        return found

    def has(self, id: str, suffix: str) -> bool:
        """Return whether a file of an artifact exists."""
        try:
            self._files.stamp(self._stored_name(id, suffix))
        except (FileNotFoundError, NotFound):
            return False
        return True

    def _stored_name(self, id: str, suffix: str) -> str:
        """The name under which a file of an artifact is stored, as its document states it."""
        name = self._name(id, suffix)
        if suffix == DOCUMENT:
            return name
        with contextlib.suppress(NotFound, DamagedFile):
            entry = self.summary(id).get("files", {}).get(name, {})
            return self._place_of(name, entry)
        return name

    def _place_of(self, name: str, entry: dict[str, Any]) -> str:
        """The name in the store of a file with this entry. A restored backup has plain names."""
        stored = str(entry.get(STORED_AS, name))
        if stored != name and self._files.in_place:
            try:
                self._files.stamp(stored)
            except FileNotFoundError:
                return name
        return stored

    def was_deleted(self, id: str) -> bool:
        """Return whether an artifact was deleted for good; known for 30 days after."""
        return self._files.was_retired(f"{id}{DOCUMENT}")

    def changed_at(self, id: str) -> float:
        """Return when the newest file of an artifact was written, as a Unix time; 0 without any."""
        times = [0.0]
        for suffix in (DOCUMENT, *self.suffixes):
            with contextlib.suppress(FileNotFoundError):
                times.append(self._files.changed_at(self._stored_name(id, suffix)))
        return max(times)

    def _name(self, id: str, suffix: str) -> str:
        """The name of a file of an artifact, whose id is a plain UUID or in the listing.

        Raises:
            NotFound: the id is neither.
        """
        if not is_uuid(id) and id not in self.stems(DOCUMENT, *self.suffixes):
            raise self._missing(id)
        return f"{id}{suffix}"

    def _damaged_document(self, id: str, error: Exception) -> DamagedFile:
        return DamagedFile(f"The document of {self.noun} {id} is damaged: {error}. {_REPAIR}")

    def _missing(self, id: str) -> NotFound:
        return NotFound(f"There is no {self.noun} {_short(id)}.")

    # --- reading ------------------------------------------------------------------------------

    def document(self, id: str) -> Document:
        """Return the document of an artifact. Callers share it and must not change it.

        Raises:
            NotFound: there is no artifact of that id.
            DamagedFile: the document cannot be read.
            Unavailable: the location cannot be reached.
        """
        return self._document(id, complete=True)

    def summary(self, id: str) -> Document:
        """Return the summary of a document: the same object until the artifact changes.

        Raises:
            NotFound, DamagedFile, Unavailable: as `document`.
        """
        return self._document(id, complete=False)

    def last_known(self, id: str) -> Document:
        """Return the summary of a document, as it was seen before while its store is slow or away.

        Raises:
            NotFound, DamagedFile: as `document`.
            Unavailable: the location cannot be reached, and the document was never seen.
        """
        known = self._cached(id)
        if known is None:
            return self.summary(id)
        try:
            if self._files.fresh_for:
                return self._looks.look(lambda: self.summary(id))
            return self.summary(id)
        except (Unavailable, TimeoutError):
            return known.summary

    def _document(self, id: str, complete: bool) -> Document:
        name = self._name(id, DOCUMENT)
        try:
            stamp = self._stamp(name)
            known = self._cached(id)
            if known and known.stamp == stamp and (known.is_complete or not complete):
                return known.summary
            document = document_from_bytes(self._files.read(name))
        except FileNotFoundError as error:
            self.forget(id)
            raise self._missing(id) from error
        except (ValueError, OSError) as error:
            raise self._damaged_document(id, error) from error
        if not (known and known.stamp == stamp):
            summary = self._summarize(document) if self._summarize else document
            known = _Cached(stamp, summary, summary is document)
            with self._lock:
                self._documents[id] = known
                if len(self._documents) > _MOST_CACHED:
                    self._documents.popitem(last=False)
        return document if complete else known.summary

    def _cached(self, id: str) -> _Cached | None:
        with self._lock:
            if id in self._documents:
                self._documents.move_to_end(id)
            return self._documents.get(id)

    def stamp_of(self, id: str, suffixes: tuple[str, ...]) -> str:
        """Return a text that differs whenever the first of some files of an artifact changes.

        Raises:
            NotFound: it has none of them.
        """
        for suffix in suffixes:
            with contextlib.suppress(FileNotFoundError):
                return f"{suffix} {self._stamp(f'{id}{suffix}')}"
        raise self._missing(id)

    def _stamp(self, name: str) -> Stamp:
        """The stamp of a file, as it is or was a moment ago."""
        seen = self._stamps.get(name)
        if seen and time.monotonic() - seen[0] < self._files.fresh_for:
            return seen[1]
        stamp = self._files.stamp(name)
        if self._files.fresh_for:
            self._stamps[name] = (time.monotonic(), stamp)
        return stamp

    def forget(self, id: str) -> None:
        """Drop what is cached of an artifact."""
        with self._lock:
            self._documents.pop(id, None)
        self._stamps.pop(f"{id}{DOCUMENT}", None)

    def faults(self, id: str, files: dict[str, Any]) -> dict[str, str]:
        """Return the faults of the files of an artifact, by suffix: missing, or of another size.

        The files are not read, so it is quick enough for lists.

        Args:
            files: the entry of that name in the artifact's document.
        """
        found = {}
        for name, stated in files.items():
            try:
                size = self._stamp(self._place_of(name, stated))[-1]
            except FileNotFoundError:
                found[name.removeprefix(id)] = MISSING
            else:
                if size != stated.get("bytes", size):
                    was = f"{stated['bytes']:,}"
                    found[name.removeprefix(id)] = f"has {size:,} bytes instead of {was}"
        return found

    def damage(self, id: str, suffix: str, fault: str = "is not what was published") -> DamagedFile:
        """Return the error of a damaged file."""
        return DamagedFile(
            f"The file {id}{suffix} of {self.noun} {id} is damaged: it {fault}. {_REPAIR}"
        )

    def read(self, id: str, suffix: str) -> bytes:
        """Return the content of a file of an artifact, checked against its document.

        Raises:
            NotFound: the artifact or its file does not exist.
            DamagedFile: the file differs from what was published.
        """
        return self._checked(id, suffix, self._files.read, _sha256_of)

    @contextlib.contextmanager
    def local(self, id: str, suffix: str) -> Iterator[Path]:
        """Yield a file of an artifact on this machine, checked against its document.

        Raises:
            NotFound: the artifact or its file does not exist.
            DamagedFile: the file differs from what was published.
        """
        with contextlib.ExitStack() as stack:

            def take(name: str) -> Path:
                return stack.enter_context(self._files.local(name))

            yield self._checked(id, suffix, take, sha256_of_file)

    def _checked(
        self, id: str, suffix: str, take: Callable[[str], T], sha256: Callable[[T], str]
    ) -> T:
        """The result of `take` for a file whose SHA-256 is that of the document."""
        self._stated(id, suffix)
        missing = True
        try:
            for _ in self._attempts(id, suffix):
                try:
                    found = take(self._stored_name(id, suffix))
                except FileNotFoundError:
                    missing = True
                    continue
                missing, stated = False, self._stated(id, suffix)
                if stated is None or sha256(found) == stated:
                    return found
        except OSError as error:
            if (refused := exhausted(error)) is not None:
                raise refused from error
            raise self.damage(id, suffix, f"cannot be read ({error.strerror})") from error
        raise self._gone(id, suffix) if missing else self.damage(id, suffix)

    def _attempts(self, id: str, suffix: str) -> Iterator[None]:
        """Attempts to read a file that agrees with its document: more while it is replaced."""
        yield
        self.forget(id)  # the cached document may be older than the file
        yield
        for pause in _RETRY_AFTER:
            try:
                changed = self._files.changed_at(self._stored_name(id, suffix))
            except FileNotFoundError:
                return
            if time.time() - changed > _SETTLED_AFTER:
                return
            time.sleep(pause)
            self.forget(id)
            yield

    def is_intact(self, id: str, suffix: str) -> bool:
        """Return whether a file of an artifact exists and is what was published.

        Raises:
            NotFound, DamagedFile: as `document`.
        """
        self.summary(id)
        try:
            with self.local(id, suffix):
                return True
        except (NotFound, DamagedFile):
            return False

    def _stated(self, id: str, suffix: str) -> str | None:
        """The SHA-256 of a file that the document states, if it does."""
        stated: str | None = (
            self.summary(id).get("files", {}).get(f"{id}{suffix}", {}).get("sha256")
        )
        return stated

    def _gone(self, id: str, suffix: str) -> NotFound:
        return NotFound(f"The {suffix} file of {self.noun} {id} is missing.")


def is_uuid(id: str) -> bool:
    """Return whether an id is a UUID in its plain form."""
    return _UUID.fullmatch(id) is not None


def _short(id: str) -> str:
    return repr(id if len(id) <= 60 else id[:57] + "...")


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
