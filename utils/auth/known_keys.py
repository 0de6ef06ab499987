"""The keys as a web process knows them: looked up in microseconds, revoked within seconds."""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections.abc import Mapping
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from utils.auth import keys
from utils.errors import Unauthorized, Unavailable
from utils.lazy_imports import IMPORTS
from utils.logs import logger
from utils.throttle import Throttle

if TYPE_CHECKING:
    from utils.auth.caller import Caller
    from utils.auth.key_store import KeyStore, StoredKey

FRESH = 5.0  # seconds after which the database is asked again which keys are valid
_NEW_KEYS = 0.1  # the same, where a key is presented that is not among them
_OUTAGE = 900.0  # seconds that what is known holds while the database does not answer
_PATIENCE = 2.0  # seconds to wait for the first look, which another thread takes

log = logger("access")


class KnownKeys:
    """The valid keys, looked up together every few seconds. Safe to share between threads.

    A key's slow hash is computed once in a process. From then on the key is known by a fast one,
    keyed with a secret of the process: a request that presents it, or claims to, costs no more. An
    id that is in no table costs nothing either; ids are no secrets. What is left are wrong secrets
    of keys that were not used here yet, which `Throttle` keep within bounds.
    """

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._looking, self._turns = threading.Lock(), Throttle()
        self._secret = secrets.token_bytes(32)
        self._known: Mapping[str, StoredKey] | None = None
        self._known_at = self._looked_at = float("-inf")
        self._verified: dict[str, bytes] = {}

    @cached_property
    def store(self) -> KeyStore:
        """Where they are kept."""
        with IMPORTS:
            from utils.auth.key_store import KeyStore

        return KeyStore(self._url)

    def exist(self) -> bool:
        """Whether any key was made and not revoked, be it expired.

        Raises:
            Unavailable: the database does not answer, and never did or too long ago.
        """
        return bool(self._look(FRESH))

    def caller(self, key: str) -> Caller:
        """Whose key it is.

        Raises:
            Unauthorized: nobody's, or it is not valid any more.
            Unavailable: that cannot be told now.
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

    def standing(self, id: str) -> Caller | None:
        """Whoever has the key of an id, if it is valid.

        Raises:
            Unavailable: as `exist`.
        """
        known = self._find(id)
        return known.caller if known and not known.expired else None

    def close(self) -> None:
        """Let go of the database."""
        if "store" in self.__dict__:
            self.store.close()

    def _is_right(self, known: StoredKey, key: str) -> bool:
        quick = blake2b(key.encode(), key=self._secret).digest()
        verified = self._verified.get(known.id)
        if verified is not None:
            return hmac.compare_digest(verified, quick)
        with self._turns.turn():
            verified = self._verified.get(known.id)  # by then it may be: many come with one key
            if verified is not None:
                return hmac.compare_digest(verified, quick)
            began = time.monotonic()
            right = keys.matches(known.hash, key)
            if right:
                self._verified[known.id] = quick
            else:
                self._turns.was_in_vain(time.monotonic() - began)
            return right

    def _find(self, id: str) -> StoredKey | None:
        return self._look(FRESH).get(id) or self._look(_NEW_KEYS).get(id)

    def _look(self, oldest: float) -> Mapping[str, StoredKey]:
        """The unrevoked keys by id, as of `oldest` seconds ago at the most."""
        now = time.monotonic()
        if now - self._looked_at < oldest:
            return self._at_hand(now)
        # One thread looks; the others go on with what is known, if anything is.
        if not self._looking.acquire(timeout=_PATIENCE if self._known is None else 0):
            return self._at_hand(now)
        try:
            if time.monotonic() - self._looked_at >= oldest:
                self._read()
        finally:
            self._looking.release()
        return self._at_hand(time.monotonic())

    def _at_hand(self, now: float) -> Mapping[str, StoredKey]:
        if self._known is None or now - self._known_at > _OUTAGE:
            raise Unavailable(
                "Who may call cannot be told at the moment: the database does not answer.",
                retry_after=5,
            )
        return self._known

    def _read(self) -> None:
        try:
            found = [] if self._is_no_file() else self.store.unrevoked()
        except Unavailable as error:
            log.warning("keys cannot be looked up", error=error.message)
        else:
            self._known, self._known_at = {key.id: key for key in found}, time.monotonic()
            self._verified = {
                id: quick for id, quick in self._verified.items() if id in self._known
            }
        self._looked_at = time.monotonic()

    def _is_no_file(self) -> bool:
        """Whether the database is a file that is not there yet: no need to make it for this."""
        path = self._url.partition("sqlite:///")[2].partition("?")[0]
        return bool(path) and not Path(path).exists()
