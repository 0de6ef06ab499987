"""Two machines on one PostgreSQL and one S3 bucket: two web servers, two workers, one of them lost.

The machines are processes here; they share nothing but the database and the bucket.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import postgres, s3
from tests.support.running_service import (
    FAST,
    SMALL,
    Service,
    child_processes,
    job_events,
    start_service,
    wait_until,
)

Body = dict[str, Any]
SHORT = FAST | SMALL
SEEN_WITHIN = 2.0  # seconds after which every process knows of a model, or of its end
TAKEN_OVER_WITHIN = 30.0  # seconds; 15 of silence, one round of 3, and room for a busy machine


@pytest.fixture(scope="module")
def machines(
    postgres_server: postgres.Server, s3_server: s3.S3, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Service]]:
    bucket = s3_server.new_bucket()
    shared = {
        "DATABASE_URL": postgres_server.new_database(),
        "MODEL_STORE": f"{bucket}/models",
        "DATA_STORE": f"{bucket}/data",
        "WEB_PROCESSES": "1",
        "CHECKPOINT_SECONDS": "0",
        **s3_server.environment,
    }
    running = [
        start_service(tmp_path_factory.mktemp(name), WORKER_ID=name, **shared)
        for name in ("one", "two")
    ]
    wait_until(lambda: (running[0].get("/health").json()["workers_alive"] or 0) == 2, 60)
    yield running
    for machine in running:
        if machine.process.poll() is None:
            machine.stop()


def listed(machine: Service) -> set[str]:
    return {model["model_id"] for model in machine.get("/api/models").json()["models"]}


@pytest.mark.long
def test_nothing_is_kept_on_a_machine(machines: list[Service]) -> None:
    machines[0].post("/api/data/generate", SMALL)
    assert not any(
        (machine.folder / name).exists() for machine in machines for name in ("models", "data")
    )


@pytest.mark.long
def test_a_model_is_everywhere_and_then_nowhere(machines: list[Service]) -> None:
    one, two = machines
    id = one.submit(SHORT)
    wait_until(lambda: two.job(id)["status"] == "succeeded", 60)
    wait_until(lambda: id in listed(two) and id in listed(one), SEEN_WITHIN)
    ask = {"model_id": id, "plant": "P 1", "application": "TV", "panelSize": "L"}
    forecasts = [machine.post("/api/model/predict", ask).json() for machine in machines]
    assert forecasts[0]["predictions"] == forecasts[1]["predictions"]
    logs = [machine.get("/api/training/logs").json()["logs"] for machine in machines]
    assert logs[0] == logs[1] and (logs[0][-1]["level"], logs[0][-1]["job_id"]) == ("success", id)
    assert two.get(f"/visualizations/{id}.png").content.startswith(b"\x89PNG")
    trial = one.post(f"/api/model/{id}/backtest", {"origins": 2}).json()
    url = f"/api/model/{id}/backtest/{trial['job_id']}"
    assert two.get(url).json() == trial
    assert two.get(f"{url}?format=png").content.startswith(b"\x89PNG")
    assert two.call("DELETE", f"/api/model/{id}").status_code == 200
    wait_until(lambda: one.post("/api/model/predict", ask).status_code == 404, SEEN_WITHIN)
    assert all(id not in listed(machine) for machine in machines)
    wait_until(lambda: one.get(url).status_code == 404, SEEN_WITHIN)


@pytest.mark.long
def test_data_stored_by_one_is_read_by_the_other(machines: list[Service]) -> None:
    one, two = machines
    made = one.post("/api/data/generate", SMALL).json()
    for form in ("json", "csv", "parquet"):
        path = f"/api/data/{made['dataset_id']}?format={form}"
        assert two.get(path).content == one.get(path).content != b""
    assert two.call("DELETE", f"/api/data/{made['dataset_id']}").status_code == 200


@pytest.mark.long
def test_two_workers_share_one_queue(machines: list[Service]) -> None:
    ids = [machines[0].submit(SHORT | {"epochs": 400}) for _ in range(2)]
    wait_until(lambda: [machines[1].job(id)["status"] for id in ids] == ["running"] * 2)
    for id in ids:
        assert machines[1].call("DELETE", f"/api/jobs/{id}").status_code == 200


@pytest.mark.long
def test_a_machine_that_is_lost_is_replaced_by_the_other(machines: list[Service]) -> None:
    """Its training goes on from the checkpoint, its events without a gap; it gives one model."""
    id = machines[0].submit(SHORT | {"epochs": 150, "seed": 5})
    wait_until(lambda: ((machines[0].job(id)["progress"] or {}).get("epoch") or 0) >= 10, 60)
    events = job_events(machines[0], id)
    started = next(event for event in events if '"running"' in event.data)
    events.close()
    lost, left = machines if "one-1" in started.data else machines[::-1]
    stream = job_events(left, id)
    seen = [next(stream) for _ in range(5)]
    for pid in [lost.process.pid, *child_processes(lost.process.pid)]:
        os.kill(pid, signal.SIGKILL)
    lost.process.wait()
    wait_until(lambda: left.job(id)["tries"] == 2, TAKEN_OVER_WITHIN)
    seen += list(stream)
    assert [event.id for event in seen] == [*(str(i) for i in range(len(seen) - 1)), "end"]
    messages = [json.loads(event.data) for event in seen]
    assert [each["epoch"] for each in messages if "epoch" in each] == list(range(1, 151))
    statuses = [each["status"] for each in messages if "status" in each]
    assert statuses == ["queued", "running", "queued", "running", "succeeded"]
    assert "resuming from a checkpoint" in (left.folder / "log").read_text()
    undisturbed = left.submit(SHORT | {"epochs": 150, "seed": 5})
    wait_until(lambda: left.job(undisturbed)["status"] == "succeeded", 60)
    histories = [
        left.get(f"/api/model/{model}").json()["training_history"] for model in (id, undisturbed)
    ]
    assert histories[0]["loss"] == pytest.approx(histories[1]["loss"], rel=1e-5)
    wait_until(lambda: left.get("/health").json()["workers_alive"] == 1)
