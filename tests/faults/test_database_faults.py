"""The database is locked, or restarted under load: some requests wait, and nothing is lost."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.support import postgres
from tests.support.running_service import (
    FAST,
    ROOT,
    SMALL,
    Service,
    job_events,
    start_service,
    wait_until,
)

Body = dict[str, Any]
ASK = {"plant": "P 1", "application": "TV", "panelSize": "L"}
LOCKED_FOR = 10.0  # seconds
ANSWERED_WITHIN = 45.0  # seconds; a database that stays locked is given up after 30


def is_refusal(reply: requests.Response) -> bool:
    """Return whether a reply is a 503, which must have Retry-After."""
    if reply.status_code != 503:
        return False
    assert int(reply.headers["Retry-After"]) > 0 and reply.json()["success"] is False
    return True


def epochs_of(service: Service, job_id: str) -> list[int]:
    """Return the epochs in the events of a job, in order."""
    return [int(e.data.split('"epoch":')[1].split(",")[0]) for e in job_events(service, job_id)
            if e.event == "epoch"]  # fmt: skip


@pytest.mark.long
def test_a_database_that_is_locked_for_ten_seconds(tmp_path: Path) -> None:
    service = start_service(tmp_path)
    service.wait_for_worker()
    data_id = service.post("/api/data/generate", SMALL).json()["dataset_id"]
    asked = FAST | {"datasetId": data_id}
    model_id = service.submit(asked)
    service.wait_for(model_id, "succeeded")
    running = service.submit(asked | {"epochs": 60})
    service.wait_for_epoch(running, 1)
    keys = [str(uuid4()) for _ in range(4)]

    def submit(key: str) -> requests.Response:
        body = asked | {"background": True}
        return service.post("/api/model/train", body, headers={"Idempotency-Key": key})

    with ThreadPoolExecutor(8) as pool, sqlite3.connect(tmp_path / "jobs.sqlite") as lock:
        lock.isolation_level = None
        lock.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        submitted = [pool.submit(submit, key) for key in keys]
        while time.monotonic() - began < LOCKED_FOR:
            assert service.get("/health").status_code == 200
            reply = service.post("/api/model/predict", ASK | {"model_id": model_id})
            assert reply.status_code == 200
            assert service.get("/api/models").status_code == 200
            asking = service.get(f"/api/jobs/{running}")
            assert asking.status_code == 200 or is_refusal(asking), asking.text
            time.sleep(0.2)
        log = (tmp_path / "log").read_text()
        lock.execute("ROLLBACK")
        replies = [each.result(ANSWERED_WITHIN) for each in submitted]
    lock.close()
    assert "Epoch 20/60" in log  # the training went on
    assert all(reply.status_code == 202 or is_refusal(reply) for reply in replies)
    taken = {submit(key).json()["job_id"] for key in keys}  # those of before, where there are any
    assert taken >= {reply.json()["job_id"] for reply in replies if reply.status_code == 202}
    for job_id in (running, *taken):
        assert service.wait_for(job_id, "succeeded")["tries"] == 1
    assert epochs_of(service, running) == list(range(1, 61))
    assert len(service.get("/api/jobs").json()["jobs"]) == 6 == len({running, model_id, *taken})
    assert service.stop() == 0


class Load:
    """Requests of several clients, over and over, and what came of them."""

    def __init__(self) -> None:
        self.statuses: Counter[tuple[str, int]] = Counter()
        self._ended = threading.Event()
        self._pool = ThreadPoolExecutor(16)
        self._clients: list[Any] = []

    def add(self, name: str, ask: Callable[[], requests.Response]) -> None:
        self._clients.append(self._pool.submit(self._ask, name, ask))

    def _ask(self, name: str, ask: Callable[[], requests.Response]) -> None:
        while not self._ended.is_set():
            reply = ask()
            assert reply.ok or is_refusal(reply), (name, reply.status_code, reply.text)
            self.statuses[name, reply.status_code] += 1
            time.sleep(0.02)

    def end(self) -> None:
        self._ended.set()
        for client in self._clients:
            client.result(ANSWERED_WITHIN)
        self._pool.shutdown()


@pytest.mark.long
def test_a_postgresql_that_is_restarted_under_load(tmp_path: Path) -> None:
    with postgres.running() as server:
        service = start_service(tmp_path, DATABASE_URL=server.new_database(), WORKERS="2")
        wait_until(lambda: service.get("/health").json()["workers_alive"] == 2)
        data_id = service.post("/api/data/generate", SMALL).json()["dataset_id"]
        asked = FAST | {"datasetId": data_id, "background": True}
        model_id = service.submit(asked)
        service.wait_for(model_id, "succeeded")
        right = service.post("/api/model/predict", ASK | {"model_id": model_id}).json()
        handed: dict[str, str | None] = {}

        def train() -> requests.Response:
            # As a client does that means to have each job once: the key stays until it is taken.
            key = next((key for key, job_id in handed.items() if job_id is None), str(uuid4()))
            handed.setdefault(key, None)
            reply = service.post("/api/model/train", asked, headers={"Idempotency-Key": key})
            if reply.status_code == 202:
                handed[key] = reply.json()["job_id"]
                time.sleep(1)
            return reply

        def predict() -> requests.Response:
            reply = service.post("/api/model/predict", ASK | {"model_id": model_id})
            assert reply.json()["predictions"] == right["predictions"]
            return reply

        load = Load()
        load.add("train", train)
        load.add("predict", predict)
        load.add("jobs", lambda: service.get("/api/jobs"))
        load.add("job", lambda: service.get(f"/api/jobs/{model_id}"))
        load.add("status", lambda: service.get("/api/model/plants/status"))
        load.add("logs", lambda: service.get("/api/training/logs"))
        load.add("metrics", lambda: service.get("/metrics"))
        wait_until(lambda: sum(1 for job_id in handed.values() if job_id) >= 2, 60)
        with server.stopped():
            before = sum(1 for job_id in handed.values() if job_id)
            time.sleep(3)
        wait_until(lambda: sum(1 for job_id in handed.values() if job_id) >= before + 2, 60)
        load.end()
        refused = {name for (name, status), _ in load.statuses.items() if status == 503}
        assert refused >= {"train", "jobs", "job", "status", "logs"}
        assert not refused & {"predict", "metrics"}
        ids = [job_id for job_id in handed.values() if job_id]
        for job_id in ids:
            service.wait_for(job_id, "succeeded")
            assert epochs_of(service, job_id) == [1, 2]
        listed = [job["job_id"] for job in service.get("/api/jobs?limit=100").json()["jobs"]]
        assert {model_id, *ids} <= set(listed) and len(listed) <= len(handed) + 1
        wait_until(lambda: service.get("/health").json()["workers_alive"] == 2)
        assert service.process.poll() is None and service.stop() == 0


@pytest.mark.long
def test_a_worker_ends_although_its_database_hangs(tmp_path: Path) -> None:
    """The database's kernel still accepts connections and queries, and nobody answers them."""
    log = tmp_path / "log"
    with postgres.running() as server, log.open("wb") as written:
        stores = {"MODEL_STORE": str(tmp_path / "models"), "DATA_STORE": str(tmp_path / "data")}
        worker = subprocess.Popen(
            [sys.executable, "run.py", "worker"],
            cwd=ROOT,
            env=os.environ | stores | {"DATABASE_URL": server.new_database()},
            stdout=written,
            stderr=written,
        )
        try:
            wait_until(lambda: b"worker ready" in log.read_bytes(), 60)
            with server.paused():
                time.sleep(1)
                worker.terminate()
                assert worker.wait(60) == 1
        finally:
            worker.kill()
            worker.wait()
