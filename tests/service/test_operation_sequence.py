"""The operation page from an empty service on: generate, train, predict, with what it sends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.running_service import FAST, Service, start_service

Body = dict[str, Any]
PICTURE = "/visualizations/enhanced_model_architecture.png"
# The page sends 32, 24, 0.25, 15, 12, 64, 0.002 and 0.85; an emptied field as null.
FORM: Body = {
    "lstmUnits1": 4,
    "lstmUnits2": 4,
    "dropoutRate": 0.25,
    "sequenceLength": 15,
    "epochs": 2,
    "batchSize": 64,
    "learningRate": 0.002,
    "trainTestSplit": 0.85,
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = start_service(tmp_path_factory.mktemp("page"))
    running.wait_for_worker()
    yield running
    assert running.stop() == 0


def generate(service: Service, plant: str) -> str:
    body = {"plants": [plant], "applications": ["TV"], "panelSizes": ['15.6"'], "baseWIP": None}
    reply = service.post("/api/data/generate", body | {"historicalDays": 100}).json()
    return str(reply["dataset_id"])


def log_of(service: Service) -> list[str]:
    return [line["message"] for line in service.get("/api/training/logs").json()["logs"]]


def test_an_empty_service_has_no_picture_and_no_training(service: Service) -> None:
    assert service.get(PICTURE).status_code == 404
    assert service.get("/api/model/plants/status").json()["plant_training"] == {}
    assert log_of(service) == []
    reply = service.get("/api/training/status/dashboard").json()
    status = reply["status_data"]
    kinds = [
        status[kind] for kind in ("parallel_training", "enhanced_training", "regular_training")
    ]
    assert kinds == [{}, {}, {}] and reply["visualization_path"] is None


@pytest.mark.long
def test_without_any_data_the_generators_defaults_are_trained_on(service: Service) -> None:
    reply = service.post("/api/model/train", FAST | {"epochs": 1}).json()
    assert reply["data_points"] == 36 * 545
    assert f"data set {reply['dataset_id']}, made for it" in log_of(service)[0]
    service.call("DELETE", f"/api/model/{reply['model_id']}")
    assert service.get("/api/data").json()["total"] == 0  # it was of this model alone


@pytest.mark.parametrize(
    ("path", "more"),
    [
        pytest.param("/api/model/train", {}, marks=pytest.mark.long),
        pytest.param("/api/model/train/enhanced", {}, marks=pytest.mark.long),
        pytest.param(
            "/api/model/train/parallel/plants", {"plants": ["Werk A"]}, marks=pytest.mark.long
        ),
        pytest.param("/api/model/train/parallel/enhanced", {}, marks=pytest.mark.long),
    ],
)
def test_generate_train_predict(service: Service, path: str, more: Body) -> None:
    generate(service, "Elsewhere")
    dataset_id = generate(service, "Werk A")
    own = {"plants": ["Own"], "historicalDays": 60}
    service.post("/api/model/train", FAST | own)  # newer, but made for a training
    reply = service.post(path, FORM | more).json()
    assert reply["success"] is True and reply["dataset_id"] == dataset_id
    kind = "enhanced training" if "enhanced" in path else "training"
    assert f"starting {kind} of " in log_of(service)[0]
    assert f"the newest data set, {dataset_id}" in log_of(service)[0]
    model_id = reply.get("model_id") or reply["plant_results"]["Werk A"]["model_id"]
    state = {"currentWIP": 100, "plannedThroughput": None, "targetProduction": None}
    ask = {"model_id": model_id, "plant": "Werk A", "application": "TV", "panelSize": '15.6"'}
    forecast = service.post("/api/model/predict", ask | state | {"predictionDays": 30})
    assert len(forecast.json()["predictions"]) == 30


@pytest.mark.long
def test_the_picture_is_of_the_newest_enhanced_model(service: Service) -> None:
    own = FAST | {"plants": ["Own"], "historicalDays": 60}
    enhanced = service.post("/api/model/train/enhanced", own).json()["model_id"]
    reply = service.get(PICTURE)
    assert reply.headers["Content-Type"] == "image/png"
    assert reply.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert reply.content == service.get(f"/visualizations/{enhanced}.png").content


@pytest.mark.long
def test_data_of_a_group_goes_with_its_last_model(service: Service) -> None:
    body = FAST | {"plants": ["A", "B"], "applications": ["TV"], "historicalDays": 60}
    reply = service.post("/api/model/train/parallel/plants", body).json()
    path = f"/api/data/{reply['dataset_id']}"
    for plant in ("A", "B"):
        assert service.get(path).ok
        service.call("DELETE", f"/api/model/{reply['plant_results'][plant]['model_id']}")
    assert service.get(path).status_code == 404


@pytest.mark.long
def test_a_refused_or_cancelled_training_is_no_error_of_the_service(service: Service) -> None:
    body = FAST | {"datasetId": generate(service, "Werk B")}
    assert service.post("/api/model/train", body | {"sequenceLength": 300}).status_code == 422
    job = service.submit(body | {"epochs": 10_000})
    service.wait_for_epoch(job)
    service.call("DELETE", f"/api/jobs/{job}")
    after = service.submit(body)  # the worker has left the other one behind
    service.wait_for(after, "succeeded")
    text = (service.folder / "log").read_text()
    assert "Traceback" not in text and "ERROR" not in text and "[error" not in text
