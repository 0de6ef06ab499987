"""The replies of the operation page's endpoints, master data included."""

# Annotations are no texts here: pydantic would compile each of some hundreds at the start.
from typing import Any, Literal

from pydantic import ConfigDict, Field

from utils.api.replies import JobInfo, Part, Progress, Reply

Activity = Literal["idle", "pending", "training", "completed", "error"]


class ModelPart(Part):
    """A part that names models."""

    model_config = ConfigDict(
        extra="forbid", protected_namespaces=(), allow_inf_nan=False, defer_build=True
    )


# --- training ---------------------------------------------------------------------------------


class LogLine(Part):
    """A line of the training log; `job_id` is null where a client noted it."""

    timestamp: str
    level: Literal["info", "success", "warning", "error"]
    message: str
    job_id: str | None
    plant: str | None


class LogsReply(Reply):
    """The last lines of the training log, oldest first."""

    logs: list[LogLine]
    count: int


class NotedReply(Reply):
    """The line that was added to the training log."""

    log: LogLine
    message: str


class PlantTraining(Part):
    """The training of a plant, or one of several plants that it is part of, as `job_id` tells."""

    status: Literal["pending", "training", "completed", "error"]
    current_epoch: int
    total_epochs: int
    current_loss: float | None
    current_r2: float | None
    current_mae: float | None
    final_r2: float | None = Field(description="of the model that was trained, once there is one")
    training_time: float | None = Field(description="seconds, up to now or to the end")
    error: str | None
    start_time: int = Field(description="epoch milliseconds; of a pending one, when it was queued")
    job_id: str


class PlantsStatusReply(Reply):
    """What is being trained, by plant; nothing is in it when nothing runs."""

    plant_training: dict[str, PlantTraining]


class PlantModels(ModelPart):
    """The models of a plant, newest first; the best has the lowest held-back MASE."""

    total_models: int
    models: list[str]
    best_model: str | None
    best_r2_score: float | None


class PlantsSummaryReply(Reply):
    """The models of each plant that has one of its own."""

    summary: dict[str, PlantModels]


class BestModelReply(Reply):
    """The best model of a plant, and what the list of models shows of it."""

    plant: str
    model_id: str
    metadata: dict[str, Any]


class StatusPart(Part):
    """What became of the newest training of a kind, or what it is doing."""

    status: Activity
    job_id: str | None = None


class StatusData(ModelPart):
    """What is being trained and what there is."""

    overall_status: Literal["idle", "pending", "training"]
    parallel_training: dict[str, StatusPart]
    enhanced_training: StatusPart
    regular_training: StatusPart
    plant_models: dict[str, PlantModels]


class Dashboard(Part):
    """Whether the picture at `visualization_path` has been drawn; else asking for it draws it."""

    dashboard_created: bool


class DashboardReply(Reply):
    """The state of all training, and where the newest model's picture is."""

    status_data: StatusData
    dashboard: Dashboard
    visualization_path: str | None


class RealtimeReply(Reply):
    """The jobs that are running, by id."""

    timestamp: str
    count: int
    metrics: dict[str, JobInfo]


class JobGroup(Part):
    """The jobs of one request for a model per plant."""

    group_id: str
    status: Activity
    total: int
    counts: dict[str, int]
    jobs: list[JobInfo]


class JobGroupsReply(Reply):
    """The newest groups of jobs, newest first."""

    groups: list[JobGroup]
    count: int


class EpochMetrics(Progress):
    """An epoch, and when it ended."""

    at: str


class EpochsReply(Reply):
    """The epochs of a job, in order."""

    job_id: str
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    epochs: list[EpochMetrics]


class VisualizeReply(Reply):
    """Where the picture of a model is."""

    model_id: str
    visualization_path: str


class EnhancedConfig(Part):
    """The hyperparameters of the enhanced network: its defaults, and what is fixed."""

    lstm_units_1: int
    lstm_units_2: int
    dropout_rate: float
    recurrent_dropout: float
    sequence_length: int
    epochs: int
    batch_size: int
    learning_rate: float
    train_test_split: float


class EnhancedConfigReply(Reply):
    """What the enhanced network is trained with where a request says nothing else."""

    config: EnhancedConfig
    description: dict[str, str]


# --- master data ------------------------------------------------------------------------------


class MasterConfig(Part):
    """The names, each once: those of the MASTER_DATA file, then those of data and models."""

    plants: list[str]
    applications: list[str]
    panel_sizes: list[str]
    regions: list[str]


class MasterConfigReply(Reply):
    """The names of master data."""

    config: MasterConfig


class MasterReloadReply(Reply):
    """The names of master data, read anew."""

    config: MasterConfig
    message: str


class MasterExportReply(Reply):
    """All master data as the text of a MASTER_DATA file, in JSON."""

    export_data: str


class PlantItem(Part):
    """A plant; null is not known. Lists that the file leaves out are those of its data."""

    id: str
    name: str
    display_name: str
    location: str | None
    region: str | None
    capacity: float | None = Field(description="units a day")
    specializations: list[str]
    panel_sizes: list[str]


class PlantItems(Part):
    """The plants."""

    count: int
    regions: list[str]
    items: list[PlantItem]


class ProductItem(Part):
    """A product, which rows call application."""

    id: str
    name: str
    display_name: str
    category: str | None


class ProductItems(Part):
    """The products."""

    count: int
    categories: list[str]
    items: list[ProductItem]


class SizeItem(Part):
    """A panel size."""

    id: str
    display: str
    category: str | None


class SizeItems(Part):
    """The panel sizes."""

    count: int
    categories: list[str]
    items: list[SizeItem]


class RegionItem(Part):
    """A region and its plants."""

    id: str
    plants: list[str]


class RegionItems(Part):
    """The regions."""

    count: int
    items: list[RegionItem]


class MasterSummary(Part):
    """All that is known of the names."""

    plants: PlantItems
    products: ProductItems
    panel_sizes: SizeItems
    regions: RegionItems


class MasterSummaryReply(Reply):
    """Master data in full."""

    summary: MasterSummary


class MasterReport(Part):
    """Whether data, models and the MASTER_DATA file agree; each issue is a sentence."""

    timestamp: str
    total_issues: int
    is_consistent: bool
    plant_issues: list[str]
    product_issues: list[str]
    panel_size_issues: list[str]
    demand_data_issues: list[str] = Field(description="series that a plant cannot make")
    plant_data_issues: list[str] = Field(description="capacities below what was put out")
    recommendations: list[str]


class MasterReportReply(Reply):
    """What the comparison found."""

    report: MasterReport
