"""Valid requests, and what makes each of them another one than HTTP allows, as bytes."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

_JSON = b"Content-Type: application/json"
_LAW = b'{"wip": 100, "throughput": 50, "cycleTime": 2}'
_CSV = b"day,plant,application,panel_size,wip,throughput\n" + b"".join(
    b"%d,A,B,C,100,50\n" % day for day in range(40)
)
_FORM = (
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="t.csv"\r\n\r\n%s\r\n--x--\r\n'
    % _CSV
)
_NO_MODEL = b"00000000-0000-4000-8000-000000000000"
_ODD_BYTES = (
    b"\0",
    b"\r",
    b"\n",
    b"\t",
    b" ",
    b":",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\xc3\xa4",
    b"%00",
)
_LENGTHS = (10, 4_050, 8_150, 8_200, 70_000)


@dataclass
class Request:
    """A request by its parts; `data` joins them."""

    method: bytes = b"GET"
    target: bytes = b"/health/live"
    version: bytes = b"HTTP/1.1"
    lines: list[bytes] = field(default_factory=lambda: [b"Host: localhost"])
    body: bytes = b""
    chunks: list[bytes] | None = None  # each with its size line and its end; then there is no body

    def data(self) -> bytes:
        """Return the request as it is sent."""
        head = [b" ".join((self.method, self.target, self.version)), *self.lines]
        return b"\r\n".join(head) + b"\r\n\r\n" + b"".join(self.chunks or [self.body])


def valid(draw: Random) -> Request:
    """Return a request that is valid HTTP, with a body in about two of three cases."""
    method, target, line, body = draw.choice(
        [
            (b"GET", b"/health/live", b"", b""),
            (b"GET", b"/api/models?limit=3", b"", b""),
            (b"HEAD", b"/health", b"", b""),
            (b"GET", b"/api/model/" + _NO_MODEL, b"Accept-Encoding: gzip", b""),
            (b"OPTIONS", b"/api/model/validate", b"Origin: http://localhost:4200", b""),
            (b"DELETE", b"/api/data/" + _NO_MODEL, b"", b""),
            *[(b"POST", b"/api/model/validate", _JSON, _LAW)] * 4,
            (b"POST", b"/api/training/logs", _JSON, b'{"level": "info", "message": "a"}'),
            (b"POST", b"/api/model/predict", _JSON, b'{"model_id": "%s"}' % _NO_MODEL),
            *[(b"POST", b"/api/data/validate", b"Content-Type: text/csv", _CSV)] * 2,
            (
                b"POST",
                b"/api/data/validate",
                b"Content-Type: multipart/form-data; boundary=x",
                _FORM,
            ),
        ]
    )
    request = Request(method, target, body=body)
    request.lines += [line] if line else []
    if body and draw.random() < 0.5:
        request.lines.append(b"Transfer-Encoding: chunked")
        size = draw.choice([5, 20, 200, 10_000])
        parts = [body[at : at + size] for at in range(0, len(body), size)]
        request.chunks = [b"%x\r\n%s\r\n" % (len(part), part) for part in parts]
        request.chunks.append(b"0\r\n\r\n")
    elif body:
        request.lines.append(b"Content-Length: %d" % len(body))
    return request


def _method(draw: Random, request: Request) -> None:
    request.method = draw.choice(
        [b"", b"get", b"HEAD", b"CONNECT", b"PRI", b"TRACE", b"OPTIONS", b"PUT", b"A", b"GET" * 10,
         b"GET\t", b"GE:T", b"GET /health/live", b"\xff\xfe", draw.choice(_ODD_BYTES)]
    )  # fmt: skip


def _target(draw: Random, request: Request) -> None:
    odd = draw.choice(_ODD_BYTES)
    request.target = draw.choice(
        [b"", b"*", b"/", b"//", b"/%", b"/%00", b"/%ff%fe", b"/../../etc/passwd", b"localhost:80",
         b"http://other/health/live", b"http://[::1", b"https://a:b@c/", b"/health/live#part",
         b"/health/live HTTP/1.1", b"/health/live?" + b"a=b&" * 300, b"/api/jobs?limit=%00",
         b"/health/live;x=y", b"/" + b"a" * draw.choice(_LENGTHS), request.target + odd,
         odd + request.target, b"/api/models?name=" + odd]
    )  # fmt: skip


def _version(draw: Random, request: Request) -> None:
    request.version = draw.choice(
        [b"", b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.2", b"HTTP/1.10", b"http/1.1",
         b"HTTP/11", b"HTTP/1.1 ", b"HTTP/1.1\t", b"HTTPS/1.1", b"HTTP/1.1\r", b"HTTP/\xb2.1",
         b"HTTP/1.1\nX-A: b"]
    )  # fmt: skip


def _line(draw: Random, request: Request) -> None:
    """Spoil one of the lines of the head."""
    at = draw.randrange(len(request.lines))
    name, _, value = request.lines[at].partition(b": ")
    odd = draw.choice(_ODD_BYTES)
    request.lines[at] = draw.choice(
        [name + b" : " + value, name + b":" + value, name + b"\t: " + value, b" " + name + b": x",
         name + b":\r\n " + value, name + b": " + value + b"\r\n\tmore", name, b": " + value, b"",
         name + odd + b": " + value, odd + name + b": " + value, name + b": " + odd + value,
         name + b": " + value + odd, name + b": " + value + b"\nX-B: c",
         name.upper() + b": " + value,
         name.replace(b"-", b"_") + b": " + value, name + b": " + value + b"," + value,
         name + b": " + b"x" * draw.choice(_LENGTHS)]
    )  # fmt: skip


def _lines(draw: Random, request: Request) -> None:
    """Have a line twice, not at all, or elsewhere, or have very many."""
    at = draw.randrange(len(request.lines))
    change = draw.randrange(4)
    if change == 0:
        request.lines.insert(draw.randrange(len(request.lines)), request.lines[at])
    elif change == 1:
        del request.lines[at]
        request.lines = request.lines or [b"X-None: left"]
    elif change == 2:
        draw.shuffle(request.lines)
    else:
        request.lines += [b"X-Many: %d" % n for n in range(draw.choice([50, 97, 110, 2_000]))]


def _more(draw: Random, request: Request) -> None:
    """Add a line that has a meaning of its own."""
    request.lines.append(
        draw.choice(
            [b"Expect: 100-continue", b"Expect: 200-ok", b"Connection: keep-alive",
             b"Connection: close", b"Connection: close, close",
             b"Connection: Upgrade, HTTP2-Settings",
             b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__", b"Connection: Content-Length",
             b"Host: other", b"Host: a b", b"Authorization: Bearer x", b"Authorization: Basic \xff",
             b"X-Forwarded-For: 1.2.3.4", b"X-Forwarded-Proto: https", b"Forwarded: for=_x",
             b"Cookie: a=b; c", b"Range: bytes=0-1,3-", b'If-None-Match: "x", *',
             b"Accept: application/\xff", b"Accept-Encoding: gzip;q=2, *;q=x", b"TE: trailers",
             b"Trailer: Content-Length", b"X-Request-ID: " + b"i" * draw.choice(_LENGTHS),
             b"Idempotency-Key: \xe4", b"Origin: null", b"Access-Control-Request-Method: \xff",
             b"Content-Type: text/\xff; charset=nowhere", b"Content-Type: multipart/form-data",
             b"Content-Type: multipart/form-data; boundary=" + b"y" * 100, b"Proxy: http://other"]
        )
    )  # fmt: skip


def _framing(draw: Random, request: Request) -> None:
    """Add, or have in place of the right one, a line that states where the body ends."""
    length = len(request.body)
    line = draw.choice(
        [b"Content-Length: " + value for value in (
            b"", b"-1", b"+5", b"0x5", b"5 5", b"5,5", b"5, 5", b"1e1", b"5.0", b"\xb2",
            b"\xd9\xa5",
            b"0", b"00005", b"9" * 20, b"9" * 5_000, b"4294967296", b"a", b"%d" % length,
            b"%d" % (length + 3), b"%d" % max(0, length - 3), b"1_0", b"\x0b5",
        )]
        + [b"Transfer-Encoding: " + value for value in (
            b"", b"chunked", b"Chunked", b"identity", b"gzip", b"gzip, chunked", b"chunked, gzip",
            b"chunked, chunked", b"chunked,", b", chunked", b"xchunked", b"chunked;q=1",
            b'"chunked"',
            b"\x0bchunked", b"chunked\x00", b"chun\xffked", b"trailers", b"identity, chunked",
        )]
        + [b"Transfer_Encoding: chunked", b"Transfer-Encoding : chunked", b"Content_Length: 5",
           b"X: y\nTransfer-Encoding: chunked", b"X: y\rContent-Length: 0",
           b"Transfer-Encoding:\r\n chunked", b"Transfer-Encoding\0: chunked"]
    )  # fmt: skip
    if draw.random() < 0.5:
        kept = [one for one in request.lines if not one.startswith((b"Content-L", b"Transfer-"))]
        request.lines = kept
    request.lines.insert(draw.randrange(len(request.lines) + 1), line)


def _chunk(draw: Random, request: Request) -> None:
    """Spoil one of the chunks, or their end."""
    if not request.chunks:
        return _framing(draw, request)
    at = draw.randrange(len(request.chunks))
    size, _, rest = request.chunks[at].partition(b"\r\n")
    line = draw.choice(
        [b"+" + size, b"-" + size, b"0x" + size, b" " + size, size + b" ", b"000" + size, b"F" * 17,
         b"", b"g", size + b";", size + b";a=b", size + b';a="b;\\"c"', size + b";\0",
         size + b";a=b\rc", size + b";a\n" + size, size + b";" + b"a" * draw.choice(_LENGTHS),
         size + b"\x0b", size + b"_0", size + b"1", b"%x" % (len(rest) + 5), b"1", size]
    )  # fmt: skip
    end = draw.choice([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"", b"\r\r\n", b"\r\n\r\n"])
    request.chunks[at] = line + end + draw.choice([rest, rest, rest.rstrip(b"\r\n"), rest[:-1]])
    return None


def _trailer(draw: Random, request: Request) -> None:
    """Have lines after the last chunk, or no last chunk."""
    if not request.chunks:
        return _framing(draw, request)
    request.chunks[-1] = b"0\r\n" + draw.choice(
        [b"", b"\r", b"\n", b"X-A: b\r\n\r\n", b"X-A: b\r\n", b"Content-Length: 5\r\n\r\n",
         b"Transfer-Encoding: chunked\r\n\r\n", b"Host: other\r\n\r\n", b"X-A\r\n\r\n",
         b" X: y\r\n\r\n",
         b"X-A: b\r\n c\r\n\r\n", b"X-A: \0\r\n\r\n", b"X-A: b\n\n", b"X: y\r\n" * 200 + b"\r\n",
         b"X: " + b"y" * draw.choice(_LENGTHS) + b"\r\n\r\n", b"Authorization: Bearer x\r\n\r\n"]
    )  # fmt: skip
    if draw.random() < 0.2:
        request.chunks.pop()
    return None


def _encoding(draw: Random, request: Request) -> None:
    """State a coding of the content, and use it or not."""
    if request.chunks is None and request.body:
        packed = draw.choice([gzip.compress, zlib.compress, bytes, lambda _: bytes(200_000)])
        request.body = packed(request.body)
        kept = [line for line in request.lines if not line.startswith(b"Content-Length")]
        request.lines = [*kept, b"Content-Length: %d" % len(request.body)]
    codings = (b"gzip", b"deflate", b"br", b"zstd", b"identity", b"gzip, gzip", b"\xff", b"")
    request.lines.append(b"Content-Encoding: " + draw.choice(codings))


def _content(draw: Random, request: Request) -> None:
    """Spoil the content, and frame it rightly."""
    if request.chunks is not None or not request.body:
        return _encoding(draw, request)
    body, at = request.body, draw.randrange(len(request.body))
    request.body = draw.choice(
        [body[:at], body[:at] + draw.choice(_ODD_BYTES) + body[at:], body * draw.choice([2, 50]),
         bytes(draw.choice(_LENGTHS)), draw.randbytes(draw.choice(_LENGTHS)), b"[" * 50_000,
         b'{"wip": ' + b"9" * 5_000 + b"}", b'{"a": ' * 2_000, b"\xef\xbb\xbf" + body,
         body.decode("latin-1").encode("utf-16"), b"PAR1" + body + b"PAR1"]
    )  # fmt: skip
    kept = [line for line in request.lines if not line.startswith(b"Content-Length")]
    request.lines = [*kept, b"Content-Length: %d" % len(request.body)]
    return None


MUTATIONS: tuple[Callable[[Random, Request], None], ...] = (
    _method, _target, _version, _line, _lines, _more, _framing, _framing, _chunk, _chunk, _trailer,
    _encoding, _content,
)  # fmt: skip


def _bytes(draw: Random, data: bytes) -> bytes:
    """Return bytes of which a few are others, more or fewer."""
    at = draw.randrange(len(data))
    until = min(len(data), at + draw.choice([1, 1, 2, 10, 100]))
    odd = draw.choice([*_ODD_BYTES, b"\r\n", b"\r\n\r\n", draw.randbytes(3), data[at:until] * 2])
    return data[:at] + draw.choice([odd, b""]) + data[draw.choice([at, until]) :]


def mutated(draw: Random) -> bytes:
    """Return a request of which one to three things are not as they should be."""
    request = valid(draw)
    for mutate in draw.choices(MUTATIONS, k=draw.choice([1, 1, 1, 2, 3])):
        mutate(draw, request)
    data = request.data()
    if draw.random() < 0.2:
        data = _bytes(draw, data)
    if draw.random() < 0.1:
        data = data[: draw.randrange(len(data) + 1)]
    return data
