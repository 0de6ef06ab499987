"""Server-sent events: a stream of messages as `text/event-stream`."""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any, Protocol

import orjson
from flask import Response

from utils.api.events import Message
from utils.shutdown import DRAIN

HEARTBEAT = 15.0  # seconds of silence after which proxies may take a stream for dead
_HUNG_UP = getattr(select, "POLLRDHUP", 0)  # Linux; elsewhere, once both ends are closed
_RETRY = 1000  # milliseconds after which a browser connects again


class Messages(Protocol):
    """Messages as they come; a None among them is a moment in which nothing came."""

    def __iter__(self) -> Iterator[Message | None]:
        """The messages."""

    def close(self) -> None:
        """Called when nobody listens any more."""


def reply(messages: Messages, environ: dict[str, Any]) -> Response:
    """Send the messages as they come, and a comment now and then while nothing comes."""
    response = Response(_lines(messages, environ.get("gunicorn.socket")), mimetype=None)
    response.headers["Content-Type"] = "text/event-stream"
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would hold the events back
    response.call_on_close(messages.close)
    return response


def _lines(messages: Messages, client: Any) -> Iterator[bytes]:
    yield b"retry: %d\n\n" % _RETRY
    said = time.monotonic()
    for message in messages:
        if DRAIN.begun:  # the client connects again, elsewhere or later, and resumes
            return
        if message is not None:
            data = orjson.dumps(message.data)
            yield b"id: %s\nevent: %s\ndata: %s\n\n" % (
                message.id.encode(),
                message.kind.encode(),
                data,
            )
            said = time.monotonic()
        elif _gone(client):
            return
        elif time.monotonic() - said >= HEARTBEAT:
            yield b": still there\n\n"
            said = time.monotonic()


def _gone(client: Any) -> bool:
    """Whether the client has closed its end: a stream that nobody reads gives its place back."""
    if not isinstance(client, socket.socket):
        return False
    if isinstance(client, ssl.SSLSocket):  # what is unread there says nothing
        look = select.poll()
        look.register(client, _HUNG_UP)
        return bool(look.poll(0))
    try:
        return client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
