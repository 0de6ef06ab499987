"""Models, data sets and jobs that version 1.0.0 wrote, opened by the service as it is now."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from models.jobs.training_log import Notes
from tests.support.running_service import (
    FAST,
    Service,
    job_events,
    make_key,
    run_command,
    start_service,
    wait_until,
)
from utils.api.replies.base import whole_seconds
from utils.storage.database import open_engine

RELEASED = Path(__file__).parents[1] / "samples/v1.0.0"
DATASET = "4e182a81-92d2-40bb-84cf-0731b70dea22"
PLAIN, ENHANCED = "511235ce-525d-44c7-8ba0-7e1bc46ebe5c", "c78b1bc9-b619-40c9-ac06-885bb11454d0"
BACKTEST = "f583856e-51a9-4392-8ecf-5b32a3aca0e1"
QUEUED = str(uuid4())
SERIES = {"plant": "P 1", "application": "TV", "panelSize": "L"}
KEPT = {"JOBS_KEPT_DAYS": "36500"}  # the jobs grow older with the calendar


def queue_again(database: Path, job_id: str, new_id: str) -> None:
    """Copy a job that has ended, as one that the released service queued and nobody started."""
    waiting: dict[str, Any] = {
        "workflow_uuid": new_id,
        "status": "ENQUEUED",
        "recovery_attempts": 0,
    }
    unset = ("executor_id", "started_at_epoch_ms", "completed_at", "output", "error")
    waiting |= dict.fromkeys(unset)
    with closing(sqlite3.connect(database)) as connection, connection:
        for table in ("workflow_status", "workflow_input"):
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            found = connection.execute(f"SELECT * FROM {table} WHERE workflow_uuid = ?", [job_id])
            row = dict(zip(columns, found.fetchone(), strict=True))
            row |= {name: value for name, value in waiting.items() if name in row}
            places = ", ".join("?" * len(columns))
            connection.execute(f"INSERT INTO {table} VALUES ({places})", list(row.values()))


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("released")
    shutil.copytree(RELEASED, folder, dirs_exist_ok=True)
    queue_again(folder / "jobs.sqlite", PLAIN, QUEUED)
    key = make_key(folder, "tests", "write")
    service = start_service(folder, **KEPT)
    service.key = key
    wait_until(lambda: service.get("/api/jobs").json().get("jobs"))  # a worker updates the tables
    yield service
    assert service.stop() == 0


def committed(name: str) -> dict[str, Any]:
    return json.loads((RELEASED / name).read_text())


def assert_close(found: Any, expected: Any) -> None:
    """Compare replies: numbers to five digits, all else exactly; fields may have been added."""
    if isinstance(expected, dict):
        assert found.keys() >= expected.keys()
        for name in expected:
            assert_close(found[name], expected[name])
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_close(one, other)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-5)
    else:
        assert found == expected


def test_models_are_listed_and_read_in_full(released: Service) -> None:
    listed = {m["model_id"]: m["info"] for m in released.get("/api/models").json()["models"]}
    for id, architecture in ((PLAIN, "plain"), (ENHANCED, "enhanced")):
        document = committed(f"models/{id}.json")
        assert listed[id]["status"] == "ready"
        model = released.get(f"/api/model/{id}").json()
        created_at = whole_seconds(document["created_at"])
        assert listed[id]["created_at"] == model["info"]["created_at"] == created_at
        for field in ("config", "training_time", "dataset_id", "versions"):
            assert listed[id][field] == model["info"][field] == document[field]
        assert model["info"]["metrics"] == document["metrics"]
        assert listed[id]["metrics"].keys() <= document["metrics"].keys()
        assert model["info"]["architecture"] == architecture
        assert model["training_history"] == document["training_history"]
        assert model["model_summary"] == document["model_summary"] | {"created_at": created_at}
        assert len(model["series"]) == len(document["series"]) == 2
    assert listed[ENHANCED]["serves"] == committed(f"models/{ENHANCED}.json")["serves"] == "float16"


@pytest.mark.parametrize("model_id", [PLAIN, ENHANCED])
def test_a_prediction_is_the_one_that_was_given_then(released: Service, model_id: str) -> None:
    body = SERIES | {"model_id": model_id, "predictionDays": 10}
    reply = released.post("/api/model/predict", body)
    assert reply.status_code == 200, reply.text
    assert_close(reply.json(), committed(f"predict-{model_id}.json"))


def test_the_data_set_is_listed_and_read(released: Service) -> None:
    [info] = [d for d in released.get("/api/data").json()["datasets"] if d["dataset_id"] == DATASET]
    document = committed(f"data/{DATASET}.json")
    assert info["summary"] == document["summary"] | {"shifts": None}
    assert info["parameters"] == document["parameters"]
    rows = released.get(f"/api/data/{DATASET}").json()["data"]
    assert len(rows) == document["data_points"] == 240
    assert {(row["plant"], row["panel_size"]) for row in rows} == {("P 1", '15.6"'), ("P 1", "L")}


def test_jobs_are_listed_with_their_states_and_times(released: Service) -> None:
    jobs = {job["job_id"]: job for job in released.get("/api/jobs").json()["jobs"]}
    assert {PLAIN, ENHANCED, BACKTEST} <= jobs.keys()
    for id in (PLAIN, ENHANCED):
        job = jobs[id]
        assert (job["kind"], job["status"], job["model_id"]) == ("train", "succeeded", id)
        assert job["progress"]["epoch"] == job["progress"]["epochs"] == 2
        assert job["queued_at"] < job["started_at"] <= job["ended_at"]
        assert job["dataset_id"] == DATASET and job["config"]["lstm_units_1"] == 4
        assert job["result_url"] == f"/api/model/{id}"
    trial = jobs[BACKTEST]
    assert (trial["kind"], trial["status"], trial["model_id"]) == ("backtest", "succeeded", PLAIN)
    assert trial["result_url"] == f"/api/model/{PLAIN}/backtest/{BACKTEST}"
    assert trial["config"]["origins"] == 20 and trial["architecture"] is None


def test_events_of_an_ended_job_are_replayed(released: Service) -> None:
    events = list(job_events(released, PLAIN))
    assert [event.id for event in events] == ["0", "1", "2", "3", "end"]
    assert [event.event for event in events] == ["status", "status", "epoch", "epoch", "status"]
    last = json.loads(list(job_events(released, BACKTEST))[-1].data)
    assert last["status"] == "succeeded"
    assert last["result_url"] == f"/api/model/{PLAIN}/backtest/{BACKTEST}"


def test_the_backtest_result_is_read(released: Service) -> None:
    path = f"/api/model/{PLAIN}/backtest/{BACKTEST}"
    expected = json.loads((RELEASED / f"models/backtests/{BACKTEST}.result").read_text())
    assert released.get(path).json() == expected
    assert released.get(f"{path}?format=png").content.startswith(b"\x89PNG")


def test_the_compression_is_known(released: Service) -> None:
    reply = released.get(f"/api/model/{ENHANCED}/download?format=litert")
    assert reply.content == (RELEASED / f"models/{ENHANCED}.tflite").read_bytes()


@pytest.mark.long
def test_the_report_and_the_picture_are_made(released: Service) -> None:
    report = released.get(f"/api/model/{PLAIN}/report")
    assert report.status_code == 200 and PLAIN in report.text
    path = released.get(f"/api/model/{PLAIN}/visualize").json()["visualization_path"]
    assert released.get(path).content.startswith(b"\x89PNG")


def test_a_job_that_was_queued_then_runs_now(released: Service) -> None:
    job = released.wait_for(QUEUED, "succeeded", "failed")
    assert job["status"] == "succeeded", job["error"]
    config = released.get(f"/api/model/{QUEUED}").json()["info"]["config"]
    assert config == committed(f"models/{PLAIN}.json")["config"]


@pytest.mark.long
def test_the_old_data_set_can_be_trained_on(released: Service) -> None:
    reply = released.post("/api/model/train", FAST | {"datasetId": DATASET})
    assert reply.status_code == 200, reply.text
    assert reply.json()["data_points"] == 240
    assert [other["model_id"] for other in reply.json()["beside"]] == []


def test_an_old_model_is_compared_with_a_new_one(released: Service) -> None:
    body = FAST | {"datasetId": DATASET, "trainTestSplit": 0.85}
    reply = released.post("/api/model/train", body)
    assert [other["model_id"] for other in reply.json()["beside"]] == [ENHANCED]


def test_notes_and_keys_are_there(released: Service) -> None:
    engine = open_engine(f"sqlite:///{released.folder / 'jobs.sqlite'}")
    assert "a note" in [line.message for line in Notes(engine).last(9)]
    engine.dispose()
    listed = run_command(released.folder, "keys", "list")
    assert "sample" in listed.stdout and "read" in listed.stdout
