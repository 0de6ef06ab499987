"""Server-sent events, as bytes."""

from __future__ import annotations

import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
import trustme

from utils.api.events import Message
from utils.http import event_streams


@dataclass
class Messages:
    """A finished list of messages."""

    messages: list[Message | None]
    closed: bool = field(default=False)

    def __iter__(self) -> Any:
        return iter(self.messages)

    def close(self) -> None:
        self.closed = True


def test_a_message_is_three_lines_and_a_blank_one() -> None:
    messages = Messages([Message("7", "epoch", {"loss": 0.5, "text": "ä\nb"})])
    response = event_streams.reply(messages, {})
    content = b"".join(response.response)  # type: ignore[arg-type]
    assert content == (
        'retry: 1000\n\nid: 7\nevent: epoch\ndata: {"loss":0.5,"text":"ä\\nb"}\n\n'.encode()
    )
    response.close()
    assert messages.closed


def test_silence_is_broken_by_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    assert event_streams.HEARTBEAT == 15
    silent = b"".join(event_streams.reply(Messages([None] * 3), {}).response)  # type: ignore[arg-type]
    assert silent == b"retry: 1000\n\n"
    monkeypatch.setattr(event_streams, "HEARTBEAT", 0)
    sent = b"".join(event_streams.reply(Messages([None] * 3), {}).response)  # type: ignore[arg-type]
    assert sent.count(b": still there\n\n") == 3


@pytest.mark.parametrize("polite", [False, True], ids=["broke off", "closed properly"])
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "over TLS"])
def test_a_client_that_disconnected_ends_the_stream(secure: bool, polite: bool) -> None:
    ours, theirs = tls_pair() if secure else socket.socketpair()
    messages = Messages([None, Message("1", "epoch", {})])
    lines = iter(event_streams.reply(messages, {"gunicorn.socket": ours}).response)
    assert next(lines) == b"retry: 1000\n\n"
    assert not event_streams._disconnected(ours)
    if polite and isinstance(theirs, ssl.SSLSocket):
        theirs.setblocking(False)
        with pytest.raises(ssl.SSLWantReadError):  # the other end does not answer
            theirs.unwrap()
    theirs.close()
    assert list(lines) == []
    ours.close()


def tls_pair() -> tuple[ssl.SSLSocket, ssl.SSLSocket]:
    """Two ends of a connection, their handshake done."""
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client)
    one, other = socket.socketpair()
    with ThreadPoolExecutor() as threads:
        ours = threads.submit(server.wrap_socket, one, server_side=True)
        theirs = client.wrap_socket(other, server_hostname="localhost")
        return ours.result(), theirs
