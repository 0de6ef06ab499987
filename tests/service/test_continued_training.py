"""A model is trained on with rows that its data set has gained: the whole way over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.support.running_service import FAST, Service

NAMES = ("date", "plant", "application", "panel_size", "wip", "throughput", "cycle_time")
KEY = {"Idempotency-Key": "on with the new rows"}


@pytest.fixture(scope="module")
def rows(service: Service, dataset: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of 120 days, oldest first."""
    known = service.get(f"/api/data/{dataset['dataset_id']}").json()["data"]
    kept = [{name: row[name] for name in NAMES} for row in known if row["plant"] == "P 1"]
    return sorted(kept, key=lambda row: row["date"])


def refusal(reply: requests.Response, status: int) -> str:
    assert reply.status_code == status, reply.text
    return str(reply.json()["error"])


def test_from_an_upload_to_a_forecast_of_a_model_that_goes_on(
    service: Service, rows: list[dict[str, Any]]
) -> None:
    data = service.post("/api/data/upload", rows[:200]).json()["dataset_id"]
    first = service.post("/api/model/train", FAST | {"datasetId": data, "seed": 4}).json()
    path = f"/api/model/{first['model_id']}/continue"
    assert "has no new rows" in refusal(service.post(path, {}), 409)
    assert service.post(f"/api/data/{data}/rows", rows[200:]).json()["version"] == 2

    second = service.post(path, {"epochs": 1}, headers=KEY).json()
    assert second["continued_from"] == first["model_id"] != second["model_id"]
    assert (second["dataset_version"], second["dataset_versions"]) == (2, [1, 2])
    assert second["dataset_as_of"] == rows[-1]["date"]
    config = {m["model_id"]: m["model_summary"]["config"] for m in (first, second)}
    assert config[second["model_id"]] == config[first["model_id"]] | {"epochs": 1}

    again = service.post(path, {"epochs": 1}, headers=KEY).json()
    assert again["model_id"] == second["model_id"]
    assert "another body" in refusal(service.post(path, {"epochs": 2}, headers=KEY), 422)
    assert service.job(second["model_id"])["continued_from"] == first["model_id"]
    log = [line["message"] for line in service.get("/api/training/logs").json()["logs"]]
    assert f"from the weights of model {first['model_id']}" in log[0]
    for model, versions in ((first, None), (second, [1, 2])):
        info = service.get(f"/api/model/{model['model_id']}").json()["info"]
        assert info.get("dataset_versions") == versions

    series = {"plant": "P 1", "application": "TV", "panelSize": "L"}
    asked = {"model_id": second["model_id"], "predictionDays": 1} | series
    assert service.post("/api/model/predict", asked).json()["as_of"] == rows[-1]["date"]
    assert "has no new rows" in refusal(
        service.post(f"/api/model/{second['model_id']}/continue", {}), 409
    )

    body = {"epochs": 10_000, "background": True}
    job = service.post(path, body).json()["job_id"]
    service.wait_for_epoch(job)
    assert service.call("DELETE", f"/api/jobs/{job}").ok
    service.wait_for(job, "cancelled")
    assert service.get(f"/api/model/{job}").status_code == 404
    assert service.call("DELETE", f"/api/data/{data}").ok  # it was not of the job alone
    assert "is deleted" in refusal(service.post(path, {}), 409)
