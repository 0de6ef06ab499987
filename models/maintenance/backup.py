"""Backup and restore: models, data sets and jobs in one archive, written while the service runs.

The archive is a plain tar, as models and data are compressed already. The database is copied first,
then the stores: every training that succeeded in the copy has its model in the archive. The last
member, the manifest, states the SHA-256 of all others.

A restore unpacks and checks everything beside its place, then renames. The renames are written to
a journal first: a failed one is undone at once, an interrupted one is finished by the next restore.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sqlite3
import tarfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Literal, NamedTuple

import sqlalchemy as sa
from pydantic import BaseModel

from models.data.datasets import Datasets
from models.registry.model_store import CHECKPOINT, backtest_store, model_store
from utils.errors import Conflict, DamagedFile, InvalidInput, Unavailable, first_line
from utils.settings import Settings
from utils.storage import sqlite_file
from utils.storage.artifact_reader import DOCUMENT, STORED_AS
from utils.storage.artifact_store import ArtifactStore
from utils.storage.checksums import document_from_bytes, document_to_bytes
from utils.storage.files import sync

DATABASE, MANIFEST = "jobs.sqlite", "manifest.json"  # members beside the files of the stores
JOURNAL = ".restoring.json"  # in the folder of the models
STAGED, REPLACED = ".restoring", ".replaced-"  # folders within those of the service
_FILE = re.compile(r"(?:models/backtests|models|data)/(?!backtests\Z)[^./\x00][^/\x00]*")
_ALONE = (CHECKPOINT, ".h5")  # files that may have no document
_ATTEMPTS, _PAUSE = 4, 0.2  # at an item that is just being changed; seconds between two


class Manifest(BaseModel):
    """Number of things by kind, names of damaged files, SHA-256 and bytes of each member."""

    form: Literal[1] = 1
    created_at: datetime
    counts: dict[str, int] = {}
    damaged: list[str] = []
    members: dict[str, dict[str, Any]] = {}


class Places(NamedTuple):
    """The folder of the models, the folder of the data sets, the file of the database."""

    models: Path
    data: Path
    database: Path


def places(settings: Settings) -> Places:
    """Return where a service keeps its state. Raises Conflict if not in folders and SQLite."""
    url = sa.make_url(settings.resolved_database_url)
    sqlite = url.get_backend_name() == "sqlite"
    locations = {
        "MODEL_STORE": settings.model_location.removeprefix("file://"),
        "DATA_STORE": settings.data_location.removeprefix("file://"),
        "DATABASE_URL": str(url.database) if sqlite else f"{url.drivername}://",
    }
    for name, location in locations.items():
        if "://" in location:
            raise Conflict(
                "`backup` and `restore` are for a SQLite file and folders. With PostgreSQL use "
                "pg_dump and pg_restore, with S3 `aws s3 sync`, the database first: see "
                f"docs/deploy.md, Backup. Received: {name}={location.partition('://')[0]}://…"
            )
    return Places(*(Path(location).resolve() for location in locations.values()))


def back_up(settings: Settings, target: Path) -> tuple[Path, Manifest]:
    """Write an archive for its owner only, whole or not at all; return its file and manifest.

    Args:
        target: a file that does not exist, or a folder to create one in.

    Raises:
        Conflict: the target exists, or the state of the service is not in folders and SQLite.
        DamagedFile: the database is damaged. Other damaged files are copied as they are.
        Unavailable: something cannot be read or written.
    """
    at = places(settings)
    if target.is_dir():
        target = target / f"lstm-backend-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar"
    if target.exists():
        raise Conflict(f"The backup must be a file that does not exist yet. Received: {target}")
    try:
        with TemporaryDirectory(prefix=".backup-", dir=target.parent) as private:
            path, document = Path(private) / "archive", Path(private) / MANIFEST
            with tarfile.open(path, "w", dereference=True) as tar:
                archive = _Archive(tar)
                if at.database.exists():
                    archive.add_database(at.database, Path(private) / DATABASE)
                archive.add_store("models", at.models, model_store(at.models))
                archive.add_store("models/backtests", at.models, backtest_store(at.models))
                archive.add_store("data", at.data, Datasets(at.data, 0, 0).store)
                document.write_bytes(document_to_bytes(archive.manifest.model_dump(mode="json")))
                tar.add(document, MANIFEST)
            path.chmod(0o600)
            sync(path)
            path.rename(target)
            sync(target.parent)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise Unavailable(f"The backup {target} cannot be written: {reason}.") from error
    return target, archive.manifest


class _Archive:
    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar, self.manifest = tar, Manifest(created_at=datetime.now(UTC))

    def _add(self, name: str, file: IO[bytes]) -> None:
        self.manifest.members[name] = _described(file)
        file.seek(0)
        self._tar.addfile(self._tar.gettarinfo(arcname=name, fileobj=file), file)

    def add_database(self, source: Path, copy: Path) -> None:
        sqlite_file.copy(source, copy)
        jobs = "SELECT count(*) FROM workflow_status WHERE name IN ('train', 'backtest')"
        with (
            sqlite_file.connect(copy) as connection,
            connection,
            suppress(sqlite3.OperationalError),  # no worker has made the tables yet
        ):
            connection.execute("DELETE FROM service_workers")  # processes of this machine
            self.manifest.counts["jobs"] = connection.execute(jobs).fetchone()[0]
        with copy.open("rb") as file:
            self._add(DATABASE, file)

    def add_store(self, prefix: str, root: Path, store: ArtifactStore) -> None:
        folder = root / prefix.partition("/")[2]
        ids = set(store.ids()).union(*map(store.stems, set(_ALONE).intersection(store.suffixes)))
        whole = [self._add_item(f"{prefix}/{id}", folder / id, store.suffixes) for id in ids]
        self.manifest.counts |= {f"{store.noun}s": sum(whole)} if any(whole) else {}

    def _add_item(self, name: str, path: Path, suffixes: tuple[str, ...]) -> bool:
        """Add the files of an item as they are at one moment; return whether it has a document."""
        for attempt in range(_ATTEMPTS):
            with ExitStack() as opened:
                files: dict[str, IO[bytes]] = {}  # what is replaced or deleted from now on stays
                for suffix in (DOCUMENT, *suffixes):
                    with suppress(FileNotFoundError):
                        part = path.with_name(_stored_as(path.name, suffix, files.get(DOCUMENT)))
                        files[suffix] = opened.enter_context(part.open("rb"))
                if DOCUMENT not in files:  # it has none, or is just being deleted
                    files = {suffix: file for suffix, file in files.items() if suffix in _ALONE}
                damaged = _damaged(path.name, files)
                if not damaged or attempt == _ATTEMPTS - 1:
                    self.manifest.damaged += [f"{name}{suffix}" for suffix in damaged]
                    for suffix, file in files.items():
                        self._add(f"{name}{suffix}", file)
                    return DOCUMENT in files
            time.sleep(_PAUSE)
        return False


def _stored_as(id: str, suffix: str, document: IO[bytes] | None) -> str:
    """Return the name of a file of an item, as its document states it."""
    name = f"{id}{suffix}"
    with suppress(ValueError):
        return str(_entries(document).get(name, {}).get(STORED_AS, name))
    return name


def _entries(document: IO[bytes] | None) -> dict[str, Any]:
    """The files that a document states. Raises ValueError for a damaged one."""
    if document is None:
        return {}
    document.seek(0)
    entries: dict[str, Any] = document_from_bytes(document.read()).get("files", {})
    return entries


def _damaged(id: str, files: dict[str, IO[bytes]]) -> list[str]:
    """Return the suffixes of the files that are not those that their document states."""
    try:
        entries = _entries(files.get(DOCUMENT))
    except ValueError:
        return [DOCUMENT]
    stated = {name.removeprefix(id): entry for name, entry in entries.items()}
    return [
        s for s in stated if s not in files or not stated[s].items() >= _described(files[s]).items()
    ]


def _described(file: IO[bytes]) -> dict[str, Any]:
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256")  # type: ignore[arg-type]
    return {"sha256": digest.hexdigest(), "bytes": file.tell()}


def restore(settings: Settings, source: Path, replace: bool) -> tuple[Manifest, list[Path]]:
    """Put a backup in place; return its manifest and the folders of what it replaced.

    Args:
        replace: move existing state out of the way; it is kept.

    Raises:
        Conflict: the service runs, or there is state already.
        InvalidInput, DamagedFile: the archive is no backup, or damaged.
        Unavailable: something cannot be read or written. All is as it was before.
    """
    at = places(settings)
    _expect_stopped(at)
    if (journal := at.models / JOURNAL).exists():
        _rename([(Path(old), Path(new)) for old, new in json.loads(journal.read_text())])
        journal.unlink()
    if not replace and (existing := next(_existing(at), None)):
        raise Conflict(
            f"There is something already: {existing}. With --replace it is moved out of the way, "
            "and kept."
        )
    folders = {"models": at.models, "data": at.data, DATABASE: at.database.parent}
    staged = {name: folder / STAGED for name, folder in folders.items()}
    try:
        _clear(staged)
        manifest = _unpack(source, staged)
        _expect_stopped(at)
        replaced = _swap(at, staged)
    except OSError as error:
        raise Unavailable(f"The backup cannot be put in place: {error}.") from error
    finally:
        _clear(staged)
    return manifest, replaced


def _clear(staged: dict[str, Path]) -> None:
    for folder in staged.values():
        shutil.rmtree(folder, ignore_errors=True)


def _expect_stopped(at: Places) -> None:
    with suppress(DamagedFile):  # a reason to restore
        if at.database.exists() and sqlite_file.is_open_elsewhere(at.database):
            raise Conflict(
                f"The database {at.database} is in use. Stop the service and its workers first."
            )


def _existing(at: Places) -> Iterator[Path]:
    """Files and folders that a restore replaces."""
    database = [at.database.with_name(at.database.name + end) for end in ("", "-wal", "-shm")]
    kept = {*database, *at, *(parent for place in at for parent in place.parents)}
    for folder in (at.models, at.data):
        yield from (p for p in folder.glob("[!.]*") if p not in kept)
    yield from (path for path in database if path.exists())


def _unpack(source: Path, staged: dict[str, Path]) -> Manifest:
    """Unpack an archive, of which nothing is trusted, and check it."""
    found: dict[str, Any] = {}
    for folder in staged.values():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with tarfile.open(source, "r:") as tar:
            for member in tar:
                ours = member.name in (DATABASE, MANIFEST) or _FILE.fullmatch(member.name)
                if not ours or member.name in found or not member.isreg() or member.issparse():
                    rule = "must hold what a backup holds, each file once, and nothing else"
                    raise InvalidInput.of("from", rule, member.name[:200])
                folder = staged.get(member.name.partition("/")[0], staged["models"])
                tar.extract(member, folder, set_attrs=False, filter="data")
                sync(folder / member.name)
                with (folder / member.name).open("rb") as file:
                    found[member.name] = _described(file)
    except tarfile.TarError as error:
        raise InvalidInput.of("from", f"is no backup: {error}", str(source)) from error
    if found.pop(MANIFEST, None) is None:
        raise DamagedFile(f"The backup {source} is cut short: its end, {MANIFEST}, is missing.")
    try:
        content = (staged["models"] / MANIFEST).read_bytes()
        manifest = Manifest.model_validate(document_from_bytes(content))
    except ValueError as error:
        rule = f"is damaged, or of a newer release: its {MANIFEST}: {first_line(error)}"
        raise InvalidInput.of("from", rule, str(source)) from error
    for name in sorted(manifest.members.keys() | found.keys()):
        if manifest.members.get(name) != found.get(name):
            reason = "is missing" if name not in found else "is not what was backed up"
            raise DamagedFile(f"The backup {source} is damaged: {name} {reason}.")
    if DATABASE in found:
        (staged[DATABASE] / DATABASE).chmod(0o600)  # it may hold hashes of API keys
        sqlite_file.expect_whole(staged[DATABASE] / DATABASE)
    return manifest


def _swap(at: Places, staged: dict[str, Path]) -> list[Path]:
    """Replace the existing state; return the folders that hold it now."""
    name = f"{REPLACED}{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    away = [(path, path.parent / name / path.name) for path in _existing(at)]
    moves = [*away]
    moves += [(path, at.models / path.name) for path in (staged["models"] / "models").glob("*")]
    moves += [(path, at.data / path.name) for path in (staged["data"] / "data").glob("*")]
    moves += [(path, at.database) for path in staged[DATABASE].glob(DATABASE)]
    written = staged["models"] / JOURNAL
    written.write_text(json.dumps([[str(old), str(new)] for old, new in moves]))
    sync(written)
    journal = written.rename(at.models / JOURNAL)
    try:
        sync(at.models)
        _rename(moves)
    except BaseException:
        _rename([(new, old) for old, new in reversed(moves)])
        journal.unlink()
        raise
    journal.unlink()
    return sorted({new.parent for _, new in away})


def _rename(moves: list[tuple[Path, Path]]) -> None:
    """Do the renames that are not done yet."""
    for old, new in moves:
        if old.exists() and not new.exists():
            new.parent.mkdir(parents=True, exist_ok=True)
            old.rename(new)
    for folder in {path.parent for move in moves for path in move}:
        if folder.is_dir():
            sync(folder)
