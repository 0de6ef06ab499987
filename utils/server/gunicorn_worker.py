"""The web server's process: gunicorn's threads, for those who have something to say.

What gunicorn does by itself lets a few clients hold up all others: one that connects and stays
silent, that begins a request (or a TLS handshake) and does not end it, or that does not read its
reply, holds a thread; and one that does not close its end of a connection which is over holds the
thread that accepts.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import time
from collections import deque
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.http import errors, get_parser
from gunicorn.sock import ssl_wrap_socket
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import _DEFER, STOP_KEEPALIVE_LINGER

from utils.api.replies import ErrorReply
from utils.http.headers import ALWAYS, PLAIN
from utils.server.draining_worker import DrainingWorker

_STATUS: dict[type[Exception], str] = {
    errors.LimitRequestLine: "414 URI Too Long",
    errors.LimitRequestHeaders: "431 Request Header Fields Too Large",
    errors.UnsupportedTransferCoding: "501 Not Implemented",
}
_SHOWN = 200  # characters of what is wrong: it may repeat the request
_END = b"\r\n\r\n"  # of a head
_PART = 1 << 14  # bytes read at once; a head that is larger is refused, or read by a thread
_LINGER = 2.0  # seconds that a client has to read what it was told, and to close its end


class Worker(DrainingWorker):
    """Reads handshakes and heads as they come; says in JSON what is no proper HTTP."""

    patience = 10.0  # seconds: for handshake and head, and for each next piece of a body
    crowded = 1.0  # the same, while half of all threads, or all connections, are waited for
    linger = 5  # milliseconds that a thread waits for a client's next request
    unread = 60.0  # seconds after which a client that reads nothing is let go of

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._begun: dict[Any, float] = {}  # connection at the poller → since when it speaks
        self._reading: dict[Any, float] = {}  # connection that a thread reads from → since when
        self._leaving: deque[Any] = deque()

    # --- waiting ------------------------------------------------------------------------------

    def enqueue_req(self, conn: Any) -> None:
        """Give a connection a thread, once its client has said something."""
        if conn.initialized or conn.data_ready:
            super().enqueue_req(conn)
            return
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            milliseconds = int(1000 * self.unread)
            with contextlib.suppress(OSError):  # it is gone, or no TCP
                conn.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
        conn.sock.setblocking(False)
        conn.set_timeout()
        self.pending_conns.append(conn)
        readable = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, EVENT_READ, readable)

    def handle(self, conn: Any) -> Any:
        """Answer a request if its head is here, and those that follow at once; in a thread."""
        while (kept := self._handle_one(conn)) is True and self._follows(conn):
            conn.began = None
        return kept

    def _handle_one(self, conn: Any) -> Any:
        try:
            if not self._has_head(conn):
                return _DEFER
        except ssl.SSLError as error:
            self._refuse_handshake(conn.sock, error)
            return False
        except OSError:  # it is gone
            return False
        return super().handle(conn)

    def _follows(self, conn: Any) -> bool:
        """Whether a client goes on at once, as a busy one does: its thread then stays with it.

        By way of the poller each request would wake two threads more, which costs as much as to
        answer it. Nobody waits for this thread, as there are enough for all who are connected.
        """
        if not self.alive or self.nr_conns > self.cfg.threads:
            return False
        if conn.parser.unreader.buf.getvalue() or _decrypted(conn.sock):
            return True
        waiting = select.poll()
        waiting.register(conn.sock, select.POLLIN)
        return bool(waiting.poll(self.linger))

    def _has_head(self, conn: Any) -> bool:
        """Take in what has come of handshake and head; whether that is all of it."""
        conn.sock.setblocking(False)
        try:
            if not conn.initialized:
                self._shake_hands(conn)
            received = conn.parser.unreader.buf
            while _END not in received.getvalue() and received.tell() < _PART:
                part = conn.sock.recv(_PART)
                if not part:  # it has hung up
                    break
                received.write(part)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        return True

    def _shake_hands(self, conn: Any) -> None:
        if self.cfg.is_ssl:
            if not isinstance(conn.sock, ssl.SSLSocket):
                conn.sock = ssl_wrap_socket(conn.sock, self.cfg)
            conn.sock.do_handshake()
        conn.parser = get_parser(self.cfg, conn.sock, conn.client)
        conn.initialized = True

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request; what it reads of the body has to come."""
        unreader = conn.parser.unreader
        receive = type(unreader).chunk

        def chunk(size: int | None = None) -> Any:
            self._reading[conn] = time.monotonic()
            try:
                return receive(unreader, size)
            finally:
                self._reading.pop(conn, None)

        unreader.chunk = chunk
        try:
            return super().handle_request(req, conn)
        except TimeoutError:
            self.log.info("let go of a client that does not read its reply")
            return False
        finally:
            del unreader.chunk

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Wait for the rest of a head, or for the next request, or let go of the connection."""
        if fs.cancelled() or fs.exception() is not None or fs.result() is False:
            self._let_go(conn)
        elif fs.result() is _DEFER:
            conn.sock.setblocking(False)
            conn.began = getattr(conn, "began", None) or time.monotonic()
            self._begun[conn] = conn.began
            self.poller.register(conn.sock, EVENT_READ, partial(self._go_on, conn))
        else:
            conn.began = None
            if _decrypted(conn.sock):
                self.enqueue_req(conn)  # the poller is blind to it
            else:
                super().finish_request(conn, fs)

    def _go_on(self, conn: Any, sock: Any) -> None:
        del self._begun[conn]
        self.poller.unregister(sock)
        self.enqueue_req(conn)

    # --- ending -------------------------------------------------------------------------------

    def murder_pending(self) -> None:
        """End what has waited long enough; called every second at least."""
        now = time.monotonic()
        full = self.nr_conns >= self.worker_connections
        patience = self.crowded if full else self.patience
        if full or not self.alive:
            patience = min(patience, STOP_KEEPALIVE_LINGER)
            for conn in self.pending_conns:
                conn.timeout = min(conn.timeout, now + patience)
        super().murder_pending()
        for conn, since in list(self._begun.items()):
            if now - since > patience:
                del self._begun[conn]
                self._part(conn)
        if len(self._reading) > self.cfg.threads // 2:
            patience = self.crowded
        for conn, since in list(self._reading.items()):
            if now - since > patience:  # its thread sees the end, as if the client had hung up
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(conn.sock, socket.SHUT_RD)
        while self._leaving and now > self._leaving[0].timeout:
            self._part(self._leaving.popleft())

    def _let_go(self, conn: Any) -> None:
        """Say that nothing more comes, and wait at the poller until the client has read it."""
        try:
            conn.sock.setblocking(False)
            if isinstance(conn.sock, ssl.SSLSocket):
                with contextlib.suppress(OSError, ValueError):  # it does not wait for the answer
                    conn.sock.unwrap()
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, EVENT_READ, partial(self._drain, conn))
        except (OSError, ValueError):  # it is gone
            self.nr_conns -= 1
            conn.close()
        else:
            conn.timeout = time.monotonic() + _LINGER
            self._leaving.append(conn)

    def _drain(self, conn: Any, sock: Any) -> None:
        """Throw away what a client still sends; closed on it, the reply might be lost."""
        try:
            more = sock.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        if not more:
            self._leaving.remove(conn)
            self._part(conn)

    def _part(self, conn: Any) -> None:
        with contextlib.suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    # --- refusals -----------------------------------------------------------------------------

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Refuse a request that cannot be read, or one whose answer broke off."""
        if isinstance(exc, ssl.SSLError):
            self.log.info("a TLS connection broke: %s", exc.reason)
            return
        if isinstance(exc, errors.ParseException):
            status = _STATUS.get(type(exc), "400 Bad Request")
            sentence = f"The request is not readable HTTP: {str(exc)[:_SHOWN]}."
            self.log.warning("refused a request that is not readable: %s", str(exc)[:_SHOWN])
        else:
            status = "500 Internal Server Error"
            sentence = "Something went wrong inside the service; its log has the details."
            self.log.exception("a request failed below the app")
        with contextlib.suppress(OSError):  # the client is gone
            write_nonblock(client, _response(status, sentence))

    def _refuse_handshake(self, client: Any, error: ssl.SSLError) -> None:
        self.log.info("a TLS connection failed: %s", error.reason)
        if error.reason == "HTTP_REQUEST":
            sentence = "Here is HTTPS only: the address has to begin with https://."
            with contextlib.suppress(OSError):  # as plainly as it was asked
                socket.socket.send(client, _response("400 Bad Request", sentence))


def _decrypted(sock: Any) -> bool:
    """Whether more has come over TLS, and was decrypted with what was read."""
    return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0


def _response(status: str, sentence: str) -> bytes:
    body = ErrorReply(error=sentence, details=[]).model_dump_json().encode()
    headers = {
        "Connection": "close",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **dict(ALWAYS),
        **dict(PLAIN),
    }
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body
