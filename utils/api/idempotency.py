"""Ids, seeds and fingerprints of requests: what an Idempotency-Key always makes the same."""

from __future__ import annotations

import hashlib
import secrets
from uuid import UUID, uuid4, uuid5

import orjson

from utils.api.parsing import Request
from utils.errors import InvalidInput

_KEYS = UUID("6f6a1f6c-7d0b-4d5e-9d57-0e8f4f1f3c55")  # the space that ids of keys are made in


def id_of(key: str | None, what: str) -> str:
    """A fresh id, or the one that a key always gives."""
    return str(uuid4()) if key is None else str(uuid5(_KEYS, f"{what} {key}"))


def seed_of(given: int | None, key: str | None) -> int:
    """The seed given, or a fresh one, or the one that a key always gives."""
    if given is not None:
        return given
    return secrets.randbits(31) if key is None else uuid5(_KEYS, f"seed {key}").int % 2**31


def fingerprint(request: Request) -> str:
    """What two requests of one kind and content share, whether or not they wait for the end."""
    content = {type(request).__name__: request.model_dump(exclude={"background"})}
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def used_key(key: str | None) -> InvalidInput:
    """The error of a key that was used with another body."""
    return InvalidInput.of("Idempotency-Key", "must be a new one for another body", key)
