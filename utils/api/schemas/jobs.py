"""Requests about jobs and the training log."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from utils.api.paging import PageQuery
from utils.api.parsing import Int, Line, Request
from utils.api.schemas.base import example


class JobsQuery(PageQuery):
    """The jobs to list; `q` looks in ids and in what the jobs were asked to do."""

    kind: Literal["train", "backtest"] | None = Field(
        None, description="only trainings, or only backtests"
    )
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"] | None = Field(
        None, description="only jobs of this status"
    )
    offset: Int = Field(0, ge=0, le=1_000_000_000, description="entries of the page to skip")
    sort: Literal["-queued_at", "queued_at"] = Field(
        "-queued_at", description="`-queued_at`: newest first"
    )


class LogsQuery(PageQuery):
    """The lines of the training log; `q` looks in the messages."""

    limit: Int = Field(500, ge=1, le=500, description="lines at most")
    sort: Literal["timestamp", "-timestamp"] = Field(
        "timestamp", description="`timestamp`: oldest first"
    )


class NoteRequest(Request):
    """A line for the training log."""

    model_config = example(message="A new batch of glass from today.", level="info")

    message: Line = Field(description="one line of text")
    level: Literal["info", "success", "warning", "error"] = Field(
        "info", description="kind of the line, in any case"
    )
