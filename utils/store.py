"""Things that are published whole: each is some files and one `.json` document.

A thing exists when its document does. The document is placed last, so that a crash, a kill or a
full disk at any moment leaves nothing half-made to be seen.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from utils.errors import DamagedFile, NotFound, Unavailable
from utils.files import ABANDONED_AFTER, Files, Stamp, open_files, sync
from utils.seals import document_from_bytes, document_to_bytes

Writer = Callable[[Path], None]

MISSING = "is missing"

_DOCUMENT = ".json"
_KEPT_FOR = 7 * 86_400.0  # seconds that a file beside what is published is kept unless dropped
_CHECKPOINT = "checkpoint"
# A file is replaced just before its document: who reads in between looks again.
_SETTLED_AFTER = 5.0  # seconds that a file is old by which is not just being replaced
_LOOK_AGAIN = (0.05, 0.2, 0.5)  # seconds until the next looks
_MEND = (
    "`python run.py verify --repair` mends what can be mended; else restore it from a backup, or "
    "delete it and make it again."
)


class Store:
    """The things of one noun ("model", "data set") at one location.

    Args:
        location: a folder, or a URL that fsspec knows. It is made when it is first written to.
        noun: what a thing is called in messages.
        suffixes: endings of the files that may belong to a thing, the document's aside.
    """

    def __init__(self, location: str | Path, noun: str, suffixes: tuple[str, ...]) -> None:
        self.noun = noun
        self.suffixes = suffixes
        self._files = open_files(str(location))
        self._documents: dict[str, tuple[Stamp, dict[str, Any]]] = {}
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
        return sorted(self.stems(_DOCUMENT))

    def stems(self, suffix: str) -> set[str]:
        """Names, less their ending, of the files that end in `suffix`.

        Raises:
            Unavailable: the location cannot be reached.
        """
        try:
            names = self._files.names()
        except OSError as error:
            raise Unavailable(
                f"The {self.noun}s cannot be listed: {error.strerror or error}."
            ) from error
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
        for suffix in (_DOCUMENT, *self.suffixes):
            with contextlib.suppress(FileNotFoundError):
                times.append(self._files.changed_at(self._name(id, suffix)))
        return max(times)

    def _name(self, id: str, suffix: str) -> str:
        """The name of a file of a thing.

        Only a UUID in its plain form, or a name that the listing holds, ever becomes part of it.

        Raises:
            NotFound: the id is neither.
        """
        if not _is_uuid(id) and not any(id in self.stems(s) for s in (_DOCUMENT, *self.suffixes)):
            raise self._missing(id)
        return f"{id}{suffix}"

    def _missing(self, id: str) -> NotFound:
        return NotFound(f"There is no {self.noun} {_short(id)}.")

    # --- reading ------------------------------------------------------------------------------

    def document(self, id: str) -> dict[str, Any]:
        """The document of a thing. It is shared with other callers: not to be changed.

        Raises:
            NotFound: there is none of that id.
            DamagedFile: the document cannot be read.
            Unavailable: the location cannot be reached.
        """
        name = self._name(id, _DOCUMENT)
        try:
            stamp = self._stamp(name)
            cached = self._documents.get(id)
            if cached and cached[0] == stamp:
                return cached[1]
            document = document_from_bytes(self._files.read(name))
        except FileNotFoundError as error:
            self.forget(id)
            raise self._missing(id) from error
        except (ValueError, OSError) as error:
            raise DamagedFile(
                f"The document of {self.noun} {id} is damaged: {error}. {_MEND}"
            ) from error
        self._documents[id] = (stamp, document)
        return document

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
        self._seen.pop(f"{id}{_DOCUMENT}", None)

    def readable_documents(self) -> dict[str, dict[str, Any]]:
        """Documents of all things, by id, less those deleted meanwhile or damaged."""
        return self.sorted_out()[0]

    def sorted_out(self) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
        """(the documents of all things, what is wrong with those that cannot be read), by id."""
        found, damaged = {}, {}
        for id in self.ids():
            try:
                found[id] = self.document(id)
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
        for name, stated in self.document(id).get("files", {}).items():
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
            f"The file {id}{suffix} of {self.noun} {id} is damaged: it {what}. {_MEND}"
        )

    def read(self, id: str, suffix: str) -> bytes:
        """The content of a file of a thing, checked against its document.

        Raises:
            NotFound: the thing or its file does not exist.
            DamagedFile: the file is not what was published.
        """
        self._stated(id, suffix)
        try:
            for _ in self._looks(id, suffix):
                content = self._files.read(self._name(id, suffix))
                if self._is_right(id, suffix, partial(_sha256_of, content)):
                    return content
        except FileNotFoundError as error:
            raise self._gone(id, suffix) from error
        raise self.damage(id, suffix)

    @contextlib.contextmanager
    def local(self, id: str, suffix: str) -> Iterator[Path]:
        """A file of a thing, on this machine as long as the context is open; checked as `read`.

        Raises:
            NotFound: the thing or its file does not exist.
            DamagedFile: the file is not what was published.
        """
        self._stated(id, suffix)
        with contextlib.ExitStack() as stack:
            yield self._checked(id, suffix, stack)

    def _checked(self, id: str, suffix: str, stack: contextlib.ExitStack) -> Path:
        try:
            for _ in self._looks(id, suffix):
                path = stack.enter_context(self._files.local(self._name(id, suffix)))
                if self._is_right(id, suffix, partial(_sha256, path)):
                    return path
        except FileNotFoundError as error:
            raise self._gone(id, suffix) from error
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

    def _is_right(self, id: str, suffix: str, found: Callable[[], str]) -> bool:
        """Whether a file's SHA-256 is what its document states, if it states one."""
        stated = self._stated(id, suffix)
        return stated is None or found() == stated

    def is_intact(self, id: str, suffix: str) -> bool:
        """Whether a file of a thing is there, and is what was published.

        Raises:
            NotFound, DamagedFile: as `document`.
        """
        self.document(id)
        try:
            with self.local(id, suffix):
                return True
        except (NotFound, DamagedFile):
            return False

    def _stated(self, id: str, suffix: str) -> str | None:
        """The SHA-256 of a file that the document states, if it does."""
        stated: str | None = (
            self.document(id).get("files", {}).get(f"{id}{suffix}", {}).get("sha256")
        )
        return stated

    def _gone(self, id: str, suffix: str) -> NotFound:
        return NotFound(f"The {suffix} file of {self.noun} {id} is missing.")

    # --- writing ------------------------------------------------------------------------------

    def publish(self, id: str, document: dict[str, Any], files: Mapping[str, Writer]) -> None:
        """Publish a thing whole, or nothing of it.

        Args:
            id: a UUID, not in use.
            document: JSON-ready; a `files` entry with sizes and SHA-256 is added.
            files: ending → function that writes the file to the path it is given.

        Raises:
            Unavailable: the location cannot be written to (a full disk, say).
        """
        placed: list[str] = []
        try:
            with self._files.staging() as staging:
                for suffix, write in files.items():
                    write(staging / f"{id}{suffix}")
                described = {path.name: _describe(path) for path in sorted(staging.iterdir())}
                _write(staging / f"{id}{_DOCUMENT}", document | {"files": described})
                for suffix in (*files, _DOCUMENT):
                    placed.append(f"{id}{suffix}")
                    self._files.place(staging / placed[-1], placed[-1])
                self._files.settle()
        except BaseException as error:
            for name in reversed(placed):
                with contextlib.suppress(Unavailable):  # what failed first is what is told
                    self._files.remove(name)
            if isinstance(error, OSError):
                raise self._unwritable(error) from error
            raise
        finally:
            self.forget(id)

    def attach(self, id: str, suffix: str, write: Writer) -> None:
        """Add or replace one file of a published thing, its document following.

        Raises:
            NotFound: the thing does not exist, or was deleted meanwhile.
            Unavailable: the location cannot be written to.
        """
        name = f"{id}{suffix}"
        self.document(id)
        try:
            with self._files.staging() as staging:
                write(staging / name)
                self.forget(id)
                document = self.document(id)  # as it is now: writing may have taken long
                files = document.get("files", {}) | {name: _describe(staging / name)}
                _write(staging / f"{id}{_DOCUMENT}", document | {"files": files})
                self._files.place(staging / name, name)
                if not self.has(id, _DOCUMENT):  # it is not to rise again
                    self._files.remove(name)
                    raise self._missing(id)
                self._files.place(staging / f"{id}{_DOCUMENT}", f"{id}{_DOCUMENT}")
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            self.forget(id)

    def amend(self, id: str, entries: dict[str, Any]) -> None:
        """Change entries of a published thing's document, at one stroke.

        Raises:
            NotFound: the thing does not exist, or was deleted meanwhile.
            Unavailable: the location cannot be written to.
        """
        name, document = f"{id}{_DOCUMENT}", self.document(id)
        try:
            with self._files.staging() as staging:
                _write(staging / name, document | entries)
                sync(staging / name)
                if not self.has(id, _DOCUMENT):  # it is not to rise again
                    raise self._missing(id)
                self._files.place(staging / name, name)
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            self.forget(id)

    def delete(self, id: str) -> None:
        """Delete a thing: its document first, so that it is never seen without its files.

        Raises:
            NotFound: there is none of that id.
        """
        there = self._files.remove(self._name(id, _DOCUMENT))
        self.forget(id)
        if not there and not (".h5" in self.suffixes and self.has(id, ".h5")):
            raise self._missing(id)
        for suffix in self.suffixes:
            self._files.remove(f"{id}{suffix}")

    # --- beside what is published -------------------------------------------------------------

    def keep(self, id: str, suffix: str, write: Writer) -> None:
        """Keep a file that nothing is published with (a checkpoint), in place of an earlier one.

        Args:
            id: a UUID.

        Raises:
            Unavailable: the location cannot be written to.
        """
        name = self._name(id, suffix)
        try:
            with self._files.staging() as staging:
                write(staging / name)
                self._files.place(staging / name, name)
        except OSError as error:
            raise self._unwritable(error) from error

    def kept(self, id: str, suffix: str) -> bytes | None:
        """What `keep` kept, if it did."""
        try:
            return self._files.read(self._name(id, suffix))
        except FileNotFoundError:
            return None

    def drop(self, id: str, suffix: str) -> None:
        """Remove what `keep` kept, if it did."""
        self._files.remove(self._name(id, suffix))

    # --- what is left behind, and what is damaged ---------------------------------------------

    def orphans(self, ended: Collection[str] = ()) -> list[str]:
        """Files that belong to nothing, left behind long ago by crashes.

        Args:
            ended: ids of jobs that have ended: nobody will ask for their checkpoints again.
        """
        names, found = self._files.names(), []
        for name in names:
            id, _, suffix = name.partition(".")
            # A legacy .h5 may stand alone: people put it there, no crash did.
            ours = f".{suffix}" in self.suffixes and suffix != "h5" and _is_uuid(id)
            if not ours or f"{id}{_DOCUMENT}" in names:
                continue
            # What is kept beside (a checkpoint) may wait for its worker over a weekend.
            waits = suffix == _CHECKPOINT and id not in ended
            with contextlib.suppress(FileNotFoundError):
                age = time.time() - self._files.changed_at(name)
                if age > (_KEPT_FOR if waits else ABANDONED_AFTER):
                    found.append(name)
        return found

    def sweep(self) -> None:
        """Remove what crashes left behind long ago: files that belong to nothing."""
        self._files.sweep()
        for name in self.orphans():
            self._files.remove(name)

    def set_aside(self, id: str, *suffixes: str) -> str:
        """Move files of a thing, or by default all of it, out of the way; returns where to.

        Raises:
            Unavailable: the location cannot be written to.
        """
        folder = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        try:
            # The document goes last: until then it says what the other files are.
            for suffix in suffixes or (*self.suffixes, _DOCUMENT):
                self._files.set_aside(f"{id}{suffix}", folder)
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            self.forget(id)
        return f"damaged/{folder}"

    def _unwritable(self, error: OSError) -> Unavailable:
        return Unavailable(f"The {self.noun} could not be stored: {error.strerror or error}.")


def _is_uuid(id: str) -> bool:
    try:
        return str(UUID(id)) == id
    except ValueError:
        return False


def _short(id: str) -> str:
    return repr(id if len(id) <= 60 else id[:57] + "...")


def _sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _describe(path: Path) -> dict[str, Any]:
    sync(path)
    return {"sha256": _sha256(path), "bytes": path.stat().st_size}


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_bytes(document_to_bytes(document))
