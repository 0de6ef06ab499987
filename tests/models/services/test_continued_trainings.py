"""The models that can be trained on, and the reasons why others cannot."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.data.datasets import Datasets
from models.data.growth import add_rows
from models.registry.model_document import ModelDocument
from models.registry.registry import Registry
from models.services.continued_trainings import ContinuedTrainings
from tests.support.samples import PLAIN_MODEL, SAMPLES
from utils.api.schemas.training import ContinueRequest
from utils.api.upload_options import RowsOptions
from utils.errors import Conflict, InvalidInput, NotFound

HEADER = "date,plant,application,panel_size,wip,throughput\n"
SPLIT = {"held_back_from": "2024-01-20", "calibration_from": None, "last_date": "2024-01-28"}
CONFIG = {"lstm_units_1": 4, "epochs": 7, "architecture": "plain", "seed": 3}
TRAINED: dict[str, Any] = {
    "architecture": "plain",
    "source": "trained",
    "network": {"change_scale": [[1.0, 1.0, 1.0]]},
    "split": SPLIT,
    "config": CONFIG,
}


@pytest.fixture
def place(tmp_path: Path) -> tuple[ContinuedTrainings, Registry, str]:
    """The trainings, the models and a data set of version 2."""
    datasets, table = Datasets(tmp_path / "data", 1000, 10**6), tmp_path / "table.csv"
    days = np.datetime64("2024-01-01") + np.arange(28)
    table.write_text(HEADER + "".join(f"{day},A,x,S,100,50\n" for day in days))
    id = str(datasets.upload(table)["dataset_id"])
    datasets.store.update_document(id, lambda document: document | {"version": 2})
    registry = Registry(tmp_path / "models", 10**6)
    return ContinuedTrainings(datasets, registry), registry, id


def publish(registry: Registry, fields: dict[str, Any], suffix: str = ".keras") -> None:
    document = ModelDocument.of({"model_id": "m", **TRAINED, **fields})
    registry.store.publish("m", document.to_json(), {suffix: lambda path: path.write_bytes(b"x")})


def test_a_training_has_the_hyperparameters_of_its_model_and_those_given(
    place: tuple[ContinuedTrainings, Registry, str],
) -> None:
    continued, registry, id = place
    calendar = {"A": {"weekdays": [1]}}
    publish(registry, {"dataset_id": id, "plant": "A", "calendar": calendar})
    request = ContinueRequest.parse({"learningRate": 0.5, "epochs": None})
    data, arguments = continued.work("m", request, "mark")
    assert data["version"] == 2
    config = {"lstm_units_1": 4, "epochs": 7, "learning_rate": 0.5}
    assert (arguments.config, arguments.seed, arguments.continues) == (config, 3, "m")
    assert (arguments.plant, arguments.calendar, arguments.owns_data) == ("A", calendar, False)


@pytest.mark.parametrize(
    ("fields", "suffix", "reason"),
    [
        ({"source": "legacy"}, ".keras", "is imported"),
        ({"architecture": None}, ".keras", "is imported"),
        ({"network": {"size": [1.0, 1.0, 1.0]}}, ".keras", "is of version 1.0"),
        ({"dataset_id": None}, ".keras", "keeps no data set"),
        ({"dataset_id": "gone"}, ".keras", "gone, is deleted"),
        ({"dataset_version": 2}, ".keras", "has no new rows: .* version 2, up to 2024-01-28"),
        ({}, ".float16.onnx", "has no .keras file any more"),
    ],
)
def test_models_that_cannot_be_trained_on(
    place: tuple[ContinuedTrainings, Registry, str],
    fields: dict[str, Any],
    suffix: str,
    reason: str,
) -> None:
    continued, registry, id = place
    publish(registry, {"dataset_id": id} | fields, suffix)
    with pytest.raises(Conflict, match=reason):
        continued.source("m")


def test_a_model_of_one_plant_goes_on_with_rows_of_its_own_alone(
    place: tuple[ContinuedTrainings, Registry, str], tmp_path: Path
) -> None:
    continued, registry, id = place
    datasets, table = Datasets(tmp_path / "data", 1000, 10**6), tmp_path / "more.csv"
    known = datasets.rows_digest(id, "A")
    publish(registry, {"dataset_id": id, "plant": "A", "dataset_rows": known})
    table.write_text(HEADER + "".join(f"2023-12-{day},B,x,S,10,5\n" for day in range(10, 31)))
    add_rows(datasets, id, table, RowsOptions())
    with pytest.raises(Conflict, match="no new rows of plant A"):
        continued.source("m")
    table.write_text(HEADER + "2024-01-29,A,x,S,100,50\n")
    add_rows(datasets, id, table, RowsOptions())
    assert continued.source("m")[1]["version"] == 4


def test_models_of_earlier_releases_are_refused_with_the_reason(
    place: tuple[ContinuedTrainings, Registry, str], tmp_path: Path
) -> None:
    shutil.copytree(SAMPLES / "models", tmp_path / "earlier")
    continued = ContinuedTrainings(place[0]._datasets, Registry(tmp_path / "earlier", 10**6))
    with pytest.raises(Conflict, match="whose networks correct"):
        continued.source(PLAIN_MODEL)
    with pytest.raises(InvalidInput, match="built in"):
        continued.source("pretrained")
    with pytest.raises(NotFound):
        continued.source("none")
