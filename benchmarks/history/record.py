"""The recorded history of a cluster, and the check of it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.support.running_service import Service

ENDED = ("succeeded", "failed", "cancelled")
_NOTICED = (
    10.0  # seconds within which a process notices what was deleted, or that its store is back
)
_SETTLED_WITHIN = 900.0  # seconds after the last fault


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
            if all(job["status"] in ENDED for job in jobs):
                return {job["job_id"]: job for job in jobs}
        time.sleep(1)
    history.wrong.append("Not all jobs have ended.")
    return {}


def check(history: History, jobs: dict[str, dict[str, Any]], machine: Service) -> None:
    """Compare the history with what it has to be."""
    _check_jobs(history, jobs)
    _check_replies(history)
    _check_stores(history, jobs, machine)


def _check_jobs(history: History, jobs: dict[str, dict[str, Any]]) -> None:
    """Every accepted job is there, and ended once: by success, or by a cancellation asked for."""
    cancelled = {o.subject for o in history.operations if o.kind == "cancel"}
    accepted = {o.subject for o in history.of("submit")}
    if len(jobs) < len(accepted):
        history.wrong.append(f"{len(accepted)} jobs were accepted, {len(jobs)} are there.")
    for o in history.of("look"):
        status = jobs[o.subject]["status"] if o.subject in jobs else o.found
        if o.found in ENDED and status != o.found:
            history.wrong.append(f"Job {o.subject} had {o.found} and is {status}.")
    for id, job in jobs.items():
        if job["status"] != "succeeded" and not (job["status"] == "cancelled" and id in cancelled):
            history.wrong.append(f"Job {id} {job['status']}: {job['error']}")


def _check_replies(history: History) -> None:
    """Models are published once and never seen again after a deletion; forecasts stay the same."""
    wrong = history.wrong
    deleted = {o.subject: o.ended for o in history.of("delete")}
    made: dict[str, str] = {}
    forecasts: dict[str, Any] = {}
    for operation in sorted(history.operations, key=lambda o: o.ended):
        if operation.kind == "list":
            for id, created_at in (operation.found or {}).items():
                if made.setdefault(id, created_at) != created_at:
                    wrong.append(f"Model {id} was published twice.")
                if operation.began > deleted.get(id, float("inf")):
                    wrong.append(f"Model {id} is listed after it was deleted.")
        if operation.kind == "forecast" and operation.found is not None:
            id = operation.subject
            if forecasts.setdefault(id, operation.found) != operation.found:
                wrong.append(f"A forecast of model {id} was another than before.")
            late = operation.began - deleted.get(id, float("inf"))
            if late > 0 and not history.may_be_late(operation, deleted[id]):
                wrong.append(f"Model {id} forecast {late:.1f} s after it was deleted.")


def _check_stores(history: History, jobs: dict[str, dict[str, Any]], machine: Service) -> None:
    """The model and the data of each job that succeeded are there, but for deleted models."""
    models = list(entries(machine, "/api/models", "models"))
    data = {each["dataset_id"] for each in entries(machine, "/api/data", "datasets")}
    ready = {each["model_id"] for each in models if each["info"]["status"] == "ready"}
    if len(ready) < len(models):
        history.wrong.append(f"{len(models) - len(ready)} models are not ready.")
    deleted = {o.subject for o in history.operations if o.kind == "delete"}
    for id, job in jobs.items():
        if job["status"] == "succeeded" and id not in ready | deleted:
            history.wrong.append(f"The model of job {id} is not there, and nobody deleted it.")
        if job["status"] == "succeeded" and job["dataset_id"] not in data:
            history.wrong.append(f"The data of job {id} is not there, and nobody deleted it.")
