"""Every reply; the OpenAPI document comes from these and from the requests."""

# Annotations are no texts here: pydantic would compile each of some hundreds at the start.
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

ArchitectureName = Literal["plain", "enhanced"]


class Reply(BaseModel):
    """A successful answer. Every number in it is finite."""

    model_config = ConfigDict(
        extra="forbid", protected_namespaces=(), allow_inf_nan=False, defer_build=True
    )

    success: Literal[True] = True


class Part(BaseModel):
    """A part of a reply."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, defer_build=True)


class ErrorDetail(Part):
    """One broken rule."""

    field: str
    message: str
    received: Any = None


class ErrorReply(Part):
    """Any answer that is not 2xx."""

    success: Literal[False] = False
    error: str
    details: list[ErrorDetail] = []
    request_id: str | None = None


class HealthReply(Reply):
    """Whether the service is up, and what an operator wants to know at a glance."""

    status: Literal["healthy"] = "healthy"
    timestamp: str
    version: str
    uptime_seconds: float
    models: int | None = Field(description="null: the store does not answer")
    workers_alive: int | None = Field(description="null: not known yet")
    jobs_queued: int | None


class LiveReply(Reply):
    """The process answers."""

    status: Literal["alive"] = "alive"


class ReadyReply(Reply):
    """All is there that the work takes."""

    status: Literal["ready"] = "ready"
    checks: dict[str, Literal["ok"]]


class TicketReply(Reply):
    """What opens an event stream without a header."""

    ticket: str
    expires_in_seconds: float = Field(description="for opening it; once open, it may be reopened")
    url: str


class DateRange(Part):
    """First and last date of some data."""

    start: str
    end: str


class DataSummary(Part):
    """What a data set holds."""

    total_points: int
    plants: list[str]
    applications: list[str]
    panel_sizes: list[str]
    series: int
    step: Literal["day", "week", "month"]
    date_range: DateRange


class DataRow(Part):
    """One step of one series. A null was not known."""

    day: int
    date: str
    plant: str
    application: str
    panel_size: str
    wip: float
    throughput: float
    cycle_time: float | None
    finished_goods: float | None = None
    semi_finished_goods: float | None = None
    releases: float | None = None
    littles_law_compliance: float | None = None


class GenerateReply(Reply):
    """Synthetic data: the first 100 rows, and where the whole of it is stored."""

    dataset_id: str
    data_points: int
    data: list[DataRow]
    summary: DataSummary
    seed: int


class UploadReply(Reply):
    """What an uploaded table was found to hold."""

    dataset_id: str
    data_points: int
    summary: DataSummary
    quality: dict[str, Any]


class LawWindow(Part):
    """A window of a series: first and last date, and how Little's Law fares in it."""

    start: str
    end: str
    deviation: float
    allowance: float


class LawVerdict(Part):
    """Little's Law of a series; shares of the larger of ΣWIP and Σ throughput × cycle time."""

    verdict: Literal["pass", "inconclusive", "fail"]
    windows: int = Field(description="judged; none if too few cycle times are known")
    windows_failed: int
    deviation: float | None = Field(description="over the longest window; > 0: WIP is too high")
    allowance: float | None = Field(description="what that window's edges explain of it")
    detectable: float | None = Field(description="no larger deviation can have hidden")
    known_cycle_times: int
    worst_window: LawWindow | None = Field(description="of those that fail")


class StabilityVerdict(Part):
    """The trend of a series' WIP."""

    verdict: Literal["stable", "growing", "shrinking", "inconclusive"]
    slope_per_step: float | None = Field(description="units a step")
    standard_error: float | None
    change: float | None = Field(description="over all of the data, as a share of the mean WIP")
    margin: float | None = Field(description="of the change, with 95 % confidence")
    inflow_per_step: float | None = Field(description="mean releases; null: not known")
    outflow_per_step: float


class Outlier(Part):
    """A value far from what was to be expected."""

    date: str
    target: Literal["wip", "throughput", "cycle_time"]
    value: float
    expected_range: tuple[float, float]


class SeriesQuality(Part):
    """What was found of one series."""

    plant: str
    application: str
    panel_size: str
    steps: int
    littles_law: LawVerdict
    stability: StabilityVerdict
    outliers: list[Outlier] = Field(description="the strongest, at most 10")
    outlier_count: int


class QualitySummary(Part):
    """What was found of all series, also of those that are not listed."""

    series: int
    series_listed: int = Field(description="at most 1,000: those that need attention first")
    littles_law: dict[Literal["pass", "inconclusive", "fail"], int]
    stability: dict[Literal["stable", "growing", "shrinking", "inconclusive"], int]
    outliers: int
    recommendations: list[str]


