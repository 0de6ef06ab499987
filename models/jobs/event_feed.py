"""The events of jobs as they happen, for any number of listeners of one web process.

One thread polls the database for all of them, and only while there are any: a listener costs a
thread that sleeps, not a query of its own.
"""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

from models.jobs.job_queries import JobQueries
from models.jobs.states import JobState, Work, iso_time
from utils.api.events import LAST, Message
from utils.errors import NotFound, Unavailable
from utils.logs import logger

log = logger("feed")

_POLL_SECONDS = 0.1
_PAUSE_SECONDS = 1.0  # after the database did not answer
_IDLE_SECONDS = 1.0  # after which a listener without a message gets a None
_ID = re.compile("[0-9]{1,9}")  # events are numbered by 32 bits


class Stream:
    """Messages of a job, and a place among the open streams that is released by `close`."""

    def __init__(
        self, messages: Generator[Message | None, None, None], release: Callable[[], None]
    ) -> None:
        self._messages, self._release = messages, release
        self._open = True

    def __iter__(self) -> Iterator[Message | None]:
        return self._messages

    def close(self) -> None:
        """End the stream and release its place, once."""
        if self._open:
            self._open = False
            self._messages.close()
            self._release()


@dataclass(eq=False)
class _Listener:
    job_id: str
    seen: int
    inbox: queue.SimpleQueue[Message] = field(default_factory=queue.SimpleQueue)


class EventFeed:
    """Messages of jobs for listeners, each from where the client left off."""

    def __init__(self, jobs: JobQueries) -> None:
        self._jobs = jobs
        self._lock = threading.Lock()
        self._listeners: set[_Listener] = set()
        self._running = False

    def follow(
        self, job_id: str, queued_at: float, last_id: str | None
    ) -> Generator[Message | None, None, None]:
        """Yield the messages of a job after the one of id `last_id`, up to its end.

        Ids rise from "0" (queued); that of the last message is "end". None comes about once a
        second without a message, so that the reader can check whether the client is still there.
        """
        if last_id == LAST:
            return
        # An id that the service never sent starts from the beginning.
        start = int(last_id) if last_id and _ID.fullmatch(last_id) else -1
        if start < 0:
            queued = {"job_id": job_id, "status": JobState.QUEUED, "at": iso_time(queued_at)}
            yield Message("0", "status", queued)
        listener = _Listener(job_id, max(0, start))
        try:
            self._join(listener)
            while True:
                try:
                    message = listener.inbox.get(timeout=_IDLE_SECONDS)
                except queue.Empty:
                    self._join(listener)  # the polling thread may have ended
                    yield None
                    continue
                yield message
                if message.id == LAST:
                    return
        finally:
            with self._lock:
                self._listeners.discard(listener)

    def _join(self, listener: _Listener) -> None:
        with self._lock:
            self._listeners.add(listener)
            if not self._running:
                threading.Thread(target=self._poll, name="feed", daemon=True).start()
                self._running = True

    def _poll(self) -> None:
        """Poll the jobs that have listeners, until there are none."""
        rest = threading.Event()
        while True:
            with self._lock:
                listeners = list(self._listeners)
                if not listeners:
                    self._running = False
                    return
            try:
                self._deliver(listeners)
            except Unavailable as error:
                log.warning("cannot read the jobs", error=error.message)
                rest.wait(_PAUSE_SECONDS)
            except Exception:  # a defect must not end every stream of the process
                log.exception("cannot read the jobs")
                rest.wait(_PAUSE_SECONDS)
            rest.wait(_POLL_SECONDS)

    def _deliver(self, listeners: list[_Listener]) -> None:
        # States before events: when a job is seen to have ended, all of its events are there.
        states = self._jobs.states(sorted({listener.job_id for listener in listeners}))
        seen: dict[str, int] = {}
        for each in listeners:
            seen[each.job_id] = min(each.seen, seen.get(each.job_id, each.seen))
        events = self._jobs.events(seen)
        ended = {id for id in seen if states.get(id, JobState.CANCELLED).ended}
        last = {id: self._last(id) for id in ended}
        for each in listeners:
            for event in events:
                if event.job_id == each.job_id and event.number > each.seen:
                    kind = "status" if event.epoch is None else "epoch"
                    data = event.data | {"at": iso_time(event.at)}
                    each.inbox.put(Message(str(event.number), kind, data))
                    each.seen = event.number
            if each.job_id in ended:
                each.inbox.put(last[each.job_id])
                with self._lock:
                    self._listeners.discard(each)

    def _last(self, job_id: str) -> Message:
        try:
            job = self._jobs.get(job_id)
        except NotFound as error:  # deleted meanwhile
            return Message(LAST, "status", {"job_id": job_id, "error": error.message})
        fields: dict[str, Any] = {"job_id": job_id, "status": job.state}
        if job.ended_at is not None:
            fields["at"] = iso_time(job.ended_at)
        backtest = None
        if job.state is JobState.SUCCEEDED and job.model_id is not None:
            fields["model_id"] = job.model_id
            backtest = (job.model_id, job_id) if job.work is Work.BACKTEST else None
        if job.error is not None:
            fields["error"] = job.error.message
        return Message(LAST, "status", fields, backtest)
