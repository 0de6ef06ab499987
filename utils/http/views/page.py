"""Views of the service's own page: the page itself and the files that it loads."""

from __future__ import annotations

from flask import Flask, Response, abort, request

from utils.api.security_headers import CONTENT_POLICY, RESOURCE_POLICY
from utils.http.web_files import WebFiles

# The page runs its own modules and Plotly's script, and calls its own service. Charts are saved as
# pictures by way of `data:` and `blob:`.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_FOR_EVER = "public, max-age=31536000, immutable"


def register(app: Flask) -> None:
    """Have an app serve the page's files; the page itself is at the root (see `documentation`)."""
    files = WebFiles()
    app.extensions["web_files"] = files
    app.add_url_rule("/web/<version>/<path:name>", "web_file", lambda **path: _file(files, **path))


def wants_page() -> bool:
    """Return True if the request is of a browser that shows what it gets."""
    best = request.accept_mimetypes.best_match(["application/json", "text/html"])
    return best == "text/html"


def page(files: WebFiles) -> Response:
    """Return the page."""
    response = Response(files.page, mimetype="text/html")
    response.vary.add("Accept")
    response.headers["Cache-Control"] = "no-cache"
    response.headers[RESOURCE_POLICY] = "same-origin"
    response.headers[CONTENT_POLICY] = _POLICY
    return response


def _file(files: WebFiles, version: str, name: str) -> Response:
    kind = files.kind(name)
    if kind is None or name == "index.html":
        abort(404)
    compressed = request.accept_encodings["gzip"] > 0
    response = Response(files.content(name, compressed), mimetype=kind)
    if compressed:
        response.headers["Content-Encoding"] = "gzip"
    response.vary.add("Accept-Encoding")
    # A page of before an update may ask for a file of its version: it gets the present one.
    response.headers["Cache-Control"] = _FOR_EVER if version == files.version else "no-cache"
    return response
