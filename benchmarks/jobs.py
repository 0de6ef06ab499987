"""Latency of jobs: `python -m benchmarks.jobs [postgresql]`.

Times are of one run on one machine, medians and the worst of all repetitions. As a yardstick of
the same run: an ordinary GET of the same service.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from tests.support import postgres
from tests.support.running_service import (
    FAST,
    SMALL,
    Service,
    child_processes,
    job_events,
    start_service,
    wait_until,
)

REPEATS = 5
_DEFAULT_JOB = {"seed": 1, "background": True}  # the generator's defaults, the default network


@contextmanager
def running(kind: str) -> Iterator[Service]:
    """A service on a fresh database, its trainer loaded."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        settings = {"LOG_LEVEL": "INFO"}
        if kind == "postgresql":
            settings["DATABASE_URL"] = stack.enter_context(postgres.running()).new_database()
        service = start_service(folder, **settings)
        wait_until(lambda: "trainer loaded" in (folder / "log").read_text(), 120)
        yield service
        service.stop()


def first_epoch(service: Service) -> float:
    """From the request to the end of the first epoch of a small job, graph building included."""
    began = time.perf_counter()
    job_id = service.submit(FAST | SMALL | {"epochs": 1})
    for event in job_events(service, job_id):
        if event.event == "epoch":
            break
    seconds = time.perf_counter() - began
    service.wait_for(job_id, "succeeded")
    return seconds


def first_running(service: Service) -> float:
    """From the request until a worker that is free has the job."""
    began = time.time()
    job_id = service.submit(FAST | SMALL | {"epochs": 1})
    started = service.wait_for(job_id, "succeeded")["started_at"]
    return datetime.fromisoformat(started).timestamp() - began


def event_delays(service: Service) -> list[float]:
    """From the end of an epoch in the worker until its event is here."""
    job_id, delays = service.submit(FAST | SMALL | {"epochs": 150}), []
    for event in job_events(service, job_id):
        if event.event == "epoch":
            at = datetime.fromisoformat(json.loads(event.data)["at"])
            delays.append((datetime.now(UTC) - at).total_seconds())
    return delays


def cancelled(service: Service) -> float:
    """From the DELETE until the worker, in the middle of an epoch, is at the next job."""
    job_id = service.submit(_DEFAULT_JOB)
    service.wait_for_epoch(job_id, 1)
    waiting = service.submit(FAST | SMALL | {"epochs": 1})
    began = time.time()
    service.call("DELETE", f"/api/jobs/{job_id}")
    started = service.wait_for(waiting, "succeeded")["started_at"]
    return datetime.fromisoformat(started).timestamp() - began


def recovered(service: Service) -> float:
    """From a kill -9 of the worker until the next epoch ends, in a worker started anew."""
    job_id = service.submit(_DEFAULT_JOB)
    service.wait_for_epoch(job_id, 5)
    worker = next(
        pid
        for pid in child_processes(service.process.pid)
        if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    stream = job_events(service, job_id)
    while next(stream).event != "epoch":
        pass
    last = service.job(job_id)["progress"]["epoch"]
    began = time.perf_counter()
    os.kill(worker, signal.SIGKILL)
    service.wait_for_epoch(job_id, last + 1)
    seconds = time.perf_counter() - began
    stream.close()
    service.call("DELETE", f"/api/jobs/{job_id}")
    return seconds


def health(service: Service) -> float:
    """An ordinary request."""
    began = time.perf_counter()
    service.get("/health")
    return time.perf_counter() - began


def crowded(service: Service) -> list[tuple[str, list[float]]]:
    """Ordinary requests while every stream that there may be is open."""
    model_id = service.submit(FAST | SMALL | {"epochs": 1})
    service.wait_for(model_id, "succeeded")
    ask = {"model_id": model_id, "plant": "P 1", "application": "TV", "panelSize": "L"}

    def predict(service: Service) -> float:
        began = time.perf_counter()
        service.post("/api/model/predict", ask)
        return time.perf_counter() - began

    rows = [("POST predict, no stream open", [predict(service) for _ in range(200)])]
    job_id = service.submit(_DEFAULT_JOB)
    service.wait_for_epoch(job_id, 1)
    rows.append(("POST predict, a model trains", [predict(service) for _ in range(200)]))
    streams = []
    while (reply := service.get(f"/api/jobs/{job_id}/events", stream=True)).status_code == 200:
        streams.append(reply)
    full = f"{len(streams)} streams open, a model trains"
    rows.append((f"POST predict, {full}", [predict(service) for _ in range(200)]))
    rows.append((f"GET /health, {full}", [health(service) for _ in range(200)]))
    for stream in streams:
        stream.close()
    service.call("DELETE", f"/api/jobs/{job_id}")
    return rows


def main(kind: str) -> None:
    """Measure all, print the table."""
    table = Table(title=f"Jobs on {kind}, seconds")
    for heading in ("what", "median", "worst", "n"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    repeated: list[tuple[str, Callable[[Service], float], int]] = [
        ("GET /health", health, 200),
        ("request → worker has the job", first_running, REPEATS),
        ("request → first epoch ended", first_epoch, REPEATS),
        ("cancel in mid-epoch → worker at the next job", cancelled, REPEATS),
        ("kill -9 of the worker → next epoch ended", recovered, 3),
    ]
    with running(kind) as service:
        first_epoch(service)
        rows = [(name, [measure(service) for _ in range(n)]) for name, measure, n in repeated]
        rows.insert(3, ("epoch ended → event at the client", event_delays(service)))
        rows += crowded(service)
    for name, values in rows:
        table.add_row(name, f"{median(values):.3f}", f"{max(values):.3f}", str(len(values)))
    Console(width=100).print(table)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "sqlite")
