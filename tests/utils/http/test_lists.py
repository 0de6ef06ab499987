"""Pages of the lists of models and data sets, over the app's test client."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from models.lstm_service import LSTMService
from tests.support.samples import sample_model

Body = dict[str, Any]
NOWHERE = "WyItY3JlYXRlZF9hdCIsMSwieCJd"  # a cursor whose value is a number in place of a time


@pytest.fixture
def datasets(client: FlaskClient) -> list[str]:
    """Ids of five data sets, the oldest first; the second and the fourth are of another plant."""
    ids = []
    for number in range(5):
        plant = "Größe 1" if number % 2 else "North"
        body = {"plants": [plant], "applications": ["TV"], "panelSizes": ["S"]}
        reply = client.post("/api/data/generate", json=body | {"historicalDays": 20 + number})
        ids.append(reply.get_json()["dataset_id"])
    return ids


@pytest.fixture
def models(app: Flask) -> list[str]:
    """Ids of four models, the oldest first, with an error each."""
    service: LSTMService = app.extensions["service"]
    document, network = sample_model()
    ids = []
    for day, mase in ((1, 0.9), (2, 0.7), (3, None), (4, 0.8)):
        id = str(uuid4())
        changed = {"model_id": id, "created_at": f"2026-01-0{day}", "warnings": ["w"] * 5}
        metrics = document["metrics"] | {"mase": mase}
        service.registry.store.publish(
            id,
            document | changed | {"metrics": metrics},
            {".onnx": lambda path: path.write_bytes(network) and None},
        )
        ids.append(id)
    return ids


def pages(client: FlaskClient, path: str, name: str, **query: Any) -> list[Body]:
    """Return the entries of all pages."""
    entries: list[Body] = []
    for _ in range(20):
        body = client.get(path, query_string=query).get_json()
        assert len(body[name]) <= query["limit"]
        entries += body[name]
        query["cursor"] = body["next_cursor"]
        if query["cursor"] is None:
            assert body["total"] == len(entries)
            return entries
    pytest.fail("the pages do not end")


def test_data_sets_are_each_on_one_page(client: FlaskClient, datasets: list[str]) -> None:
    backward = datasets[::-1]
    orders = {"-created_at": backward, "created_at": datasets, "data_points": datasets}
    for sort, wanted in (orders | {"-data_points": backward}).items():
        for limit in (1, 2, 5, 100):
            found = pages(client, "/api/data", "datasets", limit=limit, sort=sort)
            assert [entry["dataset_id"] for entry in found] == wanted, (sort, limit)


def test_a_search_finds_names_in_upper_and_lower_case(
    client: FlaskClient, datasets: list[str]
) -> None:
    found = pages(client, "/api/data", "datasets", limit=1, q="GRÖßE")
    assert [entry["dataset_id"] for entry in found] == [datasets[3], datasets[1]]
    assert pages(client, "/api/data", "datasets", limit=9, q="%") == []


def test_a_search_for_a_number_is_one_for_a_text(client: FlaskClient, datasets: list[str]) -> None:
    found = pages(client, "/api/data", "datasets", limit=9, q="1")
    assert {datasets[1], datasets[3]} <= {entry["dataset_id"] for entry in found}


def test_models_by_error_have_those_without_one_last(
    client: FlaskClient, models: list[str]
) -> None:
    found = pages(client, "/api/models", "models", limit=2, sort="mase")
    assert [entry["model_id"] for entry in found] == [models[n] for n in (1, 3, 0, 2)]


def test_entries_of_a_list_are_short(client: FlaskClient, models: list[str]) -> None:
    [entry] = client.get("/api/models?limit=1").get_json()["models"]
    full = client.get(f"/api/model/{models[-1]}").get_json()["info"]
    shown, metrics = entry["info"], entry["info"]["metrics"]
    assert entry["model_id"] == models[-1] and len(shown["warnings"]) == 3
    assert set(metrics) == {"rmse", "mae", "r2_score", "mase", "per_target"}
    for target, errors in metrics["per_target"].items():
        skills = {"skill_over_last_value", "skill_over_seasonal_naive"}
        assert set(errors) == {"rmse", "mae", "r2_score", *skills}
        assert errors.items() <= full["metrics"]["per_target"][target].items()
    assert shown["config"] == full["config"] and len(full["warnings"]) == 5


def test_a_list_goes_on_after_an_entry_that_was_deleted(
    client: FlaskClient, models: list[str]
) -> None:
    first = client.get("/api/models?limit=2").get_json()
    for id in models[1:]:
        assert client.delete(f"/api/model/{id}").status_code == 200
    rest = client.get("/api/models", query_string={"cursor": first["next_cursor"]}).get_json()
    assert [entry["model_id"] for entry in rest["models"]] == [models[0]]
    assert (rest["total"], rest["next_cursor"]) == (1, None)


@pytest.mark.parametrize(("sort", "order"), [("timestamp", 1), ("-timestamp", -1)])
def test_lines_of_the_log_are_each_on_one_page(client: FlaskClient, sort: str, order: int) -> None:
    for number in range(5):
        note = {"message": f"{'Note' if number % 2 else 'Line'} {number}", "level": "info"}
        assert client.post("/api/training/logs", json=note).status_code == 200
    path = "/api/training/logs"
    for limit in (1, 2, 500):
        found = pages(client, path, "logs", limit=limit, sort=sort)
        assert [line["message"][-1] for line in found] == list("01234")[::order]
        noted = pages(client, path, "logs", limit=limit, sort=sort, q="NOTE")
        assert [line["message"][-1] for line in noted] == list("13")[::order]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/models?limit=0", "limit"),
        ("/api/models?limit=1001", "limit"),
        ("/api/models?sort=best", "sort"),
        ("/api/models?cursor=x", "cursor"),
        ("/api/models?cursor=eA==", "cursor"),
        (f"/api/models?cursor={NOWHERE}", "cursor"),
        ("/api/models?q=", "q"),
        ("/api/models?page=2", "page"),
        ("/api/models?limit=1&limit=2", "limit"),
        ("/api/data?sort=mase", "sort"),
        ("/api/training/logs?limit=501", "limit"),
        ("/api/training/logs?since=1", "since"),
        ("/health?verbose=1", "verbose"),
        ("/health/live?t=1", "t"),
        ("/api/model/plants/summary?limit=3", "limit"),
        ("/api/data/00000000-0000-0000-0000-000000000000?form=csv", "form"),
        ("/api/data/x?format=csv&format=json", "format"),
    ],
)
def test_a_query_field_that_is_unknown_or_breaks_its_rule_is_named(
    client: FlaskClient, path: str, field: str
) -> None:
    reply = client.get(path)
    assert reply.status_code == 422
    assert reply.get_json()["details"][0]["field"] == field


def test_pictures_take_a_field_that_makes_browsers_load_them_again(client: FlaskClient) -> None:
    assert client.get("/visualizations/x.png?t=1").status_code == 404
