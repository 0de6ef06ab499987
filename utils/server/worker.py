"""gunicorn's thread worker, except that its own refusals are JSON, as the API's contract has it."""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
import threading
import time
from typing import Any

from gunicorn.http import errors
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from utils.api.replies.base import ErrorReply
from utils.api.security_headers import ALWAYS, PLAIN
from utils.framing import BROKEN_FRAMING

_STATUS: dict[type[Exception], str] = {
    errors.LimitRequestLine: "414 URI Too Long",
    errors.LimitRequestHeaders: "431 Request Header Fields Too Large",
}
_NO_DESCRIPTOR_PAUSE = 0.1  # seconds in which other requests may end
_STACK = 1 << 20  # bytes of each thread; they count as memory of the process, used or not
_LONGEST = 200  # characters of the reason, as it may repeat the request
_UNREAD = 5.0  # seconds in which the part of a body has to come that nobody has read
_LINGER = 2.0  # seconds in which a client may read its reply before the connection is cut


class JsonErrorWorker(ThreadWorker):
    """A thread worker that replies in JSON where no view could."""

    def get_thread_pool(self) -> Any:
        """Return the threads that answer requests, all of them started.

        Later, one that cannot be started for lack of memory or processes would end this process.
        """
        threading.stack_size(_STACK)
        pool = super().get_thread_pool()
        started = threading.Barrier(self.cfg.threads + 1)
        for _ in range(self.cfg.threads):
            pool.submit(started.wait)
        started.wait()
        return pool

    def accept(self, listener: Any) -> None:
        """Accept a connection; one for which there is no descriptor waits, and ends nothing."""
        try:
            super().accept(listener)
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            self.log.warning("a connection waits: %s", error.strerror)
            time.sleep(_NO_DESCRIPTOR_PAUSE)

    def handle(self, conn: Any) -> Any:
        """Handle a request. A connection that is to end does so here, in a thread of its own.

        gunicorn's main thread would wait for each client that does not end it, and accept none.
        """
        keep = super().handle(conn)
        if keep is False:
            _end(conn.sock)
        return keep

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Reply to a request, and read what is left of its body.

        Where that is broken, the connection ends without another reply.

        Raises:
            InvalidHeader, UnsupportedTransferCoding: as `_check_head`.
        """
        _check_head(req)
        keep = super().handle_request(req, conn)
        try:
            return keep and conn.parser.finish_body(deadline=time.monotonic() + _UNREAD)
        except BROKEN_FRAMING as error:
            self.log.warning("a body was not readable HTTP: %s", str(error)[:_LONGEST])
            return False

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Reply to a request that cannot be read, or whose reply failed before its first byte.

        Args:
            req: the request, or None where it could not be read.
            client: the socket to reply on.
            addr: the client's address.
            exc: what went wrong.
        """
        if isinstance(exc, ssl.SSLError):
            self.log.info("a TLS connection failed: %s", exc.reason)
            return
        if isinstance(exc, BROKEN_FRAMING):
            reason = str(exc)[:_LONGEST]
            status = _STATUS.get(type(exc), "400 Bad Request")
            sentence = f"The request is not readable HTTP: {reason}."
            self.log.warning("refused a request that is not readable HTTP: %s", reason)
        else:
            status = "500 Internal Server Error"
            sentence = "Something went wrong inside the service; its log has the details."
            self.log.exception("a request failed outside of the application")
        with contextlib.suppress(OSError):  # the client has closed the connection
            write_nonblock(client, _reply(status, sentence))


def _check_head(request: Any) -> None:
    """Check what gunicorn is lenient about, and other servers in between may not be.

    Raises:
        InvalidHeader: the request names no host, as it has to since HTTP/1.1.
        UnsupportedTransferCoding: the body is coded otherwise than in chunks.
    """
    if request.version >= (1, 1) and "HOST" not in dict(request.headers):
        raise errors.InvalidHeader("Host is missing", req=request)
    for name, value in request.headers:
        if name == "TRANSFER-ENCODING" and value.lower() != "chunked":
            raise errors.UnsupportedTransferCoding(value)


def _end(connection: socket.socket) -> None:
    """End a connection when its client has ended it, and after a while in any case.

    What it still sends is read: closed on unread data, it would see a reset in place of the reply.
    """
    end = time.monotonic() + _LINGER
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        while (left := end - time.monotonic()) > 0:
            connection.settimeout(left)
            if not connection.recv(1 << 16):
                break
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _reply(status: str, sentence: str) -> bytes:
    body = ErrorReply(error=sentence, details=[]).model_dump_json().encode()
    headers = [
        ("Connection", "close"),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        *ALWAYS,
        *PLAIN,
    ]
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body
