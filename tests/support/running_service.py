"""Services that tests start: by `run.py`, with a web server, a worker and folders of their own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[2]
SMALL = {
    "plants": ["P 1", "Wörk/2"],
    "applications": ["TV"],
    "panelSizes": ['15.6"', "L"],
    "historicalDays": 120,
    "seed": 7,
}
FAST = {"epochs": 2, "lstmUnits1": 4, "lstmUnits2": 4, "learningRate": 0.001}


@dataclass
class Service:
    """A running service, its address, its folder and its settings."""

    url: str
    folder: Path
    environment: dict[str, str]
    process: subprocess.Popen[str]
    key: str = ""
    authority: Path | None = None  # of its certificate, if it speaks HTTPS

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        if body is not None:
            more["json"] = body
        if self.key:
            more["headers"] = {"Authorization": f"Bearer {self.key}"} | more.get("headers", {})
        if self.authority:
            more["verify"] = str(self.authority)
        return requests.request(method, self.url + path, timeout=120, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> requests.Response:
        return self.call("POST", path, body, **more)

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.call("GET", path, **more)

    def submit(self, body: Any) -> str:
        """Submit a background training; return the id of its job."""
        reply = self.post("/api/model/train", body | {"background": True})
        assert reply.status_code == 202, reply.text
        return str(reply.json()["job_id"])

    def job(self, id: str) -> dict[str, Any]:
        return self.get(f"/api/jobs/{id}").json()

    def wait_for(self, id: str, *statuses: str) -> dict[str, Any]:
        """Wait until a job has one of these statuses; return the job."""
        wait_until(lambda: self.job(id)["status"] in statuses, 120)
        return self.job(id)

    def wait_for_epoch(self, id: str, epoch: int = 1) -> None:
        wait_until(lambda: ((self.job(id)["progress"] or {}).get("epoch") or 0) >= epoch, 120)

    def wait_for_worker(self) -> None:
        wait_until(lambda: (self.get("/health").json()["workers_alive"] or 0) > 0, 120)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def wait_until(condition: Any, seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not true within {seconds:g} s"
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def child_processes(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True)
    pairs = [tuple(map(int, line.split())) for line in found.stdout.splitlines()[1:]]
    direct = [child for child, parent in pairs if parent == pid]
    return direct + [below for child in direct for below in child_processes(child)]


def environment_of(folder: Path, **more: str) -> dict[str, str]:
    return os.environ | {
        "PORT": str(free_port()),
        "MODEL_STORE": str(folder / "models"),
        "DATA_STORE": str(folder / "data"),
        "DATABASE_URL": f"sqlite:///{folder / 'jobs.sqlite'}",
        "QUEUE_POLL_MS": "100",  # hundreds of tests wait for a job
        **more,
    }


def run_command(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "run.py", *arguments],
        cwd=ROOT,
        env=environment_of(folder, **more),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def start_service(
    folder: Path,
    *arguments: str,
    authority: Path | None = None,
    prefix: tuple[str, ...] = (),
    **settings: str,
) -> Service:
    """Start a service, of one web process by default; return once it answers.

    Args:
        prefix: command that starts it, with other limits, say.
    """
    environment = environment_of(folder, **{"WEB_PROCESSES": "1"} | settings)
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            # From another folder, as a service manager does.
            [*prefix, sys.executable, str(ROOT / "run.py"), *arguments],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    url = f"{'https' if authority else 'http'}://127.0.0.1:{environment['PORT']}"
    service = Service(url, folder, environment, process, authority=authority)

    def answers() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        try:
            return service.get("/health/live").ok
        except requests.ConnectionError:
            return False

    wait_until(answers)
    return service


def make_key(folder: Path, name: str, role: str, **settings: str) -> str:
    """Make an API key in the database of a folder, whether its service runs or not."""
    made = run_command(folder, "keys", "create", name, "--role", role, **settings)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


@dataclass(frozen=True)
class Event:
    """One server-sent event."""

    id: str
    event: str
    data: str


def job_events(service: Service, job_id: str, last_id: str = "") -> Generator[Event, None, None]:
    """Yield the events of a job as they come; close the generator to close the connection."""
    headers = {"Last-Event-ID": last_id} if last_id else {}
    with service.get(f"/api/jobs/{job_id}/events", headers=headers, stream=True) as reply:
        assert reply.status_code == 200, reply.text
        assert reply.headers["Content-Type"] == "text/event-stream"
        fields: dict[str, str] = {}
        for line in reply.iter_lines(chunk_size=1, decode_unicode=True):
            if not line and fields.keys() >= {"id", "event", "data"}:
                yield Event(**fields)
            name, _, value = line.partition(": ")
            fields = fields | {name: value} if name in ("id", "event", "data") else {}