class Unmendable(Part):
    """Why an upload of the data would be refused. Of each series the longest stretch is judged."""

    error: str
    details: list[ErrorDetail]


class QualityReport(BaseModel):
    """An upload's figures (gaps, blanks, duplicates, negatives, …), and what each series is."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    summary: QualitySummary
    series: list[SeriesQuality]
    unmendable: Unmendable | None = None


class DataQualityReply(Reply):
    """The quality of some data. Nothing was stored."""

    data_points: int
    summary: DataSummary
    quality: QualityReport


class DatasetInfo(Part):
    """A stored data set in the list."""

    dataset_id: str
    created_at: str
    source: str
    data_points: int
    summary: DataSummary
    quality: dict[str, Any] | None = None
    parameters: dict[str, Any] | None = None


class DamagedDataset(Part):
    """A stored data set that cannot be used as it is."""

    dataset_id: str
    error: str


class DatasetsReply(Reply):
    """The stored data sets, newest first; those that are damaged beside them."""

    datasets: list[DatasetInfo]
    damaged: list[DamagedDataset]


class DatasetReply(Reply):
    """A data set with all of its rows."""

    dataset_id: str
    created_at: str
    source: str
    data_points: int
    summary: DataSummary
    quality: dict[str, Any] | None = None
    parameters: dict[str, Any] | None = None
    data: list[DataRow]


class OtherModel(Part):
    """A model of another architecture, judged on the same held-back end of the same data."""

    model_config = ConfigDict(
        extra="forbid", protected_namespaces=(), allow_inf_nan=False, defer_build=True
    )

    model_id: str
    architecture: str
    created_at: str
    mase: float | None
    r2_score: float
    skill: dict[str, float | None] = Field(description="one step ahead, over the last value")
    skill_over_seasonal_naive: dict[str, float | None] = Field(description="of roll-outs")


class TrainReply(Reply):
    """A trained and published model."""

    model_id: str
    architecture: ArchitectureName
    enhanced_features: bool = Field(description="whether its rows have engineered features")
    dataset_id: str
    data_points: int
    training_history: dict[str, Any]
    metrics: dict[str, Any]
    training_time: float
    model_summary: dict[str, Any]
    beside: list[OtherModel] = Field(description="the newest of each other architecture, if any")
    warnings: list[str]


class JobAccepted(Reply):
    """A job that was handed in."""

    job_id: str
    status: Literal["queued"] = "queued"
    status_url: str
    events_url: str


class JobsAccepted(Reply):
    """Trainings that were handed in, by plant."""

    total_plants: int
    jobs: dict[str, str]
    status_url: str


class Progress(Part):
    """Where a training is: figures of the last epoch that ended, durations in seconds."""

    epoch: int
    epochs: int
    loss: float
    val_loss: float
    mae: float
    r2_score: float
    seconds: float
    eta_seconds: float


class BacktestProgress(Part):
    """How far a backtest is: origins that all series were forecast from, durations in seconds."""

    origins: int
    origins_done: int
    share: float = Field(ge=0, le=1, description="of all forecasts")
    seconds: float
    eta_seconds: float


class JobInfo(Part):
    """A job. Times are null as long as they lie ahead."""

    model_config = ConfigDict(
        extra="forbid", protected_namespaces=(), allow_inf_nan=False, defer_build=True
    )

    job_id: str
    kind: Literal["train", "backtest"]
    owner: str | None = Field(description="who handed it in; null: somebody without a key")
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    progress: Progress | BacktestProgress | None
    model_id: str | None = Field(description="the model that it gave, or that it tries out")
    result_url: str | None = Field(description="null: it has not succeeded")
    error: str | None
    queued_at: str
    started_at: str | None
    ended_at: str | None
    tries: int
    dataset_id: str | None
    plant: str | None
    group_id: str | None
    architecture: ArchitectureName | None
    config: dict[str, Any]


class JobReply(JobInfo, Reply):
    """One job."""


class JobsReply(Reply):
    """Jobs, newest first."""

    jobs: list[JobInfo]


class PlantResult(Part):
    """What became of the training of one plant."""

    model_config = ConfigDict(
        extra="forbid", protected_namespaces=(), allow_inf_nan=False, defer_build=True
    )

    success: bool
    job_id: str
    model_id: str | None = None
    metrics: dict[str, Any] | None = None
    training_time: float | None = None
    data_points: int | None = None
    error: str | None = None


class ParallelReply(Reply):
    """What became of the trainings of several plants."""

    total_plants: int
    successful_plants: int
    failed_plants: list[str]
    training_time: float
    average_time_per_plant: float
    plant_results: dict[str, PlantResult]


class ModelEntry(Part):
    """A model in the list."""

    model_config = ConfigDict(
        extra="forbid", protected_namespaces=(), allow_inf_nan=False, defer_build=True
    )

    model_id: str
    info: dict[str, Any]


class ModelsReply(Reply):
    """The models on disk, newest first."""

    models: list[ModelEntry]


class ModelReply(Reply):
    """One model in full."""

    model_id: str
    info: dict[str, Any]
    training_history: dict[str, Any] | None
    model_summary: dict[str, Any] | None
    beside: list[OtherModel] = Field(description="the newest of each other architecture, if any")
    series: list[dict[str, Any]]


class CompressedFile(Part):
    """A form of a network, and what it changes. Changes are relative to the target's mean."""

    bytes: int
    published: bool = Field(description="false: it would change the mean forecast by over 1 %")
    mean_change: float = Field(description="mean absolute change of the forecasts, largest target")
    largest_change: float
    per_target: dict[Literal["wip", "throughput", "cycle_time"], float]
    mase: float | None
    mase_change: float | None


