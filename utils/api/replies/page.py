"""Replies of the operation page's endpoints: trainings, groups and models by plant."""

# Annotations are no texts here: pydantic would compile each of some hundreds at the start.
from typing import Literal

from pydantic import Field

from utils.api.replies.base import Part, Reply
from utils.api.replies.jobs import JobInfo, Progress, Status
from utils.api.replies.models import ModelInfo

Activity = Literal["idle", "pending", "training", "completed", "error"]


class LogLine(Part):
    """A line of the training log."""

    timestamp: str = Field(description="when it was written, ISO 8601 in UTC")
    level: Literal["info", "success", "warning", "error"] = Field(description="kind of the line")
    message: str = Field(description="the line")
    job_id: str | None = Field(description="the training that wrote it; null: a client added it")
    plant: str | None = Field(description="plant of the training; null: all, or none")


class LogsReply(Reply):
    """The last lines of the training log."""

    logs: list[LogLine] = Field(description="oldest first, or as `sort` says")
    count: int = Field(description="number of lines of this page")
    total: int = Field(description="number of lines on all pages")
    next_cursor: str | None = Field(description="`cursor` of the next page; null: there is none")


class NotedReply(Reply):
    """The line that was added to the training log."""

    log: LogLine = Field(description="the line")
    message: str = Field(description="a sentence about what was done")


class PlantTraining(Part):
    """The training of a plant, or of several plants together."""

    status: Literal["pending", "training", "completed", "error"] = Field(
        description="state of the training; pending until its first epoch has ended"
    )
    current_epoch: int = Field(description="the last epoch that ended, from 1; 0: none")
    total_epochs: int = Field(description="epochs at most")
    current_loss: float | None = Field(description="loss after that epoch; null: none has ended")
    current_r2: float | None = Field(description="R² after that epoch")
    current_mae: float | None = Field(
        description="mean absolute error after that epoch, relative to the mean"
    )
    final_r2: float | None = Field(description="of the model that was trained, once there is one")
    training_time: float | None = Field(description="seconds, up to now or to the end")
    error: str | None = Field(description="why it failed; null: it has not")
    start_time: int = Field(description="epoch milliseconds; of a pending one, when it was queued")
    job_id: str = Field(description="id of the job")


class PlantsStatusReply(Reply):
    """Trainings by plant: those that wait or run, or ended within the last two minutes."""

    plant_training: dict[str, PlantTraining] = Field(description="trainings by plant")


class PlantModels(Part):
    """The models of a plant, newest first; the best has the lowest MASE on the newest data."""

    total_models: int = Field(description="number of models")
    models: list[str] = Field(description="ids, newest first")
    best_model: str | None = Field(
        description="the model of the newest data with the lowest held-back MASE"
    )
    best_r2_score: float | None = Field(description="its R²")


class PlantsSummaryReply(Reply):
    """The models of each plant that has one of its own."""

    summary: dict[str, PlantModels] = Field(description="models by plant")


class BestModelReply(Reply):
    """The best model of a plant."""

    plant: str = Field(description="name of the plant")
    model_id: str = Field(description="id of the model")
    metadata: ModelInfo = Field(description="what lists show of it")


class NoTraining(Part):
    """No training of a kind waits or runs: an empty object."""


class StatusPart(Part):
    """The state of the newest training of a kind."""

    status: Activity = Field(description="state of the training")
    job_id: str = Field(description="id of its job")


class StatusData(Part):
    """The state of trainings and the models."""

    overall_status: Literal["idle", "pending", "training"] = Field(
        description="whether a training runs, waits, or none does"
    )
    parallel_training: dict[str, StatusPart] = Field(
        description="the newest request for a model per plant that goes on, by plant"
    )
    enhanced_training: StatusPart | NoTraining = Field(
        description="the newest training of the enhanced network that waits or runs; {}: none"
    )
    regular_training: StatusPart | NoTraining = Field(
        description="the newest training of the plain network that waits or runs; {}: none"
    )
    plant_models: dict[str, PlantModels] = Field(description="models by plant")


class Dashboard(Part):
    """The picture at `visualization_path`."""

    dashboard_created: bool = Field(description="false: the picture is drawn when it is first read")


class DashboardReply(Reply):
    """The state of all trainings, and the picture of the newest model."""

    status_data: StatusData = Field(description="trainings and models")
    dashboard: Dashboard = Field(description="the picture of the newest model")
    visualization_path: str | None = Field(
        description="path of that picture, without a leading slash; null: there is no model"
    )


class RealtimeReply(Reply):
    """The jobs that are running, by id."""

    timestamp: str = Field(description="time of the reply, ISO 8601 in UTC")
    count: int = Field(description="number of jobs")
    metrics: dict[str, JobInfo] = Field(description="jobs by id")


class JobGroup(Part):
    """The jobs of one request for a model per plant."""

    group_id: str = Field(description="id of the request")
    status: Activity = Field(description="state of the group")
    total: int = Field(description="number of jobs")
    counts: dict[str, int] = Field(description="number of jobs by status")
    jobs: list[JobInfo] = Field(description="the jobs")


class JobGroupsReply(Reply):
    """The newest groups of jobs, newest first."""

    groups: list[JobGroup] = Field(description="newest first")
    count: int = Field(description="number of groups")


class EpochMetrics(Progress):
    """An epoch, and when it ended."""

    at: str = Field(description="when the epoch ended, ISO 8601 in UTC")


class EpochsReply(Reply):
    """The epochs of a job, in order."""

    job_id: str = Field(description="id of the job")
    status: Status = Field(description="state of the job")
    epochs: list[EpochMetrics] = Field(description="the epochs, in order")


class VisualizeReply(Reply):
    """The path of the picture of a model."""

    model_id: str = Field(description="id of the model")
    visualization_path: str = Field(description="path of the picture")
