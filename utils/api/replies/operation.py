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


class LimitsReply(Reply):
    """The limits of the service as they are, each named as its setting."""

    max_rows: int = Field(description="rows of one data set")
    max_series: int = Field(description="series of one data set")
    max_json_mb: int = Field(description="size of a JSON body, in MB")
    max_upload_mb: int = Field(description="size of an uploaded table, in MB, also unpacked")
    max_horizon: int = Field(description="steps of a forecast, also of a backtest")
    max_epochs: int = Field(description="epochs of a training")
    max_units: int = Field(description="units of each LSTM layer")
    max_queued_jobs: int = Field(description="jobs of one caller that wait for a worker")
    max_streams_per_caller: int = Field(description="event streams of one key per web process")
    jobs_kept_days: int = Field(description="days that ended jobs are kept")
    max_data_mb: int = Field(description="size of all stored data sets together, in MB")
    max_models_mb: int = Field(description="size of all stored models together, in MB")
    stored_data_mb: float | None = Field(
        description="what the data sets take of it, in MB; null: the store does not answer"
    )
    stored_models_mb: float | None = Field(
        description="what the models take of it, in MB; null: the store does not answer"
    )
    rate_cheap: str | None = Field(
        description="cheap requests of the caller, like `3000/minute`; null: not limited"
    )
    rate_expensive: str | None = Field(
        description="requests of the caller that make, read or train much; null: not limited"
    )


class LiveReply(Reply):
    """The process answers."""

    status: Literal["alive"] = Field(default="alive", description="always `alive`")


class ReadyReply(Reply):
    """Everything that the work needs is there."""

    status: Literal["ready"] = Field(
        default="ready", description="always `ready`; else it is a 503"
    )
    checks: dict[str, Literal["ok"]] = Field(description="the checks that were made, by name")
