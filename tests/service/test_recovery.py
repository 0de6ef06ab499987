"""Processes are killed; jobs go on, once, from where they were."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support import postgres
from tests.support.running_service import (
    FAST,
    SMALL,
    Event,
    Service,
    child_processes,
    job_events,
    start_service,
    wait_until,
)
from tests.support.stores import visible_files

Body = dict[str, Any]
# Long enough to be caught in the middle, short enough to be waited for.
LONG = FAST | SMALL | {"epochs": 60, "seed": 5, "background": True}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that keeps a checkpoint after every epoch, and whose processes may be killed."""
    settings = {"CHECKPOINT_SECONDS": "0", "WEB_PROCESSES": "2"}
    service = start_service(tmp_path_factory.mktemp("recovery"), **settings)
    service.wait_for_worker()
    yield service
    service.stop()


def worker_of(service: Service) -> int:
    return next(
        pid
        for pid in child_processes(service.process.pid)
        if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )


def result(service: Service, id: str) -> Body:
    """All of a model that a seed decides."""
    document = json.loads((service.folder / "models" / f"{id}.json").read_text())
    return {name: document[name] for name in ("training_history", "metrics", "spread")}


def log_of(service: Service, id: str) -> list[str]:
    return [line for line in (service.folder / "log").read_text().splitlines() if id in line]


@pytest.fixture(scope="module")
def undisturbed(running: Service) -> Body:
    """The result of the long training without a disturbance."""
    id = running.submit(LONG)
    running.wait_for(id, "succeeded")
    return result(running, id)


def test_a_killed_worker_resumes_from_its_checkpoint_and_gives_the_same_model(
    running: Service, undisturbed: Body
) -> None:
    id = running.submit(LONG)
    events: list[Event] = []
    for event in job_events(running, id):
        events.append(event)
        if event.event == "epoch" and len(events) == 15:
            os.kill(worker_of(running), signal.SIGKILL)
    assert json.loads(events[-1].data)["status"] == "succeeded"
    # The stream went on through it: every epoch once, ids without a gap.
    epochs = [json.loads(event.data) for event in events if event.event == "epoch"]
    assert [each["epoch"] for each in epochs] == list(range(1, 61))
    assert [event.id for event in events[:-1]] == [str(i) for i in range(len(events) - 1)]
    assert running.job(id)["tries"] == 2
    assert any("resuming from a checkpoint" in line for line in log_of(running, id))
    matches = [re.search(r"Epoch (\d+)/", line) for line in log_of(running, id)]
    logged = [int(match.group(1)) for match in matches if match]
    assert logged.count(1) == 1 and len(logged) <= 62
    again = result(running, id)
    assert again["training_history"]["loss"] == pytest.approx(
        undisturbed["training_history"]["loss"], rel=1e-5
    )
    assert again["metrics"]["mae"] == pytest.approx(undisturbed["metrics"]["mae"], rel=1e-5)
    assert not (running.folder / "models" / f"{id}.checkpoint").exists()


@pytest.mark.long
def test_a_backtest_whose_worker_is_killed_is_begun_again(running: Service) -> None:
    model = running.post("/api/model/train", FAST | SMALL | {"epochs": 1}).json()
    data = running.post("/api/data/generate", {"seed": 1}).json()["dataset_id"]
    long = {"datasetId": data, "origins": 60, "horizon": 300, "includeTraining": True}
    path = f"/api/model/{model['model_id']}/backtest"
    id = running.post(path, long | {"background": True}).json()["job_id"]
    wait_until(lambda: (running.job(id)["progress"] or {}).get("share", 0) > 0)
    os.kill(worker_of(running), signal.SIGKILL)
    job = running.wait_for(id, "succeeded")
    assert job["tries"] == 2 and job["progress"]["share"] == 1
    assert running.get(job["result_url"]).json()["job_id"] == id


@pytest.mark.long
def test_a_stream_resumes_after_its_web_process_was_killed(running: Service) -> None:
    id = running.submit(LONG)
    ids: list[str] = []
    web = [
        pid
        for pid in child_processes(running.process.pid)
        if b"gunicorn" in Path(f"/proc/{pid}/cmdline").read_bytes() and not child_processes(pid)
    ]
    assert len(web) == 2
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        for event in job_events(running, id):
            ids.append(event.id)
            if len(ids) == 20:
                for pid in web:
                    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: answers(running))
    ids += [event.id for event in job_events(running, id, ids[-1])]
    assert ids == [*(str(i) for i in range(len(ids) - 1)), "end"]
    assert running.job(id)["tries"] == 1  # the training never noticed


def answers(service: Service) -> bool:
    try:
        return service.get("/health").ok
    except requests.ConnectionError:
        return False


