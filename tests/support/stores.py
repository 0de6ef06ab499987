"""Settings of stores in a folder, and copies of what a running service published."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.data.datasets import Datasets
from models.registry.model_store import model_store
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
        """Every file of the model and of the data set, without the lock and the tombstones."""
        folders = self.folder / "models", self.folder / "data"
        return [path for each in folders for path in visible_files(each)]

    def content(self) -> dict[str, bytes]:
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in self.files}


def visible_files(folder: Path) -> list[Path]:
    """Return the files in a folder and those below it, in order, without hidden ones."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(p for p in found if not any(n[0] == "." for n in p.relative_to(folder).parts))


def settings_in(folder: Path, **more: Any) -> Settings:
    """Return settings whose stores and database lie in a folder."""
    stores = {"model_store": str(folder / "models"), "data_store": str(folder / "data")}
    database = f"sqlite:///{folder / 'jobs.sqlite'}"
    return Settings(**{"port": free_port(), "database_url": database} | stores | more)


def copied(service: Service, folder: Path, model_id: str, dataset_id: str) -> Stores:
    """Return copies of a model and a data set that a service published, made to look old."""
    for kind, id in (("models", model_id), ("data", dataset_id)):
        (folder / kind).mkdir(parents=True)
        for path in (service.folder / kind).glob(f"{id}.*"):
            shutil.copy(path, folder / kind)
            age(folder / kind / path.name)
    return Stores(folder, settings_in(folder), model_id, dataset_id)


def age(*paths: Path) -> None:
    """Set the time of the last change of files to one long ago."""
    for path in paths:
        os.utime(path, (LONG_AGO, LONG_AGO))
