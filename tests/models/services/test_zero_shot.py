"""Forecasts without a training, over HTTP: of data sets, of histories, and in batches."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from flask.testing import FlaskClient

from app import create_app
from tests.support.stores import settings_in

Body = dict[str, Any]

PLANT = {"plants": ["P1", "P2"], "applications": ["A"], "panelSizes": ["S"]}
ARROW = {"Accept": "application/vnd.apache.arrow.stream"}
SERIES = {"plant": "P1", "application": "A", "panelSize": "S"}


def rows(count: int, **more: Any) -> list[Body]:
    return [
        {"date": str(np.datetime64("2024-01-01") + i), "wip": 100 + i % 7, "throughput": 50 + i % 7}
        | {"cycle_time": 2.0}
        | more
        for i in range(count)
    ]


def ask(client: FlaskClient, **body: Any) -> Any:
    return client.post("/api/model/predict", json={"model_id": "pretrained"} | SERIES | body)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    settings = settings_in(tmp_path_factory.mktemp("zero_shot"))
    with create_app(settings).test_client() as client:
        yield client


@pytest.fixture(scope="module")
def dataset_id(client: FlaskClient) -> str:
    body = PLANT | {"historicalDays": 120, "seed": 1}
    id: str = client.post("/api/data/generate", json=body).json["dataset_id"]
    return id


def test_a_series_of_a_data_set_is_forecast_from_its_newest_rows(
    client: FlaskClient, dataset_id: str
) -> None:
    reply = ask(client, datasetId=dataset_id, predictionDays=40)
    assert reply.status_code == 200
    found = reply.json["predictions"]
    data = client.get(f"/api/data/{dataset_id}?format=json").json["data"]
    last = max(row["date"] for row in data)
    assert found[0]["date"] == str(np.datetime64(last) + 1) and len(found) == 40
    for day in found:
        low, high = day["predicted_wip_lo80"], day["predicted_wip_hi80"]
        assert 0 < low < day["predicted_wip"] < high and 0 <= day["confidence"] <= 1
    assert reply.json["model_id"] == "pretrained" and reply.json["cold_start"] is False
    assert reply.json["totals"]["horizon"]["steps"] == 40


def test_a_history_is_forecast_with_its_weekly_pattern(client: FlaskClient) -> None:
    reply = ask(client, history=rows(140), predictionDays=14)
    found = [day["predicted_throughput"] for day in reply.json["predictions"]]
    np.testing.assert_allclose(found, [50 + (140 + i) % 7 for i in range(14)], rtol=0.03)


def test_a_series_of_any_unit_has_the_same_forecast_in_its_unit(client: FlaskClient) -> None:
    plain = ask(client, history=rows(60)).json["predictions"]
    large = [r | {"wip": 1e6 * r["wip"], "throughput": 1e6 * r["throughput"]} for r in rows(60)]
    for one, other in zip(plain, ask(client, history=large).json["predictions"], strict=True):
        assert other["predicted_wip"] == pytest.approx(1e6 * one["predicted_wip"], rel=1e-4)
        assert other["predicted_cycle_time"] == pytest.approx(one["predicted_cycle_time"], rel=1e-4)


def test_a_line_without_output_for_long_has_the_cycle_times_that_it_had(
    client: FlaskClient,
) -> None:
    lines = [("P1", 20), ("P2", 0)]  # rows before it stopped for good
    idle = {"wip": 0, "throughput": 0, "cycle_time": None}
    table = [
        SERIES | {"plant": plant} | (row if i < before else row | idle)
        for plant, before in lines
        for i, row in enumerate(rows(220))
    ]
    upload = client.post("/api/data/upload", json=table).json
    for (plant, _), expected in zip(lines, (2.0, 0.0), strict=True):
        reply = ask(client, datasetId=upload["dataset_id"], plant=plant, predictionDays=3)
        assert reply.status_code == 200
        for day in reply.json["predictions"]:
            assert day["predicted_throughput"] == pytest.approx(0, abs=0.01)
            assert day["predicted_cycle_time"] == pytest.approx(expected, abs=0.01)


def test_a_line_that_finishes_in_lots_is_judged_by_what_is_expected(client: FlaskClient) -> None:
    lots = [300.0 * (i % 9 == 4) for i in range(240)]
    wip = [200 + 33 * (i + 1) - sum(lots[: i + 1]) for i in range(240)]
    values = zip(rows(240, cycle_time=None), wip, lots, strict=True)
    history = [row | {"wip": held, "throughput": lot} for row, held, lot in values]
    reply = ask(client, history=history, predictionDays=28, targetProduction=500).json
    total, target = reply["totals"]["horizon"], reply["target"]
    assert target["forecast_production"] == pytest.approx(total["throughput"]) and target["reached"]
    assert target["date"] == target["p50"] and reply["validation"]["is_valid"]
    assert 750 < total["throughput_mean"] < 1100  # 933 come in 28 days
    assert all(3 < day["predicted_cycle_time"] < 20 for day in reply["predictions"])


@pytest.mark.parametrize(("factor", "days"), [(0, 1), (1000, 1), (0.3, 2)])
def test_last_values_far_beyond_the_usual_changes_are_not_believed(
    client: FlaskClient, factor: float, days: int
) -> None:
    history = rows(100)
    for row in history[-days:]:
        row["wip"] *= factor
    reply = ask(client, history=history).json
    assert all(90 < day["predicted_wip"] < 120 for day in reply["predictions"])
    named = "The last WIP, " if days == 1 else "The last two values of WIP, "
    assert any(named in warning for warning in reply["validation"]["warnings"])


def test_a_shift_of_the_level_is_followed_with_a_warning(client: FlaskClient) -> None:
    history = rows(150)
    for row in history[-8:]:
        row["wip"], row["throughput"] = 2 * row["wip"], 2 * row["throughput"]
    reply = ask(client, history=history).json
    assert all(180 < day["predicted_wip"] < 240 for day in reply["predictions"])
    expected = "The WIP has been at 2 times its former level for about 8 steps"
    assert any(expected in warning for warning in reply["validation"]["warnings"])


def test_a_batch_forecasts_every_series_of_a_data_set(client: FlaskClient, dataset_id: str) -> None:
    items = [SERIES, SERIES | {"plant": "P2", "predictionDays": 7}, SERIES | {"plant": "P9"}]
    body = {"model_id": "pretrained", "datasetId": dataset_id, "items": items}
    reply = client.post("/api/model/predict/batch", json=body).json
    assert [reply["forecasts"], reply["refused"]] == [2, 1]
    alone = ask(client, datasetId=dataset_id).json["predictions"]
    for one, other in zip(reply["results"][0]["predictions"], alone, strict=True):
        assert one["predicted_wip"] == pytest.approx(other["predicted_wip"], rel=1e-4)


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ({}, "needs datasetId or history"),
        ({"history": rows(9)}, "at least 10 rows"),
        ({"history": rows(30), "plant": ""}, "plant"),
    ],
)
def test_what_is_missing_is_named(client: FlaskClient, body: Body, part: str) -> None:
    reply = ask(client, **body)
    assert reply.status_code == 422 and part in reply.json["error"]


def test_a_series_that_the_data_set_lacks_is_refused(client: FlaskClient, dataset_id: str) -> None:
    reply = ask(client, datasetId=dataset_id, plant="P9")
    assert reply.status_code == 422 and "P1, P2" in reply.json["error"]


def test_an_unknown_data_set_is_not_found(client: FlaskClient) -> None:
    assert ask(client, datasetId="00000000-0000-4000-8000-000000000000").status_code == 404


def test_a_data_set_is_for_the_pretrained_network_only(
    client: FlaskClient, dataset_id: str
) -> None:
    other = "00000000-0000-4000-8000-000000000000"
    reply = ask(client, model_id=other, datasetId=dataset_id)
    assert reply.status_code == 422 and "pretrained only" in reply.json["error"]


def test_it_is_listed_as_built_in_and_cannot_be_deleted(client: FlaskClient) -> None:
    [entry] = client.get("/api/models").json["built_in"]
    assert entry["model_id"] == "pretrained" and entry["info"]["source"] == "built in"
    reply = client.delete("/api/model/pretrained")
    assert reply.status_code == 422 and "built in" in reply.json["error"]


def test_sample_paths_are_joint_courses_of_the_three_targets(client: FlaskClient) -> None:
    reply = ask(client, history=rows(60), paths=50, predictionDays=10).json
    assert {len(reply["paths"][name]) for name in ("wip", "throughput", "cycle_time")} == {50}
    throughput = np.array(reply["paths"]["throughput"])
    assert throughput.shape == (50, 10) and (throughput >= 0).all()
    total = reply["totals"]["horizon"]
    assert total["throughput_lo95"] <= total["throughput_lo80"] <= total["throughput"]
    assert [period["steps"] for period in reply["totals"]["periods"]] == [7, 3]
    assert ask(client, history=rows(60)).json["paths"] is None
    assert ask(client, history=rows(60), paths=1001).status_code == 422


@pytest.mark.parametrize(
    "row",
    [
        {"throughput": 0, "cycle_time": None},
        {"wip": 0, "throughput": 0, "cycle_time": 0},
        {"wip": 0, "cycle_time": None},
        {"wip": 1e-12, "throughput": 1e-13, "cycle_time": None},
    ],
)
def test_lines_that_stand_still_are_forecast_too(client: FlaskClient, row: Body) -> None:
    reply = ask(client, history=rows(30, **row), predictionDays=40, paths=2)
    assert reply.status_code == 200
    days = reply.json["predictions"]
    assert all(0 <= day["confidence"] <= 1 for day in days)
    if row.get("throughput") == 0:
        assert {day["predicted_throughput_hi95"] for day in days} == {0}


def test_a_state_that_was_never_seen_has_little_confidence_and_a_warning(
    client: FlaskClient,
) -> None:
    reply = ask(client, history=rows(60), predictionDays=28, currentWIP=1_000_000).json
    days, review = reply["predictions"], reply["validation"]
    assert max(day["confidence"] for day in days) < 0.01
    assert max(day["predicted_throughput"] for day in days) <= 56  # the most that was seen
    assert not review["is_valid"] and "currentWIP 1e+06 is above" in review["warnings"][0]


def test_sample_paths_come_as_an_arrow_stream_too(client: FlaskClient, dataset_id: str) -> None:
    body = {"model_id": "pretrained", "datasetId": dataset_id}
    item = SERIES | {"predictionDays": 9, "paths": 20}
    as_json = client.post("/api/model/predict", json=body | item).json
    items = [item, item | {"plant": "P9"}, item | {"plant": "P2", "paths": 3}]
    for path, more in (
        ("/api/model/predict", item),
        ("/api/model/predict/batch", {"items": items}),
    ):
        reply = client.post(path, json=body | more, headers=ARROW)
        assert reply.status_code == 200 and reply.mimetype == ARROW["Accept"]
        table = pa.ipc.open_stream(reply.data).read_all()
        for target, expected in as_json["paths"].items():
            found = np.stack(table[target].to_numpy()[:20])
            np.testing.assert_allclose(found, expected, rtol=1e-6)
    about, refused = (json.loads(table.schema.metadata[key]) for key in (b"items", b"refused"))
    assert about[0]["dates"] == [day["date"] for day in as_json["predictions"]]
    assert [one["item"] for one in about] == [0, 2] and refused[0]["item"] == 1
    assert table["item"].to_pylist() == [0] * 20 + [2] * 3


def test_an_arrow_stream_needs_paths(client: FlaskClient) -> None:
    body = {"model_id": "pretrained", "history": rows(40)} | SERIES
    reply = client.post("/api/model/predict", json=body, headers=ARROW)
    assert reply.status_code == 422 and reply.json["details"][0]["field"] == "paths"


@pytest.mark.parametrize("field", ["currentWIP", "lastThroughput"])
def test_another_state_of_the_last_day_moves_the_forecast(
    client: FlaskClient, dataset_id: str, field: str
) -> None:
    plain = ask(client, datasetId=dataset_id).json["predictions"][0]["predicted_wip"]
    moved = ask(client, datasetId=dataset_id, **{field: 500}).json["predictions"][0]
    assert (moved["predicted_wip"] > plain) == (field == "currentWIP")


def test_a_target_has_a_probability_and_dates_by_their_risk(client: FlaskClient) -> None:
    found = ask(client, history=rows(60), targetProduction=1000).get_json()["target"]
    assert found["p50"] <= found["p80"] <= found["p95"] and found["probability"] == 1
    assert found["date"] == found["p50"]  # of steady output, the median is the point forecast
    far = ask(client, history=rows(60), targetProduction=1e6).get_json()["target"]
    assert far["probability"] == 0 and far["p50"] is None


def test_a_data_set_that_was_forecast_follows_its_calendar(
    client: FlaskClient, dataset_id: str
) -> None:
    """A data set that is kept in memory is read again once its calendar has changed."""
    tomorrow = ask(client, datasetId=dataset_id).json["predictions"][0]
    assert tomorrow["closed"] is False
    calendar = {"calendar": {"closed": [tomorrow["date"]]}}
    assert client.put(f"/api/data/{dataset_id}/calendar", json=calendar).status_code == 200
    assert ask(client, datasetId=dataset_id).json["predictions"][0]["closed"] is True
    client.delete(f"/api/data/{dataset_id}")
    assert ask(client, datasetId=dataset_id).status_code == 404


def test_a_planned_throughput_is_followed_over_the_horizon(client: FlaskClient) -> None:
    totals = {
        units: sum(
            day["predicted_throughput"]
            for day in ask(client, history=rows(60), plannedThroughput=units).get_json()[
                "predictions"
            ]
        )
        for units in (45, 51, 54)
    }
    assert totals[45] == pytest.approx(30 * 45, rel=0.05)
    assert totals[45] < totals[51] < totals[54]
    warnings = ask(client, history=rows(60), plannedThroughput=400).get_json()["validation"]
    assert any("more than the line has ever put out" in text for text in warnings["warnings"])


def test_a_forecast_of_a_data_set_from_a_past_date_knows_no_later_rows(client: FlaskClient) -> None:
    spec = PLANT | {"plants": ["P1"], "historicalDays": 120, "seed": 3}
    stored = client.post("/api/data/generate", json=spec).json
    id = stored["dataset_id"]
    then = ask(client, datasetId=id, asOf="2024-03-31", historySteps=5, currentWIP=120).json
    assert (then["as_of"], then["history"][-1]["date"]) == ("2024-03-31", "2024-03-31")
    assert then["predictions"][0]["date"] == "2024-04-01"
    cut = client.get(f"/api/data/{id}?format=json").json["data"]
    past = [row for row in cut if row["date"] <= "2024-03-31"]
    same = ask(client, history=past, currentWIP=120).json
    assert then["predictions"][6] == pytest.approx(same["predictions"][6], abs=1e-6)
    refused = ask(client, history=past, asOf="2024-03-31")
    assert refused.status_code == 422 and "needs datasetId" in refused.json["error"]
    for date in ("2023-12-31", "2024-01-05"):
        early = ask(client, datasetId=id, asOf=date)
        assert early.status_code == 422 and "at least 10 rows" in early.json["error"]


def test_rows_with_unknown_values_are_forecast_alike_in_a_data_set_and_as_a_history(
    client: FlaskClient,
) -> None:
    given = [SERIES | row for row in rows(90)]
    for row in given[20:80:4]:
        row["cycle_time"] = None
    stored = client.post("/api/data/upload", json=given[:80]).json["dataset_id"]
    for of_history, of_data in (
        ({"history": given[:80]}, {"datasetId": stored}),
        ({"history": given}, {"datasetId": stored, "history": given[80:]}),
    ):
        own, other = (ask(client, **body).json for body in (of_history, of_data))
        assert own["predictions"] == other["predictions"]


def test_hours_that_were_put_together_to_days_are_told(client: FlaskClient) -> None:
    start = np.datetime64("2024-01-01T00:00")
    hours = [rows(1)[0] | {"date": str(start + np.timedelta64(i, "h"))} for i in range(480)]
    reply = ask(client, history=hours).json
    assert reply["step"] == "day" and "step=hour keeps" in reply["validation"]["warnings"][0]
    few = ask(client, history=hours[:100])
    assert few.status_code == 422 and "step=hour keeps" in few.json["error"]
    apart = ask(client, history=hours, step="hour").json
    assert apart["step"] == "hour" and apart["validation"]["warnings"] == []
