"""A backup of the embedded default as one archive, made while the service runs.

The database first, then the stores: every training that the copy of the database calls succeeded
has its model in the copy. The archive is a plain tar, as models and data are compressed already;
its last member, the manifest, states the SHA-256 of all others.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import sqlite3
import tarfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import IO, Any

from models.data.datasets import Datasets
from models.maintenance.embedded_store import BACKTESTS, DATABASE, Places, places
from models.registry.registry import CHECKPOINT, backtest_store, model_store
from utils.errors import Conflict, NotFound, Unavailable
from utils.settings import Settings
from utils.storage import sqlite_file
from utils.storage.artifact_store import ArtifactStore
from utils.storage.checksums import document_from_bytes, document_to_bytes
from utils.storage.files import sync

MANIFEST = "manifest.json"
FORM = 1  # of the archive; a release restores those up to its own

_LOOKS, _PAUSE = 4, 0.2  # at a thing that is just being changed; seconds between two
_COUNTS = "SELECT count(*) FROM workflow_status WHERE name IN ('train', 'backtest')"


@dataclass
class Backup:
    """An archive that was made, and what is in it."""

    path: Path
    counts: Counter[str] = field(default_factory=Counter)
    damaged: list[str] = field(default_factory=list)


def back_up(settings: Settings, target: Path, tell: Callable[[str], None]) -> Backup:
    """Write a backup, readable by its owner only, and have it there whole or not at all.

    What is damaged is copied as it is, and told.

    Args:
        target: a file that does not exist yet, or a folder to make one in.
        tell: told what is being copied.

    Raises:
        Conflict: the service does not keep its things in folders and a SQLite file, or the
            target exists.
        Unavailable: something cannot be read or written.
        DamagedFile: the database is damaged.
    """
    found = places(settings)
    if target.is_dir():
        target = target / f"lstm-backend-{datetime.now(UTC).strftime('%Y%m%dT%H%M%SZ')}.tar"
    if target.exists():
        raise Conflict(f"The backup must be a file that does not exist yet. Received: {target}")
    made = Backup(target)
    try:
        folder = Path(mkdtemp(prefix=".backup-", dir=target.parent))  # for its owner only
        try:
            _write(settings, found, folder, made, tell)
            (folder / "archive").rename(target)
            sync(target.parent)
        finally:
            shutil.rmtree(folder)
    except (OSError, sqlite3.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise Unavailable(f"The backup {target} cannot be written: {why}.") from error
    return made


def _write(
    settings: Settings, found: Places, folder: Path, made: Backup, tell: Callable[[str], None]
) -> None:
    handle = os.open(folder / "archive", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "wb") as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            archive = _Archive(tar)
            if found.database.exists():
                tell("the database")
                made.counts["jobs"] = _copy_database(found.database, folder / DATABASE)
                with (folder / DATABASE).open("rb") as copied:
                    archive.add(DATABASE, copied)
            stores = {
                "models": (found.models, model_store(found.models)),
                f"models/{BACKTESTS}": (found.models / BACKTESTS, backtest_store(found.models)),
                "data": (found.data, Datasets(found.data, 0, 0).store),
            }
            for prefix, (source, store) in stores.items():
                _Copy(source, store, prefix, archive, made).go(tell)
            archive.close(made)
        file.flush()
        os.fsync(file.fileno())


def _copy_database(source: Path, target: Path) -> int:
    """Copy the database, less the workers, who live here only; how many jobs it holds."""
    sqlite_file.copy(source, target)
    sqlite_file.expect_whole(target)
    with sqlite_file.connect(target) as connection, connection:
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
        if "service_workers" in names:
            connection.execute("DELETE FROM service_workers")
        jobs: int = 0
        if "workflow_status" in names:
            jobs = connection.execute(_COUNTS).fetchone()[0]
    return jobs


class _Archive:
    """A tar that keeps the SHA-256 of what goes into it."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._members: dict[str, dict[str, Any]] = {}

    def add(self, name: str, file: IO[bytes]) -> None:
        """Add a file, from its beginning."""
        state = os.fstat(file.fileno())
        member = tarfile.TarInfo(name)
        member.size, member.mtime, member.mode = state.st_size, int(state.st_mtime), 0o600
        file.seek(0)
        reader = _Hashing(file)
        self._tar.addfile(member, reader)
        self._members[name] = {"sha256": reader.sha256.hexdigest(), "bytes": state.st_size}

    def close(self, made: Backup) -> None:
        """Add the manifest."""
        manifest = {
            "form": FORM,
            "created_at": datetime.now(UTC).isoformat(),
            "counts": dict(made.counts),
            "damaged": made.damaged,
            "members": self._members,
        }
        content = document_to_bytes(manifest)
        member = tarfile.TarInfo(MANIFEST)
        member.size, member.mtime, member.mode = len(content), int(time.time()), 0o600
        self._tar.addfile(member, io.BytesIO(content))


class _Hashing:
    """Reads a file and keeps the SHA-256 of what was read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read some."""
        content = self._file.read(size)
        self.sha256.update(content)
        return content


class _Copy:
    """The copy of one store: each thing as it is at one moment."""

    def __init__(
        self, folder: Path, store: ArtifactStore, prefix: str, archive: _Archive, made: Backup
    ) -> None:
        self._folder, self._store, self._prefix = folder, store, prefix
        self._archive, self._made = archive, made

    def go(self, tell: Callable[[str], None]) -> None:
        """Copy every thing of the store, and what is beside: checkpoints, legacy files."""
        noun, ids = self._store.noun, self._store.ids()
        for id in ids:
            tell(f"{noun} {id}")
            with contextlib.suppress(NotFound):  # deleted meanwhile
                self._thing(id)
                self._made.counts[f"{noun}s"] += 1
        for suffix in (CHECKPOINT, ".h5"):
            if suffix in self._store.suffixes:
                for id in self._store.stems(suffix).difference(ids):
                    with contextlib.suppress(FileNotFoundError):
                        self._add_alone(f"{id}{suffix}")

    def _add_alone(self, name: str) -> None:
        with (self._folder / name).open("rb") as file:
            self._archive.add(f"{self._prefix}/{name}", file)

    def _thing(self, id: str) -> None:
        for look in range(_LOOKS):
            with contextlib.ExitStack() as opened:
                files = self._opened(id, opened)
                wrong = _wrong(id, files)
                if wrong and look < _LOOKS - 1:
                    time.sleep(_PAUSE)
                    continue
                self._made.damaged += [f"{self._prefix}/{name}" for name in wrong]
                for name, file in files.items():
                    self._archive.add(f"{self._prefix}/{name}", file)
                return

    def _opened(self, id: str, opened: contextlib.ExitStack) -> dict[str, IO[bytes]]:
        """The files of a thing, open: what is replaced or deleted from now on stays as it is."""
        files: dict[str, IO[bytes]] = {}
        for suffix in (".json", *self._store.suffixes):
            try:
                file = opened.enter_context((self._folder / f"{id}{suffix}").open("rb"))
            except FileNotFoundError as error:
                if suffix == ".json":
                    raise NotFound(id) from error
            else:
                files[f"{id}{suffix}"] = file
        return files


def _wrong(id: str, files: dict[str, IO[bytes]]) -> list[str]:
    """Names of the files of a thing that are not what its document states."""
    try:
        document = document_from_bytes(files[f"{id}.json"].read())
    except ValueError:
        return [f"{id}.json"]
    return [
        name
        for name, stated in document.get("files", {}).items()
        if name not in files or _sha256(files[name]) != stated.get("sha256")
    ]


def _sha256(file: IO[bytes]) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
