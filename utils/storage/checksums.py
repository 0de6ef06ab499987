"""Seals: by them a flipped bit in a stored document or checkpoint is noticed when it is read.

They tell of damage, not of malice: who can write to a store can seal what he wrote.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

# Two marks, one at either end: a byte that is lost takes one of them along at most, so that what
# is damaged never passes for a document from before there were seals.
_FORM, _SEAL = "document_form", "document_sha256"
_FORM_NOW = 1


class BadChecksum(ValueError):
    """What was read is not what was written."""


def document_to_bytes(document: dict[str, Any]) -> bytes:
    """A document as JSON whose last entry is the SHA-256 of all bytes before it.

    Raises:
        ValueError: it holds what JSON cannot, such as NaN.
    """
    body = json.dumps({_FORM: _FORM_NOW} | document, allow_nan=False, ensure_ascii=False)
    head = body.encode()[:-1]
    return head + _tail(head)


def document_from_bytes(content: bytes) -> dict[str, Any]:
    """The document that `document_to_bytes` was given; one without a seal as it stands.

    Raises:
        BrokenSeal: it is not what was written.
        ValueError: it is no JSON object.
    """
    document = json.loads(content)
    if not isinstance(document, dict):
        raise ValueError("it is not a JSON object")
    form, seal = document.pop(_FORM, None), document.pop(_SEAL, None)
    head, tail = content[:-_TAIL], content[-_TAIL:]
    if (form is not None or seal is not None) and tail != _tail(head):
        raise BadChecksum("it is not what was published")
    return document


def _tail(head: bytes) -> bytes:
    return f', "{_SEAL}": "{hashlib.sha256(head).hexdigest()}"}}'.encode()


_TAIL = len(_tail(b""))


def sealed(content: bytes) -> bytes:
    """Content behind its SHA-256."""
    return hashlib.sha256(content).digest() + content


def unsealed(content: bytes) -> bytes:
    """What `sealed` was given.

    Raises:
        BrokenSeal: it is not what was sealed.
    """
    digest, rest = content[:32], content[32:]
    if hashlib.sha256(rest).digest() != digest:
        raise BadChecksum("it is not what was kept")
    return rest
