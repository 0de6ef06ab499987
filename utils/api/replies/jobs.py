"""Replies about jobs."""

# Annotations are no texts here: pydantic would compile each of some hundreds at the start.
from typing import Annotated, Literal

from pydantic import Field, with_config

from utils.api.replies.base import DOCUMENT, ArchitectureName, Part, Reply
from utils.api.replies.training import NetworkConfig

Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]


@with_config(DOCUMENT)
class JobConfig(NetworkConfig, total=False):
    """The hyperparameters of a training, or the fields of a backtest's request."""

    origins: Annotated[int | None, Field(description="backtest: origins at most")]
    horizon: Annotated[int | None, Field(description="backtest: steps of each forecast")]
    step: Annotated[int | None, Field(description="backtest: steps from origin to origin")]
    plant: Annotated[str | None, Field(description="backtest: plant of the series")]
    application: Annotated[str | None, Field(description="backtest: application of the series")]
    panel_size: Annotated[str | None, Field(description="backtest: panel size of the series")]
    include_training: Annotated[
        bool | None, Field(description="backtest: origins of the training span")
    ]


class JobAccepted(Reply):
    """A job that was submitted."""

    job_id: str = Field(description="id of the job")
    status: Literal["queued"] = Field(default="queued", description="it waits for a worker")
    status_url: str = Field(description="path of the job")
    events_url: str = Field(description="path of its server-sent events")


class JobsAccepted(Reply):
    """Trainings that were submitted, by plant."""

    total_plants: int = Field(description="number of plants")
    jobs: dict[str, str] = Field(description="id of the job by plant")
    status_url: str = Field(description="path of the list of jobs")


class TicketReply(Reply):
    """A ticket, which opens an event stream without a header."""

    ticket: str = Field(description="the ticket, for the query field `ticket`")
    expires_in_seconds: float = Field(
        description="seconds in which the stream must be opened; once open, it may be reopened"
    )
    url: str = Field(description="path of the events, with the ticket")


class Progress(Part):
    """Progress of a training: figures of the last epoch that ended."""

    epoch: int = Field(description="number of the epoch, from 1")
    epochs: int = Field(description="epochs at most")
    loss: float = Field(description="loss on the training span")
    val_loss: float = Field(description="loss on the held-back end")
    mae: float = Field(description="mean absolute error of the targets, in units of the data")
    relative_mae: float | None = Field(
        default=None, description="mean absolute error ÷ mean of the truth; null: that is 0"
    )
    r2_score: float = Field(description="mean R² of the targets")
    seconds: float = Field(description="seconds since the training started")
    eta_seconds: float = Field(description="seconds that the epochs left will take")


class BacktestProgress(Part):
    """Progress of a backtest."""

    origins: int = Field(description="origins in all")
    origins_done: int = Field(description="origins that all series were forecast from")
    share: float = Field(ge=0, le=1, description="share of all forecasts that are made")
    seconds: float = Field(description="seconds since the backtest started")
    eta_seconds: float = Field(description="seconds that the rest will take")


class JobInfo(Part):
    """A job. Times are ISO 8601 in UTC, and null until they are reached."""

    job_id: str = Field(description="id of the job")
    kind: Literal["train", "backtest"] = Field(description="training or backtest")
    owner: str | None = Field(description="the caller that submitted it; null: without a key")
    status: Status = Field(description="state of the job")
    progress: Progress | BacktestProgress | None = Field(description="null: it has not begun")
    waiting: str | None = Field(
        description="why it does not go on, while a store is away, say; null: it does"
    )
    model_id: str | None = Field(description="the model that it made, or that it backtests")
    result_url: str | None = Field(description="path of the result; null: it has not succeeded")
    error: str | None = Field(description="why it failed; null: it has not")
    queued_at: str = Field(description="when it was submitted")
    started_at: str | None = Field(description="when a worker began")
    ended_at: str | None = Field(description="when it ended")
    tries: int = Field(description="how often a worker began it")
    dataset_id: str | None = Field(description="the data set that it uses")
    plant: str | None = Field(description="the plant that it trains on; null: all")
    group_id: str | None = Field(description="the request for several plants that it belongs to")
    continued_from: str | None = Field(
        default=None, description="the model that it goes on from; null: it begins anew"
    )
    architecture: ArchitectureName | None = Field(description="null: a backtest")
    config: JobConfig = Field(description="hyperparameters, or the fields of the backtest")


class JobReply(JobInfo, Reply):
    """One job."""


class JobsReply(Reply):
    """Jobs."""

    jobs: list[JobInfo] = Field(description="newest first, or as `sort` says")
    total: int = Field(description="number of jobs on all pages")
    next_cursor: str | None = Field(description="`cursor` of the next page; null: there is none")
