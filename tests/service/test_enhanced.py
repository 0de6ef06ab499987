"""The enhanced network over HTTP: trained, stored, listed, backtested, deleted; its forecasts."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic.alias_generators import to_camel

from models.registry.registry import Registry
from models.services.operation_page import OperationPage
from tests.support.running_service import FAST, Service
from utils.api.idempotency import fingerprint
from utils.api.schemas.training import EnhancedRequest, TrainRequest
from utils.errors import NotFound

Body = dict[str, Any]
ENHANCED = "/api/model/train/enhanced"
DEFAULTS = {
    "lstm_units_1": 32,
    "lstm_units_2": 24,
    "dropout_rate": 0.25,
    "sequence_length": 15,
    "epochs": 12,
    "batch_size": 64,
    "learning_rate": 0.002,
    "train_test_split": 0.85,
}


@pytest.fixture(scope="module")
def enhanced(service: Service, dataset: Body, trained: Body) -> Body:
    """The reply of an enhanced training on the data, and by the split, of the plain one."""
    body = FAST | {"datasetId": dataset["dataset_id"], "trainTestSplit": 0.8, "seed": 5}
    reply = service.post(ENHANCED, body | {"epochs": 3})
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_reply_says_what_the_page_reads(enhanced: Body, trained: Body, dataset: Body) -> None:
    assert enhanced["success"] is True and enhanced["enhanced_features"] is True
    assert (enhanced["architecture"], trained["architecture"]) == ("enhanced", "plain")
    assert trained["enhanced_features"] is False
    assert enhanced["data_points"] == dataset["data_points"]
    assert isinstance(enhanced["metrics"]["r2_score"], float) and enhanced["training_time"] > 0
    assert set(enhanced["metrics"]["per_target"]) == {"wip", "throughput", "cycle_time"}
    history = enhanced["training_history"]
    for curve in ("loss", "val_loss", "watched_loss"):
        assert len(history[curve]) == history["epochs"]
    assert history["watched_loss"][history["best_epoch"] - 1] == min(history["watched_loss"])
    summary = enhanced["model_summary"]
    assert summary["input_shape"] == [None, 15, 24] and summary["config"]["learning_rate"] == 0.001
    assert summary["design"] == {
        "architecture": "enhanced",
        "batch_normalization": True,
        "l2": 0.001,
        "recurrent_dropout": 0.15,
        "cosine_schedule": True,
        "patience": 5,
        "clip_norm": 1.0,
        "engineered_features": True,
    }


def test_it_stands_beside_the_plain_one_on_the_same_data(
    service: Service, enhanced: Body, trained: Body
) -> None:
    other = enhanced["beside"][0]
    assert other["architecture"] == "plain" and len(enhanced["beside"]) == 1
    plain = service.get(f"/api/model/{other['model_id']}").json()
    assert plain["info"]["dataset_id"] == enhanced["dataset_id"]
    metrics = plain["info"]["metrics"]
    assert (other["mase"], other["r2_score"]) == (metrics["mase"], metrics["r2_score"])
    assert other["skill"]["wip"] == metrics["per_target"]["wip"]["skill"]
    beside = service.get(f"/api/model/{trained['model_id']}").json()["beside"]
    assert [each["model_id"] for each in beside] == [enhanced["model_id"]]


def test_config_is_what_is_trained_with(service: Service, dataset: Body) -> None:
    reply = service.get(f"{ENHANCED}/config").json()
    assert reply["config"] == DEFAULTS | {"recurrent_dropout": 0.15}
    assert set(reply["description"]) == set(reply["config"])
    body = {"datasetId": dataset["dataset_id"], "epochs": None, "background": True}
    id = service.post(ENHANCED, body).json()["job_id"]
    job = service.job(id)
    assert job["config"] == DEFAULTS and job["architecture"] == "enhanced"
    service.call("DELETE", f"/api/jobs/{id}")
    service.wait_for(id, "cancelled", "succeeded")


def test_it_is_listed(service: Service, enhanced: Body) -> None:
    id = enhanced["model_id"]
    models = {
        each["model_id"]: each["info"] for each in service.get("/api/models").json()["models"]
    }
    assert models[id]["architecture"] == models[id]["config"]["architecture"] == "enhanced"
    assert models[id]["metrics"]["r2_score"] == enhanced["metrics"]["r2_score"]
    assert service.get(f"/api/model/{id}").json()["info"]["metrics"] == enhanced["metrics"]


def test_it_forecasts_and_a_backtest_forecasts_the_same(service: Service, enhanced: Body) -> None:
    ask = {"origins": 1, "horizon": 3}
    report = service.post(f"/api/model/{enhanced['model_id']}/backtest", ask).json()
    origin, off, size = report["origins"][0]["date"], 0.0, 0.0
    rows = service.get(f"/api/data/{enhanced['dataset_id']}").json()["data"]
    for plant, size_of in {(row["plant"], row["panel_size"]) for row in rows}:
        own = [row for row in rows if (row["plant"], row["panel_size"]) == (plant, size_of)]
        names = ("date", "wip", "throughput", "cycle_time")
        past = [{name: row[name] for name in names} for row in own if row["date"] <= origin]
        body = {"model_id": enhanced["model_id"], "plant": plant, "application": "TV",
                "panelSize": size_of, "history": past, "predictionDays": 3}  # fmt: skip
        forecast = service.post("/api/model/predict", body).json()["predictions"]
        came = {row["date"]: row["wip"] for row in own}
        off += sum(abs(day["predicted_wip"] - came[day["date"]]) for day in forecast)
        size += sum(came[day["date"]] for day in forecast)
    assert report["per_target"]["wip"]["overall"]["wape"] == pytest.approx(off / size, rel=1e-4)


def test_it_is_drawn_and_deleted(service: Service, dataset: Body) -> None:
    body = FAST | {"datasetId": dataset["dataset_id"], "sequenceLength": 3}
    id = service.post(ENHANCED, body).json()["model_id"]
    assert service.get(f"/visualizations/{id}.png").content.startswith(b"\x89PNG")
    assert "enhanced" in service.get(f"/api/model/{id}/report").text
    assert service.call("DELETE", f"/api/model/{id}").json()["success"] is True
    assert service.get(f"/api/model/{id}").status_code == 404
    assert [path.name for path in (service.folder / "models").glob(f"{id}*")] == []


def test_a_model_per_plant(service: Service, dataset: Body) -> None:
    body = FAST | {"datasetId": dataset["dataset_id"], "plants": ["P 1"]}
    reply = service.post("/api/model/train/parallel/enhanced", body).json()
    assert (reply["total_plants"], reply["successful_plants"]) == (1, 1)
    result = reply["plant_results"]["P 1"]
    info = service.get(f"/api/model/{result['model_id']}").json()["info"]
    assert (info["architecture"], info["plant"]) == ("enhanced", "P 1")
    assert info["config"]["sequence_length"] == 15
    summary = service.get("/api/model/plants/summary").json()["summary"]["P 1"]
    assert result["model_id"] in summary["models"]
    best, *others = (
        service.get(f"/api/model/{id}").json()["info"]
        for id in [summary["best_model"], *summary["models"]]
    )
    of_same_data = [each for each in others if each["dataset_id"] == best["dataset_id"]]
    assert best["metrics"]["mase"] == min(each["metrics"]["mase"] for each in of_same_data)


def test_unknown_fields_are_refused_by_name(service: Service) -> None:
    reply = service.post(ENHANCED, {"lstmUnit1": 8})
    assert reply.status_code == 422 and "lstmUnits1" in reply.json()["error"]


def test_no_training_joins_one_of_another_architecture() -> None:
    body = {to_camel(name): value for name, value in DEFAULTS.items()} | {"datasetId": "x"}
    requests = [kind.parse(body) for kind in (TrainRequest, EnhancedRequest)]
    assert requests[0].to_config() == requests[1].to_config()
    assert fingerprint(requests[0]) != fingerprint(requests[1])


# --- which is the best, and what stands beside ------------------------------------------------


def document(**more: Any) -> Body:
    figures = {"skill": 0.1, "skill_over_seasonal_naive": 0.2}
    return {
        "model_id": "m",
        "created_at": "2026-01-01",
        "architecture": "plain",
        "dataset_id": "d",
        "config": {"train_test_split": 0.8},
        "metrics": {"mase": 1.0, "r2_score": 0.5, "per_target": {"wip": figures}},
        "series": [{"key": ["A", "b", "c"]}],
    } | more


@pytest.mark.parametrize(
    ("first", "second", "best"),
    [((0.9, 0.1), (1.1, 0.9), 0), ((1.1, 0.9), (0.9, 0.1), 1), ((None, 0.9), (2.0, 0.1), 1),
     ((None, 0.3), (None, 0.9), 1)],
)  # fmt: skip
def test_the_best_model_has_the_lowest_mase_whatever_its_r2(
    tmp_path: Path, first: tuple[Any, float], second: tuple[Any, float], best: int
) -> None:
    registry, ids = Registry(tmp_path, 1), [str(uuid4()), str(uuid4())]
    for id, (mase, r2) in zip(ids, (first, second), strict=True):
        fields = document(metrics={"mase": mase, "r2_score": r2})
        registry.store.publish(id, fields, {})
    page = OperationPage(None, None, registry)  # type: ignore[arg-type]
    assert page.best("A").model_id == ids[best]
    assert page.plants_summary().summary["A"].best_r2_score == (first, second)[best][1]
    with pytest.raises(NotFound):
        page.best("B")


def test_the_best_model_is_one_of_the_newest_data(tmp_path: Path) -> None:
    """A model of calmer data, months old, has the lower error."""
    registry, ids = Registry(tmp_path, 1), [str(uuid4()) for _ in range(3)]
    split = {"held_back_from": "2026-01-01", "calibration_from": None}
    for id, mase, last in zip(
        ids, (0.5, 0.9, 0.8), ("2026-03-01", *["2026-06-01"] * 2), strict=True
    ):
        metrics = {"mase": mase, "r2_score": 0.5}
        fields = document(metrics=metrics, split=split | {"last_date": last})
        registry.store.publish(id, fields, {})
    page = OperationPage(None, None, registry)  # type: ignore[arg-type]
    assert page.best("A").model_id == ids[2]


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({}, True),
        ({"metrics": {}}, False),
        ({"architecture": "plain"}, False),
        ({"dataset_id": "another"}, False),
        ({"plant": "A"}, False),
        ({"config": {"train_test_split": 0.9}}, False),
    ],
)
def test_only_models_of_the_same_held_back_end_stand_beside(
    tmp_path: Path, changes: Body, counts: bool
) -> None:
    registry, ids = Registry(tmp_path, 1), [str(uuid4()) for _ in range(4)]
    other = document(architecture="enhanced") | changes
    older = other | {"created_at": "2025-01-01"}
    imported = {"config": {}, "metrics": {}}
    for id, fields in zip(ids, (document(), other, older, imported), strict=True):
        registry.store.publish(id, fields | {"model_id": id}, {})
    found = registry.others_of(registry.summary(ids[0]))
    assert [each.model_id for each in found] == ([ids[1]] if counts else [])
    assert registry.others_of(registry.summary(ids[3])) == []
