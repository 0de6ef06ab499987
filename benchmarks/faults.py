"""What kills do: `python -m benchmarks.faults --minutes 5 --jobs 200 --seed 1`.

Jobs are handed in to a running service while its processes (workers, web processes, gunicorn's
master) are killed at random. Afterwards each job has to have ended well, once, with a model that
can be read; and each reply meanwhile has to have been right, or a connection that broke, or a 503.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import requests
from rich.console import Console
from rich.table import Table

from tests.support.running_service import FAST, SMALL, child_processes, start_service

_ASK = {"plant": "P 1", "application": "TV", "panelSize": "L"}
_LISTENERS = 3  # that predict and look at lists
_SETTLED_WITHIN = 600.0  # seconds after the last kill
_PAUSE = 0.02  # seconds between two requests of a client


@dataclass
class Findings:
    """What was seen; `wrong` is to stay empty."""

    kills: Counter[str] = field(default_factory=Counter)
    replies: Counter[str] = field(default_factory=Counter)
    tries: Counter[int] = field(default_factory=Counter)
    jobs: int = 0
    models: int = 0
    seconds: float = 0.0
    longest_outage: float = 0.0  # seconds in which no reply came at all
    wrong: list[str] = field(default_factory=list)


class Run:
    """A service under fire.

    Args:
        minutes: for which processes are killed.
        every: seconds from one kill to the next, in the mean.
        seed: of the order in which they are killed, and when.
    """

    def __init__(
        self, folder: Path, minutes: float, jobs: int, every: float, seed: int, workers: int
    ) -> None:
        self.found = Findings(jobs=jobs)
        self._seconds, self._every = 60 * minutes, every
        self._random = random.Random(seed)
        self._keys = [str(UUID(int=self._random.getrandbits(128), version=4)) for _ in range(jobs)]
        self._service = start_service(folder, WORKERS=str(workers), CHECKPOINT_SECONDS="0")
        self._firing, self._over = threading.Event(), threading.Event()
        self._ids: dict[str, str] = {}  # key → job
        self._heard = time.monotonic()

    def go(self) -> Findings:
        """Fire, hand in, listen; then look at what is left."""
        began = time.monotonic()
        self._service.wait_for_worker()
        self._data_id = self._service.post("/api/data/generate", SMALL).json()["dataset_id"]
        self._model_id = self._service.submit(FAST | {"datasetId": self._data_id, "seed": 1})
        self._service.wait_for(self._model_id, "succeeded")
        self._right = self._predict().json()["predictions"]
        with ThreadPoolExecutor(2 + _LISTENERS) as pool:
            listeners = [pool.submit(self._listen) for _ in range(_LISTENERS)]
            handing_in = pool.submit(self._hand_in)
            self._fire()
            handing_in.result()
            self._settle()
            self._over.set()
            for listener in listeners:
                listener.result()
        self._look()
        self.found.seconds = time.monotonic() - began
        if self._service.stop() != 0:
            self.found.wrong.append("The service did not stop as it should.")
        return self.found

    # --- killing ------------------------------------------------------------------------------

    def _fire(self) -> None:
        end = time.monotonic() + self._seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, self._random.expovariate(1 / self._every)))
            targets = sorted(self._targets().items())
            if targets:
                pid, kind = self._random.choice(targets)
                os.kill(pid, signal.SIGKILL)
                self.found.kills[kind] += 1

    def _targets(self) -> dict[int, str]:
        """The processes that may be killed: all but the one that started them."""
        found = {}
        for pid in child_processes(self._service.process.pid):
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
            except FileNotFoundError:  # it has just ended
                continue
            if b"worker" in command:
                found[pid] = "worker"
            elif b"gunicorn" in command:
                found[pid] = "web master" if child_processes(pid) else "web process"
        return found

    # --- asking -------------------------------------------------------------------------------

    def _ask(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The JSON of a reply; None where there was none, or one that says to come again."""
        try:
            reply = self._service.call(method, path, body, **more)
        except requests.RequestException as error:
            self.found.replies[f"no reply: {type(error).__name__}"] += 1
            time.sleep(0.1)
            return None
        silence, self._heard = time.monotonic() - self._heard, time.monotonic()
        self.found.longest_outage = max(self.found.longest_outage, silence)
        self.found.replies[str(reply.status_code)] += 1
        if reply.ok:
            return reply.json()
        if reply.status_code != 503 or not reply.headers.get("Retry-After"):
            self.found.wrong.append(f"{method} {path}: {reply.status_code} {reply.text[:300]}")
        return None

    def _predict(self) -> requests.Response:
        return self._service.post("/api/model/predict", _ASK | {"model_id": self._model_id})

    def _listen(self) -> None:
        while not self._over.wait(_PAUSE):
            said = self._ask("POST", "/api/model/predict", _ASK | {"model_id": self._model_id})
            if said is not None and said["predictions"] != self._right:
                self.found.wrong.append("A forecast was another than before.")
            for model in (self._ask("GET", "/api/models") or {"models": []})["models"]:
                if model["info"]["status"] != "ready":
                    self.found.wrong.append(f"Listed as {model['info']}")

    def _hand_in(self) -> None:
        """All jobs, spread over the time of the kills, and each until it is taken."""
        pause = self._seconds / len(self._keys)
        for number, key in enumerate(self._keys):
            body = FAST | {"datasetId": self._data_id, "seed": number, "background": True}
            while key not in self._ids:
                headers = {"Idempotency-Key": key}
                said = self._ask("POST", "/api/model/train", body, headers=headers)
                if said is not None:
                    self._ids[key] = said["job_id"]
            time.sleep(0.9 * pause)

    # --- afterwards ---------------------------------------------------------------------------

    def _jobs(self) -> list[dict[str, Any]]:
        return self._service.get("/api/jobs?limit=1000").json()["jobs"]  # type: ignore[no-any-return]

    def _settle(self) -> None:
        deadline = time.monotonic() + _SETTLED_WITHIN
        while time.monotonic() < deadline:
            said = self._ask("GET", "/api/jobs?limit=1000")
            if said and all(job["status"] not in ("queued", "running") for job in said["jobs"]):
                return
            time.sleep(1)
        self.found.wrong.append("Not all jobs have ended.")

    def _look(self) -> None:
        """Each job that was taken is there once, ended well, and gave a model that forecasts."""
        wrong, taken = self.found.wrong, set(self._ids.values())
        jobs = {job["job_id"]: job for job in self._jobs()}
        if set(jobs) != taken | {self._model_id} or len(taken) != len(self._keys):
            wrong.append(f"{len(self._keys)} jobs were handed in, {len(jobs) - 1} are there.")
        for job in jobs.values():
            self.found.tries[job["tries"]] += 1
            if job["status"] != "succeeded":
                wrong.append(f"Job {job['job_id']} {job['status']}: {job['error']}")
        listed = {m["model_id"] for m in self._service.get("/api/models").json()["models"]}
        self.found.models = len(listed)
        if listed != set(jobs):
            wrong.append(f"{len(listed ^ set(jobs))} models and jobs do not match.")
        for model_id in listed:
            reply = self._service.post("/api/model/predict", _ASK | {"model_id": model_id})
            if reply.status_code != 200:
                wrong.append(f"Model {model_id}: {reply.text[:300]}")
        data = [d["dataset_id"] for d in self._service.get("/api/data").json()["datasets"]]
        if data != [self._data_id]:
            wrong.append(f"{len(data)} data sets are there, one was made.")


