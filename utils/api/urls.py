"""Paths of the API's resources, as replies, headers and events name them."""

from __future__ import annotations


def job(job_id: str) -> str:
    """Return the path of a job."""
    return f"/api/jobs/{job_id}"


def job_events(job_id: str) -> str:
    """Return the path of a job's event stream."""
    return f"{job(job_id)}/events"


def model(model_id: str) -> str:
    """Return the path of a model."""
    return f"/api/model/{model_id}"


def backtest(model_id: str, job_id: str) -> str:
    """Return the path of the result of a backtest."""
    return f"{model(model_id)}/backtest/{job_id}"


def picture(model_id: str) -> str:
    """Return the path of the picture of a model."""
    return f"/visualizations/{model_id}.png"
