"""Forecasts from the newest rows of a model's data set, or from those up to a date."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app import create_app
from models.data.datasets import Datasets
from models.data.growth import add_rows
from models.registry.model_document import ModelDocument
from models.services.newest_rows import dataset_of, outdated, with_newest_rows
from tests.support.samples import PLAIN_MODEL, SAMPLES
from utils.api.schemas.forecasting import PredictRequest
from utils.api.upload_options import RowsOptions
from utils.errors import InvalidInput, Unavailable
from utils.settings import Settings

HEADER = "date,plant,application,panel_size,wip,throughput,cycle_time"
ROWS = [f"2024-01-{day:02},A,x,S,{100 + day},50,2" for day in range(1, 29)]
ASKED = {"model_id": "m", "plant": "A", "application": "x", "panelSize": "S"}


@pytest.fixture
def grown(tmp_path: Path) -> tuple[Datasets, str]:
    datasets, table = Datasets(tmp_path / "data", 1000, 10**6), tmp_path / "table.csv"
    table.write_text("\n".join([HEADER, *ROWS[:20]]))
    id = datasets.upload(table)["dataset_id"]
    table.write_text("\n".join([HEADER, *ROWS[20:]]))
    add_rows(datasets, id, table, RowsOptions())
    return datasets, id


@pytest.mark.parametrize(
    ("asked", "version", "last"),
    [
        ({}, 1, "2024-01-28"),
        ({}, 2, None),  # the model knows them
        ({"asOf": "2024-01-10"}, 2, "2024-01-10"),
        ({"history": [{"date": "2024-02-01", "wip": 1, "throughput": 1}]}, 1, "2024-02-01"),
    ],
)
def test_the_rows_that_a_forecast_starts_from(
    grown: tuple[Datasets, str], asked: dict[str, Any], version: int, last: str | None
) -> None:
    datasets, id = grown
    model = ModelDocument(dataset_id=id, dataset_version=version)
    found = with_newest_rows(
        PredictRequest.parse(ASKED | asked), model, datasets, dataset_of(model, datasets)
    )
    assert (found.history and found.history[-1]["date"]) == last


@pytest.mark.parametrize(
    ("asked", "end", "count"),
    [
        ({}, "2024-01-20", 1),
        ({}, "2024-01-28", 0),
        ({}, "2024-01-20T06:00", 0),
        ({"asOf": "2024-01-20"}, "2024-01-20", 0),
        ({"plant": "B"}, "2024-01-20", 0),
    ],
)
def test_a_plants_model_is_outdated_where_the_newest_data_has_later_rows(
    grown: tuple[Datasets, str], asked: dict[str, Any], end: str, count: int
) -> None:
    found = outdated(PredictRequest.parse(ASKED | asked), end, grown[0])
    assert len(found) == count
    assert all(f"{grown[1]}, has rows of this series up to 2024-01-28" in text for text in found)


def test_without_the_store_of_the_data_there_is_no_warning(
    grown: tuple[Datasets, str], tmp_path: Path
) -> None:
    (tmp_path / "data").rename(tmp_path / "unmounted")
    with pytest.raises(Unavailable):
        grown[0].newest_of_clients()
    assert outdated(PredictRequest.parse(ASKED), "2024-01-20", grown[0]) == []


@pytest.mark.parametrize(
    ("asked", "rule"),
    [
        ({"asOf": "2023-12-31"}, "must not lie before the rows"),
        ({"asOf": "10.01.2024"}, "must be a date"),
        ({"asOf": "2024-01-10", "history": [{"wip": 1}]}, "left out beside a history"),
    ],
)
def test_dates_that_cannot_be_asked_from(
    grown: tuple[Datasets, str], asked: dict[str, Any], rule: str
) -> None:
    with pytest.raises(InvalidInput, match=rule):
        model = ModelDocument(dataset_id=grown[1])
        document = dataset_of(model, grown[0])
        with_newest_rows(PredictRequest.parse(ASKED | asked), model, grown[0], document)
    gone = ModelDocument(dataset_id=None)
    asked_now = PredictRequest.parse(ASKED)
    assert with_newest_rows(asked_now, gone, grown[0], {}).history is None


def test_every_way_to_ask_starts_from_them(settings: Settings) -> None:
    shutil.copytree(SAMPLES / "models", settings.model_location)
    shutil.copytree(SAMPLES / "data", settings.data_location)
    client = create_app(settings).test_client()
    [dataset] = client.get("/api/data").json["datasets"]
    last = np.datetime64(dataset["summary"]["date_range"]["end"])
    text = HEADER + "".join(f"\n{last + 1 + day},P 1,TV,L,{90 + day},50,2" for day in range(5))
    path, kind = f"/api/data/{dataset['dataset_id']}/rows", {"Content-Type": "text/csv"}
    assert client.post(path, data=text, headers=kind).status_code == 200
    series = {"plant": "P 1", "application": "TV", "panelSize": "L"}
    ask = {"model_id": PLAIN_MODEL} | series
    items, plans = {"items": [series]}, {"scenarios": [{"name": "a", "plan": []}]}
    replies = [
        client.post(f"/api/model/predict{path}", json=ask | more).json
        for path, more in (("", {}), ("/scenarios", plans))
    ]
    batch = client.post("/api/model/predict/batch", json={"model_id": PLAIN_MODEL} | items).json
    of_all = [replies[0], replies[1]["scenarios"][0], batch["results"][0]]
    assert [each["predictions"][0]["date"] for each in of_all] == [str(last + 6)] * 3
    assert of_all[0]["predictions"] == of_all[2]["predictions"]
