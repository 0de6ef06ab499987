"""Planning over HTTP, on generated data: answers, refusals, pictures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from app import create_app
from utils.settings import Settings

Body = dict[str, Any]
PLANT = {"plants": ["P1", "P2"], "applications": ["A"], "panelSizes": ["S"], "seed": 1}
SERIES = {"plant": "P1", "application": "A", "panelSize": "S"}


@pytest.fixture
def client(settings: Settings) -> Iterator[FlaskClient]:
    with create_app(settings).test_client() as client:
        yield client


@pytest.fixture
def dataset_id(client: FlaskClient) -> str:
    return str(client.post("/api/data/generate", json=PLANT).get_json()["dataset_id"])


def post(client: FlaskClient, path: str, status: int = 200, **body: Any) -> Body:
    reply = client.post(f"/api/plan/{path}", json=body)
    assert reply.status_code == status, reply.text
    found: Body = reply.get_json()
    return found


def test_orders_have_dates_and_risks(client: FlaskClient, dataset_id: str) -> None:
    order = SERIES | {"quantity": 800, "due": "2025-07-20"}
    found = post(client, "finish", datasetId=dataset_id, orders=[order, order])
    first, second = found["orders"]
    assert first["finish"]["p50"] < second["finish"]["p50"] == found["all"]["finish"]["p50"]
    assert first["on_time_probability"] >= second["on_time_probability"]
    out = post(client, "output", datasetId=dataset_id, dates=["2025-07-20"], by="plant")
    assert [entry["plant"] for entry in out["outputs"]] == ["P1", "P2"]


def test_a_line_goes_from_its_curve_to_advice_and_plans(
    client: FlaskClient, dataset_id: str
) -> None:
    line = {"datasetId": dataset_id, "plant": "P1"}
    curve = client.get("/api/plan/curve", query_string=line).get_json()
    assert curve["status"] == "ok" and curve["state"] in ("starved", "balanced", "congested")
    wanted = 0.9 * curve["today"]["throughput"]
    advice = post(client, "advise", **line, target={"throughput": wanted})
    assert advice["feasible"] and advice["throughput"]["value"] >= wanted
    assert f"{advice['wip_cap']:g}" in advice["summary"]
    cap = {"name": "cap", "wipCap": advice["wip_cap"]}
    plans = post(client, "compare", **line, plans=[{"name": "as now"}, cap], horizonDays=60)
    assert [plan["name"] for plan in plans["plans"]] == ["as now", "cap"]
    assert plans["plans"][1]["output"]["mean"] >= 0.97 * 60 * wanted


def test_pictures_are_png(client: FlaskClient, dataset_id: str) -> None:
    line = {"datasetId": dataset_id, "plant": "P1"}
    orders = [SERIES | {"quantity": 800, "due": "2025-07-20"}]
    replies = [
        client.get("/api/plan/curve", query_string=line | {"format": "png"}),
        client.post(
            "/api/plan/finish?format=png", json={"datasetId": dataset_id, "orders": orders}
        ),
        client.post("/api/plan/compare?format=png", json=line | {"plans": [{"name": "$a_now"}]}),
    ]
    for reply in replies:
        assert reply.status_code == 200 and reply.data.startswith(b"\x89PNG"), reply.text


def rows(wip: list[float]) -> list[Body]:
    first = np.datetime64("2024-01-01")
    return [
        {"date": str(first + i), "plant": "P", "application": "A", "panel_size": "S"}
        | {"wip": units, "throughput": 50 + i % 7}
        for i, units in enumerate(wip)
    ]


def test_wip_that_hardly_varied_is_inconclusive_and_refuses_advice(
    client: FlaskClient, settings: Settings
) -> None:
    table = client.post("/api/data/upload", json=rows([100 + i % 3 for i in range(300)]))
    line = {"datasetId": table.get_json()["dataset_id"]}
    curve = client.get("/api/plan/curve", query_string=line).get_json()
    assert curve["status"] == "inconclusive" and "hardly varied" in curve["reason"]
    assert curve["points"] == [] and curve["capacity"] is None
    refused = post(client, "advise", 409, **line, target={"throughput": 50})
    assert "hardly varied" in refused["error"]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("finish", {"orders": [SERIES | {"quantity": 5}], "datasetId": None}, "model_id"),
        ("finish", {"orders": [SERIES | {"quantity": 5, "due": "soon"}]}, "orders.0.due"),
        ("finish", {"orders": [SERIES]}, "orders.0.quantity"),
        ("output", {"dates": ["2020-01-01"]}, "dates.0"),
        ("advise", {"target": {"throughput": 5, "cycleTime": 2}}, "target.body"),
        ("advise", {"target": {"units": 5, "due": "2020-01-01"}}, "target.due"),
        ("advise", {"target": {"throughput": 5}, "plant": "P9"}, "plant"),
        ("compare", {"plans": [{"name": "a"}, {"name": "a"}]}, "plans.1.name"),
        ("compare", {"plans": [{"name": "a", "releases": [-1]}]}, "plans.0.releases"),
    ],
)
def test_refusals_name_the_field(
    client: FlaskClient, dataset_id: str, path: str, body: Body, field: str
) -> None:
    refused = post(client, path, 422, **({"datasetId": dataset_id} | body))
    assert refused["details"][0]["field"].startswith(field)
