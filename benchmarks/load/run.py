"""A service under load: clients that forecast, models that train, streams that are followed."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from benchmarks.load.clients import Crowd, Question, Tally
from benchmarks.load.processes import ProcessWatch, named, taken
from benchmarks.load.streams import Streams
from benchmarks.speed.client import request_of
from benchmarks.speed.over_http import series
from tests.support.running_service import Service
from utils.settings import Settings

_PREDICT = "/api/model/predict"
_OTHERS = 4  # of each series: forecasts from another WIP, besides that from its own data
_WARM_UP = 5.0  # seconds of the same load, so that pools of threads and connections are there
_BACK_WITHIN = 60.0  # seconds
_JOBS_END_WITHIN = 600.0  # seconds
_ENDED = ("succeeded", "failed", "cancelled")
_GONE = (0, 0)  # threads and descriptors of a process that ended
# What stays for good, once it was needed: a web process's pools of threads (WEB_THREADS, and its
# own few) and of connections to the database; TensorFlow's threads in a worker.
_THREADS = {"web": Settings().web_threads + 16, "worker": 32}
_CONNECTIONS = 15
_GENERATED = 4  # data sets that are made beforehand: buffers for them stay, too


@dataclass(frozen=True)
class Load:
    """A load on a service.

    Args:
        epochs: of each training, of the default data.
        rate: forecasts a second; None: each client asks again at once.
    """

    clients: int = 200
    seconds: float = 60.0
    streams: int = 50
    trainings: int = 2
    epochs: int = 10
    rate: float | None = None
    days: int = 545


@dataclass
class Outcome:
    """The outcome of a load run.

    `counts` are (threads, descriptors) of each process: before, at most, after.
    """

    load: Load
    tally: Tally
    streams: Streams
    watch: ProcessWatch
    jobs: list[str]
    lost: list[str] = field(default_factory=list)
    counts: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def short(self) -> list[str]:
        """Return what fell short, a line each."""
        found = [f"{number} × {kind}" for kind, number in self.tally.errors.items()]
        found += [f"job {sentence}" for sentence in self.lost]
        found += [f"stream: {sentence}" for sentence in self.streams.errors]
        if not self.tally.seconds:
            found.append("no forecast was answered")
        for name, (before, _, after) in self.counts.items():
            if after == _GONE:
                found.append(f"{name} ended")
            kinds = zip(("threads", "descriptors"), before, after, strict=True)
            stay = _THREADS.get(name.split()[0], 0)
            found += [
                f"{name} has {b} → {a} {what}"
                for what, b, a in kinds
                if a > (max(b, stay) if what == "threads" else b + _CONNECTIONS)
            ]
        return found + [f"{name} grows" for name in self.watch.memory if self.grows(name)]

    def grows(self, name: str) -> bool:
        """Return whether memory grew: significantly, and by a fiftieth in the run."""
        slope, error = self.watch.slope(name)
        seconds, usual = self.watch.memory[name][-1]
        grown = slope * seconds / 60
        return name.startswith("web") and slope > 3 * error and grown > usual / 50


def run(service: Service, load: Load) -> Outcome:
    """Put a service under load, and see."""
    model = service.submit({"seed": 1, "epochs": 2, "historicalDays": load.days})
    assert service.wait_for(model, *_ENDED)["status"] == "succeeded"
    for number in range(_GENERATED):
        service.post("/api/data/generate", {"seed": number, "historicalDays": load.days})
    questions = _questions(service, model)
    port = int(service.environment["PORT"])
    _under(service, load, questions, min(_WARM_UP, load.seconds), Streams(port, []))
    processes = named(service.process.pid)
    _settled(processes, {})
    before = {name: taken(pid)[1:] for name, pid in processes.items()}
    streams = Streams(port, [])
    with ProcessWatch(processes).watching() as watch:
        tally, jobs = _under(service, load, questions, load.seconds, streams)
    outcome = Outcome(load, tally, streams, watch, jobs)
    outcome.lost = [sentence for job in jobs if (sentence := _lost(service, job))]
    after = _settled(processes, before)
    outcome.counts = {n: [before[n], watch.most.get(n, before[n]), after[n]] for n in processes}
    return outcome


def _questions(service: Service, model: str) -> list[Question]:
    asked: list[Any] = []
    for item in series():
        own = {"model_id": model} | item
        asked += [own, *(own | {"currentWIP": 80 + 20 * i} for i in range(_OTHERS))]
    return [Question(request_of(_PREDICT, a), service.post(_PREDICT, a).content) for a in asked]


def _under(
    service: Service, load: Load, questions: list[Question], seconds: float, streams: Streams
) -> tuple[Tally, list[str]]:
    """Load for so many seconds; (what became of the forecasts, the jobs that were accepted)."""
    ended, accepted = threading.Event(), []
    threads = [
        threading.Thread(target=_train, args=[service, load, number, streams, accepted, ended])
        for number in range(load.trainings)
    ]
    for thread in threads:
        thread.start()
    streams.open(load.streams)
    try:
        crowd = Crowd(int(service.environment["PORT"]), questions, load.clients, load.rate)
        tally = asyncio.run(crowd.run(seconds))
    finally:
        ended.set()
        for thread in threads:
            thread.join()
        streams.end(_JOBS_END_WITHIN)
    return tally, accepted


def _train(
    service: Service,
    load: Load,
    number: int,
    streams: Streams,
    accepted: list[str],
    ended: threading.Event,
) -> None:
    """Have a model trained, and then another one, as long as the load lasts."""
    asked = {"epochs": load.epochs, "historicalDays": load.days}
    while not ended.is_set():
        job = service.submit(asked | {"seed": 1000 * number + len(accepted)})
        accepted.append(job)
        streams.jobs.append(job)
        deadline = time.monotonic() + _JOBS_END_WITHIN
        while service.job(job)["status"] not in _ENDED and time.monotonic() < deadline:
            time.sleep(0.5)
        streams.jobs.remove(job)


def _lost(service: Service, job: str) -> str:
    """Return the fault of an accepted job; "" if there is none."""
    found = service.job(job)
    if found["status"] != "succeeded":
        return f"{job} ended as {found['status']}: {found['error']}"
    listed = [model["model_id"] for model in service.get(f"/api/models?q={job}").json()["models"]]
    if listed.count(job) != 1:
        return f"{job} is listed {listed.count(job)} times"
    reply = service.post(_PREDICT, {"model_id": job} | series()[0])
    return "" if reply.status_code == 200 else f"{job} cannot forecast: {reply.text}"


def _settled(
    processes: dict[str, int], before: dict[str, tuple[int, ...]]
) -> dict[str, tuple[int, int]]:
    """(threads, descriptors) of processes once they are no more than before, or are steady."""
    deadline, last = time.monotonic() + _BACK_WITHIN, None
    while True:
        found: dict[str, tuple[int, int]] = {}
        for name, pid in processes.items():
            found[name] = _GONE
            with suppress(OSError):
                _, threads, descriptors = taken(pid)
                found[name] = threads, descriptors
        back = all(f <= b for n in before for f, b in zip(found[n], before[n], strict=True))
        if (back if before else found == last) or time.monotonic() > deadline:
            return found
        last = found
        time.sleep(2)
