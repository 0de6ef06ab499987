"""Files in an object store, or any other file system that fsspec reaches.

On S3, documents are changed by conditional writes (`If-Match`, `If-None-Match`), and an empty
object in the place of a document is a tombstone: no writer of before brings the document back. On
other systems only the changes of one process exclude each other.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from asyncio import CancelledError
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from fsspec.core import url_to_fs

from utils.errors import Unavailable
from utils.storage.files import (
    ABANDONED_AFTER,
    ASIDE,
    TOMBSTONES_KEPT_FOR,
    Changed,
    Stamp,
    is_old,
)
from utils.storage.patience import Patience

_DOCUMENT = ".json"
# S3's refusals of a conditional write: another version; a write of the same object beside it.
_REFUSALS = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")
# By process and bucket: a probe works in the process that opened its store.
_PATIENCE: dict[tuple[int, str], Patience] = {}
_CHANGING = threading.Lock()  # held for a change where the store has no conditional writes
_ATOMIC = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "r2")  # object stores
# A request waits for its store: that the store is gone, or hangs, should be known soon. One attempt
# is all: what asks again is the client, or a worker that waits for the store.
_S3_TIMEOUTS = {
    "connect_timeout": 3,
    "read_timeout": 4,
    "retries": {"total_max_attempts": 1},
    "max_pool_connections": 50,
}
# Operations of one process on a store at once: few enough to leave most threads of a web process to
# requests that need no store, while all of these wait for one that hangs.
_PLACES = 24


class RemoteFiles:
    """Files at a URL of fsspec. No listing is cached, as other machines write there too."""

    # A look costs milliseconds; a deletion may be noticed a second later.
    fresh_for = 1.0

    def __init__(self, url: str) -> None:
        scheme = urlsplit(url).scheme
        options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
        self._is_conditional = scheme in ("s3", "s3a")
        self.in_place = not self._is_conditional
        if self._is_conditional:
            options["config_kwargs"] = _S3_TIMEOUTS
        self._url = _without_secrets(url)
        try:
            self._system, root = url_to_fs(url, **options)
        except (ImportError, ValueError) as error:
            raise Unavailable(f"The store {self._url} cannot be used: {error}") from error
        if hasattr(self._system, "retries"):
            self._system.retries = 1  # beside those of the client underneath
        self._root = root.rstrip("/")
        self._patience = _patience_with(f"{scheme}://{urlsplit(url).netloc}", self._probe)
        self._is_atomic = scheme in _ATOMIC

    def _probe(self) -> None:
        """Ask the store for something, whatever it answers."""
        with contextlib.suppress(FileNotFoundError):
            self._system.info(self._path(f".{uuid4()}"))

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        """Raise Unavailable in place of any other error of a store, and while it hangs."""
        try:
            with self._patience.operation(FileNotFoundError, FileExistsError, Changed):
                yield
        except (FileNotFoundError, Changed, Unavailable):
            raise
        # The errors of fsspec's many systems share no class; a request that a client cancels itself
        # as it times out is no Exception.
        except (Exception, CancelledError) as error:
            raise Unavailable(f"The store {self._url} failed: {type(error).__name__}.") from error

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def names(self) -> dict[str, Stamp | None]:
        """Return all files and their stamps."""
        with self._answering():
            self._system.invalidate_cache()
            try:
                found, missing = self._system.ls(self._root, detail=True), False
            except FileNotFoundError:
                bucket = self._root.split("/")[0]
                found, missing = [], self._is_atomic and not self._system.exists(bucket)
        if missing:  # an empty prefix is not an error
            raise Unavailable(f"The store {self._url} does not exist.")
        files = [entry for entry in found if entry["type"] == "file"]
        named = {entry["name"].rsplit("/", 1)[-1]: _stamp(entry) for entry in files}
        return {
            name: stamp
            for name, stamp in named.items()
            if not name.startswith(".") and not _is_tombstone(name, stamp[-1])
        }

    def listing_version(self) -> int | None:
        """Return None: other machines write there too."""
        return None

    def index_folder(self) -> Path | None:
        """Return None: the files are not on this machine."""
        return None

    def size(self, endings: tuple[str, ...]) -> int:
        """Return the bytes of the files, by the listing."""
        names = self.names().items()
        return sum(stamp[1] for name, stamp in names if stamp and name.endswith(endings))

    def _info(self, name: str) -> dict[str, Any]:
        with self._answering():
            self._system.invalidate_cache()
            found: dict[str, Any] = self._system.info(self._path(name))
        if found["type"] != "file" or _is_tombstone(name, found["size"]):
            raise FileNotFoundError(name)
        return found

    def stamp(self, name: str) -> Stamp:
        """Return the store's own checksum or time, and the size."""
        return _stamp(self._info(name))

    def changed_at(self, name: str) -> float:
        """Return the time of the last change, by the store's clock."""
        return _written(self._info(name))

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        with self._answering():
            content: bytes = self._system.cat_file(self._path(name))
        if _is_tombstone(name, len(content)):
            raise FileNotFoundError(name)
        return content

    def read_version(self, document: str) -> tuple[bytes, str]:
        """Return the content of a document, and its ETag or SHA-256."""
        # The version first: a change between the two is noticed at the commit.
        etag = str(self._info(document).get("ETag")) if self._is_conditional else None
        content = self.read(document)
        return content, etag or hashlib.sha256(content).hexdigest()

    @contextlib.contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """Yield a copy, removed afterwards."""
        with TemporaryDirectory() as folder:
            copy = Path(folder) / name
            with self._answering():
                self._system.get_file(self._path(name), str(copy))
            yield copy

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """Yield a temporary folder."""
        with TemporaryDirectory() as folder:
            yield Path(folder)

    def try_to_write(self) -> None:
        """Upload a hidden file, and remove it."""
        path = self._path(f".{uuid4()}")
        with self._answering():
            if not self._is_atomic:
                self._system.makedirs(self._root, exist_ok=True)
            self._system.pipe_file(path, b"x")
            self._system.rm_file(path)

    def place(self, staged: Path, name: str) -> None:
        """Upload a file; where uploads are not atomic, under another name first."""
        target = self._path(name)
        try:
            with self._answering():
                if self._is_atomic:
                    self._system.put_file(str(staged), target)
                    return
                self._system.makedirs(self._root, exist_ok=True)
                part = self._path(f".{uuid4()}")
                self._system.put_file(str(staged), part)
                self._system.mv(part, target)
        except FileNotFoundError as error:
            raise Unavailable(f"The store {self._url} does not exist.") from error

    def commit(self, staged: Mapping[str, Path], document: Path, version: str | None) -> None:
        """Upload all files, then the document on condition of its version."""
        if self._is_conditional:
            for name, path in staged.items():
                self.place(path, name)
            self._put_if(document.name, document.read_bytes(), version)
            return
        with _CHANGING:
            if self._version(document.name) != version:
                raise Changed(document.name)
            for name, path in staged.items():
                self.place(path, name)
            self.place(document, document.name)

    def _put_if(self, name: str, content: bytes, version: str | None) -> None:
        condition = {"mode": "create"} if version is None else {"IfMatch": version}
        with self._answering():
            try:
                self._system.pipe_file(self._path(name), content, **condition)
            except FileExistsError:
                raise Changed(name) from None
            except FileNotFoundError as error:
                if version is not None and _code(error) != "NoSuchBucket":
                    raise Changed(name) from None
                raise OSError(f"no bucket for {name}") from error
            except OSError as error:
                if _code(error) in _REFUSALS:
                    raise Changed(name) from None
                raise

    def _version(self, name: str) -> str | None:
        """The version of a document; None if there is none, and there was none."""
        try:
            return self.read_version(name)[1]
        except FileNotFoundError:
            return "retired" if self.was_retired(name) else None

    def was_retired(self, document: str) -> bool:
        """Return whether there is a tombstone in the place of a document."""
        with self._answering(), contextlib.suppress(FileNotFoundError):
            self._system.invalidate_cache()
            return _is_tombstone(document, self._system.info(self._path(document))["size"])
        return False

    def retire(self, document: str, for_good: bool) -> bool:
        """Remove a document, or put an empty object in its place."""
        if not for_good:
            return self.remove(document)
        try:
            self._info(document)
        except FileNotFoundError:
            return False
        with self._answering():
            self._system.pipe_file(self._path(document), b"")
        return True

    def settle(self) -> None:
        """Do nothing: a store that has accepted a file keeps it."""

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
        """Return the old files that were uploaded and never renamed."""
        if self._is_atomic:
            return []
        return [name for name in self._hidden() if is_old(self, name)]

    def _hidden(self) -> list[str]:
        with self._answering(), contextlib.suppress(FileNotFoundError):
            found = self._system.ls(self._root, detail=True)
            names = [e["name"].rsplit("/", 1)[-1] for e in found if e["type"] == "file"]
            return [name for name in names if name.startswith(".")]
        return []

    def temporary(self) -> dict[str, float]:
        """Return uploads that are not renamed yet, and tombstones."""
        found = {} if self._is_atomic else dict.fromkeys(self._hidden(), ABANDONED_AFTER)
        with self._answering(), contextlib.suppress(FileNotFoundError):
            for entry in self._system.ls(self._root, detail=True):
                name = entry["name"].rsplit("/", 1)[-1]
                if entry["type"] == "file" and _is_tombstone(name, entry["size"]):
                    found[name] = TOMBSTONES_KEPT_FOR
        return found

    def clear(self, name: str) -> None:
        """Remove an upload or a tombstone."""
        with self._answering(), contextlib.suppress(FileNotFoundError):
            self._system.rm_file(self._path(name))

    def set_aside(self, name: str, folder: str) -> None:
        """Copy a file, then remove it."""
        target = f"{ASIDE}/{folder}"
        with contextlib.suppress(FileNotFoundError), self._answering():
            if not self._is_atomic:
                self._system.makedirs(self._path(target), exist_ok=True)
            self._system.cp_file(self._path(name), self._path(f"{target}/{name}"))
            self._system.rm_file(self._path(name))

    def aside(self) -> int:
        """Return how many files are under `damaged`."""
        with self._answering(), contextlib.suppress(FileNotFoundError):
            return len(self._system.find(self._path(ASIDE)))
        return 0


def _patience_with(server: str, probe: Callable[[], object]) -> Patience:
    """Return the patience with a server or bucket, which all stores on it share."""
    key = os.getpid(), server
    with _CHANGING:
        if key not in _PATIENCE:
            _PATIENCE[key] = Patience(f"The store {_without_secrets(server)}", _PLACES, probe)
        return _PATIENCE[key]


def _stamp(entry: dict[str, Any]) -> Stamp:
    known = ("ETag", "etag", "md5Hash", "LastModified", "mtime", "created")
    mark = next((str(entry[name]) for name in known if entry.get(name)), "")
    return mark, entry["size"]


def _written(entry: dict[str, Any]) -> float:
    """The Unix time at which a file was written, by the store's clock."""
    written = entry.get("LastModified") or entry.get("mtime") or entry.get("created") or 0.0
    return written.timestamp() if isinstance(written, datetime) else float(written)


def _is_tombstone(name: str, size: int) -> bool:
    return size == 0 and name.endswith(_DOCUMENT)


def _code(error: OSError) -> str:
    """The code by which S3 names an error."""
    response = getattr(error.__cause__, "response", {})
    return str(response.get("Error", {}).get("Code", ""))


def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rsplit("@", 1)[-1], query="").geturl()
