"""Replies about the state of the service."""

from typing import Literal

from pydantic import Field

from utils.api.replies.base import Reply
from utils.auth.roles import Role


class HealthReply(Reply):
    """The state of the service."""

    status: Literal["healthy"] = Field(default="healthy", description="the web process answers")
    timestamp: str = Field(description="time of the reply, ISO 8601 in UTC")
    version: str = Field(description="version of the service")
    uptime_seconds: float = Field(description="seconds since the web process started")
    models: int | None = Field(description="models on disk; null: the store does not answer")
    workers_alive: int | None = Field(description="training workers; null: not known yet")
    jobs_queued: int | None = Field(description="jobs that wait for a worker; null: not known yet")


class AccessReply(Reply):
    """Who the caller is, and what they may do."""

    name: str = Field(description="name of the caller's key; `local`: none is needed")
    role: Role = Field(description="`read`: look and forecast; `write`: also make and delete")
    needs_key: bool = Field(description="whether calls need a key")


class LiveReply(Reply):
    """The process answers."""

    status: Literal["alive"] = Field(default="alive", description="always `alive`")


class ReadyReply(Reply):
    """Everything that the work needs is there."""

    status: Literal["ready"] = Field(
        default="ready", description="always `ready`; else it is a 503"
    )
    checks: dict[str, Literal["ok"]] = Field(description="the checks that were made, by name")