@pytest.mark.long
def test_a_job_that_kills_its_workers_fails(running: Service) -> None:
    """After five tries of which none got an epoch further; the next job has its turn."""
    large = {"lstmUnits1": 256, "lstmUnits2": 256, "sequenceLength": 200, "historicalDays": 1500}
    poisoned, next_one = running.submit(LONG | large), running.submit(LONG | {"epochs": 3})
    for attempt in range(1, 6):
        wait_until(lambda n=attempt: len(starts(running, poisoned)) == n, 180)
        os.kill(worker_of(running), signal.SIGKILL)
    failed = running.wait_for(poisoned, "failed")
    assert "tried 5 times" in failed["error"] and "memory" in failed["error"]
    assert failed["progress"] is None
    running.wait_for(next_one, "succeeded")


def starts(service: Service, id: str) -> list[str]:
    return [line for line in log_of(service, id) if "starting training" in line]


@pytest.mark.long
def test_a_stop_releases_the_job_and_a_restart_resumes_it(tmp_path: Path) -> None:
    first, some = start_service(tmp_path, CHECKPOINT_SECONDS="0"), LONG | {"epochs": 50}
    first.wait_for_worker()
    ids = [first.submit(some), first.submit(LONG | {"epochs": 3})]
    first.wait_for_epoch(ids[0], 5)
    assert first.stop() == 0
    second = start_service(tmp_path, CHECKPOINT_SECONDS="0")
    for id in ids:
        assert second.wait_for(id, "succeeded")["tries"] == 1
    listed_jobs = [job["job_id"] for job in second.get("/api/jobs").json()["jobs"]]
    assert sorted(listed_jobs) == sorted(ids)
    # A power cut: everything is gone at once, with a job running and one in the queue.
    ids = [second.submit(some), second.submit(LONG | {"epochs": 3})]
    second.wait_for_epoch(ids[0], 5)
    for pid in [second.process.pid, *child_processes(second.process.pid)]:
        os.kill(pid, signal.SIGKILL)
    second.process.wait()
    third = start_service(tmp_path, CHECKPOINT_SECONDS="0")
    tries = [third.wait_for(id, "succeeded")["tries"] for id in ids]
    assert tries == [2, 1]
    listed = [model["model_id"] for model in third.get("/api/models").json()["models"]]
    assert sorted(listed) == sorted([*listed_jobs, *ids])
    assert third.get("/api/jobs?status=running").json()["jobs"] == []
    ask = {"plant": "P 1", "application": "TV", "panelSize": "L"}
    for id in listed:
        assert third.post("/api/model/predict", ask | {"model_id": id}).status_code == 200
    third.stop()


@pytest.mark.long
def test_a_job_too_large_for_the_memory_fails_alone(tmp_path: Path) -> None:
    service = start_service(tmp_path, WORKER_MEMORY_MB="3000")
    service.wait_for_worker()
    huge = LONG | {"lstmUnits1": 1024, "lstmUnits2": 1024, "batchSize": 8192,
                   "sequenceLength": 300, "historicalDays": 2000}  # fmt: skip
    failed = service.wait_for(service.submit(huge), "failed")
    assert "memory" in failed["error"] and failed["tries"] == 1
    service.wait_for(service.submit(LONG | {"epochs": 2}), "succeeded")
    service.stop()


@pytest.mark.long
def test_old_jobs_are_deleted(tmp_path: Path) -> None:
    service = start_service(tmp_path)
    service.wait_for_worker()
    id = service.submit(LONG | {"epochs": 1})
    service.wait_for(id, "succeeded")
    trial = service.post(f"/api/model/{id}/backtest", {"origins": 2}).json()["job_id"]
    service.stop()
    age(tmp_path / "jobs.sqlite", days=31)
    again = start_service(tmp_path)
    for job_id in (id, trial):
        wait_until(lambda job_id=job_id: again.get(f"/api/jobs/{job_id}").status_code == 404)
    assert again.get(f"/api/model/{id}").status_code == 200  # models are kept
    assert again.get(f"/api/model/{id}/backtest/{trial}").status_code == 404
    assert visible_files(tmp_path / "models" / "backtests") == []
    again.stop()


@pytest.mark.long
def test_a_training_outlasts_an_outage_of_its_database(tmp_path: Path) -> None:
    with postgres.running() as server:
        service = start_service(tmp_path, DATABASE_URL=server.new_database())
        service.wait_for_worker()
        id = service.submit(LONG)
        service.wait_for_epoch(id, 10)
        with server.stopped():
            assert service.get("/health").status_code == 200
            assert service.get("/health/ready").status_code == 503
            assert service.get("/api/models").status_code == 200
            refused = service.get(f"/api/jobs/{id}")
            assert refused.status_code == 503 and "database" in refused.json()["error"]
            log = tmp_path / "log"
            wait_until(lambda: "Epoch 60/60" in log.read_text(), 60)
        ended = service.wait_for(id, "succeeded")
        assert ended["tries"] == 1
        events = list(job_events(service, id))
        epochs = [json.loads(event.data)["epoch"] for event in events if event.event == "epoch"]
        assert epochs == list(range(1, 61))
        service.stop()


def age(database: Path, days: int) -> None:
    """Let a service run for some days since every job was seen to have ended."""
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE service_age SET seconds = seconds + ?", (days * 86_400,))
        connection.execute(
            "INSERT INTO service_retention SELECT 'job', workflow_uuid, 0 FROM workflow_status"
        )
    connection.close()
