"""Things that are published whole: each is some files and one `.json` document.

A thing exists when its document does. The document is placed last, so that a crash, a kill or a
full disk at any moment leaves nothing half-made to be seen.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from utils.errors import Unavailable
from utils.storage.artifact_reader import (
    DOCUMENT,
    ArtifactReader,
    Document,
    is_uuid,
    sha256_of_file,
    whole,
)
from utils.storage.checksums import document_to_bytes
from utils.storage.files import ABANDONED_AFTER, sync
from utils.storage.quota import Measured, Quota

Writer = Callable[[Path], None]

_KEPT_FOR = 7 * 86_400.0  # seconds that a file beside what is published is kept unless dropped
_CHECKPOINT = "checkpoint"


class ArtifactStore(ArtifactReader):
    """The things of one noun at one location, to be read and written.

    Args:
        location, noun, suffixes, glance: as of `ArtifactReader`.
        room: that all of them may take together; None: as much as the disk has.
    """

    def __init__(
        self,
        location: str | Path,
        noun: str,
        suffixes: tuple[str, ...],
        room: Quota | None = None,
        glance: Callable[[Document], Document] = whole,
    ) -> None:
        super().__init__(location, noun, suffixes, glance)
        self.room = Measured(self._files, (DOCUMENT, *suffixes), noun, room)

    def publish(self, id: str, document: dict[str, Any], files: Mapping[str, Writer]) -> None:
        """Publish a thing whole, or nothing of it.

        Args:
            id: a UUID, not in use.
            document: JSON-ready once the files are written; a `files` entry with sizes and
                SHA-256 is added.
            files: ending → function that writes the file to the path it is given.

        Raises:
            TooLarge: there is no room for it.
            Unavailable: the location cannot be written to (a full disk, say).
        """
        placed: list[str] = []
        self.room.expect()
        try:
            with self._files.staging() as staging:
                for suffix, write in files.items():
                    write(staging / f"{id}{suffix}")
                described = {path.name: _describe(path) for path in sorted(staging.iterdir())}
                _write(staging / f"{id}{DOCUMENT}", document | {"files": described})
                staged = sum(path.stat().st_size for path in staging.iterdir())
                self.room.expect(staged)
                for suffix in (*files, DOCUMENT):
                    placed.append(f"{id}{suffix}")
                    self._files.place(staging / placed[-1], placed[-1])
                self._files.settle()
            self.room.grew(staged)
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
                _write(staging / f"{id}{DOCUMENT}", document | {"files": files})
                self._files.place(staging / name, name)
                if not self.has(id, DOCUMENT):  # it is not to rise again
                    self._files.remove(name)
                    raise self._missing(id)
                self._files.place(staging / f"{id}{DOCUMENT}", f"{id}{DOCUMENT}")
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
        name, document = f"{id}{DOCUMENT}", self.document(id)
        try:
            with self._files.staging() as staging:
                _write(staging / name, document | entries)
                sync(staging / name)
                if not self.has(id, DOCUMENT):  # it is not to rise again
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
        there = self._files.remove(self._name(id, DOCUMENT))
        self.forget(id)
        if not there and not (".h5" in self.suffixes and self.has(id, ".h5")):
            raise self._missing(id)
        for suffix in self.suffixes:
            self._files.remove(f"{id}{suffix}")
        self.room.shrank()

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
            ours = f".{suffix}" in self.suffixes and suffix != "h5" and is_uuid(id)
            if not ours or f"{id}{DOCUMENT}" in names:
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
            for suffix in suffixes or (*self.suffixes, DOCUMENT):
                self._files.set_aside(f"{id}{suffix}", folder)
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            self.forget(id)
        return f"damaged/{folder}"

    def _unwritable(self, error: OSError) -> Unavailable:
        return Unavailable(f"The {self.noun} could not be stored: {error.strerror or error}.")


def copy_of(source: Path) -> Writer:
    """What writes a copy of a file."""

    def write(target: Path) -> None:
        shutil.copyfile(source, target)

    return write


def _describe(path: Path) -> dict[str, Any]:
    sync(path)
    return {"sha256": sha256_of_file(path), "bytes": path.stat().st_size}


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_bytes(document_to_bytes(document))
