"""Models in a running service: damaged, deleted, legacy; and what answers while one trains."""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from sklearn.preprocessing import LabelEncoder, StandardScaler

from tests.support.running_service import FAST, SMALL, Service, run_command


def remove(folder: Path, id: str, *suffixes: str) -> None:
    """Lose files of a model; its document is touched, so that no process has it open still."""
    for suffix in suffixes:
        (folder / f"{id}{suffix}").unlink()
    os.utime(folder / f"{id}.json")


BUILD = """
import keras, sys
net = keras.Sequential([keras.layers.Input((5, 6)), keras.layers.LSTM(4), keras.layers.Dense(3)])
net.compile("adam", loss="mse")
net.save(sys.argv[1])
"""


@pytest.mark.long
def test_import_brings_in_a_legacy_model_that_then_predicts(
    service: Service, tmp_path: Path
) -> None:
    model, scalers = tmp_path / "old.h5", tmp_path / "scalers.pkl"
    subprocess.run([sys.executable, "-W", "ignore", "-c", BUILD, str(model)], check=True)
    amounts = np.random.default_rng(0).normal([100, 50, 2, 1, 1, 1], 1, (50, 6))
    scalers.write_bytes(
        pickle.dumps(
            {
                "scaler": StandardScaler().fit(amounts),
                "plant": LabelEncoder().fit(["A", "B"]),
                "application": LabelEncoder().fit(["TV"]),
                "panel_size": LabelEncoder().fit(["L", "S"]),
            }
        )
    )
    stores = {k: service.environment[k] for k in ("MODEL_STORE", "DATA_STORE", "DATABASE_URL")}
    done = run_command(tmp_path, "import", str(model), "--scalers", str(scalers), **stores)
    assert done.returncode == 0, done.stderr
    found = re.search(r"[0-9a-f-]{36}", done.stdout)
    assert found is not None
    id = found.group()
    ask = {"model_id": id, "plant": "B", "application": "TV", "panelSize": "S"}
    refused = service.post("/api/model/predict", ask)
    assert refused.status_code == 422 and "at least 5 rows" in refused.text
    ask["history"] = [  # type: ignore[assignment]
        {"date": f"2024-01-0{i}", "wip": 100, "throughput": 50, "cycle_time": 2}
        for i in range(1, 6)
    ]
    forecast = service.post("/api/model/predict", ask).json()["predictions"]
    assert len(forecast) == 30 and forecast[0]["date"] == "2024-01-06"
    # The ONNX file is derived: lost, it is made again by the worker.
    remove(service.folder / "models", id, ".onnx")
    again = service.post("/api/model/predict", ask).json()["predictions"]
    assert again[0]["predicted_wip"] == pytest.approx(forecast[0]["predicted_wip"], rel=1e-4)
    assert service.call("DELETE", f"/api/model/{id}").status_code == 200


def test_a_damaged_model_is_an_error_of_its_own_only(
    service: Service, question: dict[str, str]
) -> None:
    folder = service.folder / "models"
    made = service.post("/api/model/train", FAST | SMALL).json()
    id = made["model_id"]
    ask = question | {"model_id": id}
    onnx = folder / f"{id}.onnx"
    onnx.write_bytes(onnx.read_bytes()[:1000])
    reply = service.post("/api/model/predict", ask)
    assert reply.status_code == 500 and "damaged" in reply.json()["error"]
    (folder / f"{id}.json").write_text('{"truncated": ')
    models = {m["model_id"]: m["info"] for m in service.get("/api/models").json()["models"]}
    assert models[id]["status"] == "damaged"
    assert models[question["model_id"]]["status"] == "ready"
    assert service.post("/api/model/predict", question).status_code == 200
    assert service.call("DELETE", f"/api/model/{id}").status_code == 200


@pytest.mark.long
def test_two_trains_at_once_both_end(service: Service, dataset: dict[str, str]) -> None:
    # The same data twice: what is the same to the letter would be one job.
    twin = service.post("/api/data/generate", SMALL).json()
    bodies = [FAST | {"datasetId": each["dataset_id"], "seed": 3} for each in (dataset, twin)]
    with ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(lambda body: service.post("/api/model/train", body), bodies))
    first, second = (reply.json() for reply in replies)
    assert first["model_id"] != second["model_id"]
    assert first["training_history"] == second["training_history"]


