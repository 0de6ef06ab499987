"""A resource is used up: no process ends, and everything works again once it is not."""

from __future__ import annotations

import contextlib
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.control_groups import control_group
from tests.support.disks import filled, read_only, small_disk, without_inodes
from tests.support.running_service import (
    FAST,
    SMALL,
    Service,
    child_processes,
    start_service,
    wait_until,
)
from tests.support.samples import PLAIN_MODEL, SAMPLES

PATHS = ("/health", "/api/models", "/api/data", "/api/openapi.json", "/metrics", "/nowhere")
PREDICT = {"model_id": PLAIN_MODEL, "plant": "P 1", "application": "TV", "panelSize": "L"}
NO_WORKER = {"WORKERS": "0", "WEB_PROCESSES": "2"}


def web_processes(service: Service) -> set[int]:
    return {
        pid
        for pid in child_processes(service.process.pid)
        if b"gunicorn" in Path(f"/proc/{pid}/cmdline").read_bytes()
    }


def works(service: Service) -> bool:
    try:
        return all(service.get(path).status_code in (200, 404) for path in PATHS)
    except requests.ConnectionError:
        return False


@contextlib.contextmanager
def idle_connections(service: Service, count: int) -> Iterator[None]:
    """Connections on which nothing is ever sent, as many as the service accepts."""
    port = int(service.environment["PORT"])
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(socket.socket())
            connection.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                connection.connect(("127.0.0.1", port))
        yield


@pytest.mark.long
@pytest.mark.parametrize("megabytes", [1, 8])
def test_memory_for_metrics_that_is_full(tmp_path: Path, megabytes: int) -> None:
    """A container has 64 MB of it; a page of a mapped file without room kills its process."""
    with small_disk(tmp_path / "shm", megabytes) as disk:
        service = start_service(tmp_path, PROMETHEUS_MULTIPROC_DIR=str(disk), **NO_WORKER)
        before = web_processes(service)
        with filled(disk):
            for number in range(20):
                assert service.get(f"/api/model/{number}").status_code == 404
                assert service.call("DELETE", f"/api/data/{number}").status_code == 404
                assert works(service)
            if megabytes == 8:  # room for both processes, whose figures are added up
                labels = 'endpoint="/api/model/<id:model_id>",method="GET",status="404"'
                assert f"lstm_http_requests_total{{{labels}}} 20.0" in service.get("/metrics").text
        assert web_processes(service) == before
        assert works(service) and service.stop() == 0


