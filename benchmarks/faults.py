"""Jobs while processes are killed: `python -m benchmarks.faults --minutes 5 --jobs 200 --seed 1`.

Jobs are submitted to a running service while its processes (workers, web processes, gunicorn's
master) are killed at random. Afterwards each job must have succeeded once, with a model that can be
read; each reply meanwhile must have been right, a broken connection, or a 503.
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

_SERIES = {"plant": "P 1", "application": "TV", "panelSize": "L"}
_CLIENTS = 3  # that predict and list models
_SETTLED_WITHIN = 600.0  # seconds after the last kill
_PAUSE = 0.02  # seconds between two requests of a client


@dataclass
class Findings:
    """Counts of a run, and what went `wrong`: nothing should."""

    kills: Counter[str] = field(default_factory=Counter)
    replies: Counter[str] = field(default_factory=Counter)
    tries: Counter[int] = field(default_factory=Counter)
    jobs: int = 0
    models: int = 0
    seconds: float = 0.0
    longest_outage: float = 0.0  # seconds in which no reply came at all
    wrong: list[str] = field(default_factory=list)


class Run:
    """A service whose processes are killed.

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
        processes = {"WORKERS": str(workers), "WEB_PROCESSES": "2"}
        self._service = start_service(folder, CHECKPOINT_SECONDS="0", **processes)
        self._over = threading.Event()
        self._ids: dict[str, str] = {}  # key → job
        self._last_reply = time.monotonic()

    def go(self) -> Findings:
        """Kill, submit jobs and predict at once; then check what is left."""
        began = time.monotonic()
        self._service.wait_for_worker()
        self._data_id = self._service.post("/api/data/generate", SMALL).json()["dataset_id"]
        self._model_id = self._service.submit(FAST | {"datasetId": self._data_id, "seed": 1})
        self._service.wait_for(self._model_id, "succeeded")
        self._right = self._predict().json()["predictions"]
        with ThreadPoolExecutor(2 + _CLIENTS) as pool:
            clients = [pool.submit(self._predict_on) for _ in range(_CLIENTS)]
            submitting = pool.submit(self._submit_all)
            self._kill_on()
            submitting.result()
            self._settle()
            self._over.set()
            for client in clients:
                client.result()
        self._check()
        self.found.seconds = time.monotonic() - began
        if self._service.stop() != 0:
            self.found.wrong.append("The service did not stop as it should.")
        return self.found

    # --- killing ------------------------------------------------------------------------------

    def _kill_on(self) -> None:
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

    # --- requests -------------------------------------------------------------------------------

    def _request(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The JSON of a reply; None where there was none, or a 503 with a time to retry."""
        try:
            reply = self._service.call(method, path, body, **more)
        except requests.RequestException as error:
            self.found.replies[f"no reply: {type(error).__name__}"] += 1
            time.sleep(0.1)
            return None
        silence, self._last_reply = time.monotonic() - self._last_reply, time.monotonic()
        self.found.longest_outage = max(self.found.longest_outage, silence)
        self.found.replies[str(reply.status_code)] += 1
        if reply.ok:
            return reply.json()
        if reply.status_code != 503 or not reply.headers.get("Retry-After"):
            self.found.wrong.append(f"{method} {path}: {reply.status_code} {reply.text[:300]}")
        return None

    def _predict(self) -> requests.Response:
        return self._service.post("/api/model/predict", _SERIES | {"model_id": self._model_id})

    def _predict_on(self) -> None:
        while not self._over.wait(_PAUSE):
            reply = self._request(
                "POST", "/api/model/predict", _SERIES | {"model_id": self._model_id}
            )
            if reply is not None and reply["predictions"] != self._right:
                self.found.wrong.append("A forecast was another than before.")
            for model in (self._request("GET", "/api/models?limit=1000") or {"models": []})[
                "models"
            ]:
                if model["info"]["status"] != "ready":
                    self.found.wrong.append(f"Listed as {model['info']}")

    def _submit_all(self) -> None:
        """All jobs, spread over the time of the kills, and each until it is accepted."""
        pause = self._seconds / len(self._keys)
        for number, key in enumerate(self._keys):
            body = FAST | {"datasetId": self._data_id, "seed": number, "background": True}
            while key not in self._ids:
                headers = {"Idempotency-Key": key}
                reply = self._request("POST", "/api/model/train", body, headers=headers)
                if reply is not None:
                    self._ids[key] = reply["job_id"]
            time.sleep(0.9 * pause)

    # --- afterwards ---------------------------------------------------------------------------

    def _jobs(self) -> list[dict[str, Any]]:
        return self._service.get("/api/jobs?limit=1000").json()["jobs"]  # type: ignore[no-any-return]

    def _settle(self) -> None:
        deadline = time.monotonic() + _SETTLED_WITHIN
        while time.monotonic() < deadline:
            reply = self._request("GET", "/api/jobs?limit=1000")
            if reply and all(job["status"] not in ("queued", "running") for job in reply["jobs"]):
                return
            time.sleep(1)
        self.found.wrong.append("Not all jobs have ended.")

    def _check(self) -> None:
        """Each accepted job exists once, succeeded, and published a model that forecasts."""
        wrong, accepted = self.found.wrong, set(self._ids.values())
        jobs = {job["job_id"]: job for job in self._jobs()}
        if set(jobs) != accepted | {self._model_id} or len(accepted) != len(self._keys):
            wrong.append(f"{len(self._keys)} jobs were submitted, {len(jobs) - 1} are there.")
        for job in jobs.values():
            self.found.tries[job["tries"]] += 1
            if job["status"] != "succeeded":
                wrong.append(f"Job {job['job_id']} {job['status']}: {job['error']}")
        listed = {
            m["model_id"] for m in self._service.get("/api/models?limit=1000").json()["models"]
        }
        self.found.models = len(listed)
        if listed != set(jobs):
            wrong.append(f"{len(listed ^ set(jobs))} models and jobs do not match.")
        for model_id in listed:
            reply = self._service.post("/api/model/predict", _SERIES | {"model_id": model_id})
            if reply.status_code != 200:
                wrong.append(f"Model {model_id}: {reply.text[:300]}")
        data = [
            d["dataset_id"] for d in self._service.get("/api/data?limit=1000").json()["datasets"]
        ]
        if data != [self._data_id]:
            wrong.append(f"{len(data)} data sets are there, one was made.")


def show(found: Findings) -> None:
    """Print the counts."""
    table = Table(title="Killed at random")
    for heading in ("what", "figure"):
        table.add_column(heading, justify="left")
    kills = ", ".join(f"{count} × {kind}" for kind, count in sorted(found.kills.items()))
    replies = ", ".join(f"{name}: {n:,}" for name, n in sorted(found.replies.items()))
    tries = ", ".join(f"{n} × {count}" for count, n in sorted(found.tries.items()))
    for row in (
        ("killed", kills),
        ("jobs submitted → models", f"{found.jobs} → {found.models - 1}"),
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
