"""Things that are published, as they are read: listed, opened, checked against their documents."""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from utils.errors import DamagedFile, NotFound
from utils.storage.checksums import document_from_bytes
from utils.storage.files import Files, Stamp, listing, open_files

T = TypeVar("T")
Document = dict[str, Any]

DOCUMENT = ".json"
_UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
MISSING = "is missing"

# A file is replaced just before its document: who reads in between looks again.
_SETTLED_AFTER = 5.0  # seconds that a file is old by which is not just being replaced
_LOOK_AGAIN = (0.05, 0.2, 0.5)  # seconds until the next looks
_REPAIR = (
    "`python run.py verify --repair` repairs what can be repaired; else restore it from a backup, or "
    "delete it and make it again."
)


class _Known(NamedTuple):
    """What is kept of a document, and whether that is all of it."""

    stamp: Stamp
    glance: Document
    is_whole: bool


def whole(document: Document) -> Document:
    """A document as it is."""
    return document


class ArtifactReader:
    """The things of one noun ("model", "data set") at one location, to be read.

    Args:
        location: a folder, or a URL that fsspec knows. It is made when it is first written to.
        noun: what a thing is called in messages.
        suffixes: endings of the files that may belong to a thing, the document's aside.
        glance: what to keep in memory of a document, its `files` at least: by default, all of it.
    """

    def __init__(
        self,
        location: str | Path,
        noun: str,
        suffixes: tuple[str, ...],
        glance: Callable[[Document], Document] = whole,
    ) -> None:
        self.noun = noun
        self.suffixes = suffixes
        self._files = open_files(str(location))
        self._glance = glance
        self._documents: dict[str, _Known] = {}
        self._seen: dict[str, tuple[float, Stamp]] = {}  # when a stamp was last looked up

    @property
    def files(self) -> Files:
        """The files that it is made of."""
        return self._files

    def ids(self) -> list[str]:
        """Ids of all that is published.

        Raises:
            Unavailable: the location cannot be reached.
        """
        return sorted(self.stems(DOCUMENT))

    def stems(self, suffix: str) -> set[str]:
        """Names, less their ending, of the files that end in `suffix`.

        Raises:
            Unavailable: the location cannot be reached.
        """
        with listing(self.noun):
            names = self._files.names()
        now = time.monotonic()
        self._seen |= {name: (now, stamp) for name, stamp in names.items() if stamp is not None}
        return {name.removesuffix(suffix) for name in names if name.endswith(suffix)}

    def has(self, id: str, suffix: str) -> bool:
        """Whether a file of a thing is there."""
        try:
            self._files.stamp(self._name(id, suffix))
        except (FileNotFoundError, NotFound):
            return False
        return True

    def changed_at(self, id: str) -> float:
        """When the newest file of a thing was written, as a Unix time; 0 if there is none."""
        times = [0.0]
        for suffix in (DOCUMENT, *self.suffixes):
            with contextlib.suppress(FileNotFoundError):
                times.append(self._files.changed_at(self._name(id, suffix)))
        return max(times)

    def _name(self, id: str, suffix: str) -> str:
        """The name of a file of a thing.

        Only a UUID in its plain form, or a name that the listing holds, ever becomes part of it.

        Raises:
            NotFound: the id is neither.
        """
        if not is_uuid(id) and not any(id in self.stems(s) for s in (DOCUMENT, *self.suffixes)):
            raise self._missing(id)
        return f"{id}{suffix}"

    def _missing(self, id: str) -> NotFound:
        return NotFound(f"There is no {self.noun} {_short(id)}.")

    # --- reading ------------------------------------------------------------------------------

    def document(self, id: str) -> Document:
        """The document of a thing. It is shared with other callers: not to be changed.

        Raises:
            NotFound: there is none of that id.
            DamagedFile: the document cannot be read.
            Unavailable: the location cannot be reached.
        """
        return self._document(id, True)

    def glance(self, id: str) -> Document:
        """What is kept of a thing's document: the same object until the thing changes.

        Raises:
            NotFound, DamagedFile, Unavailable: as `document`.
        """
        return self._document(id, False)

    def _document(self, id: str, whole: bool) -> Document:
        name = self._name(id, DOCUMENT)
        try:
            stamp = self._stamp(name)
            known = self._documents.get(id)
            if known and known.stamp == stamp and (known.is_whole or not whole):
                return known.glance
            document = document_from_bytes(self._files.read(name))
        except FileNotFoundError as error:
            self.forget(id)
            raise self._missing(id) from error
        except (ValueError, OSError) as error:
            raise DamagedFile(
                f"The document of {self.noun} {id} is damaged: {error}. {_REPAIR}"
            ) from error
        if not (known and known.stamp == stamp):
            glance = self._glance(document)
            known = self._documents[id] = _Known(stamp, glance, glance is document)
        return document if whole else known.glance

    def _stamp(self, name: str) -> Stamp:
        """The stamp of a file, as it is or as it was a moment ago."""
        seen = self._seen.get(name)
        if seen and time.monotonic() - seen[0] < self._files.fresh_for:
            return seen[1]
        stamp = self._files.stamp(name)
        if self._files.fresh_for:
            self._seen[name] = (time.monotonic(), stamp)
        return stamp

    def forget(self, id: str) -> None:
        """Look afresh at a thing the next time."""
        self._documents.pop(id, None)
        self._seen.pop(f"{id}{DOCUMENT}", None)

    def readable_documents(self) -> dict[str, Document]:
        """Glances at all things, by id, less those deleted meanwhile or damaged."""
        return self.sorted_out()[0]

    def sorted_out(self) -> tuple[dict[str, Document], dict[str, str]]:
        """(glances at all things, what is wrong with those that cannot be read), by id."""
        found, damaged = {}, {}
        for id in self.ids():
            try:
                found[id] = self.glance(id)
            except NotFound:  # deleted meanwhile
                continue
            except DamagedFile as error:
                damaged[id] = error.message
        return found, damaged

    def faults(self, id: str) -> dict[str, str]:
        """What a glance shows to be wrong with the files that a document states, by suffix.

        The files are not read: it is for lists.

        Raises:
            NotFound, DamagedFile: as `document`.
        """
        found = {}
        for name, stated in self.glance(id).get("files", {}).items():
            try:
                size = self._stamp(name)[-1]
            except FileNotFoundError:
                found[name.removeprefix(id)] = MISSING
            else:
                if size != stated.get("bytes", size):
                    was = f"{stated['bytes']:,}"
                    found[name.removeprefix(id)] = f"has {size:,} bytes instead of {was}"
        return found

    def damage(self, id: str, suffix: str, what: str = "is not what was published") -> DamagedFile:
        """The error of a damaged file."""
        return DamagedFile(
            f"The file {id}{suffix} of {self.noun} {id} is damaged: it {what}. {_REPAIR}"
        )

    def read(self, id: str, suffix: str) -> bytes:
        """The content of a file of a thing, checked against its document.

        Raises:
            NotFound: the thing or its file does not exist.
            DamagedFile: the file is not what was published.
        """
        return self._checked(id, suffix, self._files.read, _sha256_of)

    @contextlib.contextmanager
    def local(self, id: str, suffix: str) -> Iterator[Path]:
        """A file of a thing, on this machine as long as the context is open; checked as `read`.

        Raises:
            NotFound: the thing or its file does not exist.
            DamagedFile: the file is not what was published.
        """
        with contextlib.ExitStack() as stack:

            def take(name: str) -> Path:
                return stack.enter_context(self._files.local(name))

            yield self._checked(id, suffix, take, sha256_of_file)

    def _checked(
        self, id: str, suffix: str, take: Callable[[str], T], sha256: Callable[[T], str]
    ) -> T:
        """What `take` makes of a file's name, once its SHA-256 is what the document states."""
        self._stated(id, suffix)
        try:
            for _ in self._looks(id, suffix):
                found = take(self._name(id, suffix))
                stated = self._stated(id, suffix)
                if stated is None or sha256(found) == stated:
                    return found
        except FileNotFoundError as error:
            raise self._gone(id, suffix) from error
        except OSError as error:
            raise self.damage(id, suffix, f"cannot be read ({error.strerror})") from error
        raise self.damage(id, suffix)

    def _looks(self, id: str, suffix: str) -> Iterator[None]:
        """Looks at a file and its document until they agree: the first, then at most a few more."""
        yield
        self.forget(id)  # the file may be new, and the document as it was a moment ago
        yield
        for pause in _LOOK_AGAIN:
            age = time.time() - self._files.changed_at(self._name(id, suffix))
            if age > _SETTLED_AFTER:
                return
            time.sleep(pause)
            self.forget(id)
            yield

    def is_intact(self, id: str, suffix: str) -> bool:
        """Whether a file of a thing is there, and is what was published.

        Raises:
            NotFound, DamagedFile: as `document`.
        """
        self.glance(id)
        try:
            with self.local(id, suffix):
                return True
        except (NotFound, DamagedFile):
            return False

    def _stated(self, id: str, suffix: str) -> str | None:
        """The SHA-256 of a file that the document states, if it does."""
        stated: str | None = self.glance(id).get("files", {}).get(f"{id}{suffix}", {}).get("sha256")
        return stated

    def _gone(self, id: str, suffix: str) -> NotFound:
        return NotFound(f"The {suffix} file of {self.noun} {id} is missing.")


def is_uuid(id: str) -> bool:
    """Whether an id is a UUID in its plain form."""
    return _UUID.fullmatch(id) is not None


def _short(id: str) -> str:
    return repr(id if len(id) <= 60 else id[:57] + "...")


def sha256_of_file(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
