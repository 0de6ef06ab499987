"""Forecasts over HTTP beside a bare Flask view, both served by gunicorn as the service is."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.speed.client import latencies, per_second, request_of
from benchmarks.speed.table import Row
from tests.support.running_service import Service, free_port, start_service, wait_until
from utils.api.schemas.synthetic_data import PlantFields
from utils.settings import Settings

_LATENCIES, _RATE = 300, 150  # requests of a turn: one after the other; of each of eight clients
_PREDICT, _BATCH = "/api/model/predict", "/api/model/predict/batch"
_LONG = {"seed": 2, "epochs": 500, "background": True}


def rows(turns: int) -> list[Row]:
    """All rows of the table that are about HTTP."""
    with TemporaryDirectory() as folder, service(Path(folder)) as served:
        model_id = trained(served)
        asked = [{"model_id": model_id} | item for item in series()]
        size = len(served.post(_PREDICT, asked[0]).content)
        with bare(size) as port:
            return [
                *_beside_bare(served, port, asked, turns),
                _batch(served, model_id, turns),
                _while_training(served, asked, turns),
                *_first_epoch(served, turns),
            ]


@contextmanager
def service(folder: Path, **settings: str) -> Iterator[Service]:
    """A service whose trainer is loaded."""
    running = start_service(folder, LOG_LEVEL="INFO", WEB_PROCESSES="2", **settings)
    try:
        wait_until(lambda: "trainer loaded" in (folder / "log").read_text(), 180)
        yield running
    finally:
        running.stop()


@contextmanager
def bare(size: int) -> Iterator[int]:
    """The bare view, on a port; as many processes and threads as the service has."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--workers", "2"]
    command += ["--threads", str(Settings().web_threads)]
    command += ["--keep-alive", "30", "--log-level", "error"]
    command += ["--config", "python:benchmarks.speed.bare", "--bind", f"127.0.0.1:{port}"]
    command += [f"benchmarks.speed.bare:app({size})"]
    with subprocess.Popen(command) as process:
        try:
            wait_until(lambda: _answers(port))
            yield port
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    try:
        latencies(port, [request_of("/", {})], 1)
    except ConnectionError:
        return False
    return True


def trained(served: Service) -> str:
    """A model of the default data."""
    job = served.submit({"seed": 1, "epochs": 2})
    assert served.wait_for(job, "succeeded", "failed")["status"] == "succeeded"
    return job


def series() -> list[dict[str, str]]:
    """The 36 series, as items of a batch."""
    fields = PlantFields()
    return [
        {"plant": plant, "application": application, "panelSize": size}
        for plant in fields.plants
        for application in fields.applications
        for size in fields.panel_sizes
    ]


def _port(served: Service) -> int:
    return int(served.environment["PORT"])


def _beside_bare(served: Service, bare_port: int, asked: list[Any], turns: int) -> list[Row]:
    plain = [request_of("/", body) for body in asked]
    same = [request_of(_PREDICT, body) for body in asked]
    other = [
        request_of(_PREDICT, body | {"currentWIP": 100 + i}) for i, body in enumerate(asked * 40)
    ]
    history = [request_of(_PREDICT, body | {"history": past(served, body)}) for body in asked[:4]]
    kinds = {"ours": (_port(served), same), "bare": (bare_port, plain)}
    kinds |= {"other": (_port(served), other), "history": (_port(served), history)}
    one: dict[str, list[float]] = {name: [] for name in kinds}
    many: dict[str, list[float]] = {name: [] for name in kinds}
    for turn in range(turns + 1):
        for name, (port, requests) in kinds.items():
            seconds = median(latencies(port, requests, _LATENCIES))
            rate = per_second(port, requests, 8, _RATE)
            if turn:
                one[name].append(1000 * seconds)
                many[name].append(rate)
    view = "bare Flask view, body of the same size"
    work = "30-day forecast over HTTP"
    notes = {
        "ours": "36 series in turn",
        "other": "no two requests ask the same",
        "history": "30 rows in each request: checked, cleaned, rolled out anew",
    }
    return [
        Row(f"{work}, one client", view, one["ours"], one["bare"], "ms", 2, False, notes["ours"]),
        Row(f"{work}, 8 clients", view, many["ours"], many["bare"], "requests/s", 0.6),
        Row(f"{work}, each from another WIP, one client", view, one["other"], one["bare"], "ms",
            note=notes["other"]),
        Row(f"{work}, each from another WIP, 8 clients", view, many["other"], many["bare"],
            "requests/s"),
        Row(f"{work}, with history, one client", view, one["history"], one["bare"], "ms",
            note=notes["history"]),
        Row(f"{work}, with history, 8 clients", view, many["history"], many["bare"], "requests/s"),
    ]  # fmt: skip


def past(served: Service, body: dict[str, str]) -> list[dict[str, float]]:
    """30 rows that follow the training data."""
    days = served.post(_PREDICT, body).json()["predictions"]
    names = ("wip", "throughput", "cycle_time")
    return [
        {"date": day["date"]} | {name: day[f"predicted_{name}"] for name in names} for day in days
    ]


def _batch(served: Service, model_id: str, turns: int) -> Row:
    all_of_them = [request_of(_BATCH, {"model_id": model_id, "items": series()})]
    single = [request_of(_PREDICT, {"model_id": model_id} | series()[0])]
    port = _port(served)
    pairs = [
        [1000 * median(latencies(port, requests, 60)) for requests in (all_of_them, single)]
        for _ in range(turns + 1)
    ][1:]
    batch, one = zip(*pairs, strict=True)
    return Row("36 series in a batch, over HTTP", "one series", batch, one, "ms", 4, False)


def _while_training(served: Service, asked: list[Any], turns: int) -> Row:
    requests = [request_of(_PREDICT, body | {"currentWIP": 50 + i}) for i, body in enumerate(asked)]

    def worst() -> float:
        return 1000 * sorted(latencies(_port(served), requests, 1000))[989]

    worst()
    idle = [worst() for _ in range(turns)]
    job = served.submit(_LONG)
    served.wait_for_epoch(job, 2)
    busy = [worst() for _ in range(turns)]
    served.call("DELETE", f"/api/jobs/{job}")
    return Row("99th percentile while a model trains", "idle", busy, idle, "ms", 3, False)


def _first_epoch(served: Service, turns: int) -> list[Row]:
    """From the request to where the first epoch begins, and to where it is up to speed: its end,
    less what the next one takes."""
    begins, runs = [], []
    for turn in range(turns):
        began = time.time()
        job = served.submit({"seed": 10 + turn, "epochs": 3})
        served.wait_for(job, "succeeded")
        first, second, _ = served.get(f"/api/training/job/{job}/metrics/epochs").json()["epochs"]
        ended = datetime.fromisoformat(first["at"]).timestamp() - began
        begins.append(ended - first["seconds"])
        runs.append(ended - second["seconds"])
    wanted = [1.0] * turns
    work = "request → first epoch begins, warm worker"
    return [
        Row(work, "as asked for", begins, wanted, "s", 1, False),
        Row(f"{work}, and its graph is built", "a second", runs, wanted, "s"),
    ]
