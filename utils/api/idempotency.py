"""Ids, seeds and fingerprints of requests that repeat an Idempotency-Key.

Example: a training that is submitted twice with the same Idempotency-Key gets the same id, by which
the second request finds the job of the first. Keys are per caller: two callers who choose the same
one get ids of their own.
"""

from __future__ import annotations

import hashlib
import itertools
import secrets
from collections.abc import Callable
from uuid import UUID, uuid4, uuid5

import orjson

from utils.api.parsing import Request
from utils.auth.caller import caller
from utils.errors import InvalidInput

_NAMESPACE = UUID("6f6a1f6c-7d0b-4d5e-9d57-0e8f4f1f3c55")


def id_of(idempotency_key: str | None, purpose: str) -> str:
    """Return a fresh id, or the one that a key of the caller always gives for a purpose."""
    if idempotency_key is None:
        return str(uuid4())
    return str(uuid5(_NAMESPACE, f"{purpose} {caller().id} {idempotency_key}"))


def undeleted_id_of(
    idempotency_key: str | None, purpose: str, was_deleted: Callable[[str], bool]
) -> str:
    """Return `id_of`, or a later id of the key if what had the earlier ones was deleted.

    So that a request which is sent again after a deletion makes its result anew.
    """
    ids = (id_of(idempotency_key, f"{purpose} {number}") for number in itertools.count())
    return next(id for id in ids if not was_deleted(id))


def seed_of(given: int | None, idempotency_key: str | None) -> int:
    """Return the seed given, or the one that a key always gives, or a fresh one."""
    if given is not None:
        return given
    if idempotency_key is None:
        return secrets.randbits(31)
    return uuid5(_NAMESPACE, f"seed {idempotency_key}").int % 2**31


def fingerprint(request: Request, about: str = "") -> str:
    """Return a hash that two requests of one kind and content share, waiting or not.

    Args:
        about: the thing that the path of the request names, if any.
    """
    name = f"{type(request).__name__} {about}".rstrip()
    content = {name: request.model_dump(exclude={"background"})}
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def used_key(idempotency_key: str | None) -> InvalidInput:
    """Return the error of a key that was used with another body."""
    rule = "must be a new one for another body"
    return InvalidInput.of("Idempotency-Key", rule, idempotency_key)
