"""A crash and a pause at each call of one training: `python -m benchmarks.enumeration`.

Two workers wait for jobs. For each call to a store or to the database that an undisturbed training
makes, a training of the same kind is submitted, and the worker that has it is killed just before
that call, or stands still until the other one has ended the job. After each:

- the job has ended once, as succeeded, each epoch is recorded once, and its model forecasts;
- nothing is left behind once the sweep of the stores has run: no staged file, no checkpoint, and
  the data that was posted is there once;
- the model is published once: after it is deleted, nothing of it comes back.

`--remote` takes PostgreSQL and an S3 server instead of SQLite and folders. `--quick` makes the same
calls without training a network, which takes most of the time, and publishes a model of a release.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import click
from flask.testing import FlaskClient
from rich.console import Console
from rich.table import Table

from app import create_app
from models.data.datasets import Datasets
from models.registry.model_store import model_store
from tests.support import postgres, s3
from tests.support.counted_worker import KILL, PAUSE, Order
from tests.support.running_service import FAST, ROOT, environment_of, wait_until
from utils import settings as service_settings
from utils.api.idempotency import undeleted_id_of
from utils.settings import Settings
from utils.storage.artifact_reader import STORED_AS
from utils.storage.artifact_store import ArtifactStore
from utils.storage.files import TOMBSTONES_KEPT_FOR

ACTS = (PAUSE, KILL)
_ROWS = [
    {"day": day, "plant": "P 1", "application": "TV", "panelSize": '15.6"', "wip": 90 + day % 7,
     "throughput": 50 + day % 5}
    for day in range(60)
]  # fmt: skip
_BODY = FAST | {"trainingData": _ROWS, "seed": 1, "background": True}
_EPOCHS = list(range(1, FAST["epochs"] + 1))
_ENDED_WITHIN = 90.0  # seconds
_LONGEST_PAUSE = 12.0  # seconds that a worker stands still if the other one cannot end the job
_CALM = 0.7  # seconds without a call after which no worker has the job any more
_POLLS = 2  # of the many equal looks of a job at its state


@dataclass
class Findings:
    """Counts of a run, and what was wrong, by point."""

    points: int = 0
    acts: Counter[str] = field(default_factory=Counter)
    not_reached: list[str] = field(default_factory=list)
    held_up: list[str] = field(default_factory=list)  # ended only after the pause
    swept: Counter[str] = field(default_factory=Counter)  # what the sweep had to remove
    wrong: list[str] = field(default_factory=list)


class Enumeration:
    """Two workers, the stores and the database that they share, and a client."""

    def __init__(self, folder: Path, environment: dict[str, str], is_quick: bool) -> None:
        self.found = Findings()
        settings = service_settings.read(environment)
        self._client: FlaskClient = create_app(settings).test_client()
        self._stores = _stores(settings)
        self._folder, self._workers = folder, list[int]()
        command = [sys.executable, "-m", "tests.support.counted_worker", str(folder)]
        command += ["quick"] if is_quick else []
        with (folder / "log").open("a") as log:
            self._forking = subprocess.Popen(
                command, cwd=ROOT, env=environment, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        for _ in range(2):
            self.start_worker()

    def start_worker(self) -> None:
        """Start another worker."""
        assert self._forking.stdin and self._forking.stdout
        self._forking.stdin.write("\n")
        self._forking.stdin.flush()
        self._workers.append(int(self._forking.stdout.readline()))

    def stop(self) -> None:
        """End all workers."""
        for pid in self._workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._forking.communicate(timeout=30)

    def calls(self) -> tuple[str, ...]:
        """Return the calls that two undisturbed trainings share, in order."""
        log = self._folder / "log"
        wait_until(lambda: log.read_text().count("trainer loaded") >= 2, 300)
        first, second = (self._undisturbed() for _ in range(2))
        shared = set(first) & set(second)
        return tuple(c for c in dict.fromkeys(first) if c in shared and not _is_late_poll(c))

    def _undisturbed(self) -> list[str]:
        job_id = self._submit(str(uuid4()), "", "")
        self._wait_for_end(job_id)
        self._wait_for_calm()
        self._check(job_id)
        lines = (self._folder / "calls").read_text().splitlines()
        return [line.split(" ", 2)[2] for line in lines if line.startswith(job_id)]

    def disturb(self, call: str, act: str) -> None:
        """Have a worker killed or paused at a call of a new training, and check what it leaves."""
        before = len(self.found.wrong)
        reached = self._folder / "reached"
        reached.unlink(missing_ok=True)
        job_id = self._submit(str(uuid4()), call, act)
        with contextlib.suppress(AssertionError):
            wait_until(lambda: reached.exists() or self._has_ended(job_id), _ENDED_WITHIN)
        if not reached.exists():
            self.found.not_reached.append(f"{act} at {call}")
        elif act == KILL:
            self.start_worker()
        else:
            self._resume(int(reached.read_text()), job_id, call)
        self._wait_for_end(job_id)
        self._wait_for_calm()
        self._check(job_id)
        self.found.acts[act] += 1
        self.found.wrong[before:] = [f"{act} at {call}: {w}" for w in self.found.wrong[before:]]

    def _submit(self, key: str, call: str, act: str) -> str:
        job_id = undeleted_id_of(key, "train", lambda _: False)
        Order(job_id, call, act).give(self._folder)

        def is_accepted() -> bool:
            headers = {"Idempotency-Key": key}
            reply = self._client.post("/api/model/train", json=_BODY, headers=headers)
            assert reply.status_code == 503 or reply.json["job_id"] == job_id, reply.text
            return reply.status_code == 202

        wait_until(is_accepted, _ENDED_WITHIN)
        return job_id

    def _job(self, job_id: str) -> dict[str, Any]:
        reply = self._client.get(f"/api/jobs/{job_id}")
        return dict(reply.json) if reply.status_code == 200 else {"status": "unknown"}

    def _has_ended(self, job_id: str) -> bool:
        return self._job(job_id)["status"] in ("succeeded", "failed", "cancelled")

    def _resume(self, pid: int, job_id: str, call: str) -> None:
        """Let a worker go on once the job has ended, or after a while."""
        try:
            wait_until(lambda: self._has_ended(job_id), _LONGEST_PAUSE)
        except AssertionError:
            self.found.held_up.append(call)
        os.kill(pid, signal.SIGCONT)

    def _wait_for_end(self, job_id: str) -> None:
        try:
            wait_until(lambda: self._has_ended(job_id), _ENDED_WITHIN)
        except AssertionError:
            self.found.wrong.append(f"the job has not ended: {self._job(job_id)}")

    def _wait_for_calm(self) -> None:
        """Wait until no worker makes a call for the job any more."""
        log, size = self._folder / "calls", -1
        while size != (size := log.stat().st_size):
            time.sleep(_CALM)

    def _check(self, job_id: str) -> None:
        """Check what a job has left, and delete it."""
        job = self._job(job_id)
        if job["status"] != "succeeded":
            self.found.wrong.append(f"the job {job['status']}: {job.get('error')}")
        with self._client.get(f"/api/jobs/{job_id}/events") as reply:
            events = _data_of(reply.text, "epoch")
        epochs = [int(event.partition('"epoch":')[2].split(",")[0]) for event in events]
        if epochs != _EPOCHS:
            self.found.wrong.append(f"epochs {epochs} are recorded")
        question = {name: _ROWS[0][name] for name in ("plant", "application", "panelSize")}
        forecast = self._client.post("/api/model/predict", json=question | {"model_id": job_id})
        if forecast.status_code != 200:
            self.found.wrong.append(f"no forecast: {forecast.text}")
        for store, id in zip(self._stores, (job_id, job.get("dataset_id")), strict=True):
            self._check_store(store, str(id))

    def _check_store(self, store: ArtifactStore, id: str) -> None:
        if store.ids() != [id]:
            self.found.wrong.append(f"the {store.noun}s are {store.ids()}")
        store.sweep(self._due)
        files = store.document(id)["files"] if id in store.ids() else {}
        stated = {f"{id}.json", *(entry.get(STORED_AS, name) for name, entry in files.items())}
        left = (set(store.files.names()) ^ stated) | set(_due_of(store.files.temporary()))
        if left:
            self.found.wrong.append(f"{sorted(left)} are left or missing")
        for each in store.ids():
            store.delete(each)

    def _due(self, found: dict[str, float]) -> list[str]:
        """Have everything removed that a sweep removes at some time, but for tombstones."""
        due = _due_of(found)
        self.found.swept.update("staging" if "/" in name else Path(name).suffix for name in due)
        return due


def _due_of(found: dict[str, float]) -> list[str]:
    return [name for name, seconds in found.items() if seconds != TOMBSTONES_KEPT_FOR]


def _data_of(events: str, kind: str) -> list[str]:
    """Return the data of the events of a kind, from a stream of events."""
    return [event for event in events.split("\n\n") if f"event: {kind}" in event]


def _is_late_poll(call: str) -> bool:
    name, _, number = call.rpartition("#")
    return name.startswith("control: ") and "INSERT" not in name and int(number) > _POLLS


def _stores(settings: Settings) -> tuple[ArtifactStore, ArtifactStore]:
    return model_store(settings.model_location), Datasets.of(settings).store


@contextlib.contextmanager
def _places(folder: Path, remote: bool) -> Iterator[dict[str, str]]:
    """Yield settings of stores and a database, in a folder or on servers."""
    if not remote:
        yield {}
        return
    with postgres.running() as server, s3.serve() as store:
        bucket = store.new_bucket()
        os.environ.update(store.environment)
        stores = {"MODEL_STORE": f"{bucket}/models", "DATA_STORE": f"{bucket}/data"}
        yield {"DATABASE_URL": server.new_database()} | stores


def run(
    remote: bool = False,
    quick: bool = False,
    acts: tuple[str, ...] = ACTS,
    calls: tuple[str, ...] = (),
    every: int = 1,
    minutes: float = float("inf"),
) -> Findings:
    """Disturb trainings at their calls.

    Args:
        remote: True for PostgreSQL and S3.
        quick: True to make the calls of trainings without their work.
        acts: what happens at each call.
        calls: the calls; (): those of an undisturbed training.
        every: 1 for each of them, 2 for every other one.
        minutes: after which no other training begins.
    """
    until = time.monotonic() + 60 * minutes
    with TemporaryDirectory() as temporary, _places(Path(temporary), remote) as places:
        folder = Path(temporary)
        (folder / "tmp").mkdir()
        more = {"CHECKPOINT_SECONDS": "0", "RATE_LIMITS": "off", "TMPDIR": str(folder / "tmp")}
        trial = Enumeration(folder, environment_of(folder, **more, **places), quick)
        try:
            points = calls or trial.calls()[::every]
            trial.found.points = len(points)
            for act, call in product(acts, points):
                if time.monotonic() < until:
                    trial.disturb(call, act)
        finally:
            trial.stop()
    return trial.found


@click.command()
@click.option("--remote", is_flag=True, help="On PostgreSQL and S3.")
@click.option("--quick", is_flag=True, help="Without training a network.")
@click.option("--act", type=click.Choice(ACTS), multiple=True, help="Default: both.")
@click.option("--every", default=1, help="1: each call; 2: every other one; …")
@click.option("--minutes", default=60.0, help="At most.")
def main(remote: bool, quick: bool, act: tuple[str, ...], every: int, minutes: float) -> None:
    """Run and show the counts."""
    found = run(remote, quick, act or ACTS, (), every, minutes)
    table = Table(title="A crash and a pause at each call")
    for heading in ("what", "figure"):
        table.add_column(heading)
    table.add_row("calls of one training", str(found.points))
    table.add_row("trainings", ", ".join(f"{n} × {act}" for act, n in found.acts.items()))
    table.add_row("not reached", "\n".join(found.not_reached) or "none")
    table.add_row("ended only after the pause", "\n".join(found.held_up) or "none")
    table.add_row("removed by the sweep", ", ".join(f"{n} × {k}" for k, n in found.swept.items()))
    table.add_row("wrong", "\n".join(found.wrong) or "nothing")
    Console(width=110).print(table)
    sys.exit(bool(found.wrong))


if __name__ == "__main__":
    main()
