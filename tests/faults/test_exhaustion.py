"""A resource is used up: no process ends, and everything works again once it is not."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support.disks import filled, small_disk
from tests.support.running_service import Service, child_processes, start_service, wait_until

PATHS = ("/health", "/api/models", "/api/data", "/api/openapi.json", "/metrics", "/nowhere")
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


@pytest.mark.parametrize("megabytes", [1, pytest.param(8, marks=pytest.mark.long)])
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


@pytest.mark.parametrize("descriptors", [256, pytest.param(1024, marks=pytest.mark.long)])
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
