"""Replies about API keys."""

from pydantic import Field

from utils.api.replies.base import Part, Reply
from utils.auth.key_store import KeyState
from utils.auth.roles import Role


class KeyInfo(Part):
    """An API key, without its secret. Times are ISO 8601 in UTC."""

    key_id: str = Field(description="id of the key: its middle part, which is no secret")
    name: str = Field(description="the person or the program that calls with it")
    role: Role = Field(description="what it may do")
    state: KeyState = Field(description="valid, or why it is not")
    created_at: str = Field(description="when it was made")
    expires_at: str | None = Field(description="when it ends; null: when it is revoked")
    revoked_at: str | None = Field(description="when it was revoked; null: it was not")


class KeysReply(Reply):
    """The API keys of the service."""

    keys: list[KeyInfo] = Field(description="every key that was ever made, newest first")


class NewKeyReply(KeyInfo, Reply):
    """A key that was made."""

    key: str = Field(description="the key itself; it is not stored and cannot be shown again")
