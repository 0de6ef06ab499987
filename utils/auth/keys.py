"""API keys: their form, and the hash that is stored of each.

A key is `lstm_<id>_<secret>`. Its secret has 256 random bits, so no dictionary and no search finds
it from a fast hash: SHA-256 is enough. Databases of version 1.0 hold slow Argon2id hashes, which
are verified too, and replaced at the first use of their key.
"""

from __future__ import annotations

import hmac
import re
import secrets
from hashlib import sha256

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # none that people take for another
_ID_LENGTH, _SECRET_BYTES = 10, 32
_KEY = re.compile(rf"lstm_([{_LETTERS}]{{{_ID_LENGTH}}})_([A-Za-z0-9_-]{{43}})")
_SLOW = "$argon2"
MAX_NAME = 100  # characters of a key's name
MAX_DAYS = 36_500  # that a key may be valid


def new_key() -> tuple[str, str]:
    """Return (id, key) of a new key."""
    id = "".join(secrets.choice(_LETTERS) for _ in range(_ID_LENGTH))
    return id, f"lstm_{id}_{secrets.token_urlsafe(_SECRET_BYTES)}"


def is_name(text: str) -> bool:
    """Return whether a text may be the name of a key: 1 to 100 characters that lists can print."""
    return text.isprintable() and 1 <= len(text.strip()) <= MAX_NAME


def id_of(key: str) -> str | None:
    """Return the public part of a key; None if it does not have the form of one."""
    found = _KEY.fullmatch(key)
    return found[1] if found else None


def hashed(key: str) -> str:
    """Return the hash to store of a key, with the name of its function."""
    return f"sha256${sha256(key.encode()).hexdigest()}"


def is_slow(stored: str) -> bool:
    """Return whether a stored hash takes some 25 ms and 19 MiB to verify."""
    return stored.startswith(_SLOW)


def matches(stored: str, key: str) -> bool:
    """Return whether a stored hash is that of a key."""
    if not is_slow(stored):
        return hmac.compare_digest(stored, hashed(key))
    try:
        return PasswordHasher().verify(stored, key)  # by the parameters in the hash
    except VerifyMismatchError:
        return False
