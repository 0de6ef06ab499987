"""Every request; the OpenAPI document is made of these and of the replies."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from utils.api.architectures import Architecture
from utils.api.calendar_schemas import Calendars
from utils.api.field_rules import ShownAs, at_most_one, exactly_one, two_of
from utils.api.paging import PageQuery
from utils.api.parsing import Flag, Int, Line, Name, Number, Positive, Request
from utils.api.plan_schemas import MOST_SCENARIOS, PlanRows, Scenario
from utils.api.upload_options import ReadOptions


def _distinct(names: list[str]) -> list[str]:
    twice = sorted({name for name in names if names.count(name) > 1}) if len(names) < 1000 else []
    if len(set(names)) < len(names):
        raise ValueError(f"must be distinct; given twice: {', '.join(twice[:5]) or 'some'}")
    return names


Names = Annotated[
    list[Name],
    Field(min_length=1, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_distinct),
]
Seed = Annotated[Int, Field(ge=-(2**63), lt=2**63)]
# The ids that examples show; those of replies are written with them, too.
DATASET_ID = "0f0c8a6e-5b1d-4c5e-9f3b-6a1d2c7e4b90"
MODEL_ID = "7d4e2f1a-93c6-4b8f-8a57-1e0b6c9d3f25"


def _example(rule: dict[str, Any] | None = None, /, **fields: Any) -> ConfigDict:
    """Return the configuration of a request that the document shows with these fields.

    Args:
        rule: how fields depend on each other, as a JSON Schema of the whole.
    """
    return ConfigDict(json_schema_extra={"examples": [fields], **(rule or {})})


class TableRow(Request):
    """One day, week or month of one series."""

    date: str | None = Field(None, description="date of the step, YYYY-MM-DD; or give `day`")
    day: Int | None = Field(None, description="number of the step, from 0; or give `date`")
    plant: str | None = Field(None, description="name of the plant; not needed in `history`")
    application: str | None = Field(None, description="name of the application; as `plant`")
    panel_size: str | None = Field(None, description="name of the panel size; as `plant`")
    wip: Number | None = Field(None, description="work in process at the end of the step, units")
    throughput: Number | None = Field(None, description="units finished in the step")
    cycle_time: Number | None = Field(
        None, description="mean time in process of the units finished, in steps"
    )
    finished_goods: Number | None = Field(None, description="finished units in stock")
    semi_finished_goods: Number | None = Field(None, description="semi-finished units in stock")
    releases: Number | None = Field(None, description="units released into the line in the step")
    planned_releases: Number | None = Field(
        None, description="units that were planned to be released"
    )
    capacity: Number | None = Field(
        None, description="share of the usual capacity, or units that could be finished"
    )
    planned_throughput: Number | None = Field(
        None, description="units that were planned to be finished"
    )
    littles_law_compliance: Number | None = Field(None, description="not used; as replies have it")


Row = Annotated[dict[str, Any], ShownAs(TableRow)]
Rows = Annotated[list[Row], Field(min_length=1)]
DatasetId = Annotated[str, Field(min_length=1)]


class BreakdownFields(Request):
    """Random breakdowns of generated lines."""

    per_year: Number = Field(6.0, ge=0, le=365, description="mean number in a year of worked days")
    mean_days: Number = Field(2.0, ge=1, le=365, description="mean worked days that one lasts")
    capacity: Number = Field(
        0.0, ge=0, le=1, description="share of the output that is left meanwhile"
    )


class PlantFields(Request):
    """The parameters of synthetic data."""

    plants: Names = Field(
        ["Plant_A", "Plant_B", "Plant_C"], description="names of the plants, each once"
    )
    applications: Names = Field(
        ["Automotive", "Consumer_Electronics", "Industrial"],
        description="names of the applications, each once",
    )
    panel_sizes: Names = Field(
        ["Small", "Medium", "Large", "Extra_Large"],
        description="names of the panel sizes, each once; any text, inch marks too",
    )
    historical_days: Int = Field(545, ge=1, le=36_500, description="days of each series")
    base_wip: Positive = Field(
        100.0, alias="baseWIP", description="mean WIP of a series of size one, in units"
    )
    base_throughput: Positive = Field(
        50.0, description="mean throughput of a series of size one, in units per day"
    )
    seasonality: Number = Field(0.2, ge=0, le=1, description="strength of the seasons")
    noise_level: Number = Field(0.1, ge=0, le=1, description="strength of the noise")
    calendar: Calendars | None = Field(
        None,
        description="the working calendar of all plants, or calendars by plant; default: that of "
        "the data set, else as recognised in the rows; of generated data: every day is worked",
    )
    breakdowns: BreakdownFields | None = Field(
        None, description="of generated lines; default: there are none"
    )

    @property
    def series(self) -> int:
        """The number of series."""
        return len(self.plants) * len(self.applications) * len(self.panel_sizes)


class SeedField(Request):
    """The seed: the same seed and fields give the same rows, and the same model."""

    seed: Seed | None = Field(
        None, description="the same seed and fields give the same result; default: a fresh one"
    )


class GenerateRequest(SeedField, PlantFields):
    """Synthetic plant data."""

    model_config = _example(
        plants=["Plant_A", "Plant_B"], applications=["Automotive"], panelSizes=["Small"], seed=1
    )


class HyperparameterFields(Request):
    """The hyperparameters that a request may set, with their defaults and bounds."""

    lstm_units1: Int = Field(64, ge=1, le=1024, description="units of the first LSTM layer")
    lstm_units2: Int = Field(32, ge=1, le=1024, description="units of the second LSTM layer")
    dropout_rate: Number = Field(
        0.2, ge=0, le=0.9, description="share of a layer's outputs that each batch leaves out"
    )
    sequence_length: Int = Field(10, ge=1, le=365, description="steps that the network looks back")
    epochs: Int = Field(50, ge=1, le=10_000, description="epochs at most")
    batch_size: Int = Field(32, ge=1, le=8192, description="windows of a batch")
    learning_rate: Number = Field(0.00001, gt=0, le=1, description="learning rate of Adam")
    train_test_split: Number = Field(
        0.8,
        ge=0.1,
        le=0.99,
        description="share of the time that is trained on; the rest is held back",
    )

    def to_config(self) -> dict[str, Any]:
        """Return the values as replies, jobs and models state them, in snake_case."""
        config = {name: getattr(self, name) for name in HyperparameterFields.model_fields}
        return {
            {"lstm_units1": "lstm_units_1", "lstm_units2": "lstm_units_2"}.get(name, name): value
            for name, value in config.items()
        }


_GENERATED = [name for name in PlantFields.model_fields if name != "calendar"]
_PLANT_FIELDS = tuple(PlantFields.model_fields[name].alias or name for name in _GENERATED)
_ONE_SOURCE = at_most_one(("trainingData",), ("datasetId",), _PLANT_FIELDS)
_ONE_SOURCE_OF_PLANTS = at_most_one(("trainingData",), ("datasetId",), _PLANT_FIELDS[1:])
# What a preset may choose, where the request does not say it.
PRESET_CHOOSES = ("learning_rate", "epochs", "sequence_length")


class TrainRequest(ReadOptions, SeedField, HyperparameterFields, PlantFields):
    """A training, and at most one source of its data: rows, a data set, or what to generate."""

    model_config = _example(_ONE_SOURCE, datasetId=DATASET_ID, epochs=2)

    training_data: Rows | None = Field(
        None, description="rows to train on; one source of data at most"
    )
    dataset_id: DatasetId | None = Field(
        None, description="id of the data set to train on; one source of data at most"
    )
    known: Annotated[list[Name], Field(max_length=20)] | None = Field(
        None,
        description="names of columns of `trainingData` of your own whose values are known ahead",
    )
    background: Flag = Field(False, description="true: reply 202 with a job at once")
    keep_optimizer: Flag = Field(
        False, description="true: the .keras file also holds Adam's state, to be trained on"
    )
    preset: Literal["auto"] | None = Field(
        None,
        description="auto: learningRate, epochs and sequenceLength suit the data where not given",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        plant = self.model_fields_set & self.generated
        sources = [
            "trainingData" if self.training_data is not None else "",
            "datasetId" if self.dataset_id is not None else "",
            "/".join(sorted(plant)),
        ]
        given = [source for source in sources if source]
        if len(given) > 1:
            raise ValueError(f"takes one source of data; given: {', '.join(given)}")
        return self

    @property
    def generated(self) -> set[str]:
        """The fields that ask for synthetic data."""
        return set(_GENERATED)

    @property
    def names_no_data(self) -> bool:
        """True if the request has no source of data: the newest data set is meant."""
        given = self.training_data is not None or self.dataset_id is not None
        return not given and not self.model_fields_set & self.generated

    @property
    def left_open(self) -> list[str]:
        """The hyperparameters that the preset chooses."""
        if self.preset is None:
            return []
        return [name for name in PRESET_CHOOSES if name not in self.model_fields_set]

    @property
    def architecture(self) -> Architecture:
        """The architecture of the network."""
        return Architecture.PLAIN


class ParallelRequest(TrainRequest):
    """A training per plant: of the plants named, or of all that the data has."""

    model_config = _example(
        _ONE_SOURCE_OF_PLANTS, datasetId=DATASET_ID, epochs=2, plants=["Plant_A"]
    )

    @property
    def names_plants(self) -> bool:
        """Return true if the request names plants."""
        return "plants" in self.model_fields_set

    @property
    def generated(self) -> set[str]:
        """The fields that ask for synthetic data; `plants` chooses from any data."""
        return super().generated - {"plants"}


class EnhancedFields(TrainRequest):
    """The hyperparameters of the enhanced network, with its own defaults."""

    lstm_units1: Int = Field(32, ge=1, le=1024, description="units of the first LSTM layer")
    lstm_units2: Int = Field(24, ge=1, le=1024, description="units of the second LSTM layer")
    dropout_rate: Number = Field(
        0.25, ge=0, le=0.9, description="share of a layer's outputs that each batch leaves out"
    )
    sequence_length: Int = Field(15, ge=1, le=365, description="steps that the network looks back")
    epochs: Int = Field(12, ge=1, le=10_000, description="epochs at most")
    batch_size: Int = Field(64, ge=1, le=8192, description="windows of a batch")
    learning_rate: Number = Field(0.002, gt=0, le=1, description="learning rate of Adam")
    train_test_split: Number = Field(
        0.85,
        ge=0.1,
        le=0.99,
        description="share of the time that is trained on; the rest is held back",
    )

    @property
    def architecture(self) -> Architecture:
        """The architecture of the network."""
        return Architecture.ENHANCED


class EnhancedRequest(EnhancedFields):
    """A training of the enhanced network."""

    model_config = _example(_ONE_SOURCE, datasetId=DATASET_ID, epochs=2)


class EnhancedParallelRequest(EnhancedFields, ParallelRequest):
    """A training of the enhanced network per plant."""

    model_config = _example(
        _ONE_SOURCE_OF_PLANTS, datasetId=DATASET_ID, epochs=2, plants=["Plant_A"]
    )


class BacktestRequest(Request):
    """A backtest of a model: forecasts from past origins, beside what came."""

    model_config = _example(origins=5, horizon=7)

    dataset_id: DatasetId | None = Field(
        None, description="default: the data set that the model was trained on"
    )
    origins: Int = Field(20, ge=1, le=200, description="how many at most, spread evenly")
    horizon: Annotated[Int, Field(ge=1, le=365)] | None = Field(
        None, description="default: 28 days, 26 weeks or 12 months"
    )
    step: Annotated[Int, Field(ge=1, le=36_500)] | None = Field(
        None, description="from each origin to the next, back from the newest"
    )
    plant: Name | None = Field(None, description="only the series of this plant")
    application: Name | None = Field(None, description="only the series of this application")
    panel_size: Name | None = Field(None, description="only the series of this panel size")
    include_training: Flag = Field(False, description="true: origins within the training span, too")
    background: Flag = Field(False, description="true: reply 202 with a job at once")

    def to_config(self) -> dict[str, Any]:
        """Return the fields as jobs state them, in snake_case."""
        return self.model_dump(exclude={"dataset_id", "background"})


class CompressRequest(Request):
    """The weights to serve a model with."""

    model_config = _example(serves="float16")

    serves: Literal["float32", "float16", "int8"] = Field(
        "float16", description="number format of the weights"
    )
    dataset_id: DatasetId | None = Field(
        None, description="to measure by; default: the data set that the model was trained on"
    )


class ModelsQuery(PageQuery):
    """The models to list; `q` looks in ids, architectures, data sets and names of series."""

    sort: Literal["-created_at", "created_at", "mase"] = Field(
        "-created_at", description="`-created_at`: newest first; `mase`: lowest error first"
    )


class DatasetsQuery(PageQuery):
    """The data sets to list; `q` looks in ids, sources and names of series."""

    sort: Literal["-created_at", "created_at", "-data_points", "data_points"] = Field(
        "-created_at", description="`-created_at`: newest first; `-data_points`: largest first"
    )


class SeriesQuery(PageQuery):
    """The series of a data set to list; `q` looks in their names."""

    sort: Literal["name"] = Field("name", description="in the order of the data set")


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


class DataRequest(ReadOptions):
    """Data to check: a stored data set or rows."""

    model_config = _example(
        exactly_one("datasetId", "data", "trainingData", "rows"), datasetId=DATASET_ID
    )

    dataset_id: DatasetId | None = Field(None, description="id of a stored data set")
    data: Rows | None = Field(None, description="rows")
    training_data: Rows | None = Field(None, description="rows, by another name")
    rows: Rows | None = Field(None, description="rows, by another name")
    calendar: Calendars | None = Field(
        None,
        description="the working calendar of all plants, or calendars by plant; default: that of "
        "the data set, else as recognised in the rows",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        names = {name: to_camel(name) for name in ("dataset_id", "data", "training_data", "rows")}
        given = [alias for name, alias in names.items() if getattr(self, name) is not None]
        if len(given) != 1:
            one = "takes exactly one of datasetId, data, trainingData and rows"
            raise ValueError(f"{one}; given: {', '.join(given) or 'none'}")
        return self

    @property
    def posted(self) -> list[Row] | None:
        """The rows, under any of their names."""
        return self.data or self.training_data or self.rows


class NoteRequest(Request):
    """A line for the training log."""

    model_config = _example(message="A new batch of glass from today.", level="info")

    message: Line = Field(description="one line of text")
    level: Literal["info", "success", "warning", "error"] = Field(
        "info", description="kind of the line, in any case"
    )


class ForecastFields(ReadOptions):
    """The fields of a forecast beside its model and plant."""

    application: Name = Field(description="name of the application")
    panel_size: Name = Field(description="name of the panel size")
    prediction_days: Int = Field(30, ge=1, le=365, description="steps to forecast")
    current_wip: Positive | None = Field(
        None, alias="currentWIP", description="WIP of the last day, in units; default: as known"
    )
    last_throughput: Positive | None = Field(
        None, description="throughput of the last day, in units; default: as known"
    )
    planned_throughput: Positive | None = Field(
        None, description="units to finish per step over the horizon, as far as the line can"
    )
    target_production: Positive | None = Field(
        None,
        description="units to finish over the horizon; the reply says on which day the cumulated "
        "throughput of the forecast reaches them (`target`)",
    )
    history: Rows | None = Field(
        None, description="recent rows of this series, newest last; default: the training data's"
    )
    history_steps: Int = Field(
        0, ge=0, le=1000, description="number of the last known rows in the reply's `history`"
    )
    plan: PlanRows | None = Field(
        None,
        description="releases, capacity and other inputs that are known of the steps ahead; in "
        "place of those stored with the data set",
    )
    raw: Flag = Field(False, description="true: forecasts before reconciliation")
    calendar: Calendars | None = Field(
        None,
        description="working calendar after the last row, of all plants or by plant: its weekdays "
        "and country replace those of the model, its closed and open days are added",
    )
    working_days_only: Flag = Field(
        False,
        description="true: closed days are left out, and predictionDays counts worked days; "
        "false: they are in the reply, marked as `closed`",
    )
    paths: Int = Field(
        0, ge=0, le=1000, description="number of joint sample paths of all steps in the reply"
    )
    as_of: Line | None = Field(
        None,
        description="the last date that the forecast knows, YYYY-MM-DD: it starts from the rows of "
        "the model's data set up to it; default: the newest rows",
    )


class PredictRequest(ForecastFields):
    """A forecast of one series from its recent past."""

    model_config = _example(
        model_id=MODEL_ID, plant="Plant_A", application="Automotive", panelSize="Small"
    )

    model_id: str = Field(
        min_length=1,
        alias="model_id",
        description="id of the model, or `pretrained` for a forecast without a training; "
        "`modelId` is taken as well",
    )
    plant: Name = Field(description="name of the plant")
    dataset_id: DatasetId | None = Field(
        None,
        description="data set whose series is forecast from its newest rows; with model_id "
        "`pretrained` only",
    )


class ScenariosRequest(PredictRequest):
    """Forecasts of one series with several plans."""

    model_config = _example(
        model_id=MODEL_ID,
        plant="Plant_A",
        application="Automotive",
        panelSize="Small",
        scenarios=[
            {"name": "as planned", "plan": []},
            {"name": "half a shift less", "plan": [{"date": "2025-07-01", "capacity": 0.5}]},
        ],
    )

    scenarios: Annotated[list[Scenario], Field(min_length=1, max_length=MOST_SCENARIOS)] = Field(
        description="plans by name; differences are from the first"
    )

    @model_validator(mode="after")
    def _distinct_names(self) -> Self:
        _distinct([scenario.name for scenario in self.scenarios])
        return self


class BatchItem(ForecastFields):
    """One forecast of a batch."""

    plant: Name = Field(description="name of the plant")


class BatchRequest(Request):
    """Forecasts of many series by one model; an item takes the fields of predict but `model_id`."""

    model_config = _example(
        model_id=MODEL_ID,
        items=[{"plant": "Plant_A", "application": "Automotive", "panelSize": "Small"}],
    )

    model_id: str = Field(
        min_length=1,
        alias="model_id",
        description="id of the model, or `pretrained` for forecasts without a training; "
        "`modelId` is taken as well",
    )
    dataset_id: DatasetId | None = Field(
        None, description="data set with the series; with model_id `pretrained` only"
    )
    items: Annotated[
        list[Annotated[dict[str, Any], ShownAs(BatchItem)]], Field(min_length=1, max_length=10_000)
    ] = Field(description="the series to forecast")


class PlantPredictRequest(ForecastFields):
    """A forecast of one series of a plant, by the plant's best model."""

    model_config = _example(application="Automotive", panelSize="Small", predictionDays=7)

    plant: Name | None = Field(None, description="if given, the plant of the path")


class ValidateRequest(Request):
    """A state of a line: at least two of WIP, throughput and cycle time."""

    model_config = _example(
        two_of("wip", "throughput", "cycleTime"), wip=120, throughput=50, cycleTime=2
    )

    wip: Positive | None = Field(None, description="work in process, in units")
    throughput: Positive | None = Field(None, description="units finished per period")
    cycle_time: Positive | None = Field(None, description="mean time in process, in periods")
    target_production: Positive | None = Field(
        None, description="units to produce; the reply says how many periods they take"
    )
    capacity: Positive | None = Field(
        None, description="units that the line can finish per period; a throughput above warns"
    )
    horizon_days: Int = Field(
        30, ge=1, le=36_500, description="periods in which the target should be reached"
    )

    @model_validator(mode="after")
    def _two_of_three(self) -> Self:
        if [self.wip, self.throughput, self.cycle_time].count(None) > 1:
            raise ValueError("needs at least two of wip, throughput and cycleTime")
        return self
