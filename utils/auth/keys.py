"""What an API key looks like, and the hash that is all that is kept of it."""

from __future__ import annotations

import re
import secrets
from functools import cache
from typing import TYPE_CHECKING

from utils.lazy_imports import IMPORTS

if TYPE_CHECKING:
    from argon2 import PasswordHasher

_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # none that people take for another
_ID_LENGTH, _SECRET_BYTES = 10, 32
_KEY = re.compile(rf"lstm_([{_LETTERS}]{{{_ID_LENGTH}}})_([A-Za-z0-9_-]{{43}})")


def new_key() -> tuple[str, str]:
    """(id, key) of a new key: `lstm_<id>_<secret>`, its secret of 256 bits."""
    id = "".join(secrets.choice(_LETTERS) for _ in range(_ID_LENGTH))
    return id, f"lstm_{id}_{secrets.token_urlsafe(_SECRET_BYTES)}"


def id_of(key: str) -> str | None:
    """The public part of a key; None: it is no key."""
    found = _KEY.fullmatch(key)
    return found[1] if found else None


def hashed(key: str) -> str:
    """What may be stored of a key: its Argon2id hash, salted, with its parameters."""
    return _hasher().hash(key)


def matches(stored: str, key: str) -> bool:
    """Whether a hash is that of a key. Takes some 25 ms and 19 MiB, whatever the answer."""
    with IMPORTS:
        from argon2.exceptions import VerifyMismatchError

    try:
        return _hasher().verify(stored, key)
    except VerifyMismatchError:
        return False


@cache
def _hasher() -> PasswordHasher:
    with IMPORTS:
        from argon2 import PasswordHasher

    # OWASP's least for Argon2id. More would be for secrets that can be guessed.
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
