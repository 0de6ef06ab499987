"""Headers by which a reply tells browsers what not to do with it (OWASP Secure Headers)."""

from __future__ import annotations

CONTENT_POLICY = "Content-Security-Policy"
RESOURCE_POLICY = "Cross-Origin-Resource-Policy"

ALWAYS = [
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
]
# Of a reply that is neither a picture nor a page: it loads nothing, and no other page may embed it.
PLAIN = [
    (CONTENT_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (RESOURCE_POLICY, "same-origin"),
    ("Cache-Control", "no-store"),
]
