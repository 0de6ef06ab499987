"""SHA-256 checksums in stored documents and checkpoints: damage is noticed when they are read.

They show damage, not tampering: whoever can write to a store can write a valid checksum too.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

# Two entries, one at either end: one lost byte destroys at most one of them, so that a damaged
# document is never taken for one of an older version, which had no checksum.
_FORM, _CHECKSUM = "document_form", "document_sha256"
_FORM_NOW = 1


class BadChecksum(ValueError):
    """The content read differs from the content written."""


def document_to_bytes(document: dict[str, Any]) -> bytes:
    """Return a document as JSON whose last entry is the SHA-256 of all bytes before it.

    Raises:
        ValueError: it has a value that JSON has not, such as NaN.
    """
    body = json.dumps({_FORM: _FORM_NOW} | document, allow_nan=False, ensure_ascii=False)
    head = body.encode()[:-1]
    return head + _tail(head)


def document_from_bytes(content: bytes) -> dict[str, Any]:
    """Return the document of `document_to_bytes`; one without a checksum as it is.

    Raises:
        BadChecksum: it differs from what was written.
        ValueError: it is not a JSON object.
    """
    document = json.loads(content)
    if not isinstance(document, dict):
        raise ValueError("it is not a JSON object")
    form, checksum = document.pop(_FORM, None), document.pop(_CHECKSUM, None)
    head, tail = content[:-_TAIL], content[-_TAIL:]
    if (form is not None or checksum is not None) and tail != _tail(head):
        raise BadChecksum("it is not what was published")
    return document


def _tail(head: bytes) -> bytes:
    return f', "{_CHECKSUM}": "{hashlib.sha256(head).hexdigest()}"}}'.encode()


_TAIL = len(_tail(b""))


def with_checksum(content: bytes) -> bytes:
    """Return a content after its SHA-256."""
    return hashlib.sha256(content).digest() + content


def without_checksum(content: bytes) -> bytes:
    """Return the content that `with_checksum` was given.

    Raises:
        BadChecksum: it differs from that.
    """
    digest, rest = content[:32], content[32:]
    if hashlib.sha256(rest).digest() != digest:
        raise BadChecksum("it is not what was kept")
    return rest
