"""A client of the cluster: it makes requests by its own random numbers, and records each."""

from __future__ import annotations

import contextlib
import random
import time
from typing import Any
from uuid import UUID

import requests

from benchmarks.history.record import ENDED, History, Operation
from tests.support.running_service import FAST, SMALL, Service

_SERIES = {"plant": "P 1", "application": "TV", "panelSize": "L"}
_MODELS = 12  # kept by a client before it deletes some
_UNENDED = 4  # jobs of a client that have not ended, beyond which it submits no more


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
            if status in ENDED and id in self._unended:
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
