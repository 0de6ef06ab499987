"""The valid keys, as a web process holds them: a revoked key is refused within seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from utils.auth import keys
from utils.auth.caller import Caller
from utils.auth.key_store import KeyStore, StoredKey
from utils.errors import Unauthorized, Unavailable
from utils.logs import logger

FRESH = 5.0  # seconds after which the valid keys are read again
_NEW_KEYS = 0.1  # the same, where a key is presented that is not among them
_OUTAGE = 900.0  # seconds that they are used while the database does not answer
_PATIENCE = 2.0  # seconds to wait for the first reading
_SHORT_PATIENCE = 0.5  # seconds to wait for a later one

log = logger("access")


class KnownKeys:
    """The valid keys, read together every few seconds. Safe to share between threads.

    Unlike a cache with a time to live, it keeps what it has while the database does not answer,
    and one thread reads while the others go on with the keys of before.
    """

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._reading, self._hashing = threading.Lock(), threading.Lock()
        self._known: Mapping[str, StoredKey] | None = None
        self._known_at = self._tried_at = float("-inf")

    @cached_property
    def store(self) -> KeyStore:
        """Return the stored keys, opened at the first use: opening makes the database's folder."""
        return KeyStore(self._url)

    def exist(self) -> bool:
        """Return whether there is a key that is not revoked, expired or not.

        Raises:
            Unavailable: the database does not answer, and did not for too long.
        """
        return bool(self._look(FRESH))

    def caller(self, key: str) -> Caller:
        """Return the caller of a key.

        Raises:
            Unauthorized: it is unknown, revoked or expired.
            Unavailable: as `exist`.
        """
        id = keys.id_of(key)
        if id is None:
            raise Unauthorized("This is no key of this service: they begin with lstm_.")
        known = self._find(id)
        if known is None or not self._is_right(known, key):
            raise Unauthorized("The key is not known here, or it was revoked.")
        if known.expired:
            raise Unauthorized("The key has expired.")
        return known.caller

    def valid_caller(self, id: str) -> Caller | None:
        """Return the caller whose key has an id, if it is valid.

        Raises:
            Unavailable: as `exist`.
        """
        known = self._find(id)
        return known.caller if known and not known.expired else None

    def close(self) -> None:
        """Close the connections to the database."""
        if "store" in self.__dict__:
            self.store.close()

    def _is_right(self, known: StoredKey, key: str) -> bool:
        if not keys.is_slow(known.hash):
            return keys.matches(known.hash, key)
        with self._hashing:  # one at a time: wrong keys take one processor at most
            known = (self._known or {}).get(known.id, known)  # another thread may have replaced it
            is_right = keys.matches(known.hash, key)
            if is_right and keys.is_slow(known.hash):
                self._replace_hash(replace(known, hash=keys.hashed(key)))
        return is_right

    def _replace_hash(self, known: StoredKey) -> None:
        self._known = {**(self._known or {}), known.id: known}
        try:
            self.store.set_hash(known.id, known.hash)
        except Unavailable as error:
            log.warning("cannot replace the hash of a key", key_id=known.id, error=error.message)

    def _find(self, id: str) -> StoredKey | None:
        return self._look(FRESH).get(id) or self._look(_NEW_KEYS).get(id)

    def _look(self, max_age: float) -> Mapping[str, StoredKey]:
        """The unrevoked keys by id, as of `max_age` seconds ago or later."""
        if time.monotonic() - self._tried_at < max_age:
            return self._current()
        # One thread reads; the others go on with what is known, if anything is.
        first = self._known is None
        if self._reading.acquire(timeout=_PATIENCE if first else 0):
            reader = threading.Thread(target=self._read_if_older, args=(max_age,), daemon=True)
            try:
                reader.start()
            except RuntimeError:  # no room for a thread
                self._reading.release()
                return self._current()
            # The database may hang: the request goes on with the keys of before.
            reader.join(_PATIENCE if first else _SHORT_PATIENCE)
        return self._current()

    def _read_if_older(self, max_age: float) -> None:
        try:
            if time.monotonic() - self._tried_at >= max_age:
                self._read()
        finally:
            self._reading.release()

    def _current(self) -> Mapping[str, StoredKey]:
        if self._known is None or time.monotonic() - self._known_at > _OUTAGE:
            raise Unavailable(
                "Keys cannot be checked at the moment: the database does not answer.",
                retry_after=5,
            )
        return self._known

    def _read(self) -> None:
        try:
            found = [] if self._has_no_file() else self.store.unrevoked()
        except Unavailable as error:
            log.warning("cannot read the keys", error=error.message)
        else:
            self._known, self._known_at = {key.id: key for key in found}, time.monotonic()
        self._tried_at = time.monotonic()

    def _has_no_file(self) -> bool:
        """Return whether the database is a file that does not exist: reading must not make it."""
        path = self._url.partition("sqlite:///")[2].partition("?")[0]
        return bool(path) and not Path(path).exists()
