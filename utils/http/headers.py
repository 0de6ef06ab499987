"""The headers by which every reply tells browsers what not to do with it."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, request

from utils.api.security_headers import ALWAYS, CONTENT_POLICY, PLAIN, RESOURCE_POLICY
from utils.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_USUAL = ALWAYS + PLAIN
_KEPT = [header for header in _USUAL if header[0] != "Cache-Control"]  # for a while, as it says
_VARY = ("Vary", "Origin")
_JSON = "application/json"
# Pages of another origin may show what is there for them to show.
_SHOWN = (RESOURCE_POLICY, "cross-origin")
_HSTS = ("Strict-Transport-Security", "max-age=31536000")

_DOCUMENTATION = (
    "default-src 'none'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_REPORT = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors {origins}"
)
_INLINE = re.compile(rb"<script>(.*?)</script>", re.S)


def install(app: Flask, settings: Settings) -> None:
    """Have every reply of an app carry its headers."""
    report = _REPORT.format(origins=_ancestors(settings.origins))

    @app.after_request
    def protect(response: Response) -> Response:
        if response.headers.get("Content-Type") != _JSON:
            _protect_other(response, response.mimetype, report)
        return response

    app.wsgi_app = _Protected(app.wsgi_app)  # type: ignore[method-assign, assignment]


class _Protected:
    """Middleware that adds what all replies carry, or all of JSON, as a list.

    Werkzeug looks through each header that is added to a response, at every request.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answer a request."""

        def begin(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            given = dict(headers)
            if given.get("Content-Type") == _JSON:
                headers += _USUAL if "Cache-Control" not in given else _KEPT
            if "HTTP_ORIGIN" not in environ:
                headers.append(_VARY)  # else, that is up to CORS
            if environ["wsgi.url_scheme"] == "https":
                headers.append(_HSTS)
            return start(status, headers, *more)

        return self._app(environ, begin)


def _protect_other(response: Response, kind: str | None, report: str) -> None:
    added = dict(_USUAL)
    if kind == "text/html":
        documentation = request.blueprint == "swagger_ui"
        added[CONTENT_POLICY] = _documentation(response) if documentation else report
    if kind == "text/html" or (kind or "").startswith("image/"):
        added |= [_SHOWN]
    for name, value in added.items():
        response.headers.setdefault(name, value)


def _documentation(response: Response) -> str:
    """The policy of a page that runs the scripts which it came with, and no others."""
    response.direct_passthrough = False
    scripts = _INLINE.findall(response.get_data())
    hashes = (b64encode(sha256(script).digest()).decode() for script in scripts)
    return _DOCUMENTATION.format(hashes=" ".join(f"'sha256-{each}'" for each in hashes))


def _ancestors(origins: list[str]) -> str:
    """Who may show a report in a frame: the pages that may call the service."""
    plain = [origin for origin in origins if re.fullmatch(r"\*|https?://[\w.:\[\]-]+", origin)]
    return " ".join(plain) or "'none'"
