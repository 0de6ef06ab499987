"""Artifacts, published atomically: each has some files and one `.json` document.

An artifact exists when its document does. The document is placed last, so that after a crash, a
kill or a full disk at any moment no incomplete artifact is visible.
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
)
from utils.storage.checksums import document_to_bytes
from utils.storage.files import ABANDONED_AFTER, sync
from utils.storage.quota import Quota, StoredSize

Writer = Callable[[Path], None]

_KEPT_FOR = 7 * 86_400.0  # seconds for which a checkpoint waits for its worker
_CHECKPOINT = "checkpoint"


class ArtifactStore(ArtifactReader):
    """The artifacts of one noun at one location, for reading and writing.

    Args:
        location, noun, suffixes, summarize: as of `ArtifactReader`.
        quota: of all of them together; None: as much as the disk has.
    """

    def __init__(
        self,
        location: str | Path,
        noun: str,
        suffixes: tuple[str, ...],
        quota: Quota | None = None,
        summarize: Callable[[Document], Document] | None = None,
    ) -> None:
        super().__init__(location, noun, suffixes, summarize)
        self.quota = StoredSize(self._files, (DOCUMENT, *suffixes), noun, quota)

    def publish(self, id: str, document: dict[str, Any], files: Mapping[str, Writer]) -> None:
        """Publish an artifact completely, or nothing of it.

        Args:
            id: a UUID, not in use.
            document: JSON-ready once the files are written; a `files` entry with sizes and
                SHA-256 is added.
            files: ending → function that writes the file to the path it is given.

        Raises:
            TooLarge: it exceeds the quota.
            Unavailable: the location cannot be written to (a full disk, say).
        """
        placed: list[str] = []
        self.quota.expect()
        try:
            with self._files.staging() as staging:
                for suffix, write in files.items():
                    write(staging / f"{id}{suffix}")
                described = {path.name: _describe(path) for path in sorted(staging.iterdir())}
                _write(staging / f"{id}{DOCUMENT}", document | {"files": described})
                staged = sum(path.stat().st_size for path in staging.iterdir())
                self.quota.expect(staged)
                for suffix in (*files, DOCUMENT):
                    placed.append(f"{id}{suffix}")
                    self._files.place(staging / placed[-1], placed[-1])
                self._files.settle()
            self.quota.grew(staged)
        except BaseException as error:
            for name in reversed(placed):
                with contextlib.suppress(Unavailable):  # the first error is reported
                    self._files.remove(name)
            if isinstance(error, OSError):
                raise self._unwritable(error) from error
            raise
        finally:
            self.forget(id)

    def attach(self, id: str, suffix: str, write: Writer) -> None:
        """Add or replace one file of a published artifact, then its document.

        Raises:
            NotFound: the artifact does not exist, or was deleted meanwhile.
            Unavailable: the location cannot be written to.
        """
        name = f"{id}{suffix}"
        self.document(id)
        try:
            with self._files.staging() as staging:
                write(staging / name)
                self.forget(id)
                document = self.document(id)  # read again, as writing may have taken long
                files = document.get("files", {}) | {name: _describe(staging / name)}
                _write(staging / f"{id}{DOCUMENT}", document | {"files": files})
                self._files.place(staging / name, name)
                if not self.has(id, DOCUMENT):  # deleted meanwhile: stays deleted
                    self._files.remove(name)
                    raise self._missing(id)
                self._files.place(staging / f"{id}{DOCUMENT}", f"{id}{DOCUMENT}")
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            self.forget(id)

    def update_document(self, id: str, entries: dict[str, Any]) -> None:
        """Change entries of a published document, atomically.

        Raises:
            NotFound: the artifact does not exist, or was deleted meanwhile.
            Unavailable: the location cannot be written to.
        """
        name, document = f"{id}{DOCUMENT}", self.document(id)
        try:
            with self._files.staging() as staging:
                _write(staging / name, document | entries)
                sync(staging / name)
                if not self.has(id, DOCUMENT):  # deleted meanwhile: stays deleted
                    raise self._missing(id)
                self._files.place(staging / name, name)
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            self.forget(id)

    def delete(self, id: str) -> None:
        """Delete an artifact: its document first, so that it is never visible without its files.

        Raises:
            NotFound: there is no artifact of that id.
        """
        there = self._files.remove(self._name(id, DOCUMENT))
        self.forget(id)
        if not there and not (".h5" in self.suffixes and self.has(id, ".h5")):
            raise self._missing(id)
        for suffix in self.suffixes:
            self._files.remove(f"{id}{suffix}")
        self.quota.shrank()

    # --- files of no published artifact -------------------------------------------------------

    def keep(self, id: str, suffix: str, write: Writer) -> None:
        """Store a file of no published artifact (a checkpoint), in place of an earlier one.

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
        """Return the content of a file that `keep` stored; None without one."""
        try:
            return self._files.read(self._name(id, suffix))
        except FileNotFoundError:
            return None

    def drop(self, id: str, suffix: str) -> None:
        """Remove a file that `keep` stored, if there is one."""
        self._files.remove(self._name(id, suffix))

    # --- abandoned and damaged files ----------------------------------------------------------

    def orphans(self, ended: Collection[str] = ()) -> list[str]:
        """Return the files of no artifact, left behind by crashes.

        Args:
            ended: ids of ended jobs, whose checkpoints are not needed any more.
        """
        names, found = self._files.names(), []
        for name in names:
            id, _, suffix = name.partition(".")
            # A legacy .h5 may stand alone: people put it there.
            ours = f".{suffix}" in self.suffixes and suffix != "h5" and is_uuid(id)
            if not ours or f"{id}{DOCUMENT}" in names:
                continue
            # A checkpoint may wait for its worker over a weekend.
            waits = suffix == _CHECKPOINT and id not in ended
            with contextlib.suppress(FileNotFoundError):
                age = time.time() - self._files.changed_at(name)
                if age > (_KEPT_FOR if waits else ABANDONED_AFTER):
                    found.append(name)
        return found

    def sweep(self) -> None:
        """Remove the files of no artifact that crashes left behind."""
        self._files.sweep()
        for name in self.orphans():
            self._files.remove(name)

    def set_aside(self, id: str, *suffixes: str) -> str:
        """Move files of an artifact, by default all, to a folder for damaged ones; return its name.

        Raises:
            Unavailable: the location cannot be written to.
        """
        folder = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        try:
            # The document goes last, as it describes the other files.
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
    """Return a writer that copies a file."""

    def write(target: Path) -> None:
        shutil.copyfile(source, target)

    return write


def _describe(path: Path) -> dict[str, Any]:
    sync(path)
    return {"sha256": sha256_of_file(path), "bytes": path.stat().st_size}


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_bytes(document_to_bytes(document))
