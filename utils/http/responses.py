"""Flask responses of replies: JSON, the 202 of a job, an HTML page."""

from __future__ import annotations

from flask import Response

from utils.api.replies.base import ErrorReply, Reply
from utils.http.parameters import prefers_async

_POLL_AFTER = 2  # seconds after which a client may look at a job


def json_response(reply: Reply | ErrorReply, status: int = 200) -> Response:
    """Return a reply as strict JSON: its models refuse numbers that are not finite."""
    return Response(reply.model_dump_json(), status, mimetype="application/json")


def accepted(reply: Reply, url: str) -> Response:
    """Return the 202 reply to a job that goes on, with the path to look at it."""
    response = json_response(reply, 202)
    response.headers["Location"] = url
    response.headers["Retry-After"] = str(_POLL_AFTER)
    if prefers_async():
        response.headers["Preference-Applied"] = "respond-async"
    return response


def html_page(content: bytes) -> Response:
    """Return a page; `headers` adds the policy by which it loads and runs nothing."""
    return Response(content, mimetype="text/html")
