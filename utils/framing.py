"""Errors of gunicorn for requests that are no HTTP, in their head or in a chunk of their body."""

from __future__ import annotations

from gunicorn.http import errors

# The head is read by the server; the chunks while an application reads the body.
BROKEN_FRAMING: tuple[type[Exception], ...] = (errors.ParseException, errors.NoMoreData)
