"""Flow figures and stations, by hand and beside the series."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

STEPS = """lot,plant,step,start,finish
1,A,cut,2024-01-01 00:00,2024-01-02 00:00
1,A,weld,2024-01-04 00:00,2024-01-05 00:00
2,A,cut,2024-01-02 00:00,2024-01-03 00:00
2,A,weld,2024-01-05 00:00,2024-01-06 00:00
3,B,cut,2024-01-04 12:00,
"""
ROWS = "date,plant,application,panel_size,wip,throughput,cycle_time\n" + "".join(
    f"2024-01-0{day},{plant},x,S,{10 + day},5,{day}\n" for plant in "AB" for day in range(1, 8)
)


def upload(client: FlaskClient, text: str, **query: str) -> str:
    reply = client.post("/api/data/upload", data=text, query_string=query)
    assert reply.status_code == 200, reply.text
    return str(reply.json["dataset_id"])


def flow(client: FlaskClient, id: str, **query: str) -> Any:
    return client.get(f"/api/data/{id}/flow", query_string=query)


def test_flow_of_a_log_of_steps(client: FlaskClient) -> None:
    found = flow(client, upload(client, STEPS)).json
    assert found["cumulative_flow"]["wip"] == [1, 2, 2, 3, 2, 1]
    assert found["cumulative_flow"]["departures"] == [0, 0, 0, 0, 1, 2]
    assert found["cumulative_flow"]["arrivals"] == [1, 2, 2, 3, 3, 3]
    assert found["cycle_times"]["percentiles"] == {f"p{p}": 4.0 for p in (50, 80, 85, 95)}
    assert [unit["unit"] for unit in found["ageing"]["oldest"]] == ["3"]
    assert found["ageing"]["oldest"][0]["age"] == pytest.approx(1.5)
    assert found["throughput"]["steps"][:2] == [4, 2]
    assert found["littles_law"]["holds"]
    weld, cut = found["stations"]["stations"]
    assert found["stations"]["most_waiting"] == weld["step"] == "weld"
    assert (weld["waiting_time"], weld["service_time"]) == (2.0, 1.0)
    assert (cut["waiting_time"], cut["service_time"], cut["units"]) == (0.0, 1.0, 2)
    # Both lots wait two days for the welding and are served for one: Little's Law at the station
    assert weld["wip"] == pytest.approx(weld["throughput"] * 3.0)


def test_flow_of_one_series(client: FlaskClient) -> None:
    id = upload(client, STEPS)
    assert flow(client, id, plant="B").json["cumulative_flow"]["wip"][-1] == 1
    refused = flow(client, id, plant="C")
    assert (refused.status_code, refused.json["details"][0]["field"]) == (422, "plant")
    assert flow(client, "0" * 8).status_code == 404


def test_flow_by_hours_and_shifts_of_the_clock(client: FlaskClient) -> None:
    id, shifts = upload(client, STEPS), "06:00,18:00"
    hours = flow(client, id, step="hour").json
    assert (hours["step"], hours["littles_law"]["unit"]) == ("hour", "unit-hours")
    assert hours["cumulative_flow"]["date"][:2] == ["2024-01-01T00:00", "2024-01-01T01:00"]
    assert hours["cycle_times"]["percentiles"]["p50"] == 96 and hours["littles_law"]["holds"]
    shift = flow(client, id, step="shift", shifts=shifts).json
    assert shift["cumulative_flow"]["date"][:2] == ["2023-12-31T18:00", "2024-01-01T06:00"]
    assert shift["cycle_times"]["percentiles"]["p50"] == 8 and shift["littles_law"]["holds"]
    assert flow(client, id, step="hour", format="png").data.startswith(b"\x89PNG")
    days = upload(client, ROWS)
    for data, query in (
        (id, {"step": "shift"}),
        (id, {"shifts": shifts}),
        (days, {"step": "hour"}),
    ):
        assert flow(client, data, **query).status_code == 422
    refused = client.post("/api/data/upload", data=ROWS, query_string={"step": "hour"})
    assert "have a time of day" in refused.json["error"] and refused.status_code == 422


@pytest.mark.parametrize("text", [STEPS, ROWS])
@pytest.mark.parametrize("chart", ["all", "ageing", "stations", "scatter"])
def test_pictures(client: FlaskClient, text: str, chart: str) -> None:
    reply = flow(client, upload(client, text), format="png", chart=chart)
    assert (reply.status_code, reply.content_type) == (200, "image/png")
    assert reply.data[:4] == b"\x89PNG"


def test_flow_of_rows(client: FlaskClient) -> None:
    found = flow(client, upload(client, ROWS)).json
    assert found["source"] == "rows"
    assert found["cumulative_flow"]["departures"] == [10, 20, 30, 40, 50, 60, 70]
    assert found["cumulative_flow"]["arrivals"][0] == 32
    assert found["cycle_times"]["percentiles"]["p50"] == 4
    assert found.get("ageing") is None


def test_options_of_an_upload_by_query_and_form(client: FlaskClient, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("A;B;C\n" + "".join(f"{i};0{1 + i % 9}.01.2024;\n" for i in range(9)) + "x;"
                    "01.01.2024;25.01.2024\n")  # fmt: skip
    columns = '{"unit": "A", "start": "B", "finish": "C"}'
    with path.open("rb") as file:
        form = {"file": file, "columns": columns, "step": "week", "until": "2024-01-28"}
        reply = client.post("/api/data/upload", data=form)
    assert reply.json["summary"]["date_range"] == {"start": "2024-01-01", "end": "2024-01-22"}
    content = path.read_bytes()
    for query, field in (
        ({"columns": columns, "until": "soon"}, "until"),
        ({"columns": '{"begin": "B"}'}, "columns"),
        ({"columns": "B"}, "columns"),
        ({"colums": columns}, "colums"),
    ):
        refused = client.post("/api/data/upload", data=content, query_string=query)
        assert (refused.status_code, refused.json["details"][0]["field"]) == (422, field)


def test_rows_are_added_to_a_data_set(client: FlaskClient) -> None:
    id = upload(client, ROWS)
    later = ROWS.replace("2024-01-0", "2024-01-1").replace("2024-01-17", "2024-01-08")
    content = "\n".join([later.split("\n")[0], *later.split("\n")[7:8], *later.split("\n")[14:15]])
    first = client.post(f"/api/data/{id}/rows", data=content)
    assert (first.status_code, first.json["added"], first.json["version"]) == (200, 2, 2)
    assert first.json["as_of"] == "2024-01-08"
    again = client.post(f"/api/data/{id}/rows", data=content)
    assert (again.json["unchanged"], again.json["version"]) == (2, 2)
    wrong = content.replace(",17,", ",18,")
    refused = client.post(f"/api/data/{id}/rows", data=wrong)
    assert (refused.status_code, refused.json["details"][0]["received"]) == (409, 18)
    right = client.post(f"/api/data/{id}/rows", data=wrong, query_string={"replace": "true"})
    assert (right.json["replaced"], right.json["version"]) == (2, 3)
    stored = client.get(f"/api/data/{id}").json
    assert (stored["version"], len(stored["changes"]), stored["data"][7]["wip"]) == (3, 2, 18)
