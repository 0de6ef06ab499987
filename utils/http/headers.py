"""Security headers of every reply, by its kind: JSON, pictures, reports, the documentation."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256

from flask import Flask, Response, request

from utils.api.security_headers import ALWAYS, CONTENT_POLICY, PLAIN, RESOURCE_POLICY
from utils.settings import Settings

# Pages of another origin may embed pictures and reports, and learn that there is none.
_PICTURES = "/visualizations/"
_EMBEDDED = (RESOURCE_POLICY, "cross-origin")
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
    """Add the headers to every reply of an app."""
    report = _REPORT.format(origins=_ancestors(settings.origins))

    @app.after_request
    def add(response: Response) -> Response:
        kind = response.mimetype or ""
        added = dict(ALWAYS + PLAIN)
        if kind == "text/html":
            is_documentation = request.blueprint == "swagger_ui"
            added[CONTENT_POLICY] = _documentation(response) if is_documentation else report
        is_picture = kind.startswith("image/") or request.path.startswith(_PICTURES)
        if kind == "text/html" or is_picture:
            added |= [_EMBEDDED]
        if request.is_secure:
            added |= [_HSTS]
        for name, value in added.items():
            response.headers.setdefault(name, value)
        response.vary.add("Origin")  # the CORS headers depend on it
        return response


def _documentation(response: Response) -> str:
    """Return the policy of a page that runs its own inline scripts and no others."""
    response.direct_passthrough = False
    scripts = _INLINE.findall(response.get_data())
    hashes = (b64encode(sha256(script).digest()).decode() for script in scripts)
    return _DOCUMENTATION.format(hashes=" ".join(f"'sha256-{each}'" for each in hashes))


def _ancestors(origins: list[str]) -> str:
    """Return the origins that may show a report in a frame: those that may call the service."""
    plain = [origin for origin in origins if re.fullmatch(r"\*|https?://[\w.:\[\]-]+", origin)]
    return " ".join(plain) or "'none'"
