"""Files in an object store, or any other file system that fsspec reaches."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from fsspec.core import url_to_fs

from utils.errors import Unavailable
from utils.storage.files import ASIDE, Stamp, is_old

_ATOMIC = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "r2")  # object stores
# A request waits for its store: that the store is gone should be known soon.
_S3_TIMEOUTS = {"connect_timeout": 3, "read_timeout": 20, "retries": {"max_attempts": 2}}


class RemoteFiles:
    """Files at a URL of fsspec. No listing is cached, as other machines write there too."""

    # A look costs milliseconds; a deletion may be noticed a second later.
    fresh_for = 1.0

    def __init__(self, url: str) -> None:
        scheme = urlsplit(url).scheme
        options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
        if scheme in ("s3", "s3a"):
            options["config_kwargs"] = _S3_TIMEOUTS
        self._url = _without_secrets(url)
        try:
            self._system, root = url_to_fs(url, **options)
        except (ImportError, ValueError) as error:
            raise Unavailable(f"The store {self._url} cannot be used: {error}") from error
        if hasattr(self._system, "retries"):
            self._system.retries = 1  # beside those of the client underneath
        self._root = root.rstrip("/")
        self._is_atomic = scheme in _ATOMIC

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        """Raise Unavailable in place of any other error of a store."""
        try:
            yield
        except FileNotFoundError:
            raise
        except Exception as error:  # the errors of fsspec's many systems share no class
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
        return {name: stamp for name, stamp in named.items() if not name.startswith(".")}

    def size(self, endings: tuple[str, ...]) -> int:
        """Return the bytes of the files, by the listing."""
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
        """Return the store's own checksum or time, and the size."""
        return _stamp(self._info(name))

    def changed_at(self, name: str) -> float:
        """Return the time of the last change, by the store's clock."""
        info = self._info(name)
        written = info.get("LastModified") or info.get("mtime") or info.get("created") or 0.0
        return written.timestamp() if isinstance(written, datetime) else float(written)

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        with self._answering():
            content: bytes = self._system.cat_file(self._path(name))
            return content

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

    def sweep(self) -> None:
        """Remove abandoned files."""
        for name in self.abandoned():
            self.remove(name)

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


def _stamp(entry: dict[str, Any]) -> Stamp:
    known = ("ETag", "etag", "md5Hash", "LastModified", "mtime", "created")
    mark = next((str(entry[name]) for name in known if entry.get(name)), "")
    return mark, entry["size"]


def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rsplit("@", 1)[-1], query="").geturl()
