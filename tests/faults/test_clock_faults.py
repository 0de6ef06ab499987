"""The clock steps back by an hour while a model is trained."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.clock import Clock
from tests.support.running_service import FAST, SMALL, job_events, start_service

Body = dict[str, Any]
HOUR = 3600


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.long
def test_a_clock_that_steps_back_by_an_hour_during_a_training(tmp_path: Path) -> None:
    clock = Clock(tmp_path)
    clock.set(HOUR)
    service = start_service(tmp_path, **clock.environment)
    service.wait_for_worker()
    data_id = service.post("/api/data/generate", SMALL).json()["dataset_id"]
    body = FAST | {"datasetId": data_id}
    first = service.submit(body | {"epochs": 60})
    waiting = service.submit(body)
    stream = job_events(service, first)
    events = [next(stream) for _ in range(12)]

    clock.set(0)
    later = service.submit(body)
    assert seconds(service.job(first)["started_at"]) > time.time() + HOUR - 60
    assert seconds(service.job(later)["queued_at"]) < time.time() + 60
    running = service.job(first)
    assert running["status"] == "running" and running["progress"]["eta_seconds"] >= 0
    status = service.get("/api/model/plants/status").json()["plant_training"]
    assert all((plant["training_time"] or 0) >= 0 for plant in status.values())
    events += stream  # comes to its end
    assert [event.id for event in events] == [*(str(i) for i in range(len(events) - 1)), "end"]
    epochs = [json.loads(event.data) for event in events if event.event == "epoch"]
    assert [epoch["epoch"] for epoch in epochs] == list(range(1, 61))
    assert all(epoch["seconds"] >= 0 and epoch["eta_seconds"] >= 0 for epoch in epochs)
    for job_id in (first, waiting, later):
        job = service.wait_for(job_id, "succeeded")
        assert job["tries"] == 1
        assert seconds(job["queued_at"]) <= seconds(job["started_at"]) <= seconds(job["ended_at"])
        assert service.get(f"/api/model/{job_id}").json()["info"]["training_time"] >= 0
    # The log shows what is new, although the last lines of before the step are of a time to come.
    logged = service.get("/api/training/logs").json()["logs"]
    assert any(line["level"] == "success" and line["job_id"] == later for line in logged)
    assert len(service.get("/api/models").json()["models"]) == 3
    assert service.stop() == 0
