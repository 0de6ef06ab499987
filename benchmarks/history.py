"""A cluster under faults, its history recorded and checked: `python -m benchmarks.history`.

Two machines (web server and worker each) and a third worker share PostgreSQL and an S3 server
through proxies. Five clients submit trainings, delete models, forecast and list, and write down
each request with its reply. Meanwhile processes are paused and killed, connections to the database
and the store are cut, stall or are half-open, workers start again under one name, the clock of a
machine jumps, and its temporary disk is full. Afterwards the history is checked:

- every accepted job has ended exactly once, by success or by a cancellation that was asked for: a
  job that was seen to have ended never has another status;
- a model is published once: its `created_at` never changes;
- the data that was stored for a job that succeeded is there: only an owner removes;
- what was deleted is not seen again, but for forecasts of models that a process has open: those may
  come for some seconds, and for as long as the process or its store does not answer;
- no reply was wrong: a forecast of one model never changes, an error is a 503 with `Retry-After`, a
  404 of something deleted, or a 409.

A seed gives the same requests and the same faults at the same times.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import click
import requests
from rich.console import Console
from rich.table import Table

from tests.support import postgres, s3
from tests.support.clock import Clock
from tests.support.disks import filled, small_disk
from tests.support.running_service import (
    FAST,
    ROOT,
    SMALL,
    Service,
    child_processes,
    start_service,
)
from tests.support.tcp_proxy import TcpProxy, tcp_proxy

_SERIES = {"plant": "P 1", "application": "TV", "panelSize": "L"}
_CLIENTS = 5
_MODELS = 12  # kept by a client before it deletes some
_UNENDED = 4  # jobs of a client that have not ended, beyond which it submits no more
_LONG = 0.2  # share of the faults that last up to the longest time; the others, 10 s in the mean
_DISK_MB = 100
_NOTICED = (
    10.0  # seconds within which a process notices what was deleted, or that its store is back
)
_SETTLED_WITHIN = 900.0  # seconds after the last fault
_ENDED = ("succeeded", "failed", "cancelled")
_JUMPS = (3600, 86_400, 31 * 86_400, 3650 * 86_400, -1_700_000_000)  # seconds


@dataclass(frozen=True)
class Operation:
    """A request of a client: when it began and ended, and the status of its reply, if any."""

    client: int
    kind: str
    subject: str  # id of the model or job
    began: float
    ended: float
    status: int | None
    found: Any = None  # the part of the reply that is checked


@dataclass
class History:
    """The operations, the faults and what was wrong; safe to share between threads."""

    operations: list[Operation] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    hindered: list[tuple[float, float]] = field(default_factory=list)  # processes look at no store
    wrong: list[str] = field(default_factory=list)
    seconds_to_settle: float = 0.0  # after the last fault
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, operation: Operation) -> None:
        """Record an operation."""
        with self._lock:
            self.operations.append(operation)

    def may_be_late(self, operation: Operation, deleted: float) -> bool:
        """Return whether a process may answer as if it had not seen a deletion."""
        times = [(deleted, deleted), *self.hindered]
        return any(o <= operation.ended and operation.began < e + _NOTICED for o, e in times)

    def of(self, kind: str) -> list[Operation]:
        """Return the operations of a kind that succeeded."""
        return [o for o in self.operations if o.kind == kind and o.status in (200, 202)]


class Client:
    """One client: it makes requests chosen by its own random numbers, one at a time."""

    def __init__(
        self, number: int, seed: int, machines: list[Service], data_id: str, history: History
    ) -> None:
        self._number, self._machines, self._data_id = number, machines, data_id
        self._history, self._random = history, random.Random(f"{seed} {number}")
        self._jobs: list[str] = []
        self._unended: list[str] = []

    def run(self, until: float) -> None:
        """Make requests until a monotonic time."""
        while time.monotonic() < until:
            act = self._random.choices(
                [self._submit, self._predict, self._list, self._delete, self._cancel, self._look],
                [3, 6, 2, 2, 1, 6],
            )[0]
            act()
            time.sleep(self._random.uniform(0.05, 0.6))

    def _request(
        self, kind: str, subject: str, method: str, path: str, body: Any = None, **more: Any
    ) -> dict[str, Any]:
        began, status, document = time.monotonic(), None, {}
        machine = self._random.choice(self._machines)
        with contextlib.suppress(requests.RequestException):
            reply = machine.call(method, path, body, **more)
            status, document = reply.status_code, reply.json()
            if status == 503 and not reply.headers.get("Retry-After"):
                self._history.wrong.append(f"{method} {path}: a 503 without Retry-After")
            if status not in (200, 202, 404, 409, 503):
                self._history.wrong.append(f"{method} {path}: {status} {reply.text[:300]}")
        found = self._of(kind, document) if status in (200, 202) else None
        at = time.monotonic()
        self._history.add(Operation(self._number, kind, subject, began, at, status, found))
        return document if status in (200, 202) else {}

    @staticmethod
    def _of(kind: str, document: dict[str, Any]) -> Any:
        if kind == "list":
            listed = document["models"]
            return {each["model_id"]: each["info"]["created_at"] for each in listed}
        return document.get({"forecast": "predictions", "look": "status"}.get(kind, ""))

    def _submit(self) -> None:
        key = str(UUID(int=self._random.getrandbits(128), version=4))
        body = FAST | {"seed": len(self._jobs), "background": True}
        body |= {"epochs": self._random.choice([2, 40, 200])}
        body |= self._random.choice([{"datasetId": self._data_id}] * 3 + [SMALL])
        if len(self._unended) >= _UNENDED:
            return
        for _ in range(200):
            headers = {"Idempotency-Key": key}
            reply = self._request("submit", key, "POST", "/api/model/train", body, headers=headers)
            if reply:
                self._jobs.append(reply["job_id"])
                self._unended.append(reply["job_id"])
                return
            time.sleep(0.5)

    def _look(self) -> None:
        """Look at the oldest job that has not ended yet, or at any that has."""
        if self._jobs:
            id = (self._unended or [self._random.choice(self._jobs)])[0]
            status = self._request("look", id, "GET", f"/api/jobs/{id}").get("status")
            if status in _ENDED and id in self._unended:
                self._unended.remove(id)

    def _predict(self) -> None:
        if self._jobs:
            id = self._random.choice(self._jobs)
            question = _SERIES | {"model_id": id}
            self._request("forecast", id, "POST", "/api/model/predict", question)

    def _list(self) -> None:
        self._request("list", "", "GET", "/api/models?limit=1000")

    def _delete(self) -> None:
        if len(self._jobs) > _MODELS:
            id = self._random.choice(self._jobs)
            self._request("delete", id, "DELETE", f"/api/model/{id}")

    def _cancel(self) -> None:
        if self._jobs:
            self._request("cancel", self._jobs[-1], "DELETE", f"/api/jobs/{self._jobs[-1]}")


def _end(worker: subprocess.Popen[bytes]) -> None:
    """End a worker. One that waits for its database or for a processor is killed."""
    worker.terminate()
    try:
        worker.wait(30)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()


class Nemesis:
    """The source of the faults, one at a time, in an order that the seed gives."""

    def __init__(
        self,
        seed: int,
        longest: float,
        machines: list[Service],
        lone: Callable[[], subprocess.Popen[bytes]],
        proxies: dict[str, TcpProxy],
        clock: Clock,
        disk: Path,
        history: History,
    ) -> None:
        self._random, self._longest = random.Random(seed), longest
        self._machines, self._proxies = machines, proxies
        self._clock, self._disk = clock, disk
        self._start_lone, self._lone = lone, lone()
        self._history = history

    def run(self, until: float) -> None:
        """Bring faults about until a monotonic time; then everything is put right."""
        acts = {
            "worker paused": lambda: self._pause(self._worker()),
            "web process paused": lambda: self._pause(self._web_process()),
            "worker killed": lambda: self._kill(self._worker()),
            "web process killed": lambda: self._kill(self._web_process()),
            "worker started again under its name": self._restart_lone,
            "database cut": lambda: self._cut("database"),
            "database stalled": lambda: self._stall("database"),
            "store cut": lambda: self._cut("store"),
            "store stalled": lambda: self._stall("store"),
            "database half-open": self._proxies["database"].forget,
            "store half-open": self._proxies["store"].forget,
            "clock of a machine jumped": self._jump,
            "temporary disk full": self._fill,
        }
        while time.monotonic() < until:
            time.sleep(self._random.uniform(1, 6))
            name, began = self._random.choice(sorted(acts)), time.monotonic()
            acts[name]()
            self._history.faults[name] += 1
            if name.startswith(("store", "web process")):
                self._history.hindered.append((began, time.monotonic()))

    def stop(self) -> None:
        """End the worker that belongs to no machine."""
        _end(self._lone)

    def _lasting(self) -> float:
        if self._random.random() < _LONG:
            return self._random.uniform(0, self._longest)
        return min(self._longest, self._random.expovariate(1 / 10))

    def _processes(self, command: bytes) -> list[int]:
        found = []
        for machine in self._machines:
            for pid in child_processes(machine.process.pid):
                with contextlib.suppress(OSError):  # it has just ended
                    is_leaf = not child_processes(pid)
                    if is_leaf and command in Path(f"/proc/{pid}/cmdline").read_bytes():
                        found.append(pid)
        return sorted(found)

    def _worker(self) -> int | None:
        workers = [*self._processes(b"worker"), self._lone.pid]
        return self._random.choice(workers)

    def _web_process(self) -> int | None:
        processes = self._processes(b"gunicorn")
        return self._random.choice(processes) if processes else None

    def _pause(self, pid: int | None) -> None:
        with contextlib.suppress(ProcessLookupError, TypeError):
            os.kill(pid, signal.SIGSTOP)  # type: ignore[arg-type]
            time.sleep(self._lasting())
            os.kill(pid, signal.SIGCONT)  # type: ignore[arg-type]

    def _kill(self, pid: int | None) -> None:
        with contextlib.suppress(ProcessLookupError, TypeError):
            os.kill(pid, signal.SIGKILL)  # type: ignore[arg-type]
        if self._lone.poll() is not None:
            self._lone = self._start_lone()

    def _restart_lone(self) -> None:
        """Start another worker of the same name while the first one is still paused."""
        first, self._lone = self._lone, self._start_lone()
        with contextlib.suppress(ProcessLookupError):
            first.send_signal(signal.SIGSTOP)
            time.sleep(self._lasting())
            first.send_signal(signal.SIGCONT)
            time.sleep(2)
        _end(first)

    def _cut(self, name: str) -> None:
        self._proxies[name].close()
        time.sleep(self._lasting())
        self._proxies[name].open()

    def _stall(self, name: str) -> None:
        self._proxies[name].stall()
        time.sleep(self._lasting())
        self._proxies[name].flow()

    def _jump(self) -> None:
        self._clock.set(self._random.choice(_JUMPS))
        time.sleep(self._lasting())
        self._clock.set(0)

    def _fill(self) -> None:
        with filled(self._disk):
            time.sleep(self._lasting())


def entries(machine: Service, path: str, name: str) -> Iterator[dict[str, Any]]:
    """Yield the entries of all pages of a list. Raises HTTPError."""
    cursor: str | None = ""
    while cursor is not None:
        reply = machine.get(path, params={"limit": 1000} | ({"cursor": cursor} if cursor else {}))
        reply.raise_for_status()
        yield from reply.json()[name]
        cursor = reply.json()["next_cursor"]


def settle(machine: Service, history: History) -> dict[str, dict[str, Any]]:
    """Wait until all jobs have ended; return them by id."""
    deadline = time.monotonic() + _SETTLED_WITHIN
    while time.monotonic() < deadline:
        with contextlib.suppress(requests.RequestException):
            jobs = list(entries(machine, "/api/jobs?kind=train", "jobs"))
            if all(job["status"] in _ENDED for job in jobs):
                return {job["job_id"]: job for job in jobs}
        time.sleep(1)
    history.wrong.append("Not all jobs have ended.")
    return {}


def check(history: History, jobs: dict[str, dict[str, Any]], machine: Service) -> None:
    """Compare the history with what it has to be."""
    wrong = history.wrong
    cancelled = {o.subject for o in history.operations if o.kind == "cancel"}
    accepted = {o.subject for o in history.of("submit")}
    if len(jobs) < len(accepted):
        wrong.append(f"{len(accepted)} jobs were accepted, {len(jobs)} are there.")
    for o in history.of("look"):
        if o.found in _ENDED and o.subject in jobs and jobs[o.subject]["status"] != o.found:
            wrong.append(f"Job {o.subject} had {o.found} and is {jobs[o.subject]['status']}.")
    for id, job in jobs.items():
        if job["status"] != "succeeded" and not (job["status"] == "cancelled" and id in cancelled):
            wrong.append(f"Job {id} {job['status']}: {job['error']}")
    deleted = {o.subject: o.ended for o in history.of("delete")}
    made: dict[str, str] = {}
    forecasts: dict[str, Any] = {}
    for operation in sorted(history.operations, key=lambda o: o.ended):
        if operation.found is None:
            continue
        if operation.kind == "list":
            for id, created_at in operation.found.items():
                if made.setdefault(id, created_at) != created_at:
                    wrong.append(f"Model {id} was published twice.")
                if operation.began > deleted.get(id, float("inf")):
                    wrong.append(f"Model {id} is listed after it was deleted.")
        if operation.kind == "forecast":
            id = operation.subject
            if forecasts.setdefault(id, operation.found) != operation.found:
                wrong.append(f"A forecast of model {id} was another than before.")
            at = deleted.get(id, float("inf"))
            if operation.began > at and not history.may_be_late(operation, at):
                late = operation.began - at
                wrong.append(f"Model {id} forecast {late:.1f} s after it was deleted.")
    last = list(entries(machine, "/api/models", "models"))
    data = {each["dataset_id"] for each in entries(machine, "/api/data", "datasets")}
    ready = {each["model_id"] for each in last if each["info"]["status"] == "ready"}
    if len(ready) < len(last):
        wrong.append(f"{len(last) - len(ready)} models are not ready.")
    tried = {o.subject for o in history.operations if o.kind == "delete"}
    for id, job in jobs.items():
        if job["status"] == "succeeded" and id not in ready | tried:
            wrong.append(f"The model of job {id} is not there, and nobody deleted it.")
        if job["status"] == "succeeded" and job["dataset_id"] not in data:
            wrong.append(f"The data of job {id} is not there, and nobody deleted it.")


@contextlib.contextmanager
def cluster(folder: Path, history: History) -> Iterator[tuple[list[Service], Any]]:
    """Two machines and a lone worker, with the proxies and the clock between them."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(postgres.running())
        store = stack.enter_context(s3.serve())
        url, bucket = server.new_database(), store.new_bucket()
        to_database = stack.enter_context(tcp_proxy(server.port))
        to_store = stack.enter_context(tcp_proxy(int(store.url.rsplit(":", 1)[1])))
        settings = store.environment | {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{to_store.port}",
            "DATABASE_URL": url.replace(f":{server.port}", f":{to_database.port}"),
            "MODEL_STORE": f"{bucket}/models",
            "DATA_STORE": f"{bucket}/data",
            "CHECKPOINT_SECONDS": "0",
            "RATE_LIMITS": "off",
        }
        clock = Clock(folder)
        disk = stack.enter_context(small_disk(folder / "disk", _DISK_MB))
        machines: list[Service] = []
        stack.callback(_stop, machines, history)
        for name, more in (("one", {"TMPDIR": str(disk)}), ("two", clock.environment)):
            (folder / name).mkdir()
            machines.append(start_service(folder / name, **settings, **more))
            machines[-1].wait_for_worker()
        log = stack.enter_context((folder / "lone").open("wb"))

        def lone() -> subprocess.Popen[bytes]:
            command = [sys.executable, "run.py", "worker"]
            environment = machines[0].environment | {"WORKER_ID": "lone"}
            return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)

        yield machines, (lone, {"database": to_database, "store": to_store}, clock, disk)


