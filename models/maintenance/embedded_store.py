"""Where the embedded default keeps its things: two folders and a SQLite file of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import sqlalchemy as sa

from utils.errors import Conflict
from utils.settings import Settings

DATABASE = "jobs.sqlite"  # what the database is called in a backup
BACKTESTS = "backtests"  # the folder beneath that of the models

_ELSEWHERE = (
    "`backup` and `restore` are for a SQLite file and folders. With PostgreSQL use pg_dump and "
    "pg_restore, with S3 `aws s3 sync`, the database first: see docs/deploy.md, Backup. Received: "
)


class Places(NamedTuple):
    """The folder of the models, that of the data sets, and the file of the database."""

    models: Path
    data: Path
    database: Path

    @property
    def database_files(self) -> list[Path]:
        """The database, and what SQLite puts beside it."""
        return [self.database.with_name(self.database.name + end) for end in ("", "-wal", "-shm")]


def places(settings: Settings) -> Places:
    """Where the things of a service are kept.

    Raises:
        Conflict: not in folders and a SQLite file.
    """
    url = sa.make_url(settings.resolved_database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        raise Conflict(f"{_ELSEWHERE}DATABASE_URL={url.drivername}://…")
    models = _folder("MODEL_STORE", settings.model_location)
    data = _folder("DATA_STORE", settings.data_location)
    if models == data:
        raise Conflict(f"MODEL_STORE and DATA_STORE must be two folders. Received: {models}")
    return Places(models, data, Path(url.database).resolve())


def _folder(name: str, location: str) -> Path:
    parts = urlsplit(location)
    if "://" in location and parts.scheme != "file":
        raise Conflict(f"{_ELSEWHERE}{name}={parts.scheme}://…")
    return Path(parts.path if "://" in location else location).resolve()
