"""The location of a store: a folder of this machine, or a URL of fsspec."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from utils.storage.files import Files
from utils.storage.local_files import LocalFiles
from utils.storage.remote_files import RemoteFiles


def open_files(location: str) -> Files:
    """Return the files at a location: a URL of fsspec, or else a folder.

    Raises:
        Unavailable: the URL cannot be used here.
    """
    if location.startswith("file://"):
        return LocalFiles(Path(urlsplit(location).path))
    return RemoteFiles(location) if "://" in location else LocalFiles(Path(location))