def test_deleting_a_model_while_it_predicts_gives_forecasts_then_404s(
    service: Service, dataset: dict[str, str]
) -> None:
    body = FAST | {"datasetId": dataset["dataset_id"]}
    id = service.post("/api/model/train", body).json()["model_id"]
    ask = {"model_id": id, "plant": "P 1", "application": "TV", "panelSize": "L"}

    def predict(_: int) -> int:
        return service.post("/api/model/predict", ask | {"predictionDays": 90}).status_code

    with ThreadPoolExecutor(4) as pool:
        statuses = pool.map(predict, range(60))
        service.call("DELETE", f"/api/model/{id}")
        assert set(statuses) <= {200, 404}
    assert predict(0) == 404


@pytest.mark.long
def test_health_answers_while_a_model_trains(service: Service, question: dict[str, str]) -> None:
    client = subprocess.Popen(
        ["curl", "-s", "-X", "POST", f"{service.url}/api/model/train", "-H",
         "Content-Type: application/json", "-d", '{"historicalDays": 100, "epochs": 30}']
    )  # fmt: skip
    answered = 0
    while client.poll() is None:
        assert service.get("/health").status_code == 200
        assert service.post("/api/model/predict", question).status_code == 200
        answered += 1
        time.sleep(0.05)
    assert answered > 5


H5 = """
import keras, sys
net = keras.models.load_model(sys.argv[1], compile=False)
net.compile("adam", loss="mse")
net.save(sys.argv[2])
"""


@pytest.mark.long
def test_an_h5_stands_in_for_a_keras_file(service: Service, dataset: dict[str, str]) -> None:
    """A model of this service whose network is kept as .h5 is made ready for serving from it."""
    folder = service.folder / "models"
    body = FAST | {"datasetId": dataset["dataset_id"]}
    id = service.post("/api/model/train", body).json()["model_id"]
    ask = {"model_id": id, "plant": "P 1", "application": "TV", "panelSize": "L"}
    before = service.post("/api/model/predict", ask).json()["predictions"]
    remove(folder, id, ".onnx")
    derived = service.post("/api/model/predict", ask).json()["predictions"]
    assert derived[-1]["predicted_wip"] == pytest.approx(before[-1]["predicted_wip"], rel=1e-4)
    files = [str(folder / f"{id}{suffix}") for suffix in (".keras", ".h5")]
    subprocess.run([sys.executable, "-W", "ignore", "-c", H5, *files], check=True)
    remove(folder, id, ".keras", ".onnx")
    reply = service.post("/api/model/predict", ask)
    assert reply.status_code == 200, reply.text
    after = reply.json()["predictions"]
    assert after[-1]["predicted_wip"] == pytest.approx(before[-1]["predicted_wip"], rel=1e-4)
    remove(folder, id, ".h5", ".onnx")
    lost = service.post("/api/model/predict", ask)
    assert lost.status_code == 500 and "has lost its network" in lost.json()["error"]
    assert service.call("DELETE", f"/api/model/{id}").status_code == 200


def test_an_h5_without_its_document_is_listed_with_the_remedy(service: Service) -> None:
    path = service.folder / "models" / "grandpa.h5"
    path.write_bytes(b"whatever")
    models = {m["model_id"]: m["info"] for m in service.get("/api/models").json()["models"]}
    assert models["grandpa"]["status"] == "not imported"
    assert service.get("/api/model/grandpa").json()["info"]["source"] == "legacy"
    ask = {"model_id": "grandpa", "plant": "A", "application": "B", "panelSize": "C"}
    reply = service.post("/api/model/predict", ask)
    assert reply.status_code == 409 and "python run.py import" in reply.json()["error"]
    assert service.call("DELETE", "/api/model/grandpa").status_code == 200
    assert not path.exists()
