"""Smaller files of a model, and its downloads, over HTTP and in process."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import onnxruntime as ort
import pytest

from models.conversion import compression, legacy_network
from models.data_generator import PlantSpec, generate
from models.registry.hyperparameters import Hyperparameters
from models.registry.model_document import ModelDocument
from models.registry.model_store import SERVED, model_store
from models.registry.opening import open_forecaster
from models.registry.registry import Registry
from models.series.calendar import Calendar
from models.series.panel import TARGETS, Panel
from models.training import train
from tests.support.running_service import FAST, SMALL, Service
from tests.support.stores import visible_files
from utils.api.architectures import DESIGNS, PLAIN, Architecture, Design
from utils.api.replies.models import CompressReply
from utils.errors import Conflict

pytestmark = pytest.mark.service

Body = dict[str, Any]


@pytest.fixture(scope="module")
def model(service: Service) -> str:
    """A model of its own, which the tests may change."""
    reply = service.post("/api/model/train", FAST | SMALL)
    assert reply.status_code == 200, reply.text
    return str(reply.json()["model_id"])


def forecast(service: Service, model: str) -> list[float]:
    ask = {"model_id": model, "plant": "P 1", "application": "TV", "panelSize": "L"}
    days = service.post("/api/model/predict", ask).json()["predictions"]
    return [day["predicted_wip"] for day in days]


def test_compress_reports_and_serves_the_weights_requested(service: Service, model: str) -> None:
    before = forecast(service, model)
    for serves in ("float16", "int8", "float32"):
        reply = service.post(f"/api/model/{model}/compress", {"serves": serves})
        assert reply.status_code == 200, reply.text
        body = reply.json()
        CompressReply.model_validate(body)
        assert (body["serves"], body["forecasts"] > 0) == (serves, True)
        files = body["files"]
        assert files["float32"]["mean_change"] == 0 == files["float32"]["mase_change"]
        assert body["bytes_after"] == files[serves]["bytes"]
        served = service.get(f"/api/model/{model}/download?format=onnx").content
        assert len(served) == body["bytes_after"]
        assert service.get(f"/api/model/{model}").json()["info"]["serves"] == serves
        assert forecast(service, model) == pytest.approx(before, rel=0.01)
    default = service.post(f"/api/model/{model}/compress", {}).json()
    assert default["serves"] == "float16"


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("{}/compress", {"serves": "int4"}, 422, "serves"),
        ("{}/compress", {"datasetId": str(uuid4())}, 404, "data set"),
        ("00000000-0000-4000-8000-000000000000/compress", {}, 404, "model"),
    ],
)
def test_compress_refuses(
    service: Service, model: str, path: str, body: Body, status: int, message: str
) -> None:
    reply = service.post(f"/api/model/{path.format(model)}", body)
    assert reply.status_code == status and message in reply.json()["error"]


@pytest.mark.parametrize("form", ["", "?format=keras", "?format=onnx", "?format=litert"])
def test_download_gives_the_file(service: Service, trained: Body, form: str) -> None:
    id = trained["model_id"]
    reply = service.get(f"/api/model/{id}/download{form}")
    assert reply.status_code == 200, reply.text
    ending = {"?format=onnx": "onnx", "?format=litert": "tflite"}.get(form, "keras")
    assert f"{id}.{ending}" in reply.headers["Content-Disposition"]
    if ending == "keras":
        assert "config.json" in zipfile.ZipFile(io.BytesIO(reply.content)).namelist()
    elif ending == "onnx":
        assert ort.InferenceSession(reply.content).get_outputs()
    else:
        assert reply.content[4:8] == b"TFL3"


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("{}/download?format=h5", 422, "keras"),
        ("00000000-0000-4000-8000-000000000000/download", 404, "model"),
    ],
)
def test_download_refuses(
    service: Service, trained: Body, path: str, status: int, message: str
) -> None:
    reply = service.get(f"/api/model/{path.format(trained['model_id'])}")
    assert reply.status_code == status and message in reply.json()["error"]


# --- in process --------------------------------------------------------------------------------


def made(folder: Path, weight: float, design: Design = PLAIN) -> tuple[Any, str, Panel, Any]:
    """A model of its LSTM alone, with a random last layer times `weight`."""
    spec = PlantSpec(("p", "q"), ("a",), ("s",), 150, 100, 50, 0.2, 0.1, 1)
    block, id, store = next(generate(spec)), str(uuid4()), model_store(folder)
    values = np.column_stack([block.columns[name].ravel() for name in TARGETS])
    panel = Panel(
        Calendar(), tuple(block.series_keys), np.arange(3) * 150, np.full(2, 19_723), values
    )
    hyper = Hyperparameters(lstm_units1=16, lstm_units2=8, epochs=1)
    about = {"dataset_id": str(uuid4())}
    train.train(panel, hyper, 1, store, id, about, design=design)
    network = legacy_network.open_keras(store, id)
    weights = network.get_weights()
    rng = np.random.default_rng(0)
    weights[-2] = weight * rng.normal(size=weights[-2].shape).astype(np.float32)
    network.set_weights(weights)
    store.update_document(id, lambda _: {"combination": {"lstm": [[1.0, 1.0, 1.0]]}})
    return store, id, panel, network


@pytest.mark.long
def test_smaller_weights_are_smaller_and_change_little(tmp_path: Path) -> None:
    store, id, panel, network = made(tmp_path, 1.0)
    report = compression.compress(store, id, network, panel, "int8")
    files = report["files"]
    sizes = [files[name]["bytes"] for name in ("float32", "float16", "int8")]
    assert sizes == sorted(sizes, reverse=True) and sizes[2] < 0.7 * sizes[0]
    assert files["litert"]["bytes"] > 0
    assert 0 < files["float16"]["mean_change"] < files["int8"]["mean_change"] < compression.MOST
    assert 0 < files["litert"]["mean_change"] < compression.MOST
    for found in files.values():
        assert found["published"] and found["mean_change"] <= found["largest_change"]
        assert found["mase"] > 0 and abs(found["mase_change"]) < 0.05
    document = store.document(id)
    assert document["serves"] == "int8" and document["compression"] == report
    registry = Registry(tmp_path, 10_000_000)
    assert len(registry.store.read(id, SERVED["int8"])) == sizes[2]
    served = registry.open(id).forecaster
    exact = open_forecaster(ModelDocument.of(document), store.read(id, SERVED["int8"]))
    key = panel.series_keys[0]
    recent = served.recent_history(key)
    assert recent is not None
    forecasts = [each.forecast(recent, 5).values for each in (served, exact)]
    np.testing.assert_array_equal(*forecasts)


def test_a_change_of_more_than_a_hundredth_is_not_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, id, panel, network = made(tmp_path, 1.0)
    before, files = store.document(id), sorted(p.name for p in visible_files(tmp_path))
    monkeypatch.setattr(compression, "MOST", 1e-7)
    with pytest.raises(Conflict, match=r"int8.*mean forecast"):
        compression.compress(store, id, network, panel, "int8")
    assert store.document(id) == before
    assert sorted(p.name for p in visible_files(tmp_path)) == files
    # The weights to serve are accurate enough; those that are not are left out.
    report = compression.compress(store, id, network, panel, "float32")
    assert not report["files"]["int8"]["published"] and report["files"]["float32"]["published"]
    assert not store.has(id, SERVED["int8"])


@pytest.mark.parametrize(
    "kind", [pytest.param(Architecture.PLAIN, marks=pytest.mark.long), Architecture.ENHANCED]
)
def test_litert_says_what_keras_says(tmp_path: Path, kind: Architecture) -> None:
    _, _, _, network = made(tmp_path, 0.3, DESIGNS[kind])
    (tmp_path / "m").write_bytes(compression.litert(network))
    shape = 3, *network.inputs[0].shape[1:]
    windows = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    names = np.array([[0, 2, 3], [1, 2, 3], [0, 2, 3]], np.int32)
    output = compression.interpreted(tmp_path / "m")(windows, names)
    np.testing.assert_allclose(output, network([windows, names]).numpy(), atol=0.02)
