"""Checks of the settings against this machine, before anything is started.

A part that is away for a while does not stop a start; one that can never work does.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from utils import spelling
from utils.errors import SettingsError, Unavailable
from utils.logs import logger
from utils.settings import Settings, table
from utils.storage.database import open_engine
from utils.storage.files import full_disk
from utils.storage.locations import open_files

log = logger("settings")


def expect_usable(chosen: Settings) -> None:
    """Check the places of stores, database and master data.

    Raises:
        SettingsError: one of them can never work; the sentence names the variable and the value.
    """
    _expect_place("MODEL_STORE", chosen.model_location)
    _expect_place("DATA_STORE", chosen.data_location)
    try:
        engine = open_engine(chosen.resolved_database_url)
    except Unavailable as error:
        raise SettingsError(error.message) from error
    engine.dispose()
    if engine.url.get_backend_name() == "sqlite" and engine.url.database:
        _expect_writable("DATABASE_URL", Path(engine.url.database).parent)
    if chosen.master_file is not None and not chosen.master_file.is_file():
        raise SettingsError(
            f"MASTER_DATA must be a file that exists. Received: {chosen.master_data}"
        )


def warn_of_misspelled(environ: Mapping[str, str]) -> list[str]:
    """Log the variables that are no settings and look like one; return their names."""
    known = {name for name, _, _ in table()}
    others = [name for name in environ if name.isupper() and name not in known]
    found = []
    for pair in spelling.near_duplicates([*known, *others]):
        for name, meant in (pair, pair[::-1]):
            if name in others and meant in known:
                log.warning(f"{name} is no setting and has no effect: did you mean {meant}?")
                found.append(name)
    return found


def _expect_place(name: str, location: str) -> None:
    parts = urlsplit(location)
    if "://" not in location or parts.scheme == "file":
        _expect_writable(name, Path(parts.path if parts.scheme == "file" else location))
        return
    if not parts.netloc and parts.scheme != "memory":
        raise SettingsError(f"{name} must name a bucket, as in s3://bucket/prefix: {location}")
    try:
        open_files(location)
    except Unavailable as error:
        raise SettingsError(f"{name}: {error.message}") from error


def _expect_writable(name: str, folder: Path) -> None:
    """Check that a folder, or the first one above it that exists, can be written to."""
    place = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        if not place.is_dir():
            raise NotADirectoryError(f"{place} is no folder")
        # Root may write where the mode forbids it, and nobody on a disk that is read-only.
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        if full_disk(error):  # it may have space again in a moment
            return
        reason = error.strerror or error
        raise SettingsError(
            f"{name} must be a folder that can be written to. Received: {folder}: {reason}."
        ) from error
