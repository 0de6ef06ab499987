"""A web server that is stopped answers the requests that it has accepted."""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.running_service import (
    FAST,
    SMALL,
    Service,
    child_processes,
    job_events,
    start_service,
    wait_until,
)

pytestmark = pytest.mark.service

Body = dict[str, Any]
DAYS = 4000


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


def master(service: Service) -> int:
    return next(
        pid
        for pid in child_processes(service.process.pid)
        if b"gunicorn" in Path(f"/proc/{pid}/cmdline").read_bytes() and child_processes(pid)
    )


def upload_slowly(service: Service, began: threading.Event, go_on: threading.Event) -> Body:
    """Send half of a table, and the rest once `go_on` is set."""
    rows = [f"{day},A,B,C,100,50" for day in range(200)]
    table = "\n".join(["day,plant,application,panel_size,wip,throughput", *rows]).encode()
    connection = http.client.HTTPConnection("127.0.0.1", int(service.environment["PORT"]), 60)
    connection.putrequest("POST", "/api/data/upload")
    connection.putheader("Content-Type", "text/csv")
    connection.putheader("Content-Length", str(len(table)))
    connection.endheaders()
    connection.send(table[:1000])
    began.set()
    assert go_on.wait(60)
    connection.send(table[1000:])
    reply = connection.getresponse()
    assert reply.status == 200
    body: Body = json.loads(reply.read())
    connection.close()
    return body


@pytest.mark.long
def test_accepted_requests_are_answered(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    service = start_service(tmp_path, CHECKPOINT_SECONDS="3600")
    service.wait_for_worker()
    made = service.post("/api/data/generate", SMALL | {"historicalDays": DAYS}).json()
    path = f"/api/data/{made['dataset_id']}"
    whole = service.get(path).content
    job_id = service.submit(FAST | SMALL | {"epochs": 5000, "batchSize": 512})
    service.wait_for_epoch(job_id, 3)
    waiting = pool.submit(service.post, "/api/model/train", FAST | SMALL | {"epochs": 4999})
    wait_until(lambda: len(service.get("/api/jobs?status=queued").json()["jobs"]) == 1)
    stream = job_events(service, job_id)
    received = [next(stream).id]
    download = service.get(path, stream=True)
    head = download.raw.read(1000)
    began, go_on = threading.Event(), threading.Event()
    upload: Future[Body] = pool.submit(upload_slowly, service, began, go_on)
    assert began.wait(60)
    time.sleep(0.5)  # until a thread of the server has the request

    service.process.send_signal(signal.SIGTERM)
    received += [event.id for event in stream]  # the stream ends, and ends cleanly
    assert received == [str(i) for i in range(len(received))]
    refused = waiting.result(60)
    assert refused.status_code == 503 and int(refused.headers["Retry-After"]) > 0
    assert refused.json()["success"] is False
    assert service.process.poll() is None
    go_on.set()
    assert upload.result(60)["data_points"] == 200
    assert head + download.raw.read() == whole
    download.close()
    assert service.process.wait(40) == 0

    again = start_service(tmp_path, CHECKPOINT_SECONDS="3600")
    again.wait_for_epoch(job_id, int(received[-1]))
    # Which the stop alone can have made.
    wait_until(lambda: "resuming from a checkpoint" in (tmp_path / "log").read_text(), 120)
    jobs = again.get("/api/jobs").json()["jobs"]
    assert {job["tries"] for job in jobs} <= {0, 1} and len(jobs) == 2
    for job in jobs:
        assert again.call("DELETE", f"/api/jobs/{job['job_id']}").status_code == 200
    assert again.stop() == 0


@pytest.mark.long
def test_kept_connections_are_answered_while_it_stops(
    service: Service, tmp_path: Path, pool: ThreadPoolExecutor, question: Body
) -> None:
    """Their last reply says that the connection closes; a client that heeds it loses nothing."""
    store = {"MODEL_STORE": service.environment["MODEL_STORE"]}
    web = start_service(tmp_path, WORKERS="0", **store)
    right = service.post("/api/model/predict", question).json()["predictions"]
    answered: list[bool] = []
    stopped = threading.Event()

    def call_until_closed() -> str:
        with requests.Session() as session:
            while not stopped.is_set():
                reply = session.post(f"{web.url}/api/model/predict", json=question, timeout=60)
                answered.append(reply.json()["predictions"] == right)
                if reply.headers["Connection"] == "close":
                    return "closed"
        return "not closed"

    calling = [pool.submit(call_until_closed) for _ in range(8)]
    wait_until(lambda: len(answered) > 30)
    web.process.send_signal(signal.SIGTERM)
    try:
        assert [each.result(60) for each in calling] == ["closed"] * 8
    finally:
        stopped.set()
    assert all(answered)
    assert web.process.wait(40) == 0


@pytest.mark.long
def test_a_request_that_does_not_end_delays_the_stop_by_the_drain_only(tmp_path: Path) -> None:
    service = start_service(tmp_path, WORKERS="0", DRAIN_SECONDS="1")
    connection = http.client.HTTPConnection("127.0.0.1", int(service.environment["PORT"]), 60)
    connection.putrequest("POST", "/api/data/upload")
    connection.putheader("Content-Type", "text/csv")
    connection.putheader("Content-Length", "1000")
    connection.endheaders()
    connection.send(b"day,")
    time.sleep(0.5)
    assert service.stop() == 0
    connection.close()


@pytest.mark.long
def test_a_killed_master_is_replaced_though_its_requests_have_not_ended(tmp_path: Path) -> None:
    service = start_service(tmp_path, WORKERS="0")
    made = service.post("/api/data/generate", SMALL | {"historicalDays": DAYS}).json()
    path = f"/api/data/{made['dataset_id']}"
    whole = service.get(path).content
    download = service.get(path, stream=True)
    download.raw.read(1000)
    old = master(service)
    processes = child_processes(old)
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: set(processes).isdisjoint(child_processes(1)) and answers(service), 40)
    assert master(service) != old
    assert service.get(path).content == whole
    download.close()
    assert service.stop() == 0


def answers(service: Service) -> bool:
    try:
        return service.get("/health/live").ok
    except requests.ConnectionError:
        return False
