"""Dependencies that accept and never answer: `python -m benchmarks.hangs --seconds 600`.

Each of PostgreSQL, an S3 server, an OpenID provider and Redis is stopped by a signal (or is a port
that never answers) while clients send 100 requests a second: 40 of them ask whether the process is
alive, 40 forecast, 20 need the dependency. It ends with 1 if a limit was missed: an answer whether
it is alive within 0.1 s and a forecast within 1 s, of 99.9 % of the requests; all else within 5 s.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import requests
from rich.console import Console
from rich.table import Table

from tests.support import postgres, redis_server, s3
from tests.support.running_service import FAST, SMALL, Service, make_key, start_service

_RATE = 100  # requests a second
_CLIENTS = 120
# Of each kind of request: the share that must be answered within so many seconds, and how.
_LIMITS = {
    "alive": (0.999, 0.1, {"200"}),
    "forecast": (0.999, 1.0, {"200"}),
    "other": (1.0, 5.0, {"200", "503"}),
}
_OTHERS = ("/api/jobs", "/api/models", "/api/data", "/health", "/api/training/logs", "/metrics")


@dataclass
class Answers:
    """The times and statuses of one kind of request."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)

    def quantile(self, share: float) -> float:
        """Return the time within which a share of the requests was answered."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(frozen=True)
class Hanging:
    """A service, and what has its dependency hang for as long as the context lasts."""

    service: Service
    hang: Callable[[], contextlib.AbstractContextManager[None]]
    headers: dict[str, str] = field(default_factory=dict)  # of the other requests


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A process stands still for as long as the context lasts."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def _started(folder: Path, key: str = "", **settings: str) -> Iterator[Service]:
    service = start_service(folder, **{"RATE_LIMITS": "off", "WEB_PROCESSES": "2"} | settings)
    service.key = key
    try:
        service.wait_for_worker()
        yield service
    finally:
        service.process.terminate()
        service.process.wait(60)


@contextlib.contextmanager
def postgresql(folder: Path) -> Iterator[Hanging]:
    """A service whose PostgreSQL can be stopped."""
    with (
        postgres.running() as server,
        _started(folder, DATABASE_URL=server.new_database()) as service,
    ):
        yield Hanging(service, server.paused)


@contextlib.contextmanager
def object_store(folder: Path) -> Iterator[Hanging]:
    """A service whose S3 server can be stopped."""
    with s3.serve() as server:
        bucket = server.new_bucket()
        stores = {"MODEL_STORE": f"{bucket}/models", "DATA_STORE": f"{bucket}/data"}
        with _started(folder, **stores, **server.environment) as service:
            yield Hanging(service, server.paused)


@contextlib.contextmanager
def provider(folder: Path) -> Iterator[Hanging]:
    """A service whose OpenID provider never answers; other requests have a token."""
    token = {"Authorization": "Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.e30.eA"}
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        key = make_key(folder, "planner", "admin")
        with _started(folder, key, OIDC_ISSUER=url, OIDC_AUDIENCE="x") as service:
            yield Hanging(service, contextlib.nullcontext, token)


@contextlib.contextmanager
def redis(folder: Path) -> Iterator[Hanging]:
    """A service that counts requests in a Redis that can be stopped."""
    with redis_server.running(folder) as url, _started(
        folder, RATE_STORE=url, RATE_LIMITS="on", RATE_CHEAP="1000000/minute",
    ) as service:  # fmt: skip
        [pid] = [int(p.name) for p in Path("/proc").iterdir() if _is_redis(p, url)]
        yield Hanging(service, lambda: stopped(pid))


def _is_redis(process: Path, url: str) -> bool:
    try:
        command = (process / "cmdline").read_text()
    except (OSError, UnicodeDecodeError):
        return False
    return "redis-server" in command and url.rsplit(":", 1)[1].split("/")[0] in command


DEPENDENCIES = {
    "PostgreSQL": postgresql, "S3": object_store, "OpenID provider": provider, "Redis": redis,
}  # fmt: skip


def ask(hanging: Hanging, questions: list[dict[str, Any]], seconds: float) -> dict[str, Answers]:
    """Send requests at a fixed rate for some seconds; return the answers by kind."""
    answers: defaultdict[str, Answers] = defaultdict(Answers)
    lock, local, draw = threading.Lock(), threading.local(), random.Random(1)
    url, key = hanging.service.url, hanging.service.key
    own = {"Authorization": f"Bearer {key}"} if key else {}

    def send(kind: str, due: float) -> None:
        session = local.__dict__.setdefault("session", requests.Session())
        try:
            if kind == "forecast":
                reply = session.post(
                    f"{url}/api/model/predict",
                    json=draw.choice(questions),
                    headers=own,
                    timeout=60,
                )
            else:
                path = "/health/live" if kind == "alive" else draw.choice(_OTHERS)
                headers = hanging.headers or own if kind == "other" else {}
                reply = session.get(url + path, headers=headers, timeout=60)
            status = str(reply.status_code)
        except requests.RequestException as error:
            status = type(error).__name__
        with lock:
            answers[kind].seconds.append(time.perf_counter() - due)
            answers[kind].statuses[status] += 1

    kinds = ["alive"] * 2 + ["forecast"] * 2 + ["other"]
    began = time.perf_counter()
    with ThreadPoolExecutor(_CLIENTS) as clients:
        for number in range(int(seconds * _RATE)):
            due = began + number / _RATE
            time.sleep(max(0.0, due - time.perf_counter()))
            clients.submit(send, kinds[number % len(kinds)], due)
    return dict(answers)


def recovery(hanging: Hanging, questions: list[dict[str, Any]]) -> float:
    """Return the seconds until everything is answered again."""
    began = time.perf_counter()
    service = hanging.service
    while True:
        forecast = all(service.post("/api/model/predict", each).ok for each in questions)
        if forecast and all(service.get(path).ok for path in _OTHERS):
            return time.perf_counter() - began
        time.sleep(0.1)


def _questions(service: Service) -> list[dict[str, Any]]:
    """Forecasts by a model of its own data, and by one of a stored data set."""
    data_id = service.post("/api/data/generate", SMALL).json()["dataset_id"]
    trainings = (FAST | SMALL, FAST | {"datasetId": data_id})
    models = [service.post("/api/model/train", asked).json()["model_id"] for asked in trainings]
    series = {"plant": "P 1", "application": "TV", "panelSize": "L"}
    return [{"model_id": model_id} | series for model_id in models]


def measure(name: str, seconds: float, table: Table) -> list[str]:
    """Measure one dependency; return the limits that were missed."""
    missed: list[str] = []
    with TemporaryDirectory() as folder, DEPENDENCIES[name](Path(folder)) as hanging:
        service = hanging.service
        questions = _questions(service)
        for question in questions * 40:  # each process has opened the models
            assert service.post("/api/model/predict", question).ok
        with hanging.hang():
            answers = ask(hanging, questions, seconds)
        after = recovery(hanging, questions)
    for kind, (share, limit, allowed) in _LIMITS.items():
        found = answers[kind]
        reached, worst = found.quantile(share), max(found.seconds)
        statuses = ", ".join(f"{status}: {n:,}" for status, n in found.statuses.most_common())
        table.add_row(name, kind, statuses, f"{reached:.3f}", f"{worst:.3f}", f"{after:.1f}")
        if reached > limit or not found.statuses.keys() <= allowed:
            missed.append(f"{name}, {kind}: {reached:.3f} s of {limit:g}, {statuses}")
    return missed


@click.command()
@click.option("--seconds", default=600.0, help="Seconds that each dependency hangs.")
@click.option("--only", type=click.Choice(list(DEPENDENCIES)), help="One dependency; default: all.")
def main(seconds: float, only: str | None) -> None:
    """Measure the service while a dependency hangs."""
    table = Table(title=f"{_RATE} requests a second for {seconds:g} s, seconds")
    for heading in ("hangs", "requests", "statuses", "p99.9 or worst", "worst", "whole again"):
        table.add_column(heading)
    missed: list[str] = []
    for name in [only] if only else DEPENDENCIES:
        missed += measure(name, seconds, table)
    console = Console(width=120)
    console.print(table)
    for each in missed:
        console.print(f"missed: {each}")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