def _stop(machines: list[Service], history: History) -> None:
    for machine in machines:
        if machine.stop() != 0:
            history.wrong.append("A machine did not stop as it should.")


def run(minutes: float, seed: int, longest: float) -> History:
    """Run the cluster under faults, and check its history."""
    history = History()
    with TemporaryDirectory() as temporary, cluster(Path(temporary), history) as (machines, parts):
        data_id = machines[0].post("/api/data/generate", SMALL).json()["dataset_id"]
        lone, proxies, clock, disk = parts
        nemesis = Nemesis(seed, longest, machines, lone, proxies, clock, disk, history)
        until = time.monotonic() + 60 * minutes
        clients = [Client(n, seed, machines, data_id, history) for n in range(_CLIENTS)]
        try:
            with ThreadPoolExecutor(_CLIENTS + 1) as pool:
                running = [pool.submit(each.run, until) for each in (*clients, nemesis)]
                for each in running:
                    each.result()
            history.seconds_to_settle = -time.monotonic()
            jobs = settle(machines[0], history)
            history.seconds_to_settle += time.monotonic()
            check(history, jobs, machines[0])
        finally:
            nemesis.stop()
    return history


@click.command()
@click.option("--minutes", default=60.0, help="Minutes of faults.")
@click.option("--seed", default=1, help="Seed of the requests and the faults.")
@click.option("--longest", default=120.0, help="Seconds that a fault lasts at most.")
def main(minutes: float, seed: int, longest: float) -> None:
    """Run and check; show the counts."""
    found = run(minutes, seed, longest)
    replies = Counter(f"{o.kind} {o.status or 'no reply'}" for o in found.operations)
    table = Table(title=f"History of {minutes:g} minutes, seed {seed}")
    for heading in ("what", "figure"):
        table.add_column(heading)
    faults = ", ".join(f"{count} × {name}" for name, count in sorted(found.faults.items()))
    table.add_row("faults", faults)
    table.add_row("operations", f"{len(found.operations):,}")
    table.add_row("replies", ", ".join(f"{name}: {n:,}" for name, n in sorted(replies.items())))
    table.add_row("all jobs ended after", f"{found.seconds_to_settle:.0f} s")
    table.add_row("wrong", "\n".join(found.wrong[:20]) or "nothing")
    Console(width=110).print(table)
    sys.exit(bool(found.wrong))


if __name__ == "__main__":
    main()
