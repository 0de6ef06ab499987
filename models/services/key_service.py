"""API keys over the API: who has which, new ones, revoked ones."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property

from utils.api.replies.base import MessageReply
from utils.api.replies.keys import KeyInfo, KeysReply, NewKeyReply
from utils.api.schemas.keys import KeyRequest
from utils.auth.caller import LOCAL, caller
from utils.auth.key_store import KeyStore, StoredKey
from utils.auth.keys import id_of
from utils.errors import Conflict

_FIRST = (
    "The first key is made on the command line, as from then on every call takes a key: "
    "python run.py keys create NAME --role admin"
)
_OWN = "A key does not revoke itself: call with another key of the role `admin`."


class KeyService:
    """The API keys of a database. Every method raises Unavailable if it does not answer."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url

    @cached_property
    def _store(self) -> KeyStore:
        return KeyStore(self._url)  # at the first use: it makes the database's folder

    def all(self) -> KeysReply:
        """Return every key that was ever made, newest first."""
        return KeysReply(keys=[_info(key) for key in reversed(self._store.all())])

    def add(self, request: KeyRequest) -> NewKeyReply:
        """Make a key.

        Raises:
            Conflict: no key is needed yet: the first one would close the service to all others.
        """
        if caller() == LOCAL:
            raise Conflict(_FIRST)
        key = self._store.add(request.name, request.role, request.days)
        made = next(each for each in self._store.all() if each.id == id_of(key))
        return NewKeyReply(**_info(made).model_dump(), key=key)

    def revoke(self, id: str) -> MessageReply:
        """Revoke a key.

        Raises:
            NotFound: there is none of that id.
            Conflict: the call is made with it.
        """
        if caller().id == id:
            raise Conflict(_OWN)
        self._store.revoke(id)
        return MessageReply(message=f"Key {id} is revoked.")


def _info(key: StoredKey) -> KeyInfo:
    return KeyInfo(
        key_id=key.id,
        name=key.name,
        role=key.role,
        state=key.state,
        created_at=_moment(key.created_at) or "",
        expires_at=_moment(key.expires_at),
        revoked_at=_moment(key.revoked_at),
    )


def _moment(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
