"""Server-sent events: a stream of messages as `text/event-stream`."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from typing import Any, Protocol

import orjson
from flask import Response

from utils.api.events import Message
from utils.shutdown import DRAIN

HEARTBEAT = 15.0  # seconds between two comments, by which proxies see that the stream is alive
_HUNG_UP = getattr(select, "POLLRDHUP", 0)  # on Linux; elsewhere seen once both ends are closed
_RETRY = 1000  # milliseconds after which a browser reconnects


class Messages(Protocol):
    """Messages in the order in which they arrive; None: there was none for a moment."""

    def __iter__(self) -> Iterator[Message | None]:
        """Iterate over the messages."""

    def close(self) -> None:
        """Release the stream; called when the client has disconnected."""


def reply(messages: Messages, environ: dict[str, Any]) -> Response:
    """Return a response that sends messages as they arrive, and comments in between.

    Args:
        messages: closed at the end of the response.
        environ: the WSGI environment; its `gunicorn.socket` shows a client that disconnected.
    """
    response = Response(_lines(messages, environ.get("gunicorn.socket")), mimetype=None)
    response.headers["Content-Type"] = "text/event-stream"
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would hold the events back
    response.call_on_close(messages.close)
    return response


def _lines(messages: Messages, client: Any) -> Iterator[bytes]:
    yield b"retry: %d\n\n" % _RETRY
    sent_at = time.monotonic()
    for message in messages:
        if DRAIN.begun:  # the client reconnects, and resumes
            return
        if message is not None:
            data = orjson.dumps(message.data)
            yield b"id: %s\nevent: %s\ndata: %s\n\n" % (
                message.id.encode(),
                message.kind.encode(),
                data,
            )
            sent_at = time.monotonic()
        elif _disconnected(client):
            return
        elif time.monotonic() - sent_at >= HEARTBEAT:
            yield b": still there\n\n"
            sent_at = time.monotonic()


def _disconnected(client: Any) -> bool:
    """Return True if the client has closed its end, so that its stream is free for another."""
    if not isinstance(client, socket.socket):
        return False
    poll = select.poll()
    poll.register(client, _HUNG_UP)
    return bool(poll.poll(0))
