"""Data sets of hours and shifts over HTTP: times in all dates, patterns of the day and the week."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from flask.testing import FlaskClient

from app import create_app
from models.series.calendar import Calendar, Step
from models.series.day_parts import HOURS
from models.services.line_histories import line_rows
from tests.support.panels import panel_of
from utils.settings import Settings

SERIES = {"plant": "A", "application": "all", "panelSize": "all"}
STEPS = {
    "h": ({"step": "hour"}, "2024-07-01T00:00", ["2024-07-01T01:00"]),
    "8h": (
        {"step": "shift", "shifts": "06:00,14:00,22:00"},
        "2024-07-01T06:00",
        ["2024-07-01T14:00", "2024-07-01T22:00", "2024-07-02T06:00"],
    ),
}


def table(freq: str) -> pd.DataFrame:
    """Eight weeks up to a Sunday, with a daily pattern; weekends have no rows of shifts."""
    begin = "2024-05-06T06:00" if freq == "8h" else "2024-05-06"
    times = pd.date_range(begin, "2024-07-01T00:00", freq=freq, inclusive="left")
    times = times[times.day_of_week < 5] if freq == "8h" else times
    flow = 20 + 10 * np.sin(2 * np.pi * times.hour / 24) + np.arange(len(times)) % 3
    flow *= np.where(times.day_of_week < 5, 1.0, 0.3)
    return pd.DataFrame(
        {"date": times.strftime("%Y-%m-%dT%H:%M"), "plant": "A", "wip": 60.0, "throughput": flow}
    )


@pytest.fixture
def client(settings: Settings) -> Iterator[FlaskClient]:
    with create_app(settings).test_client() as client:
        yield client


@pytest.fixture(params=STEPS)
def stored(client: FlaskClient, request: pytest.FixtureRequest) -> tuple[str, str]:
    """The frequency of a data set, and its id."""
    options = STEPS[request.param][0]
    content = table(request.param).to_csv(index=False)
    reply = client.post("/api/data/upload", query_string=options, data=content,
                        content_type="text/csv")  # fmt: skip
    assert reply.json["summary"]["step"] == options["step"]
    return request.param, reply.json["dataset_id"]


def ask(client: FlaskClient, id: str, path: str = "/api/model/predict", **body: Any) -> Any:
    return client.post(path, json={"model_id": "pretrained", "datasetId": id} | body)


def test_a_forecast_has_times_and_the_patterns_of_day_and_week(
    client: FlaskClient, stored: tuple[str, str]
) -> None:
    freq, id = stored
    week = 168 if freq == "h" else 21
    found = ask(client, id, **SERIES, predictionDays=week, historySteps=1).json
    _, first, later = STEPS[freq]
    if freq == "8h":  # the last row is of Friday: the weekend comes first
        weekend, found["predictions"] = found["predictions"][:6], found["predictions"][6:]
        assert [step["date"] for step in weekend[:2]] == ["2024-06-29T06:00", "2024-06-29T14:00"]
        assert all(step["closed"] and not step["predicted_throughput"] for step in weekend)
    dates = [step["date"] for step in found["predictions"]]
    assert dates[: len(later) + 1] == [first, *later]
    expected = table(freq).set_index("date")["throughput"]
    last_week = [expected[str(np.datetime64(date) - np.timedelta64(7, "D"))] for date in dates]
    output = [step["predicted_throughput"] for step in found["predictions"]]
    assert np.abs(np.subtract(output, last_week)).sum() < 0.12 * np.sum(last_week)
    assert found["as_of"] == found["history"][0]["date"] == table(freq)["date"].iloc[-1]
    assert found["totals"]["periods"][0]["steps"] == week // 7


@pytest.mark.parametrize(
    ("as_of", "start"),
    [("2024-06-20", ("2024-06-21T00:00", "2024-06-21T06:00")),
     ("2024-06-20T13:59", ("2024-06-20T14:00", "2024-06-20T14:00"))],
)  # fmt: skip
def test_a_date_is_a_whole_day_and_a_time_is_what_holds_it(
    client: FlaskClient, stored: tuple[str, str], as_of: str, start: tuple[str, str]
) -> None:
    freq, id = stored
    own = start[freq == "8h"]
    assert ask(client, id, **SERIES, asOf=as_of).json["predictions"][0]["date"] == own
    reply = ask(client, id, **SERIES, asOf="20 June")
    assert reply.status_code == 422 and "a time such as" in reply.json["error"]


def test_plans_orders_flow_and_files_have_times(
    client: FlaskClient, stored: tuple[str, str]
) -> None:
    freq, id = stored
    _, first, later = STEPS[freq]
    names = {"plant": "A", "application": "all", "panel_size": "all"}
    row = names | {"date": first, "releases": 25.0}
    assert client.put(f"/api/data/{id}/plan", json={"plan": [row]}).json["plan"] == [row]
    refused = client.put(f"/api/data/{id}/plan", json={"plan": [row | {"date": first[:10]}]})
    assert refused.status_code == 422 and "must have the time of the" in refused.json["error"]
    orders = [{**SERIES, "quantity": 1.0, "due": later[0]}, {**SERIES, "quantity": 100_000}]
    found = ask(client, id, "/api/plan/finish", orders=orders, paths=100).json["orders"]
    assert found[0]["finish"]["p50"] <= first and found[0]["on_time_probability"] == 1
    assert found[1]["finish"]["p50"] is None
    out = ask(client, id, "/api/plan/output", dates=[first, later[-1]], paths=100).json["outputs"]
    assert [each["date"] for each in out] == [first, later[-1]] and out[0]["mean"] < out[1]["mean"]
    unit = ask(client, id, "/api/plan/unit", **SERIES, unitsAhead=5, startedOn="2024-06-28T14:00")
    assert unit.json["started_on"] == "2024-06-28T14:00" and unit.json["age"] > 0
    flow = client.get(f"/api/data/{id}/flow").json
    assert flow["span"]["start"] == table(freq)["date"][0]
    text = client.post("/api/model/predict?format=csv", json={
        "model_id": "pretrained", "datasetId": id, "predictionDays": 7, **SERIES}).text  # fmt: skip
    assert first in text
    batch = client.post("/api/model/predict/batch", json={
        "model_id": "pretrained", "datasetId": id, "items": [SERIES | {"paths": 2}],
    }, headers={"Accept": "application/vnd.apache.arrow.stream"})  # fmt: skip
    schema = pa.ipc.open_stream(batch.data).read_all().schema
    assert first in json.loads(schema.metadata[b"items"])[0]["dates"]


def test_closed_days_have_no_output_in_forecasts_plans_and_finish_dates(
    client: FlaskClient, stored: tuple[str, str]
) -> None:
    freq, id = stored
    parts, usual = (24, set()) if freq == "h" else (3, {"2024-06-29", "2024-06-30"})
    calendar = {"closed": ["2024-07-02/2024-07-03"]}

    def closed(**body: Any) -> set[str]:
        steps = ask(client, id, **SERIES, predictionDays=7 * parts, **body).json["predictions"]
        assert not any(step["predicted_throughput"] for step in steps if step["closed"])
        return {step["date"][:10] for step in steps if step["closed"]}

    assert closed() == usual
    assert closed(calendar=calendar) == usual | {"2024-07-02", "2024-07-03"}
    changed = client.put(f"/api/data/{id}/calendar", json={"calendar": calendar})
    assert changed.status_code == 200 and closed() == usual | {"2024-07-02", "2024-07-03"}
    row = {"plant": "A", "application": "all", "panel_size": "all", "date": "2024-07-03T14:00"}
    refused = client.put(f"/api/data/{id}/plan", json={"plan": [row | {"releases": 5}]})
    assert "must be a day on which the line works" in refused.json["error"]
    last_day = table(freq)["throughput"].tail(parts).sum()
    orders = [{**SERIES, "quantity": days * last_day} for days in (0.5, 1, 2, 4)]
    found = ask(client, id, "/api/plan/finish", orders=orders, paths=100).json["orders"]
    days = {date[:10] for order in found for date in order["finish"].values()}
    assert not days & {"2024-07-02", "2024-07-03"} and max(days) > "2024-07-03"
    opened = {"calendar": {"weekdays": [1, 2, 3, 4, 5, 6, 7]}}
    reply = client.put(f"/api/data/{id}/calendar", json=opened)
    assert reply.status_code == (200 if freq == "h" else 422)


@pytest.mark.parametrize("is_at_start", [False, True])
def test_the_reading_of_wip_is_told_by_what_the_daily_pattern_leaves(is_at_start: bool) -> None:
    rng, wip, output, load = np.random.default_rng(0), [], [], 150.0
    for hour in range(24 * 30):
        released = 50 + 45 * np.sin(2 * np.pi * hour / 24) + rng.normal(0, 5)
        leaves = min((load + released / 2) * rng.lognormal(-1.1, 0.1), load + released)
        before, load = load, load + released - leaves
        wip.append(before if is_at_start else load)
        output.append(leaves)
    rows = np.column_stack([wip, output, np.full(len(wip), 3.0)])
    panel = panel_of(rows, calendar=Calendar(Step.HOUR, begins=HOURS), first=473_352)
    assert line_rows(panel, (None, None, None)).wip_at_start is is_at_start
