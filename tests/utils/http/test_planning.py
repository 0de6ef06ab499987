"""Planning over HTTP, on generated data: answers, refusals, pictures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from app import create_app
from tests.support.stores import settings_in
from utils.settings import Settings

Body = dict[str, Any]
PLANT = {"plants": ["P1", "P2"], "applications": ["A"], "panelSizes": ["S"], "seed": 1}
SERIES = {"plant": "P1", "application": "A", "panelSize": "S"}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings_in(tmp_path_factory.mktemp("planning"))


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[FlaskClient]:
    with create_app(settings).test_client() as client:
        yield client


@pytest.fixture(scope="module")
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


def test_a_plan_moves_the_finish(client: FlaskClient, dataset_id: str) -> None:
    ask = {"datasetId": dataset_id, "orders": [SERIES | {"quantity": 100}]}
    days = [str(np.datetime64("2025-06-29") + i) for i in range(5)]
    closed = [{"date": day, "capacity": 0} for day in days]
    usual, later = (
        np.datetime64(post(client, "finish", **ask, **plan)["all"]["finish"]["p50"])
        for plan in ({}, {"plan": closed})
    )
    assert 2 <= (later - usual).astype(int) <= 5  # what was released meanwhile catches up
    other = [closed[0] | {"plant": "P9"}]
    refused = post(client, "finish", 422, **ask, plan=other)
    assert refused["details"][0]["field"] == "plan.0"


def test_advice_on_forecasts_and_states_is_from_the_curve(
    client: FlaskClient, dataset_id: str
) -> None:
    asked = SERIES | {"predictionDays": 30, "targetProduction": 2700, "datasetId": dataset_id}
    forecast = client.post("/api/model/predict", json=asked | {"model_id": "pretrained"})
    [advice] = forecast.get_json()["validation"]["recommendations"]
    assert "by the curve" in advice
    state = {"wip": 120, "throughput": 60, "cycleTime": 2, "targetProduction": 2400}
    line = {"datasetId": dataset_id, **SERIES}
    checked = client.post("/api/model/validate", json=state | {"line": line}).get_json()
    assert "by the curve" in checked["validation"]["recommendations"][0]
    unknown = client.post("/api/model/validate", json=state | {"line": line | {"plant": "P9"}})
    assert unknown.status_code == 422


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


def test_wip_that_hardly_varied_is_inconclusive_and_refuses_advice(client: FlaskClient) -> None:
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
        ("unit", SERIES | {"startedOn": "2025-01-01"}, "unitsAhead"),
        ("unit", SERIES | {"startedOn": "2031-01-01", "unitsAhead": 1}, "startedOn"),
        ("line", {"releaseRate": 1}, "datasetId"),
        ("line", {"datasetId": None, "releaseRate": 1}, "body"),
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


@pytest.mark.parametrize(
    ("station", "field"),
    [
        ({"name": "b", "te": 0}, "stations.1.te"),
        ({"name": "b", "te": 1, "mttf": 5}, "stations.1.body"),
        ({"name": "a", "te": 1}, "stations.1.name"),
        ({"name": "b", "te": 1, "mashines": 2}, "stations.1.mashines"),
    ],
)
def test_a_station_that_breaks_a_rule_is_named(
    client: FlaskClient, station: Body, field: str
) -> None:
    stations = [{"name": "a", "te": 1}, station]
    refused = post(client, "line", 422, stations=stations, releaseRate=0.5)
    assert refused["details"][0]["field"] == field


def test_a_line_beyond_its_capacity_has_only_finite_numbers(client: FlaskClient) -> None:
    stations = [{"name": "a", "te": 1}]
    found = post(client, "line", stations=stations, releaseRate=2, unitValue=9, wipCost=1)
    assert found["feasible"] is False and found["line"]["wip"] is None
    assert found["best_profit"]["wip"] >= 1


def test_an_event_log_tells_stays_by_age_and_its_stations(client: FlaskClient) -> None:
    first, lines = np.datetime64("2024-01-01T06:00"), ["unit,step,start,finish"]
    draw = np.random.default_rng(1)
    for unit in range(400):
        start = first + np.timedelta64(8 * unit, "h")
        cut, wait, weld = (np.timedelta64(int(h), "h") for h in draw.integers(2, 40, 3))
        lines += [f"{unit},cut,{start},{start + cut}"]
        lines += [f"{unit},weld,{start + cut + wait},{start + cut + wait + weld}"]
    table = "\n".join(lines) + "\n"
    reply = client.post("/api/data/upload", data=table, content_type="text/csv").get_json()
    series = {name: reply["summary"][f"{name}s"][0] for name in ("plant", "application")}
    unit = {"datasetId": reply["dataset_id"], **series}
    unit["panelSize"] = reply["summary"]["panel_sizes"][0]
    last = np.datetime64(reply["summary"]["date_range"]["end"])
    young, old = (
        post(client, "unit", **unit, startedOn=str(last - days), unitsAhead=3) for days in (0, 2)
    )
    assert young["by_age"]["older_units"] > old["by_age"]["older_units"] >= 30
    assert young["by_units_ahead"]["finish"]["p50"] == old["by_units_ahead"]["finish"]["p50"]
    stays = [
        np.datetime64(found["by_age"]["finish"]["p80"]) - np.datetime64(found["started_on"])
        for found in (young, old)
    ]
    assert stays[0] <= stays[1]  # of those that stayed two days already, none is short
    line = post(client, "line", datasetId=unit["datasetId"])
    assert [station["name"] for station in line["stations"]] == ["cut", "weld"]
    assert line["release_rate"] == pytest.approx(3.0, rel=0.05)
