"""POST /api/model/predict/batch: as one by one, an entry for each item, refusals among them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from flask.testing import FlaskClient

from app import create_app
from models.data_generator import PlantSpec, generate
from models.registry.hyperparameters import Hyperparameters
from models.registry.model_store import model_store
from models.series.calendar import Calendar
from models.series.panel import TARGETS, Panel
from models.training import train
from tests.support.stores import settings_in
from utils.api.replies.forecasting import BatchReply

pytestmark = pytest.mark.training

Body = dict[str, Any]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def model_id(store: Path) -> str:
    """A model of four series of 90 days, forecast by its LSTM alone."""
    spec = PlantSpec(("p", "q"), ("a",), ("s", "t"), 90, 100, 50, 0.2, 0.1, 1)
    block, id = next(generate(spec)), str(uuid4())
    values = np.column_stack([block.columns[name].ravel() for name in TARGETS])
    panel = Panel(
        Calendar(), tuple(block.series_keys), np.arange(5) * 90, np.full(4, 19_723), values
    )
    hyper = Hyperparameters(lstm_units1=4, lstm_units2=3, epochs=1)
    shelf = model_store(store)
    train.train(panel, hyper, 1, shelf, id, {})
    shelf.update_document(id, lambda _: {"combination": {"lstm": [[1.0, 1.0, 1.0]]}})
    return id


@pytest.fixture
def client(store: Path, tmp_path: Path) -> Iterator[FlaskClient]:
    settings = settings_in(tmp_path, model_store=str(store))
    with create_app(settings).test_client() as client:
        yield client


def item(plant: str = "p", size: str = "s", **more: Any) -> Body:
    return {"plant": plant, "application": "a", "panelSize": size} | more


def rows(count: int, day: int = 200) -> list[Body]:
    return [{"day": day + i, "wip": 100 + i % 5, "throughput": 50 + i % 3} for i in range(count)]


def ask(client: FlaskClient, model_id: str, items: Any) -> Any:
    return client.post("/api/model/predict/batch", json={"model_id": model_id, "items": items})


ITEMS = [
    item(),
    item("q", "t", predictionDays=7),
    item("q", history=rows(12)),
    item(currentWIP=150, lastThroughput=40, targetProduction=1e6),
    item(raw=True),
    item("new", history=rows(30)),
    item("new", "t", history=rows(20)),
    item(),
]


def test_each_entry_equals_the_reply_of_predict(client: FlaskClient, model_id: str) -> None:
    reply = ask(client, model_id, ITEMS).get_json()
    BatchReply.model_validate(reply)
    assert (reply["success"], reply["forecasts"], reply["refused"]) == (True, len(ITEMS), 0)
    for place, (given, entry) in enumerate(zip(ITEMS, reply["results"], strict=True)):
        alone = client.post("/api/model/predict", json=given | {"model_id": model_id}).get_json()
        days = entry.pop("predictions")
        for mine, theirs in zip(days, alone.pop("predictions"), strict=True):
            assert mine.pop("date") == theirs.pop("date")
            assert mine == pytest.approx(theirs, abs=1e-4)
        assert entry["item"] == place and entry["plant"] == given["plant"]
        assert entry["cold_start"] is alone["cold_start"] is (given["plant"] == "new")
        assert entry["validation"].keys() == alone["validation"].keys()
        assert entry["target"] == (alone["target"] and pytest.approx(alone["target"], abs=1e-2))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (item("nowhere"), "plant"),
        (item(predictionDays=0), "predictionDays"),
        (item(planttt="p"), "planttt"),
        ({"plant": "p"}, "application"),
        (item("new", history=rows(3)), "history"),
        (item(history=[{"day": 1, "wip": "x", "throughput": 1}]), "wip"),
        (item(model_id="other"), "model_id"),
    ],
)
def test_a_refused_item_has_its_reason_and_fails_no_other(
    client: FlaskClient, model_id: str, wrong: Body, field: str
) -> None:
    reply = ask(client, model_id, [item(), wrong, item("q")])
    assert reply.status_code == 200
    body = reply.get_json()
    BatchReply.model_validate(body)
    assert (body["forecasts"], body["refused"]) == (2, 1)
    assert [entry["item"] for entry in body["results"]] == [0, 1, 2]
    refusal = body["results"][1]
    assert field in refusal["error"] and refusal["details"][0]["field"] == field
    assert all("predictions" in body["results"][i] for i in (0, 2))
    alone = ask(client, model_id, [wrong])
    assert alone.status_code == 422 and alone.get_json()["error"] == refusal["error"]
    assert alone.get_json()["details"][0]["field"] == f"items.0.{field}"


@pytest.mark.parametrize(
    ("items", "status", "sentence"),
    [
        ([], 422, "items"),
        (None, 422, "items"),
        ("all", 422, "items"),
        (["p"], 422, "items.0"),
        ([item()] * 10_001, 422, "10000"),
        ([item("x"), item("y")], 422, "None of the 2 items"),
    ],
)
def test_what_is_no_batch_is_refused_whole(
    client: FlaskClient, model_id: str, items: Any, status: int, sentence: str
) -> None:
    reply = ask(client, model_id, items)
    assert reply.status_code == status
    assert sentence in reply.get_json()["error"]


def test_a_batch_of_no_model_is_a_404(client: FlaskClient) -> None:
    assert ask(client, str(uuid4()), [item()]).status_code == 404


def test_a_large_batch_comes_in_parts_and_in_order(client: FlaskClient, model_id: str) -> None:
    sizes = ["s", "t"] * 150
    items = [item(size=size, predictionDays=1 + i % 3) for i, size in enumerate(sizes)]
    items[200] = item("nowhere")
    reply = ask(client, model_id, items)
    parts = list(reply.response)
    assert len(parts) > 3 and max(map(len, parts)) < sum(map(len, parts)) / 2
    body = json.loads(b"".join(parts))
    assert [entry["item"] for entry in body["results"]] == list(range(300))
    assert [len(e["predictions"]) for e in body["results"] if "predictions" in e] == [
        1 + i % 3 for i in range(300) if i != 200
    ]
    assert "error" in body["results"][200]
