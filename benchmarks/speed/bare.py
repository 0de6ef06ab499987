"""The least that Flask can do: a view that returns a body that is there already.

Served as the service is: `gunicorn 'benchmarks.speed.bare:app(BYTES)'`.
"""

from __future__ import annotations

from flask import Flask, Response


def app(size: int) -> Flask:
    """An application whose every POST to / returns `size` bytes of JSON."""
    bare = Flask(__name__)
    body = b'{"filler":"' + b"x" * (size - 13) + b'"}'

    @bare.post("/")
    def view() -> Response:
        return Response(body, mimetype="application/json")

    return bare
