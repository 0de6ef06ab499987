"""POST /api/data/validate: the quality of any data, over the app's own client."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from flask.testing import FlaskClient

from models.data import quality
from models.data.datasets import Datasets
from models.series.panel import SERIES_FIELDS, TARGETS
from tests.support.queue_simulation import Floats, queue
from tests.support.stores import settings_in
from utils.settings import Settings

PATH = "/api/data/validate"
SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
Body = dict[str, Any]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path, max_rows=60_000)


def frame(values: Floats, plant: str = "A", start: str = "2024-01-01") -> pd.DataFrame:
    dates = pd.date_range(start, periods=len(values)).strftime("%Y-%m-%d")
    names = pd.DataFrame({"date": dates, "plant": plant, "application": "B", "panel_size": "C"})
    return names.join(pd.DataFrame(values, columns=list(TARGETS)))


def steady(steps: int = 200, seed: int = 0) -> Floats:
    noise = np.random.default_rng(seed).lognormal(0, 0.02, steps)
    return np.column_stack([40 * noise, np.full(steps, 20.0), 2 * noise])


def checked(reply: Any) -> Body:
    assert reply.status_code == 200, reply.text
    body: Body = json.loads(reply.text, parse_constant=lambda c: pytest.fail(c))
    assert body["success"] is True
    return body


def rows_of(table: pd.DataFrame) -> list[Body]:
    rows: list[Body] = json.loads(table.to_json(orient="records"))
    return rows


def test_every_way_to_hand_data_in_gives_the_same_report(client: FlaskClient) -> None:
    table = frame(queue(3, 60).round(6))
    rows, csv, parquet = rows_of(table), table.to_csv(index=False).encode(), io.BytesIO()
    table.to_parquet(parquet)
    stored = client.post("/api/data/upload", data=csv, content_type="text/csv").json
    before = client.get("/api/data").json["datasets"]
    replies = [
        client.post(PATH, json={"datasetId": stored["dataset_id"]}),
        client.post(PATH, json={"dataset_id": stored["dataset_id"], "data": None}),
        client.post(PATH, json={"data": rows}),
        client.post(PATH, json={"trainingData": rows}),
        client.post(PATH, json={"rows": rows}),
        client.post(PATH, json=rows),
        client.post(PATH, data=csv, content_type="text/csv"),
        client.post(PATH, data=gzip.compress(csv), content_type="application/gzip"),
        client.post(PATH, data=parquet.getvalue()),
        client.post(PATH, data={"file": (io.BytesIO(csv), "table.csv")}),
    ]
    bodies = [checked(reply) for reply in replies]
    for body in bodies:  # a stored data set also has the counts of its upload
        body["quality"]["littles_law"].pop("verdicts", None)
    assert all(body == bodies[-1] for body in bodies)
    assert client.get("/api/data").json["datasets"] == before
    assert bodies[0]["data_points"] == 300 and bodies[0]["summary"] == stored["summary"]


def test_the_report_of_good_and_bad_series(client: FlaskClient) -> None:
    wrong, grows, odd = steady(seed=1) * [1.3, 1, 1], steady(seed=2), steady(seed=3)
    grows[:, 0] *= np.linspace(0.5, 2, len(grows))
    grows[:, 2] = grows[:, 0] / 20
    odd[50, 1] *= 50
    series = {"wrong": wrong, "good": steady(), "grows": grows, "odd": odd}
    table = pd.concat([frame(values, name) for name, values in series.items()])
    body = checked(client.post(PATH, json={"data": rows_of(table)}))
    report = body["quality"]
    found = {one["plant"]: one for one in report["series"]}
    assert [one["plant"] for one in report["series"]] == ["odd", "wrong", "grows", "good"]
    assert found["wrong"]["littles_law"]["verdict"] == "fail"
    worst = found["wrong"]["littles_law"]["worst_window"]
    assert worst["deviation"] == pytest.approx(0.23, abs=0.02) and worst["start"] < worst["end"]
    assert found["good"]["littles_law"]["verdict"] == "pass"
    assert found["good"]["littles_law"]["worst_window"] is None
    assert found["good"]["stability"]["verdict"] == "stable"
    assert found["good"]["stability"]["outflow_per_step"] == 20
    assert found["grows"]["stability"]["verdict"] == "growing"
    assert found["grows"]["stability"]["slope_per_step"] == pytest.approx(60 / 200, abs=0.05)
    (outlier,) = found["odd"]["outliers"]
    assert outlier["date"] == "2024-02-20" and outlier["target"] == "throughput"
    assert outlier["value"] == 1000 and outlier["expected_range"][1] < 100
    assert sum(report["summary"]["littles_law"].values()) == report["summary"]["series"] == 4
    assert report["summary"]["outliers"] == found["odd"]["outlier_count"] == 1
    sentences = " ".join(report["summary"]["recommendations"])
    assert "wrong / B / C" in sentences and "23% too high" in sentences
    assert "grows / B / C: WIP grows by 0.3" in sentences and "2024-02-20" in sentences


def test_the_report_has_the_figures_of_the_upload(client: FlaskClient) -> None:
    table = frame(steady(60)).drop(index=[10, 11])
    table.loc[20, "wip"] = -5
    table = pd.concat([table, table.tail(3)]).assign(colour="red")
    csv = table.to_csv(index=False).encode()
    uploaded = client.post("/api/data/upload", data=csv, content_type="text/csv").json
    judged = checked(client.post(PATH, data=csv, content_type="text/csv"))["quality"]
    stored = checked(client.post(PATH, json={"datasetId": uploaded["dataset_id"]}))["quality"]
    figures = uploaded["quality"]
    assert figures["gaps"]["steps"] == 2 and figures["negatives"]["wip"] == 1
    assert figures["duplicates"] == 3 and figures["ignored_columns"] == ["colour"]
    verdicts = figures["littles_law"].pop("verdicts")
    assert verdicts == judged["summary"]["littles_law"]
    for report in (judged, stored):
        report["littles_law"].pop("verdicts", None)
        assert {name: report[name] for name in figures} == figures


def test_generated_data_passes_and_knows_what_flows_in(client: FlaskClient) -> None:
    made = client.post("/api/data/generate", json={"seed": 1}).json
    report = checked(client.post(PATH, json={"datasetId": made["dataset_id"]}))["quality"]
    assert report["summary"]["littles_law"] == {"pass": 36, "inconclusive": 0, "fail": 0}
    for one in report["series"]:
        trend = one["stability"]
        assert trend["inflow_per_step"] == pytest.approx(trend["outflow_per_step"], rel=0.02)


def test_gaps_that_an_upload_refuses_are_reported(client: FlaskClient) -> None:
    table = frame(steady(200)).drop(index=range(40, 60))
    table.loc[150:160, "throughput"] = np.nan
    other = frame(steady(30), "other")
    csv = pd.concat([table, other]).to_csv(index=False).encode()
    refused = client.post("/api/data/upload", data=csv, content_type="text/csv")
    assert refused.status_code == 422
    report = checked(client.post(PATH, data=csv, content_type="text/csv"))["quality"]
    assert report["unmendable"]["error"] == refused.json["error"]
    assert report["unmendable"]["details"] == refused.json["details"]
    steps = {one["plant"]: one["steps"] for one in report["series"]}
    assert steps == {"A": 90, "other": 30}


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({}, 422, "exactly one"),
        ({"datasetId": "x", "data": [{}]}, 422, "datasetId, data"),
        ({"data": [{}], "trainingData": [{}]}, 422, "given: data, trainingData"),
        ({"data": []}, 422, "at least 1 entries"),
        ({"data": [1]}, 422, "must be an object"),
        ({"datasetid": "x"}, 422, "did you mean datasetId"),
        ({"datasetId": "none"}, 404, "none"),
        ({"data": [{"date": "2024-01-01"}]}, 422, "plant"),
        ({"data": [{"day": 0, "plant": "a", "application": "b", "panel_size": "c", "wip": None,
                    "throughput": 1}]}, 422, "WIP and throughput"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(
    client: FlaskClient, body: Body, status: int, words: str
) -> None:
    reply = client.post(PATH, json=body)
    assert reply.status_code == status and words in reply.json["error"]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"", "text/csv", 400),
        (b'{"data": ', "application/json", 400),
        (b"a,b\n1,2\n", "text/csv", 415),
        (b"date,plant\n", "text/csv", 422),
        (b"data=1", "application/x-www-form-urlencoded", 415),
    ],
)
def test_what_is_no_table_is_refused(
    client: FlaskClient, content: bytes, kind: str, status: int
) -> None:
    assert client.post(PATH, data=content, content_type=kind).status_code == status


def test_thousands_of_series_give_a_reply_of_bounded_size(client: FlaskClient) -> None:
    count = quality.LISTED_SERIES + 200
    values = np.tile(steady(45), (count, 1))
    values[::4] *= 40
    table = frame(values).assign(plant=np.repeat(np.arange(count), 45))
    table["date"] = np.tile(table["date"][:45], count)
    parquet = io.BytesIO()
    table.to_parquet(parquet)
    report = checked(client.post(PATH, data=parquet.getvalue()))["quality"]
    summary = report["summary"]
    assert summary["series"] == count
    assert summary["series_listed"] == len(report["series"]) == quality.LISTED_SERIES
    assert sum(summary["stability"].values()) == count
    assert all(len(one["outliers"]) <= quality.LISTED_OUTLIERS for one in report["series"])
    assert len(summary["recommendations"]) < 20


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real tables are not part of the product")
def test_the_real_tables(client: FlaskClient) -> None:
    def summary(name: str) -> Body:
        content = (SHARED / f"{name}.csv").read_bytes()
        return checked(client.post(PATH, data=content, content_type="text/csv"))["quality"]

    monthly, tickets = summary("m3_monthly"), summary("itsm_daily")
    assert monthly["summary"]["littles_law"] == {"pass": 21, "inconclusive": 0, "fail": 0}
    assert tickets["summary"]["littles_law"]["fail"] <= 1
    backlog = next(one for one in tickets["series"] if one["application"] == "category 34")
    assert backlog["stability"]["verdict"] == "growing"
    assert backlog["littles_law"]["verdict"] == "inconclusive"


def test_examining_does_not_store(tmp_path: Path) -> None:
    from models.data.quality_check import examine

    path = tmp_path / "table.csv"
    path.write_text(frame(steady(40)).to_csv(index=False))
    found = examine(Datasets(tmp_path / "data", 100, 10_000_000), path)
    assert found["data_points"] == 40 and not (tmp_path / "data").exists()
    assert found["quality"]["series"][0]["plant"] == "A" and set(SERIES_FIELDS) <= set(
        found["quality"]["series"][0]
    )
