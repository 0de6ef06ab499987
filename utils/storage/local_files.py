"""Files in a folder of this machine: published by a rename on the same disk.

Changes of documents hold a lock on a file of the folder, which the system releases when a process
ends. A process that is paused while it holds the lock makes the others refuse changes, and goes on
where it was.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from uuid import uuid4

from utils.errors import Unavailable
from utils.storage.files import (
    ABANDONED_AFTER,
    ASIDE,
    TOMBSTONES_KEPT_FOR,
    Changed,
    Stamp,
    sync,
)

# Changes in a folder of its own do not change the time of the folder of the files.
_STAGING, _STAGING_OF_BEFORE, _INDEX = ".staging", ".staging-", ".index"
_SETTLED_NS = 50_000_000  # time since the last change after which a further one has another time
_LOCK, _TOMBSTONES = ".lock", ".deleted"  # a file, and a folder with the names of documents
_LOCK_SECONDS, _LOCK_PAUSE = 4.0, 0.005  # to wait for the lock, and between two attempts


class LocalFiles:
    """Files of a folder, which is made at the first write.

    Every method raises Unavailable if the folder existed once and does not any more: a disk that is
    not mounted is not an empty store.
    """

    fresh_for = 0.0
    in_place = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known = False  # that the folder is there

    def _expect_folder(self) -> None:
        if self._known and not os.access(self._folder, os.R_OK | os.X_OK):
            gone = "cannot be read" if self._folder.exists() else "is gone"
            raise Unavailable(
                f"The folder {self._folder} {gone}. Put it back as it was (is its disk mounted?), "
                "or make an empty one in its place."
            )

    def names(self) -> dict[str, Stamp | None]:
        """Return all files, without staging folders."""
        try:
            with os.scandir(self._folder) as entries:
                self._known = True
                return {e.name: None for e in entries if e.name[0] != "." and e.is_file()}
        except FileNotFoundError:
            self._expect_folder()
            return {}

    def listing_version(self) -> int | None:
        """Return the time of the folder's last change, unless that has only just been."""
        try:
            changed = self._folder.stat().st_mtime_ns
        except FileNotFoundError:
            self._expect_folder()
            return None
        return changed if time.time_ns() - changed > _SETTLED_NS else None

    def index_folder(self) -> Path | None:
        """Return a hidden folder beside the files, if there are any."""
        return self._folder / _INDEX if self._folder.exists() else None

    def size(self, endings: tuple[str, ...]) -> int:
        """Return the bytes of the files, without staging folders."""
        total = 0
        with contextlib.suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.endswith(endings):
                    with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                        total += entry.stat().st_size
        return total

    def stamp(self, name: str) -> Stamp:
        """Return the time of the last change, and the size."""
        state = self._state(name)
        return state.st_mtime_ns, state.st_size

    def _state(self, name: str) -> os.stat_result:
        try:
            state = (self._folder / name).stat()
        except (FileNotFoundError, PermissionError):
            self._expect_folder()
            raise
        self._known = True
        return state

    def changed_at(self, name: str) -> float:
        """Return the time of the last change."""
        return self._state(name).st_mtime

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        try:
            return (self._folder / name).read_bytes()
        except (FileNotFoundError, PermissionError):
            self._expect_folder()
            raise

    @contextlib.contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """Yield the file itself."""
        self._state(name)
        yield self._folder / name

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """Yield a folder below that of the files: on the same disk, so that placing is a rename."""
        self._expect_folder()
        staging = self._folder / _STAGING / str(uuid4())
        staging.parent.mkdir(parents=not self._known, exist_ok=True)
        staging.mkdir()
        self._known = True
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def try_to_write(self) -> None:
        """Make a file in a staging folder, and remove both."""
        with self.staging() as folder:
            (folder / "probe").write_bytes(b"x")

    def place(self, staged: Path, name: str) -> None:
        """Rename a file, once its content is on the disk."""
        sync(staged)
        staged.replace(self._folder / name)

    def settle(self) -> None:
        """Wait until the renames are on the disk as well."""
        sync(self._folder)

    def read_version(self, document: str) -> tuple[bytes, str]:
        """Return the content of a document, and its SHA-256."""
        content = self.read(document)
        return content, hashlib.sha256(content).hexdigest()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock of the folder's documents.

        Raises:
            Unavailable: another process holds it for seconds.
        """
        self._expect_folder()
        with (self._folder / _LOCK).open("ab") as lock:
            deadline = time.monotonic() + _LOCK_SECONDS
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise Unavailable(
                            f"Another process is changing {self._folder}, and does not end. Try "
                            "again in a moment."
                        ) from None
                    time.sleep(_LOCK_PAUSE)
            yield  # closing the file releases the lock

    def commit(self, staged: Mapping[str, Path], document: Path, version: str | None) -> None:
        """Rename all files, the document last."""
        for path in (*staged.values(), document):
            sync(path)
        with self._locked():
            if self._version(document.name) != version:
                raise Changed(document.name)
            if version is None and self.was_retired(document.name):
                raise Changed(document.name)
            placed: list[Path] = []
            try:
                for name, path in staged.items():
                    placed.append(path.replace(self._folder / name))
                document.replace(self._folder / document.name)
            except BaseException:
                if version is None:
                    for path in placed:
                        path.unlink(missing_ok=True)
                raise
            sync(self._folder)

    def _version(self, document: str) -> str | None:
        try:
            return self.read_version(document)[1]
        except FileNotFoundError:
            return None

    def retire(self, document: str, for_good: bool) -> bool:
        """Remove a document, and leave a file of its name in the folder of tombstones."""
        if not self._folder.exists():
            self._expect_folder()
            return False
        with self._locked():
            if not (self._folder / document).exists():
                return False
            if for_good:
                tombstones = self._folder / _TOMBSTONES
                tombstones.mkdir(exist_ok=True)
                (tombstones / document).touch()
                sync(tombstones)
            (self._folder / document).unlink()
            sync(self._folder)
        return True

    def was_retired(self, document: str) -> bool:
        """Return whether there is a tombstone of a document."""
        return (self._folder / _TOMBSTONES / document).exists()

    def remove(self, name: str) -> bool:
        """Remove a file."""
        try:
            (self._folder / name).unlink()
        except FileNotFoundError:
            self._expect_folder()
            return False
        return True

    def abandoned(self) -> list[str]:
        """Return the old staging folders."""
        found = []
        for name in self._staging_folders():
            with contextlib.suppress(FileNotFoundError):  # its owner removed it meanwhile
                if time.time() - (self._folder / name).stat().st_mtime > ABANDONED_AFTER:
                    found.append(name)
        return found

    def _staging_folders(self) -> list[str]:
        below = [f"{_STAGING}/{path.name}" for path in (self._folder / _STAGING).glob("*")]
        return below + [path.name for path in self._folder.glob(f"{_STAGING_OF_BEFORE}*")]

    def temporary(self) -> dict[str, float]:
        """Return all staging folders and tombstones."""
        staging = dict.fromkeys(self._staging_folders(), ABANDONED_AFTER)
        tombstones = (self._folder / _TOMBSTONES).glob("*")
        return staging | {f"{_TOMBSTONES}/{path.name}": TOMBSTONES_KEPT_FOR for path in tombstones}

    def clear(self, name: str) -> None:
        """Remove a staging folder or a tombstone."""
        path = self._folder / name
        if name.startswith(_STAGING):
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    def set_aside(self, name: str, folder: str) -> None:
        """Rename a file."""
        target = self._folder / ASIDE / folder
        with contextlib.suppress(FileNotFoundError):
            (self._folder / name).stat()
            target.mkdir(parents=True, exist_ok=True)
            (self._folder / name).replace(target / name)

    def aside(self) -> int:
        """Return how many files are in `damaged`."""
        return sum(path.is_file() for path in (self._folder / ASIDE).rglob("*"))
