"""The list of a data set's series over HTTP: pages, search, figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

PLANTS = {"plants": ["P 1", "Ünal"], "applications": ["TV"], "panelSizes": ["S", '15"'], "seed": 1}


@pytest.fixture
def dataset(client: FlaskClient) -> dict[str, Any]:
    return client.post("/api/data/generate", json=PLANTS | {"historicalDays": 30}).get_json()


def test_pages_hold_each_series_once_with_its_figures(
    client: FlaskClient, dataset: dict[str, Any]
) -> None:
    url, found, cursor = f"/api/data/{dataset['dataset_id']}/series", [], ""
    while cursor is not None:
        page = client.get(url, query_string={"limit": 3} | ({"cursor": cursor} if cursor else {}))
        found += page.get_json()["series"]
        cursor = page.get_json()["next_cursor"]
    assert page.get_json()["total"] == len(found) == 4 and page.get_json()["step"] == "day"
    names = {(each["plant"], each["panel_size"]) for each in found}
    assert names == {(plant, size) for plant in PLANTS["plants"] for size in PLANTS["panelSizes"]}
    rows = client.get(f"/api/data/{dataset['dataset_id']}").get_json()["data"]
    first = found[0]
    own = [r for r in rows if all(r[n] == first[n] for n in ("plant", "panel_size"))]
    assert (first["steps"], first["first_date"], first["last_date"]) == (
        30, own[0]["date"], own[-1]["date"],
    )  # fmt: skip
    assert first["mean_wip"] == pytest.approx(np.mean([r["wip"] for r in own]), rel=1e-5)


@pytest.mark.parametrize(("text", "count"), [("ünal", 2), ('/ 15"', 2), ("tv / s", 2), ("x", 0)])
def test_a_text_is_looked_for_in_the_names(
    client: FlaskClient, dataset: dict[str, Any], text: str, count: int
) -> None:
    url = f"/api/data/{dataset['dataset_id']}/series"
    assert client.get(url, query_string={"q": text}).get_json()["total"] == count


def test_a_deleted_data_set_has_no_list(client: FlaskClient, dataset: dict[str, Any]) -> None:
    url = f"/api/data/{dataset['dataset_id']}"
    assert client.get(f"{url}/series").status_code == 200
    client.delete(url)
    assert client.get(f"{url}/series").status_code == 404


def test_a_forecast_returns_the_rows_before_it(
    client: FlaskClient, dataset: dict[str, Any]
) -> None:
    body = {"model_id": "pretrained", "datasetId": dataset["dataset_id"], "plant": "Ünal",
            "application": "TV", "panelSize": "S", "predictionDays": 2}  # fmt: skip
    assert client.post("/api/model/predict", json=body).get_json()["history"] is None
    reply = client.post("/api/model/predict", json=body | {"historySteps": 5}).get_json()
    rows = client.get(f"/api/data/{dataset['dataset_id']}").get_json()["data"]
    own = [r for r in rows if (r["plant"], r["panel_size"]) == ("Ünal", "S")][-5:]
    assert [r["date"] for r in reply["history"]] == [r["date"] for r in own]
    assert reply["history"][-1]["wip"] == pytest.approx(own[-1]["wip"]) and reply["step"] == "day"
