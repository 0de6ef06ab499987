"""Artifacts, published atomically: each has some files and one `.json` document.

An artifact exists when its document does. The document is placed last, so that after a crash, a
kill or a full disk at any moment no incomplete artifact is visible. Changes of one document by
several processes are linearizable: each is made from the version that it replaces (`Files.commit`).
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from utils.errors import Conflict, DamagedFile, NotFound, ServiceError, Unavailable
from utils.storage.abandoned_files import abandoned
from utils.storage.artifact_reader import (
    DOCUMENT,
    STORED_AS,
    ArtifactReader,
    Document,
    sha256_of_file,
)
from utils.storage.checksums import document_from_bytes, document_to_bytes
from utils.storage.files import Changed, sync
from utils.storage.quota import Quota, StoredSize

Writer = Callable[[Path], None]

_ATTEMPTS = 50  # at a change of a document that others change meanwhile


class _Staged(NamedTuple):
    """Prepared files: entries of the document by plain name, paths by name in the store."""

    entries: dict[str, Any]
    paths: dict[str, Path]


class ArtifactStore(ArtifactReader):
    """The artifacts of one noun at one location, for reading and writing.

    Args:
        location, noun, suffixes, summarize: as of `ArtifactReader`.
        quota: of all of them together; None: as much as the disk has.
        deletes_for_good: True if no artifact may be published under the id of a deleted one.
    """

    def __init__(
        self,
        location: str | Path,
        noun: str,
        suffixes: tuple[str, ...],
        quota: Quota | None = None,
        summarize: Callable[[Document], Document] | None = None,
        deletes_for_good: bool = False,
    ) -> None:
        super().__init__(location, noun, suffixes, summarize)
        self._deletes_for_good = deletes_for_good
        self.quota = StoredSize(self._files, (DOCUMENT, *suffixes), noun, quota)

    def publish(self, id: str, document: Document, files: Mapping[str, Writer]) -> None:
        """Publish an artifact completely, or nothing of it.

        Args:
            id: a UUID, not in use.
            document: JSON-ready once the files are written; a `files` entry with sizes and
                SHA-256 is added.
            files: ending → function that writes the file to the path it is given.

        Raises:
            Conflict: there is an artifact of that id, or there was one and it was deleted.
            TooLarge: it exceeds the quota.
            Unavailable: the location cannot be written to (a full disk, say).
        """
        self.quota.expect()
        with self._changing(id) as staging:
            for suffix, write in files.items():
                write(staging / f"{id}{suffix}")
            staged = self._staged(staging)
            path = staging / f"{id}{DOCUMENT}"
            _write(path, document | {"files": staged.entries})
            size = sum(path.stat().st_size for path in staging.iterdir())
            self.quota.expect(size)
            try:
                self._files.commit(staged.paths, path, None)
            except Changed:
                self._discard(staged)
                raise Conflict(
                    f"There is a {self.noun} {id} already, or there was one and it was deleted."
                ) from None
            self.quota.grew(size)

    def attach(self, id: str, suffix: str, write: Writer) -> None:
        """Add or replace one file of a published artifact, and its entry in the document.

        Raises:
            NotFound: the artifact does not exist, or was deleted meanwhile.
            Unavailable: the location cannot be written to.
        """
        self.document(id)
        with self._changing(id) as staging:
            write(staging / f"{id}{suffix}")
            staged = self._staged(staging)
            try:
                before = self._commit(
                    id,
                    staging,
                    staged.paths,
                    lambda document: {"files": document.get("files", {}) | staged.entries},
                )
            except NotFound:
                self._discard(staged)
                raise
            replaced = before.get("files", {}).get(f"{id}{suffix}", {}).get(STORED_AS)
            if replaced is not None:
                self._files.remove(replaced)

    def revise(
        self, id: str, files: Mapping[str, Writer], change: Callable[[Document], Document]
    ) -> None:
        """Replace files of a published artifact and entries of its document, as one step.

        A crash leaves all as it was, or all as it is to be: the new files have names of their own,
        which the document states once it is placed.

        Args:
            files: ending → function that writes the new file.
            change: as of `update_document`; it may raise to refuse the document that it is given.

        Raises:
            NotFound: the artifact does not exist, or was deleted meanwhile.
            TooLarge: it would exceed the quota.
            Unavailable: the location cannot be written to.
        """
        self.document(id)
        with self._changing(id) as staging:
            for suffix, write in files.items():
                write(staging / f"{id}{suffix}")
            self.quota.expect(sum(path.stat().st_size for path in staging.iterdir()))
            staged = self._staged(staging, apart=True)
            try:
                before = self._commit(
                    id,
                    staging,
                    staged.paths,
                    lambda document: (
                        change(document) | {"files": document.get("files", {}) | staged.entries}
                    ),
                )
            except (ServiceError, OSError):
                self._discard(staged)
                raise
            for name in (f"{id}{suffix}" for suffix in files):
                if (entry := before.get("files", {}).get(name)) is not None:
                    self._files.remove(self._place_of(name, entry))
            self.quota.shrank()

    def update_document(self, id: str, change: Callable[[Document], Document]) -> None:
        """Change entries of a published document.

        Args:
            change: entries to set → from the document; called again if another process changed
                the document meanwhile.

        Raises:
            NotFound: the artifact does not exist, or was deleted meanwhile.
            Unavailable: the location cannot be written to.
        """
        with self._changing(id) as staging:
            self._commit(id, staging, {}, change)

    def _commit(
        self,
        id: str,
        staging: Path,
        files: Mapping[str, Path],
        change: Callable[[Document], Document],
    ) -> Document:
        """Place files with the changed document of an artifact; return the document of before.

        Compare and swap: the change is made again from what another process made of the document.
        """
        name = f"{id}{DOCUMENT}"
        for _ in range(_ATTEMPTS):
            try:
                content, version = self._files.read_version(self._name(id, DOCUMENT))
            except FileNotFoundError:
                raise self._missing(id) from None
            try:
                document = document_from_bytes(content)
            except ValueError as error:
                raise self._damaged_document(id, error) from error
            _write(staging / name, document | change(document))
            try:
                self._files.commit(files, staging / name, version)
            except Changed:
                continue
            return document
        raise Unavailable(f"The {self.noun} {id} is being changed all the time. Try again.")

    @contextlib.contextmanager
    def _changing(self, id: str) -> Iterator[Path]:
        """A staging folder for a change of an artifact; failed writes raise Unavailable."""
        try:
            with self._files.staging() as staging:
                yield staging
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            self.forget(id)

    def _staged(self, staging: Path, apart: bool = False) -> _Staged:
        """Describe the files of a staging folder.

        Args:
            apart: True to give them names of their own beside those that they replace.
        """
        entries: dict[str, Any] = {}
        paths: dict[str, Path] = {}
        for path in sorted(staging.iterdir()):
            entries[path.name], stored = _describe(path), path.name
            if apart or not self._files.in_place:
                id, _, suffix = path.name.partition(".")
                stored = f"{id}.{uuid4().hex}.{suffix}"
                entries[path.name][STORED_AS] = stored
            paths[stored] = path
        return _Staged(entries, paths)

    def _discard(self, staged: _Staged) -> None:
        """Remove the files of a commit that was refused; of plain names there are none."""
        for plain, entry in staged.entries.items():
            if (name := entry.get(STORED_AS, plain)) != plain:
                self._files.remove(name)

    def delete(self, id: str) -> None:
        """Delete an artifact: its document first, so that it is never visible without its files.

        Raises:
            NotFound: there is no artifact of that id.
        """
        name = self._name(id, DOCUMENT)
        names = self._names_of(id)
        there = self._files.retire(name, for_good=self._deletes_for_good)
        self.forget(id)
        if not there and not (".h5" in self.suffixes and self.has(id, ".h5")):
            raise self._missing(id)
        for stored in names - {name}:
            self._files.remove(stored)
        self.quota.shrank()

    def _names_of(self, id: str) -> set[str]:
        """The names in the store that files of an artifact may have, but for its document."""
        names = {f"{id}{suffix}" for suffix in self.suffixes}
        if self._files.in_place:
            with contextlib.suppress(NotFound, DamagedFile):
                entries = self.summary(id).get("files", {}).values()
                names |= {entry[STORED_AS] for entry in entries if STORED_AS in entry}
            return names
        return names | {name for name in self._files.names() if name.startswith(f"{id}.")}

    def expect_writable(self) -> None:
        """Check that the location can be written to.

        Raises:
            Unavailable: it cannot.
        """
        try:
            self._files.try_to_write()
        except OSError as error:
            raise self._unwritable(error) from error

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
        """Remove a file that `keep` stored, if there is one.

        Raises:
            Unavailable: the location cannot be written to.
        """
        try:
            self._files.remove(self._name(id, suffix))
        except OSError as error:
            raise self._unwritable(error) from error

    # --- abandoned and damaged files ----------------------------------------------------------

    def orphans(self, ended: Collection[str] = ()) -> list[str]:
        """Return the files of no artifact, left behind by crashes, that look old.

        Args:
            ended: ids of ended jobs, whose checkpoints are not needed any more.
        """
        found = []
        for name, seconds in abandoned(self, ended).items():
            with contextlib.suppress(FileNotFoundError):
                if time.time() - self._files.changed_at(name) > seconds:
                    found.append(name)
        return found

    def sweep(self, due: Callable[[dict[str, float]], list[str]]) -> None:
        """Remove what crashes left behind.

        Args:
            due: what there is that belongs to nothing, with the seconds to keep each → what has
                been there for that long. Not by a clock that may jump.
        """
        temporary = self._files.temporary()
        for name in due(temporary | abandoned(self)):
            if name in temporary:
                self._files.clear(name)
            else:
                self._files.remove(name)

    def set_aside(self, id: str, *suffixes: str) -> str:
        """Move files of an artifact, by default all, to a folder for damaged ones; return its name.

        Raises:
            Unavailable: the location cannot be written to.
        """
        folder = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        try:
            # The document goes last, as it describes the other files.
            document = f"{id}{DOCUMENT}"
            all_names = [*(self._names_of(id) - {document}), document]
            for name in [self._stored_name(id, suffix) for suffix in suffixes] or all_names:
                self._files.set_aside(name, folder)
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
