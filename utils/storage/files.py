"""Where the files of a store lie: a folder of this machine, or anything that fsspec reaches.

Both kinds do the same few things, each of them whole: a file is there with all of its content, or
it is not there.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol
from urllib.parse import urlsplit
from uuid import uuid4

from utils.errors import Unavailable
from utils.lazy_imports import IMPORTS

Stamp = tuple[Any, ...]  # differs whenever the content of a file does

ABANDONED_AFTER = 3600.0  # seconds; nobody takes that long to move files into place

ASIDE = "damaged"  # where what is damaged is put, to be looked at

_STAGING = ".staging-"
_OBJECT_STORES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "r2")
# A request waits for its store: it should hear soon that the store is gone.
_S3_PATIENCE = {"connect_timeout": 3, "read_timeout": 20, "retries": {"max_attempts": 2}}


class Files(Protocol):
    """Files by name, none of them in a folder of its own."""

    fresh_for: float  # seconds that what was seen of a file is taken to hold

    def names(self) -> dict[str, Stamp | None]:
        """All files, with their stamps where the listing tells them."""

    def size(self, endings: tuple[str, ...]) -> int:
        """Bytes of all files whose names end so."""

    def stamp(self, name: str) -> Stamp:
        """The stamp of a file. Raises FileNotFoundError."""

    def changed_at(self, name: str) -> float:
        """When a file was written, as a Unix time. Raises FileNotFoundError."""

    def read(self, name: str) -> bytes:
        """The content of a file. Raises FileNotFoundError."""

    def local(self, name: str) -> AbstractContextManager[Path]:
        """A file with the same content on this machine. Raises FileNotFoundError."""

    def staging(self) -> AbstractContextManager[Path]:
        """A private folder of this machine to prepare files in, gone afterwards."""

    def place(self, staged: Path, name: str) -> None:
        """Put a prepared file where it belongs, in place of an earlier one."""

    def settle(self) -> None:
        """Have all that was placed on the disk."""

    def remove(self, name: str) -> bool:
        """Remove a file; whether it was there."""

    def abandoned(self) -> list[str]:
        """Names of prepared files, or folders of them, that a crash left behind long ago."""

    def sweep(self) -> None:
        """Remove what is abandoned."""

    def set_aside(self, name: str, folder: str) -> None:
        """Move a file, if it is there, into a folder of `damaged`."""

    def aside(self) -> int:
        """How many files were set aside."""


def is_old(files: Files, name: str) -> bool:
    """Whether a file is there, and nobody can still be about to publish it."""
    try:
        return time.time() - files.changed_at(name) > ABANDONED_AFTER
    except FileNotFoundError:
        return False


def open_files(location: str) -> Files:
    """The files at a location: a URL that fsspec knows, or else a folder.

    Raises:
        Unavailable: no such kind of URL can be used here.
    """
    if location.startswith("file://"):
        return LocalFiles(Path(urlsplit(location).path))
    return RemoteFiles(location) if "://" in location else LocalFiles(Path(location))


class LocalFiles:
    """Files of a folder, which is made when it is first written to.

    Every method raises Unavailable if the folder was there once, and is not any more: a disk that
    is not mounted is no empty store.
    """

    fresh_for = 0.0

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
        """All files, staging folders aside."""
        try:
            with os.scandir(self._folder) as entries:
                self._known = True
                return {e.name: None for e in entries if e.name[0] != "." and e.is_file()}
        except FileNotFoundError:
            self._expect_folder()
            return {}

    def size(self, endings: tuple[str, ...]) -> int:
        """Bytes of the files, staging folders aside."""
        total = 0
        with contextlib.suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.endswith(endings):
                    with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                        total += entry.stat().st_size
        return total

    def stamp(self, name: str) -> Stamp:
        """Time of the last change, and size."""
        state = self._state(name)
        return state.st_mtime_ns, state.st_size

    def _state(self, name: str) -> os.stat_result:
        try:
            state = os.stat(f"{self._folder}/{name}")  # noqa: PTH116  # a Path takes longer than this
        except (FileNotFoundError, PermissionError):
            self._expect_folder()
            raise
        self._known = True
        return state

    def changed_at(self, name: str) -> float:
        """Time of the last change."""
        return self._state(name).st_mtime

    def read(self, name: str) -> bytes:
        """The content of a file."""
        try:
            return (self._folder / name).read_bytes()
        except (FileNotFoundError, PermissionError):
            self._expect_folder()
            raise

    @contextlib.contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """The file itself."""
        self._state(name)
        yield self._folder / name

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """A folder beside the files: on the same disk, so that placing is a rename."""
        self._expect_folder()
        staging = self._folder / f"{_STAGING}{uuid4()}"
        staging.mkdir(parents=not self._known)
        self._known = True
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def place(self, staged: Path, name: str) -> None:
        """Rename a file, once its content is on the disk."""
        sync(staged)
        staged.replace(self._folder / name)

    def settle(self) -> None:
        """Have the renames on the disk as well."""
        sync(self._folder)

    def remove(self, name: str) -> bool:
        """Remove a file."""
        try:
            (self._folder / name).unlink()
        except FileNotFoundError:
            self._expect_folder()
            return False
        return True

    def abandoned(self) -> list[str]:
        """Old staging folders."""
        found = []
        for path in self._folder.glob(f"{_STAGING}*"):
            with contextlib.suppress(FileNotFoundError):  # its owner was faster
                if time.time() - path.stat().st_mtime > ABANDONED_AFTER:
                    found.append(path.name)
        return found

    def sweep(self) -> None:
        """Remove old staging folders."""
        for name in self.abandoned():
            shutil.rmtree(self._folder / name, ignore_errors=True)

    def set_aside(self, name: str, folder: str) -> None:
        """Rename a file."""
        target = self._folder / ASIDE / folder
        with contextlib.suppress(FileNotFoundError):
            (self._folder / name).stat()
            target.mkdir(parents=True, exist_ok=True)
            (self._folder / name).replace(target / name)

    def aside(self) -> int:
        """How many files there are in `damaged`."""
        return sum(path.is_file() for path in (self._folder / ASIDE).rglob("*"))


class RemoteFiles:
    """Files at a URL of fsspec's. Nothing is remembered of a listing: others write there, too."""

    # Asking a store far away costs milliseconds; that something was deleted may take a second to
    # be noticed.
    fresh_for = 1.0

    def __init__(self, url: str) -> None:
        with IMPORTS:
            from fsspec.core import url_to_fs  # imported by those alone who have such a store

        scheme = urlsplit(url).scheme
        options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
        if scheme in ("s3", "s3a"):
            options["config_kwargs"] = _S3_PATIENCE
        self._url = _without_secrets(url)
        try:
            self._system, root = url_to_fs(url, **options)
        except (ImportError, ValueError) as error:
            raise Unavailable(f"The store {self._url} cannot be used: {error}") from error
        if hasattr(self._system, "retries"):
            self._system.retries = 1  # beside those of the client underneath
        self._root = root.rstrip("/")
        self._whole = scheme in _OBJECT_STORES

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        """Turn whatever a store raises that cannot be reached into Unavailable."""
        try:
            yield
        except FileNotFoundError:
            raise
        except Exception as error:  # the errors of fsspec's many systems share no class
            raise Unavailable(
                f"The store {self._url} does not do what it is asked: {type(error).__name__}."
            ) from error

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def names(self) -> dict[str, Stamp | None]:
        """All files and their stamps."""
        with self._answering():
            self._system.invalidate_cache()
            try:
                found, missing = self._system.ls(self._root, detail=True), False
            except FileNotFoundError:
                bucket = self._root.split("/")[0]
                found, missing = [], self._whole and not self._system.exists(bucket)
        if missing:  # an empty prefix is none of this
            raise Unavailable(f"The store {self._url} does not exist.")
        files = [entry for entry in found if entry["type"] == "file"]
        named = {entry["name"].rsplit("/", 1)[-1]: _stamp(entry) for entry in files}
        return {name: stamp for name, stamp in named.items() if not name.startswith(".")}

    def size(self, endings: tuple[str, ...]) -> int:
        """Bytes of the files, by the listing."""
        names = self.names().items()
        return sum(stamp[1] for name, stamp in names if stamp and name.endswith(endings))

    def _info(self, name: str) -> dict[str, Any]:
        with self._answering():
            self._system.invalidate_cache()
            found: dict[str, Any] = self._system.info(self._path(name))
        if found["type"] != "file":
            raise FileNotFoundError(name)
        return found

    def stamp(self, name: str) -> Stamp:
        """The store's own checksum or time, and the size."""
        return _stamp(self._info(name))

    def changed_at(self, name: str) -> float:
        """When the store says that the file was written."""
        info = self._info(name)
        written = info.get("LastModified") or info.get("mtime") or info.get("created") or 0.0
        return written.timestamp() if isinstance(written, datetime) else float(written)

    def read(self, name: str) -> bytes:
        """The content of a file."""
        with self._answering():
            content: bytes = self._system.cat_file(self._path(name))
            return content

    @contextlib.contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """A copy, removed afterwards."""
        with TemporaryDirectory() as folder:
            copy = Path(folder) / name
            with self._answering():
                self._system.get_file(self._path(name), str(copy))
            yield copy

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """A temporary folder."""
        with TemporaryDirectory() as folder:
            yield Path(folder)

    def place(self, staged: Path, name: str) -> None:
        """Send a file. An object store shows it when it is whole; elsewhere a rename does."""
        target = self._path(name)
        try:
            with self._answering():
                if self._whole:
                    self._system.put_file(str(staged), target)
                    return
                self._system.makedirs(self._root, exist_ok=True)
                part = self._path(f".{uuid4()}")
                self._system.put_file(str(staged), part)
                self._system.mv(part, target)
        except FileNotFoundError as error:
            raise Unavailable(f"The store {self._url} does not exist.") from error

    def settle(self) -> None:
        """What the store has taken, it has."""

    def remove(self, name: str) -> bool:
        """Remove a file."""
        try:
            self._info(name)
            with self._answering():
                self._system.rm_file(self._path(name))
        except FileNotFoundError:
            return False
        return True

    def abandoned(self) -> list[str]:
        """Old files that were sent and never renamed. Temporary folders are the system's."""
        if self._whole:
            return []
        return [name for name in self._hidden() if is_old(self, name)]

    def _hidden(self) -> list[str]:
        with self._answering(), contextlib.suppress(FileNotFoundError):
            found = self._system.ls(self._root, detail=True)
            names = [e["name"].rsplit("/", 1)[-1] for e in found if e["type"] == "file"]
            return [name for name in names if name.startswith(".")]
        return []

    def sweep(self) -> None:
        """Remove what is abandoned."""
        for name in self.abandoned():
            self.remove(name)

    def set_aside(self, name: str, folder: str) -> None:
        """Copy a file, then remove it."""
        target = f"{ASIDE}/{folder}"
        with contextlib.suppress(FileNotFoundError), self._answering():
            if not self._whole:
                self._system.makedirs(self._path(target), exist_ok=True)
            self._system.cp_file(self._path(name), self._path(f"{target}/{name}"))
            self._system.rm_file(self._path(name))

    def aside(self) -> int:
        """How many files there are under `damaged`."""
        with self._answering(), contextlib.suppress(FileNotFoundError):
            return len(self._system.find(self._path(ASIDE)))
        return 0


@contextlib.contextmanager
def listing(noun: str) -> Iterator[None]:
    """Raise Unavailable where files of things so called cannot be listed."""
    try:
        yield
    except OSError as error:
        raise Unavailable(f"The {noun}s cannot be listed: {error.strerror or error}.") from error


def full_disk(error: Exception) -> Unavailable | None:
    """What is to be said of an error, if it means that a disk is full, whichever it is."""
    if not isinstance(error, OSError) or error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return None
    return Unavailable(f"A disk of the service is full: {os.strerror(error.errno)}. It needs room.")


def sync(path: Path) -> None:
    """Have a file or folder on the disk before anything that says it is there."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _stamp(entry: dict[str, Any]) -> Stamp:
    known = ("ETag", "etag", "md5Hash", "LastModified", "mtime", "created")
    mark = next((str(entry[name]) for name in known if entry.get(name)), "")
    return mark, entry["size"]


def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rsplit("@", 1)[-1], query="").geturl()
