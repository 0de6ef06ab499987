"""Clients that follow jobs by their event streams, a thread each, and hold them to their word."""

from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import dataclass, field


@dataclass
class Streams:
    """Event streams that are kept open: each follows a running job, and then the next one.

    Args:
        port: of the service.
        jobs: ids of the jobs that run, as they are; shared with who starts them.
    """

    port: int
    jobs: list[str]
    errors: list[str] = field(default_factory=list)
    events: int = 0
    followed: int = 0  # streams that were followed to the end of their job
    _ended: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self, count: int) -> None:
        """Open so many."""
        for number in range(count):
            thread = threading.Thread(target=self._follow_on, args=[number], daemon=True)
            thread.start()
            self._threads.append(thread)

    def end(self, seconds: float) -> None:
        """Open no more, wait for those that are open; one that goes on is an error."""
        self._ended.set()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        stuck = sum(thread.is_alive() for thread in self._threads)
        if stuck:
            self.errors.append(f"{stuck} streams were still open after the end of all jobs")

    def _follow_on(self, number: int) -> None:
        while not self._ended.is_set():
            jobs = list(self.jobs)
            if not jobs:
                time.sleep(0.05)
                continue
            try:
                self._follow(jobs[number % len(jobs)])
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.errors.append(f"{type(error).__name__}: {error}")

    def _follow(self, job_id: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request("GET", f"/api/jobs/{job_id}/events")
            reply = connection.getresponse()
            if reply.status != 200:
                raise ValueError(f"{reply.status} {reply.read()[:200]!r}")
            epochs, statuses = self._read(reply)
        finally:
            connection.close()
        if epochs != list(range(1, len(epochs) + 1)):
            raise ValueError(f"the epochs of {job_id} came as {epochs}")
        if not statuses or statuses[-1] != "succeeded":
            raise ValueError(f"the stream of {job_id} ended after {statuses}")
        with self._lock:
            self.followed += 1

    def _read(self, reply: http.client.HTTPResponse) -> tuple[list[int], list[str]]:
        """(numbers of the epochs, statuses) that a stream tells of, up to its end."""
        epochs: list[int] = []
        statuses: list[str] = []
        kind = ""
        while line := reply.readline():
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "event":
                kind = value
            elif name == "data" and kind == "epoch":
                epochs.append(json.loads(value)["epoch"])
            elif name == "data" and kind == "status":
                statuses.append(json.loads(value)["status"])
            if name == "data":
                with self._lock:
                    self.events += 1
        return epochs, statuses
