"""The web server's process: gunicorn's threads, and refusals in the shape of all others."""

from __future__ import annotations

import contextlib
from typing import Any

from gunicorn.http import errors
from gunicorn.util import write_nonblock

from utils.draining_worker import DrainingWorker
from utils.replies import ErrorReply

_STATUS: dict[type[Exception], str] = {
    errors.LimitRequestLine: "414 URI Too Long",
    errors.LimitRequestHeaders: "431 Request Header Fields Too Large",
    errors.UnsupportedTransferCoding: "501 Not Implemented",
}
_SHOWN = 200  # characters of what is wrong: it may repeat the request


class Worker(DrainingWorker):
    """Answers what never reaches the app, as it is no proper HTTP, in JSON instead of HTML."""

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Refuse a request that cannot be read, or one whose answer broke off."""
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


def _response(status: str, sentence: str) -> bytes:
    body = ErrorReply(error=sentence, details=[]).model_dump_json().encode()
    head = (
        f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body
