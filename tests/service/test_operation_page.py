"""The endpoints of the operation page, line by line of the contract's third part, over HTTP."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pytest

from models.jobs.training_log import epoch_line
from tests.support.running_service import FAST, Service, wait_until
from utils.http.views import ENDPOINTS

Body = dict[str, Any]
# The page parses its curves by this, letter for letter.
EPOCH = re.compile(
    r"Epoch (\d+)/(\d+) loss: (-?\d+\.\d+) val_loss: (-?\d+\.\d+)"
    r" mae: (-?\d+\.\d+) r2: (-?\d+\.\d+)"
)
STATUS = {
    "status", "current_epoch", "total_epochs", "current_loss", "current_r2", "current_mae",
    "final_r2", "training_time", "error", "start_time",
}  # fmt: skip
STAGES = ("data made", "autoregression", "exporting", "evaluating")
PLANT = quote("Wörk/2", safe="")


@pytest.fixture(scope="module")
def plants(service: Service, dataset: Body) -> Body:
    """The reply of a training of a model per plant."""
    body = FAST | {"datasetId": dataset["dataset_id"], "seed": 3}
    reply = service.post("/api/model/train/parallel/plants", body)
    assert reply.status_code == 200, reply.text
    return reply.json()


@pytest.fixture(scope="module")
def posted(service: Service) -> Body:
    """The reply of a training on posted rows, of names that HTML has to be careful with."""
    rows = [
        {"day": day, "plant": "<b>", "application": "&", "panelSize": "S", "wip": 9 + day % 3,
         "throughput": 5}
        for day in range(60)
    ]  # fmt: skip
    return service.post("/api/model/train", FAST | {"trainingData": rows, "epochs": 3}).json()


@pytest.fixture(scope="class")
def running(service: Service, dataset: Body, plants: Body) -> Iterator[str]:
    """A job on all plants that trains until it is cancelled, then one per plant."""
    body = FAST | {"epochs": 10_000, "datasetId": dataset["dataset_id"]}
    id = service.submit(body)
    service.wait_for_epoch(id)
    yield id
    service.call("DELETE", f"/api/jobs/{id}")
    service.wait_for(id, "cancelled")


def refused(reply: Any, status: int) -> str:
    body = reply.json()
    assert (reply.status_code, body["success"]) == (status, False)
    return str(body["error"])


# --- the log ----------------------------------------------------------------------------------


def test_logs_are_of_the_last_training_alone(service: Service, trained: Body, posted: Body) -> None:
    lines = [line for line in service.get("/api/training/logs").json()["logs"] if line["job_id"]]
    assert {line["job_id"] for line in lines} == {posted["model_id"]}
    assert [line["level"] for line in lines] == ["info"] * 8 + ["success"]
    start, made, fitted, *epochs, export, evaluation, end = (line["message"] for line in lines)
    assert "starting" in start and "training" in start and posted["dataset_id"] in start
    stages = zip((made, fitted, export, evaluation), STAGES, strict=True)
    assert all(word in message for message, word in stages)
    found = [EPOCH.fullmatch(message) for message in epochs]
    assert [epoch and int(epoch[1]) for epoch in found] == [1, 2, 3]
    losses = [float(epoch[3]) for epoch in found if epoch]
    assert losses == pytest.approx(posted["training_history"]["loss"], abs=1e-4)
    assert all(epoch and float(epoch[5]) < 1 and float(epoch[6]) >= 0 for epoch in found)
    figures = [f"{posted['metrics'][name]:.4g}" for name in ("r2_score", "rmse", "mae")]
    assert all(text in end for text in [*figures, "R²", "RMSE", "MAE", "60 rows", " seconds"])
    assert "epoch" not in end.lower()


def test_logs_have_the_error_of_a_failed_training(service: Service, dataset: Body) -> None:
    body = FAST | {"datasetId": dataset["dataset_id"], "sequenceLength": 300}
    error = refused(service.post("/api/model/train", body), 422)
    last = service.get("/api/training/logs").json()["logs"][-1]
    assert last["level"] == "error" and error in last["message"]


def test_notes_are_in_the_logs_of_every_web_process(service: Service) -> None:
    for level in ("warning", None):
        note = {"message": f"furnace {level}", "level": level}
        added = service.post("/api/training/logs", note).json()["log"]
        assert added["message"] == note["message"] and added["level"] == (level or "info")
        for _ in range(8):
            assert added in service.get("/api/training/logs").json()["logs"]


@pytest.mark.parametrize(
    ("note", "field"),
    [({}, "message"), ({"message": " "}, "message"), ({"message": "x", "level": "loud"}, "level"),
     ({"message": "x" * 1001}, "message"), ({"text": "x"}, "text")],
)  # fmt: skip
def test_notes_that_break_a_rule(service: Service, note: Body, field: str) -> None:
    assert field in refused(service.post("/api/training/logs", note), 422)


def test_a_line_has_figures_that_the_page_can_read() -> None:
    epoch = {"epoch": 1, "epochs": 2, "loss": 1.0, "val_loss": 1.0, "mae": 480.0}
    line = epoch_line(epoch | {"relative_mae": 0.25, "r2_score": -0.75})
    assert line.endswith("mae: 0.2500 r2: 0.0000")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.42, "0.4200"), (0.0, "0.0000"), (123.456789, "123.4568"), (-0.31, "-0.3100"),
     (0.00001234567, "0.00001235"), (1e-300, "0.000000000000")],
)  # fmt: skip
def test_figures_of_the_log_are_never_lost_in_rounding(value: float, text: str) -> None:
    epoch = {"epoch": 3, "epochs": 50, "loss": value, "val_loss": 0.5, "mae": 0.3, "r2_score": 0.81}
    line = epoch_line(epoch)
    assert line == f"Epoch 3/50 loss: {text} val_loss: 0.5000 mae: 0.3000 r2: 0.8100"
    assert EPOCH.fullmatch(line)


# --- what is being trained --------------------------------------------------------------------


class TestWhileOneTrains:
    def test_logs_are_of_the_running_training_alone(self, service: Service, running: str) -> None:
        def lines() -> list[Body]:
            reply = service.get("/api/training/logs").json()
            assert reply["count"] == len(reply["logs"]) <= 500
            return list(reply["logs"])

        wait_until(lambda: len(lines()) > 100)
        found = lines()
        assert [line["timestamp"] for line in found] == sorted(line["timestamp"] for line in found)
        assert all(line["timestamp"].endswith("+00:00") for line in found)
        mine = [line["message"] for line in found if line["job_id"]]
        assert {line["job_id"] for line in found} <= {running, None}
        assert "starting" in mine[0] and "training" in mine[0]
        epochs = [EPOCH.fullmatch(message) for message in mine]
        numbers = [int(epoch[1]) for epoch in epochs if epoch]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))

    def test_status_of_plants_while_all_train_together(
        self, service: Service, running: str
    ) -> None:
        found = service.get("/api/model/plants/status").json()["plant_training"]
        assert list(found) == sorted(found)
        for plant in (found["P 1"], found["Wörk/2"]):
            assert set(plant) >= STATUS and plant["job_id"] == running
            assert plant["status"] == "training" and plant["total_epochs"] == 10_000
            assert plant["current_epoch"] >= 1 and plant["current_loss"] > 0
            assert abs(plant["start_time"] / 1000 + plant["training_time"] - time.time()) < 5

    def test_realtime_metrics_are_the_facts_of_running_jobs(
        self, service: Service, running: str
    ) -> None:
        reply = service.get("/api/training/metrics/realtime").json()
        assert reply["count"] == len(reply["metrics"]) == 1
        assert reply["metrics"][running]["progress"]["epoch"] >= 1
        assert set(reply["metrics"][running]) == set(service.job(running)) - {"success"}

    def test_dashboard_tells_what_is_true(
        self, service: Service, plants: Body, running: str
    ) -> None:
        reply = service.get("/api/training/status/dashboard").json()
        status = reply["status_data"]
        assert status["overall_status"] == status["regular_training"]["status"] == "training"
        assert status["parallel_training"] == status["enhanced_training"] == {}
        assert status["plant_models"] == service.get("/api/model/plants/summary").json()["summary"]
        newest = service.get("/api/models").json()["models"][0]["model_id"]
        assert reply["visualization_path"] == f"visualizations/{newest}.png"
        picture = service.get(f"/{reply['visualization_path']}")
        assert picture.ok and picture.headers["Content-Type"] == "image/png"
        again = service.get("/api/training/status/dashboard").json()
        assert again["dashboard"]["dashboard_created"] is True


def test_status_of_plants_of_a_group_from_pending_to_completed(
    service: Service, dataset: Body
) -> None:
    body = FAST | {"datasetId": dataset["dataset_id"], "epochs": 60, "background": True}
    jobs = service.post("/api/model/train/parallel/plants", body).json()["jobs"]

    def status() -> Body:
        return dict(service.get("/api/model/plants/status").json()["plant_training"])

    wait_until(lambda: status()["P 1"]["status"] == "training")
    assert status()["Wörk/2"]["status"] == "pending"
    assert status()["Wörk/2"]["current_epoch"] == 0
    service.wait_for(jobs["P 1"], "succeeded")
    found = status()["P 1"]  # it is shown for two minutes
    assert found["status"] == "completed" and found["current_epoch"] == 60
    metrics = service.get(f"/api/model/{jobs['P 1']}").json()["info"]["metrics"]
    assert found["final_r2"] == metrics["r2_score"]
    dashboard = service.get("/api/training/status/dashboard").json()["status_data"]
    assert dashboard["parallel_training"]["P 1"]["status"] == "completed"
    group = service.get("/api/training/jobs/parallel").json()["groups"][0]
    assert group["total"] == 2 and {job["job_id"] for job in group["jobs"]} == set(jobs.values())
    service.call("DELETE", f"/api/jobs/{jobs['Wörk/2']}")
    service.wait_for(jobs["Wörk/2"], "cancelled", "succeeded")
    assert {each["status"] for each in status().values()} <= {"completed", "error"}
    dashboard = service.get("/api/training/status/dashboard").json()["status_data"]
    assert dashboard["parallel_training"] == dashboard["regular_training"] == {}


def test_epochs_of_a_job(service: Service, trained: Body) -> None:
    path = f"/api/training/job/{trained['model_id']}/metrics/epochs"
    reply = service.get(path).json()
    assert reply["status"] == "succeeded"
    assert [epoch["loss"] for epoch in reply["epochs"]] == trained["training_history"]["loss"]
    assert [datetime.fromisoformat(epoch["at"]) for epoch in reply["epochs"]]
    refused(service.get("/api/training/job/nonsense/metrics/epochs"), 404)


# --- models by plant --------------------------------------------------------------------------


def test_models_belong_to_their_plants(service: Service, trained: Body, plants: Body) -> None:
    summary = service.get("/api/model/plants/summary").json()["summary"]
    for plant, result in plants["plant_results"].items():
        found = summary[plant]
        assert result["model_id"] in found["models"] and found["best_model"] in found["models"]
        assert found["total_models"] == len(found["models"])
        best = service.get(f"/api/model/{found['best_model']}").json()["info"]["metrics"]
        assert found["best_r2_score"] == best["r2_score"]
        assert trained["model_id"] not in found["models"]  # it is of both plants


def test_best_model_of_a_plant_predicts(service: Service, plants: Body) -> None:
    best = service.get(f"/api/model/plant/{PLANT}/best").json()
    assert best["plant"] == "Wörk/2" and best["metadata"]["plant"] == "Wörk/2"
    summary = service.get("/api/model/plants/summary").json()["summary"]
    assert best["model_id"] == summary["Wörk/2"]["best_model"]
    ask = {"application": "TV", "panelSize": "L", "predictionDays": 5}
    reply = service.post(f"/api/model/plant/{PLANT}/predict", ask | {"currentWIP": None}).json()
    full = ask | {"plant": "Wörk/2", "model_id": best["model_id"]}
    assert reply == service.post("/api/model/predict", full).json()


def test_a_plant_that_has_no_model(service: Service, plants: Body) -> None:
    assert "Mars" in refused(service.get("/api/model/plant/Mars/best"), 404)
    ask = {"application": "TV", "panelSize": "L"}
    refused(service.post("/api/model/plant/Mars/predict", ask), 404)
    other = service.post(f"/api/model/plant/{PLANT}/predict", ask | {"plant": "P 1"})
    assert "Wörk/2" in refused(other, 422)
    extra = service.post(f"/api/model/plant/{PLANT}/predict", ask | {"model_id": "x"})
    assert "model_id" in refused(extra, 422)


# --- the same request again -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/api/model/train", "datasetId"),
        ("/api/model/train/parallel/plants", "datasetId"),
        pytest.param("/api/model/train", "historicalDays", marks=pytest.mark.long),
        pytest.param("/api/model/train/parallel/plants", "historicalDays", marks=pytest.mark.long),
    ],
)
def test_equal_trains_at_the_same_moment_share_one_job(
    service: Service, dataset: Body, path: str, data: str
) -> None:
    body = FAST | {"datasetId": dataset["dataset_id"], "historicalDays": 90}
    del body["historicalDays" if data == "datasetId" else "datasetId"]
    body |= {"plants": ["P 1"]} if path.endswith("plants") else {}
    known = {job["job_id"] for job in service.get("/api/jobs?limit=1000").json()["jobs"]}
    stored = service.get("/api/data").json()["total"]
    with ThreadPoolExecutor(3) as pool:
        posted = [pool.submit(service.post, path, body | {"seed": None}) for _ in range(3)]
        replies = [each.result().json() for each in posted]
    jobs = {job["job_id"] for job in service.get("/api/jobs?limit=1000").json()["jobs"]}
    assert len(jobs - known) == replies[0].get("total_plants", 1)
    assert service.get("/api/data").json()["total"] - stored == (data != "datasetId")
    for reply in replies:
        assert reply["success"] is True
        reply.pop("training_time")
    assert replies[0] == replies[1] == replies[2]


def test_parallel_plants_that_all_fail_are_a_failure(service: Service, dataset: Body) -> None:
    body = FAST | {"datasetId": dataset["dataset_id"], "sequenceLength": 300}
    reply = service.post("/api/model/train/parallel/plants", body)
    assert "sequenceLength" in refused(reply, 422)
    assert {each["received"] for each in reply.json()["details"]} == {"P 1", "Wörk/2"}


# --- pictures and reports ---------------------------------------------------------------------


def test_picture_and_report_of_a_model(service: Service, plants: Body) -> None:
    id = plants["plant_results"]["Wörk/2"]["model_id"]
    reply = service.get(f"/api/model/{id}/visualize").json()
    assert reply["visualization_path"] == f"/visualizations/{id}.png"
    assert service.get(reply["visualization_path"]).content.startswith(b"\x89PNG\r\n")
    report = service.get(f"/api/model/{id}/report")
    assert report.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in report.headers["Content-Security-Policy"]
    for text in (id, "Wörk/2", "lstm_units_1", "r2_score", "Forecast against actuals"):
        assert text in report.text
    assert report.text.count("data:image/png;base64,") == 2
    service.call("DELETE", f"/api/model/{id}")
    refused(service.get(reply["visualization_path"]), 404)
    assert [path.name for path in (service.folder / "models").glob(f"{id}*")] == []


def test_the_report_of_a_model_without_its_data(service: Service, posted: Body) -> None:
    service.call("DELETE", f"/api/data/{posted['dataset_id']}")
    report = service.get(f"/api/model/{posted['model_id']}/report").text
    assert "is not stored here" in report and report.count("data:image/png") == 1


@pytest.mark.parametrize(
    "path",
    ["/api/model/{}/visualize", "/api/model/{}/report", "/visualizations/{}.png",
     "/visualizations/{}.html", "/visualizations/{}", "/visualizations/..%2F{}.png"],
)  # fmt: skip
@pytest.mark.parametrize("id", ["nonsense", "00000000-0000-4000-8000-000000000000"])
def test_pictures_of_no_model_are_a_404(service: Service, path: str, id: str) -> None:
    reply = service.get(path.format(id))
    refused(reply, 404)
    if path.startswith("/visualizations/"):  # a page of another origin learns that there is none
        assert reply.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


# --- from another origin ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [(e.method, re.sub(r"<\w+>", "x", e.path)) for e in ENDPOINTS if e.method != "GET"],
)
def test_preflights_of_every_post_and_delete(service: Service, method: str, path: str) -> None:
    headers = {
        "Origin": "http://localhost:4200",
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "content-type",
    }
    reply = service.call("OPTIONS", path, headers=headers)
    assert reply.ok and method in reply.headers["Access-Control-Allow-Methods"]
    assert reply.headers["Access-Control-Allow-Origin"] == headers["Origin"]
    assert "content-type" in reply.headers["Access-Control-Allow-Headers"].lower()