class CompressReply(Reply):
    """What smaller weights do to a model's forecasts of the held-back span."""

    model_config = ConfigDict(
        extra="forbid", protected_namespaces=(), allow_inf_nan=False, defer_build=True
    )

    model_id: str
    serves: Literal["float32", "float16", "int8"]
    dataset_id: str
    forecasts: int = Field(description="how many were compared")
    bytes_before: int = Field(description="of the ONNX file with float32 weights")
    bytes_after: int = Field(description="of the one that is served now")
    files: dict[Literal["float32", "float16", "int8", "litert"], CompressedFile]


class MessageReply(Reply):
    """What was done."""

    message: str


Bound = Annotated[float | None, Field(ge=0)]


class Prediction(Part):
    """The forecast of one day, with what covers 80 and 95 % of the truths (null: not measured)."""

    day: int
    date: str
    predicted_wip: float = Field(ge=0)
    predicted_throughput: float = Field(ge=0)
    predicted_cycle_time: float = Field(ge=0)
    predicted_wip_lo80: Bound
    predicted_wip_hi80: Bound
    predicted_wip_lo95: Bound
    predicted_wip_hi95: Bound
    predicted_throughput_lo80: Bound
    predicted_throughput_hi80: Bound
    predicted_throughput_lo95: Bound
    predicted_throughput_hi95: Bound
    predicted_cycle_time_lo80: Bound
    predicted_cycle_time_hi80: Bound
    predicted_cycle_time_lo95: Bound
    predicted_cycle_time_hi95: Bound
    confidence: float = Field(ge=0, le=1)


class ForecastValidation(Part):
    """Whether a forecast keeps to Little's Law and to what is feasible."""

    is_valid: bool
    warnings: list[str]
    recommendations: list[str]


class LittleLawAnalysis(Part):
    """How well the days of a forecast agree with Little's Law."""

    average_compliance: float
    daily_compliance: list[float]
    analysis: dict[Literal["excellent", "good", "fair", "poor"], int]


class TargetReached(Part):
    """When the forecast reaches the production that is wanted."""

    target_production: float
    forecast_production: float
    reached: bool
    day: int | None
    date: str | None


class _Forecast(BaseModel):
    predictions: list[Prediction]
    validation: ForecastValidation
    little_law_analysis: LittleLawAnalysis
    target: TargetReached | None = None
    cold_start: bool = Field(description="the model was not trained on this series")
    raw: bool = Field(description="not made to agree by Little's Law")


class PredictReply(_Forecast, Reply):
    """A forecast, day by day, and what Little's Law makes of it."""

    model_id: str


class BatchForecast(_Forecast, Part):
    """The forecast of an item, by its place from 0."""

    item: int
    plant: str
    application: str
    panel_size: str


class BatchRefusal(Part):
    """Why an item could not be forecast."""

    item: int
    error: str
    details: list[ErrorDetail]


class BatchReply(Reply):
    """An entry for each item, in their order: a forecast, or why there is none."""

    model_id: str
    forecasts: int = Field(description="items that were forecast, at least one")
    refused: int = Field(description="items that were not")
    results: list[BatchForecast | BatchRefusal]


class Validation(Part):
    """A state judged by Little's Law."""

    is_valid: bool
    compliance_score: float
    expected_values: dict[str, float]
    deviations: dict[Literal["absolute", "percentage"], float]
    recommendations: list[str]
    warnings: list[str]
    analysis: dict[str, dict[str, float]]
    overall_score: float


class ValidateReply(Reply):
    """The judgement of a state."""

    validation: Validation