def show(found: Findings) -> None:
    """Print what was found."""
    table = Table(title="Killed at random")
    for heading in ("what", "figure"):
        table.add_column(heading, justify="left")
    kills = ", ".join(f"{count} × {kind}" for kind, count in sorted(found.kills.items()))
    replies = ", ".join(f"{name}: {n:,}" for name, n in sorted(found.replies.items()))
    tries = ", ".join(f"{n} × {count}" for count, n in sorted(found.tries.items()))
    for row in (
        ("killed", kills),
        ("jobs handed in → models", f"{found.jobs} → {found.models - 1}"),
        ("jobs × tries that they took", tries),
        ("replies", replies),
        ("longest time without any reply", f"{found.longest_outage:.1f} s"),
        ("duration", f"{found.seconds:.0f} s"),
        ("wrong", "\n".join(found.wrong[:20]) or "nothing"),
    ):
        table.add_row(*row)
    Console(width=110).print(table)


def run(minutes: float, jobs: int, every: float, seed: int, workers: int) -> Findings:
    """A run on a fresh service."""
    with TemporaryDirectory() as folder:
        return Run(Path(folder), minutes, jobs, every, seed, workers).go()


if __name__ == "__main__":
    options = argparse.ArgumentParser(prog="python -m benchmarks.faults")
    options.add_argument("--minutes", type=float, default=5.0)
    options.add_argument("--jobs", type=int, default=200)
    options.add_argument("--every", type=float, default=8.0, help="seconds between two kills")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--workers", type=int, default=2)
    result = run(**vars(options.parse_args()))
    show(result)
    raise SystemExit(bool(result.wrong))
