"""Plans, scenarios and calendars of forecasts over HTTP: refusals with their place, and effects."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

Body = dict[str, Any]
SERIES = {"plant": "N", "application": "TV", "panelSize": "L"}
MONDAY, TUESDAY, WEDNESDAY = "2025-06-16", "2025-06-17", "2025-06-18"
ACTUAL, SATURDAY = "2025-06-13", "2025-06-21"  # the last row is of a Friday
SHORT = [{"date": MONDAY, "capacity": 0.5}]


@pytest.fixture
def asked(client: FlaskClient) -> Body:
    """A request for a series of a Monday-to-Friday table whose last row is a plan."""
    days = np.arange("2025-02-03", "2025-06-14", dtype="datetime64[D]")
    rows, wip, rng = ["date,plant,application,panel_size,wip,throughput,releases"], 100.0, 50.0
    for i, day in enumerate(days[np.is_busday(days)]):
        released = rng + 10 * np.sin(i)
        out = 80 * -np.expm1(-(wip + released) / 160)
        rows.append(f"{day},N,TV,L,{wip:.4f},{out:.4f},{released:.4f}")
        wip += released - out
    table = "\n".join([*rows, f"{MONDAY},N,TV,L,,,70"])
    reply = client.post("/api/data/upload", data={"file": (BytesIO(table.encode()), "t.csv")})
    return SERIES | {"model_id": "pretrained", "dataset_id": reply.json["dataset_id"]}


def predicted(client: FlaskClient, asked: Body, days: int = 10, **more: Any) -> list[Body]:
    body = asked | {"predictionDays": days} | more
    reply = client.post("/api/model/predict", json=body)
    assert reply.status_code == 200, reply.text
    found: list[Body] = reply.json["predictions"]
    return found


def values(days: list[Body], target: str) -> np.ndarray:
    return np.array([day[f"predicted_{target}"] for day in days])


@pytest.mark.parametrize(
    ("past", "words"), [(True, "learned by a training"), (False, "no past plans")]
)
def test_the_reply_tells_why_a_plan_is_taken_as_nearly_certain(
    client: FlaskClient, past: bool, words: str
) -> None:
    days = np.arange("2025-01-01", "2025-03-01", dtype="datetime64[D]")
    header = f"date,plant,wip,throughput,releases{',planned_releases' * past}"
    rows = [f"{day},N,{100 + i % 3},50,{50 + i % 3}{',50' * past}" for i, day in enumerate(days)]
    table = "\n".join([header, *rows, f"2025-03-01,N,,,{',' * past}70"])
    reply = client.post("/api/data/upload", data={"file": (BytesIO(table.encode()), "t.csv")})
    series = {"plant": "N", "application": "all", "panelSize": "all", "predictionDays": 2}
    body = series | {"model_id": "pretrained", "datasetId": reply.json["dataset_id"]}
    warnings = client.post("/api/model/predict", json=body).json["validation"]["warnings"]
    assert any("nearly certain" in each and words in each for each in warnings), warnings


@pytest.mark.parametrize(
    ("row", "place", "rule"),
    [
        ({"date": MONDAY, "releases": -1}, "releases", "must not be negative"),
        ({"date": ACTUAL, "releases": 1}, "date", "after the last actual row, 2025-06-13"),
        ({"date": TUESDAY, "releases": 1}, "date", "given once"),
        ({"date": MONDAY, "relases": 1}, "relases", "did you mean releases?"),
        ({"date": SATURDAY, "releases": 1}, "date", "a day on which the line works"),
        ({"date": MONDAY, "capacity": "half"}, "capacity", "must be a number"),
        ({"date": MONDAY, "plant": "South"}, "plant", "South"),
        ({"releases": 1}, "date", "must be a date"),
    ],
)
def test_a_bad_row_of_a_plan_is_named_and_nothing_is_stored(
    client: FlaskClient, asked: Body, row: Body, place: str, rule: str
) -> None:
    stored = f"/api/data/{asked['dataset_id']}/plan"
    plan = [{"date": TUESDAY, "releases": 5}, row]
    before = client.get(stored).json["plan"]
    assert [entry["releases"] for entry in before] == [70]
    full = {"plan": [SERIES | entry for entry in plan]}
    scenarios = [{"name": "usual", "plan": []}, {"name": "bad", "plan": plan}]
    replies = {
        "plan.1": client.put(stored, json=full),
        "plan.1.": client.post("/api/model/predict", json=asked | {"plan": plan}),
        "scenarios.1.plan.1": client.post(
            "/api/model/predict/scenarios", json=asked | {"scenarios": scenarios}
        ),
    }
    for begin, reply in replies.items():
        assert reply.status_code == 422
        [detail] = reply.json["details"]
        assert detail["field"] == f"{begin.removesuffix('.')}.{place}"
        shown = f"{detail['message']} {detail['received']}"
        assert rule in shown and reply.json["error"].count("?.") == 0
    assert client.get(stored).json["plan"] == before


def test_a_stored_plan_is_replaced_whole_and_forecasts_use_it(
    client: FlaskClient, asked: Body
) -> None:
    path = f"/api/data/{asked['dataset_id']}/plan"
    busy = [SERIES | {"date": day, "releases": 120} for day in (MONDAY, TUESDAY, WEDNESDAY)]
    with_table = predicted(client, asked)
    assert client.put(path, json={"plan": busy}).json["rows"] == 3
    more = predicted(client, asked)
    assert values(more, "wip")[4] > values(with_table, "wip")[4] + 50
    usual = predicted(client, asked, plan=[{"date": day, "releases": 50} for day in (TUESDAY,)])
    assert values(more, "wip")[4] > values(usual, "wip")[4]
    assert client.put(path, json={"plan": []}).json["rows"] == 0


def test_scenarios_have_differences_with_intervals(client: FlaskClient, asked: Body) -> None:
    path, days = "/api/model/predict/scenarios", {"predictionDays": 7}
    plans = [{"name": "usual", "plan": []}, {"name": "short", "plan": SHORT}]
    plans += [{"name": f"alike {i}", "plan": []} for i in range(8)]
    reply = client.post(path, json=asked | days | {"scenarios": plans}).json
    assert reply["baseline"] == "usual" and len(reply["scenarios"]) == 10
    short, alike = reply["differences"][:2]
    third = short["steps"][2]
    assert third["date"] == MONDAY and third["throughput"] < -10
    assert third["throughput_lo95"] <= third["throughput_lo80"] <= third["throughput"]
    assert third["throughput"] <= third["throughput_hi80"] <= third["throughput_hi95"]
    assert short["steps"][3]["wip"] > 10 and short["total_throughput"]["median"] < 0
    assert not any(value for step in alike["steps"] for value in list(step.values())[2:])
    for wrong, rule in (([*plans, plans[0] | {"name": "x"}], "at most 10"), ([], "at least 1")):
        refused = client.post(path, json=asked | days | {"scenarios": wrong})
        assert refused.status_code == 422 and rule in refused.json["error"]
    refused = client.post(path, json=asked | days | {"scenarios": [plans[0], plans[0]]})
    assert refused.json["details"][0]["field"] == "scenarios" and "usual" in refused.json["error"]


def test_closed_days_of_a_request_are_closed_or_left_out(client: FlaskClient, asked: Body) -> None:
    closing = {"calendar": {"closed": [f"{WEDNESDAY}/2025-06-20"]}}
    found = predicted(client, asked, **closing)
    closed = {day["date"]: day["closed"] for day in found}
    assert [closed[day] for day in (MONDAY, TUESDAY, WEDNESDAY)] == [False, False, True]
    out = values(found, "throughput")
    assert (out[4:9] == 0).all() and np.ptp(values(found, "wip")[3:9]) == 0
    worked = predicted(client, asked, 4, workingDaysOnly=True, **closing)
    assert [day["date"] for day in worked] == [MONDAY, TUESDAY, "2025-06-23", "2025-06-24"]
    assert values(worked, "throughput")[:2] == pytest.approx(out[2:4])
    refused = client.post("/api/model/predict", json=asked | {"calendar": {"country": "Germny"}})
    assert refused.status_code == 422 and "did you mean DE?" in refused.json["error"]


def test_the_flow_with_a_plan_starts_from_the_wip_that_is_asked_for(
    client: FlaskClient, asked: Body
) -> None:
    low, high = (predicted(client, asked, plan=SHORT, currentWIP=wip) for wip in (60, 120))
    gained = values(high, "wip") - values(low, "wip")
    assert gained[:3] == pytest.approx(60) and (np.diff(gained[2:7]) < 0).all()
    more_out = values(high, "throughput") - values(low, "throughput")
    assert gained[3] == pytest.approx(gained[2] - more_out[2])
    assert (values(high, "cycle_time")[2:7] > values(low, "cycle_time")[2:7]).all()
