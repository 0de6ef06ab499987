"""A forecast as CSV, workbook and picture, over HTTP."""

from __future__ import annotations

import csv
import io
from typing import Any

import openpyxl
import pytest
from flask.testing import FlaskClient

NAME = "=cmd()"


@pytest.fixture
def asked(client: FlaskClient) -> dict[str, Any]:
    """A request for 14 days of a series whose name looks like a formula."""
    body = {"plants": [NAME], "applications": ["$a_b$"], "panelSizes": ['15"'], "seed": 1}
    made = client.post("/api/data/generate", json=body | {"historicalDays": 60}).get_json()
    return {"model_id": "pretrained", "datasetId": made["dataset_id"], "plant": NAME,
            "application": "$a_b$", "panelSize": '15"', "predictionDays": 14}  # fmt: skip


def fetch(client: FlaskClient, asked: dict[str, Any], form: str) -> bytes:
    reply = client.post(f"/api/model/predict?format={form}", json=asked)
    assert reply.status_code == 200, reply.text
    assert f"filename=forecast.{form}" in reply.headers["Content-Disposition"]
    return reply.data


def test_csv_has_the_columns_and_values_of_the_reply(
    client: FlaskClient, asked: dict[str, Any]
) -> None:
    rows = list(csv.DictReader(io.StringIO(fetch(client, asked, "csv").decode())))
    steps = client.post("/api/model/predict", json=asked).get_json()["predictions"]
    assert len(rows) == 14 and set(steps[0]) <= set(rows[0])
    assert rows[0]["plant"] == f"'{NAME}" and rows[0]["panel_size"] == '15"'
    for row, step in zip(rows, steps, strict=True):
        assert row["date"] == step["date"]
        assert float(row["predicted_wip_hi95"]) == step["predicted_wip_hi95"]


def test_the_workbook_has_history_and_totals_and_no_formula(
    client: FlaskClient, asked: dict[str, Any]
) -> None:
    book = openpyxl.load_workbook(io.BytesIO(fetch(client, asked, "xlsx")))
    assert {sheet.title: sheet.max_row for sheet in book} | {"About": 0} == {
        "Forecast": 15, "History": 61, "Totals": 4, "About": 0,
    }  # fmt: skip
    about = {row[0].value: row[1] for row in book["About"].iter_rows()}
    assert (about["plant"].value, about["plant"].data_type) == (NAME, "s")
    steps = client.post("/api/model/predict", json=asked).get_json()["predictions"]
    columns = [cell.value for cell in book["Forecast"][1]]
    last = dict(zip(columns, [cell.value for cell in book["Forecast"][15]], strict=True))
    assert last["date"] == steps[-1]["date"]
    assert last["predicted_throughput"] == pytest.approx(steps[-1]["predicted_throughput"])


def test_the_picture_is_a_png(client: FlaskClient, asked: dict[str, Any]) -> None:
    picture = fetch(client, asked | {"predictionDays": 1}, "png")
    assert picture.startswith(b"\x89PNG") and len(picture) > 20_000


@pytest.mark.parametrize("query", ["format=svg", "format=", "form=png", "format=png&format=csv"])
def test_unknown_formats_are_refused(
    client: FlaskClient, asked: dict[str, Any], query: str
) -> None:
    reply = client.post(f"/api/model/predict?{query}", json=asked)
    assert reply.status_code == 422 and "form" in reply.get_json()["details"][0]["field"]