@pytest.mark.long
@pytest.mark.parametrize("descriptors", [256, 1024])
def test_more_idle_connections_than_descriptors(tmp_path: Path, descriptors: int) -> None:
    limit = ("prlimit", f"--nofile={descriptors}:{descriptors}")
    service = start_service(tmp_path, prefix=limit, RATE_LIMITS="off", **NO_WORKER)
    before = web_processes(service)
    with idle_connections(service, 3 * descriptors):
        wait_until(lambda: len(open_files(before)) > descriptors // 4)
    wait_until(lambda: works(service), 15)
    assert web_processes(service) == before
    assert "Traceback" not in (tmp_path / "log").read_text()
    assert service.stop() == 0


def open_files(pids: set[int]) -> list[Path]:
    """The open files of the process that has most."""
    return max(([*Path(f"/proc/{pid}/fd").iterdir()] for pid in pids), key=len)


def table(rows: int) -> dict[str, Any]:
    """An upload of a table."""
    head = "day,plant,application,panel_size,wip,throughput\n"
    text = head + "".join(f"{row // 20},A,B,C{row % 20},100,50\n" for row in range(rows))
    return {"data": text, "headers": {"Content-Type": "text/csv"}}


def forecast(service: Service) -> Any:
    reply = service.post("/api/model/predict", PREDICT)
    assert reply.status_code == 200, reply.text
    return reply.json()["predictions"]


def refusal(reply: requests.Response) -> str:
    assert reply.status_code == 503, (reply.status_code, reply.text)
    assert int(reply.headers["Retry-After"]) > 0
    return str(reply.json()["error"])


def with_a_model(folder: Path, **more: Any) -> Service:
    """A service whose processes have a model open and the libraries of uploads loaded."""
    stores = Path(more.get("MODEL_STORE", folder / "models"))
    shutil.copytree(SAMPLES / "models", stores, dirs_exist_ok=True)
    service = start_service(folder, **NO_WORKER | {"RATE_LIMITS": "off"} | more)
    for _ in range(12):
        forecast(service)
        assert service.post("/api/data/upload", **table(100)).status_code in (200, 201)
        assert works(service)
    return service


@pytest.mark.long
@pytest.mark.parametrize(
    ("exhausted", "sentence"),
    [(filled, "No space left"), (without_inodes, "No space left"), (read_only, "Read-only")],
)
def test_a_disk_of_the_stores_that_takes_no_files(
    tmp_path: Path, exhausted: Any, sentence: str
) -> None:
    with small_disk(tmp_path / "disk", 24, inodes=400) as disk:
        (disk / "tmp").mkdir()
        stores = {"MODEL_STORE": str(disk / "models"), "DATA_STORE": str(disk / "data")}
        service = with_a_model(tmp_path, TMPDIR=str(disk / "tmp"), **stores)
        try:
            uses_up(service, exhausted(disk), sentence)
        finally:
            assert service.stop() == 0


def uses_up(service: Service, exhausted: AbstractContextManager[None], sentence: str) -> None:
    """Writing is a 503, reading and forecasts go on, and all is well within seconds after it."""
    before, right = child_processes(service.process.pid), forecast(service)
    with exhausted:
        for _ in range(6):
            assert sentence in refusal(service.post("/api/data/generate", SMALL))
            assert sentence in refusal(service.post("/api/data/upload", **table(100)))
            assert forecast(service) == right
            assert works(service)
    wait_until(lambda: service.post("/api/data/upload", **table(100)).ok, 5)
    assert service.post("/api/data/generate", SMALL).ok and forecast(service) == right
    assert works(service)
    assert child_processes(service.process.pid) == before
    assert "Traceback" not in (service.folder / "log").read_text()


@pytest.mark.long
@pytest.mark.parametrize(
    ("of", "exhausted"), [("stores", filled), ("stores", read_only), ("database", filled)]
)
def test_a_training_outlasts_a_disk_that_takes_no_files(
    tmp_path: Path, of: str, exhausted: Any
) -> None:
    """Of the stores, or of the database; forecasts go on meanwhile."""
    with small_disk(tmp_path / "disk", 24) as disk:
        on_it = {
            "stores": {"MODEL_STORE": str(disk / "models"), "DATA_STORE": str(disk / "data")},
            "database": {"DATABASE_URL": f"sqlite:///{disk / 'jobs.sqlite'}"},
        }
        service = with_a_model(tmp_path, WORKERS="1", CHECKPOINT_SECONDS="0", **on_it[of])
        try:
            service.wait_for_worker()
            job_id = service.submit(SMALL | FAST | {"epochs": 60, "background": True})
            service.wait_for_epoch(job_id)
            with exhausted(disk):
                for _ in range(20):
                    forecast(service)
                    assert service.get("/health/live").status_code == 200
                    time.sleep(0.5)
                refusal(service.post("/api/model/train", SMALL | FAST | {"background": True}))
            wait_until(lambda: works(service), 5)
            service.wait_for(job_id, "succeeded")
            assert service.post("/api/data/upload", **table(100)).ok
        finally:
            assert service.stop() == 0


@pytest.mark.long
def test_a_training_waits_for_room_for_its_temporary_files(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 24) as disk:
        service = with_a_model(tmp_path, WORKERS="1", CHECKPOINT_SECONDS="0", TMPDIR=str(disk))
        try:
            service.wait_for_worker()
            with filled(disk):
                job_id = service.submit(SMALL | FAST)
                wait_until(lambda: "full" in (service.job(job_id)["waiting"] or ""), 120)
            service.wait_for(job_id, "succeeded")
        finally:
            assert service.stop() == 0


@pytest.mark.long
def test_no_process_or_thread_can_be_started(tmp_path: Path) -> None:
    with control_group() as group:
        service = with_a_model(tmp_path, prefix=group.prefix)
        try:
            before, right = child_processes(service.process.pid), forecast(service)
            with group.full(), idle_connections(service, 60):
                for _ in range(6):
                    assert forecast(service) == right
                    assert works(service)
                    reply = service.post("/api/data/upload", **table(100_000))
                    assert reply.ok or "no thread" in refusal(reply)
            wait_until(lambda: service.post("/api/data/upload", **table(100_000)).ok, 5)
            assert works(service)
            assert child_processes(service.process.pid) == before
            assert "Traceback" not in (tmp_path / "log").read_text()
        finally:
            assert service.stop() == 0


@pytest.mark.long
def test_a_request_that_needs_more_memory_than_there_is(tmp_path: Path) -> None:
    service = with_a_model(tmp_path, WEB_MEMORY_MB="500")
    try:
        before, right = child_processes(service.process.pid), forecast(service)
        large = table(2_000_000)
        for _ in range(6):
            assert "too little memory" in refusal(service.post("/api/data/upload", **large))
            assert forecast(service) == right
            assert works(service)
        wait_until(lambda: service.post("/api/data/upload", **table(100)).ok, 5)
        assert child_processes(service.process.pid) == before
        assert "Traceback" not in (tmp_path / "log").read_text()
    finally:
        assert service.stop() == 0
