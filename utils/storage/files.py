"""The operations on stored files, the same for a folder and for an object store.

Each of them is atomic: a file is there with all of its content, or it is not there. A document is
changed by compare and swap: `commit` replaces the version that the change was made from, or
nothing.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from utils.errors import Unavailable

Stamp = tuple[Any, ...]  # differs whenever the content of a file does; its last item is the size

ABANDONED_AFTER = 3600.0  # seconds; no publication takes that long to place its files
TOMBSTONES_KEPT_FOR = 30 * 86_400.0  # seconds; a writer that was paused longer is not expected
ASIDE = "damaged"  # folder for damaged files, kept for inspection


class Changed(Exception):
    """A document is not the version any more that a change of it was made from."""


class Files(Protocol):
    """Files by name, in one flat location.

    Attributes:
        fresh_for: seconds for which a stamp is used without a new look.
        in_place: True if `commit` places all files as one step, under their own names. Else each
            must have a name that was never used, and the document names them.
    """

    fresh_for: float
    in_place: bool

    def names(self) -> dict[str, Stamp | None]:
        """Return all files, with their stamps where the listing has them."""

    def listing_version(self) -> int | None:
        """Return a value that differs after a file was added, replaced or removed.

        None: it cannot be told without a listing.
        """

    def index_folder(self) -> Path | None:
        """Return the folder of this machine for an index of the files; None: there is none."""

    def size(self, endings: tuple[str, ...]) -> int:
        """Return the bytes of all files whose names have one of the endings."""

    def stamp(self, name: str) -> Stamp:
        """Return the stamp of a file. Raises FileNotFoundError."""

    def changed_at(self, name: str) -> float:
        """Return when a file was written, as a Unix time. Raises FileNotFoundError."""

    def read(self, name: str) -> bytes:
        """Return the content of a file. Raises FileNotFoundError."""

    def local(self, name: str) -> AbstractContextManager[Path]:
        """Return a context with the file, or a copy, on this machine. Raises FileNotFoundError."""

    def staging(self) -> AbstractContextManager[Path]:
        """Return a context with a private folder of this machine, to prepare files in."""

    def try_to_write(self) -> None:
        """Write something and remove it. Raises OSError or Unavailable if that is not possible."""

    def place(self, staged: Path, name: str) -> None:
        """Publish a prepared file under a name, in place of an earlier one, atomically."""

    def settle(self) -> None:
        """Wait until all that was placed is on the disk."""

    def read_version(self, document: str) -> tuple[bytes, str]:
        """Return the content of a document, and its version. Raises FileNotFoundError."""

    def commit(self, staged: Mapping[str, Path], document: Path, version: str | None) -> None:
        """Publish prepared files and then their document, if it still has a version.

        Args:
            staged: name → prepared file.
            document: prepared file of the document, with the name that it will have.
            version: as `read_version` returned it; None: there is no document of this name, and
                none was retired.

        Raises:
            Changed: the document has another version. Nothing has changed.
        """

    def retire(self, document: str, for_good: bool) -> bool:
        """Remove a document; return whether it was there.

        Args:
            for_good: True to refuse every later `commit` of the name.
        """

    def was_retired(self, document: str) -> bool:
        """Return whether a document of this name was removed for good."""

    def remove(self, name: str) -> bool:
        """Remove a file; return whether it was there."""

    def abandoned(self) -> list[str]:
        """Return the names of prepared files, or folders of them, left behind by a crash."""

    def temporary(self) -> dict[str, float]:
        """Return what is prepared or left behind, and tombstones: name → seconds to keep each."""

    def clear(self, name: str) -> None:
        """Remove something that is temporary."""

    def set_aside(self, name: str, folder: str) -> None:
        """Move a file, if it is there, into a folder of `damaged`."""

    def aside(self) -> int:
        """Return how many files were set aside."""


def is_old(files: Files, name: str) -> bool:
    """Return whether a file exists and is too old to be part of a running publication."""
    try:
        return time.time() - files.changed_at(name) > ABANDONED_AFTER
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def listing(noun: str) -> Iterator[None]:
    """Raise Unavailable where the files of a noun ("model", say) cannot be listed."""
    try:
        yield
    except OSError as error:
        raise Unavailable(f"The {noun}s cannot be listed: {error.strerror or error}.") from error


def exhausted(error: BaseException | None) -> Unavailable | None:
    """Return the error for the caller if an error means that something is used up, else None."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return Unavailable("The service has too little memory for this now. Try again later.")
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return Unavailable("The service can start no thread for this now. Try again later.")
    if not isinstance(error, OSError):
        return None
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return Unavailable("The service has too many files open. Try again in a moment.")
    if error.errno == errno.EROFS:
        reason = os.strerror(error.errno)
        return Unavailable(f"A disk of the service cannot be written to: {reason}.")
    return full_disk(error)


def full_disk(error: BaseException) -> Unavailable | None:
    """Return the error for the caller if an error means that a disk is full, else None."""
    if not isinstance(error, OSError) or error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return None
    return Unavailable(
        f"A disk of the service is full: {os.strerror(error.errno)}. Free some space."
    )


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk, before anything that refers to it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
