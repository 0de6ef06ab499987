"""The requests and replies within bytes, as h11 reads them: a parser that is not the service's."""

from __future__ import annotations

from dataclasses import dataclass, field

import h11

_LONGEST_HEAD = 1 << 20


@dataclass
class Stream:
    """The requests that some bytes hold one after the other.

    Attributes:
        methods: of each request whose head is complete.
        ids: the X-Request-ID of each, or b"".
        rest: the part in which the bytes end or are broken: "head", "body", or "" for neither.
        broken: the reason, where what comes then is no HTTP.
    """

    methods: list[bytes] = field(default_factory=list)
    ids: list[bytes] = field(default_factory=list)
    rest: str = ""
    broken: str = ""


@dataclass(frozen=True)
class Reply:
    """The status of a reply, and the X-Request-ID that it repeats, or b""."""

    status: int
    id: bytes


def requests_in(data: bytes) -> Stream:
    """Return the requests that a server has to find in what a client sends."""
    stream = Stream()
    while data:
        server = h11.Connection(h11.SERVER, max_incomplete_event_size=_LONGEST_HEAD)
        stream.rest = "head"
        try:
            server.receive_data(data.removeprefix(b"\r\n"))  # an empty line in front is allowed
            head = server.next_event()
            if not isinstance(head, h11.Request):
                return stream
            stream.rest = "body"
            stream.methods.append(head.method)
            stream.ids.append(dict(head.headers).get(b"x-request-id", b""))
            while isinstance(event := server.next_event(), h11.Data):
                pass
        except h11.RemoteProtocolError as error:
            stream.broken = str(error)
            return stream
        if not isinstance(event, h11.EndOfMessage):
            return stream
        stream.rest = ""
        data = server.trailing_data[0]
    return stream


def replies_in(data: bytes, methods: list[bytes]) -> list[Reply]:
    """Return the replies to requests with these methods, and to one more that is none.

    Raises:
        h11.RemoteProtocolError: the bytes are no replies of HTTP.
    """
    replies: list[Reply] = []
    while data:
        method = methods[len(replies)] if len(replies) < len(methods) else b"GET"
        reply, rest = _first_reply(data, method)
        if rest and method == b"HEAD" and not rest.startswith(b"HTTP/"):
            reply, rest = _first_reply(data, b"GET")  # the service could not read the method
        replies.append(reply)
        data = rest
    return replies


def _first_reply(data: bytes, method: bytes) -> tuple[Reply, bytes]:
    """Return the reply at the beginning of some bytes, and the bytes after it."""
    client = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST_HEAD)
    client.send(h11.Request(method=method, target=b"/", headers=[(b"Host", b"x")]))
    client.send(h11.EndOfMessage())
    client.receive_data(data)
    while isinstance(head := client.next_event(), h11.InformationalResponse):
        pass
    if not isinstance(head, h11.Response):
        raise h11.RemoteProtocolError("a reply is cut off")
    while isinstance(event := client.next_event(), h11.Data):
        pass
    if not isinstance(event, h11.EndOfMessage):
        raise h11.RemoteProtocolError("the body of a reply is cut off")
    reply = Reply(head.status_code, dict(head.headers).get(b"x-request-id", b""))
    return reply, client.trailing_data[0]
