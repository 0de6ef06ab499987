"""Small stores for tests of what looks after them: copies of what a running service published."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from models.data.datasets import Datasets
from models.registry.registry import model_store
from tests.support.running_service import Service, free_port
from utils.settings import Settings
from utils.storage.artifact_store import ArtifactStore

LONG_AGO = 1_000_000_000


@dataclass(frozen=True)
class Stores:
    """A model and a data set, in folders of their own."""

    folder: Path
    settings: Settings
    model_id: str
    dataset_id: str

    @property
    def models(self) -> ArtifactStore:
        return model_store(self.settings.model_location)

    @property
    def datasets(self) -> ArtifactStore:
        return Datasets(self.settings.data_location, 10**6, 10**6).store

    @property
    def files(self) -> list[Path]:
        """Every file of the model and of the data set."""
        rooms = self.folder / "models", self.folder / "data"
        return sorted(path for room in rooms for path in room.rglob("*") if path.is_file())

    def content(self) -> dict[str, bytes]:
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in self.files}


def settings_of(folder: Path) -> Settings:
    return Settings(
        port=free_port(),
        model_store=str(folder / "models"),
        data_store=str(folder / "data"),
        database_url=f"sqlite:///{folder / 'jobs.sqlite'}",
    )


def copied(service: Service, folder: Path, model_id: str, dataset_id: str) -> Stores:
    """What the service published under two ids, as if it had done so long ago."""
    for room, id in (("models", model_id), ("data", dataset_id)):
        (folder / room).mkdir(parents=True)
        for path in (service.folder / room).glob(f"{id}.*"):
            shutil.copy(path, folder / room)
            age(folder / room / path.name)
    return Stores(folder, settings_of(folder), model_id, dataset_id)


def age(*paths: Path) -> None:
    for path in paths:
        os.utime(path, (LONG_AGO, LONG_AGO))
