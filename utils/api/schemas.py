"""Every request; what comes back is in `replies`. The OpenAPI document comes from both."""

from __future__ import annotations

from itertools import combinations
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from utils.api.architectures import Architecture
from utils.api.parsing import Flag, Int, Line, Name, Number, Positive, Request


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
Row = dict[str, Any]


_ANY_ID = "00000000-0000-4000-8000-000000000000"


def _example(rule: dict[str, Any] | None = None, /, **fields: Any) -> ConfigDict:
    """The configuration of a request that the document shows with these fields.

    Args:
        rule: what couples fields, as a JSON Schema of the whole.
    """
    return ConfigDict(json_schema_extra={"examples": [fields], **(rule or {})})


def _at_most_one(*sources: tuple[str, ...]) -> dict[str, Any]:
    """The JSON Schema of objects with fields of at most one of the sources."""
    absent = [
        {name: {"type": "null"} for other in sources for name in other if name not in one}
        for one in sources
    ]
    return {"anyOf": [{"properties": others} for others in absent]}


def _exactly_one(*fields: str) -> dict[str, Any]:
    """The JSON Schema of objects with one of the fields."""
    given = {"not": {"type": "null"}}
    return {"oneOf": [{"required": [name], "properties": {name: given}} for name in fields]}


def _two_of(*fields: str) -> dict[str, Any]:
    """The JSON Schema of objects with two or more of the fields."""
    given = {"not": {"type": "null"}}
    pairs = combinations(fields, 2)
    return {"anyOf": [{"required": [*p], "properties": dict.fromkeys(p, given)} for p in pairs]}


class PlantFields(Request):
    """What synthetic data is asked for by."""

    plants: Names = Field(["Plant_A", "Plant_B", "Plant_C"])
    applications: Names = Field(["Automotive", "Consumer_Electronics", "Industrial"])
    panel_sizes: Names = Field(["Small", "Medium", "Large", "Extra_Large"])
    historical_days: Int = Field(545, ge=1, le=36_500)
    base_wip: Positive = Field(100.0, alias="baseWIP")
    base_throughput: Positive = 50.0
    seasonality: Number = Field(0.2, ge=0, le=1)
    noise_level: Number = Field(0.1, ge=0, le=1)

    @property
    def series(self) -> int:
        """Number of series asked for."""
        return len(self.plants) * len(self.applications) * len(self.panel_sizes)


class SeedField(Request):
    """The seed: the same seed and fields give the same rows, and the same model."""

    seed: Seed | None = None


class GenerateRequest(SeedField, PlantFields):
    """Synthetic plant data."""

    model_config = _example(
        plants=["Plant_A", "Plant_B"], applications=["Automotive"], panelSizes=["Small"], seed=1
    )


class Hyperparameters(Request):
    """What a planner may set of the network and its training."""

    lstm_units1: Int = Field(64, ge=1, le=1024)
    lstm_units2: Int = Field(32, ge=1, le=1024)
    dropout_rate: Number = Field(0.2, ge=0, le=0.9)
    sequence_length: Int = Field(10, ge=1, le=365)
    epochs: Int = Field(50, ge=1, le=10_000)
    batch_size: Int = Field(32, ge=1, le=8192)
    learning_rate: Number = Field(0.00001, gt=0, le=1)
    train_test_split: Number = Field(0.8, ge=0.1, le=0.99)

    def to_config(self) -> dict[str, Any]:
        """The figures as replies and models state them, in snake_case."""
        config = {name: getattr(self, name) for name in Hyperparameters.model_fields}
        return {
            {"lstm_units1": "lstm_units_1", "lstm_units2": "lstm_units_2"}.get(name, name): value
            for name, value in config.items()
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Hyperparameters:
        """The inverse of `to_config`; what it does not know is left aside."""
        plain = {name.replace("_units_", "_units"): value for name, value in config.items()}
        known = {k: v for k, v in plain.items() if k in Hyperparameters.model_fields}
        return Hyperparameters.model_validate(known)


_PLANT_FIELDS = tuple(item.alias or name for name, item in PlantFields.model_fields.items())
_ONE_SOURCE = _at_most_one(("trainingData",), ("datasetId",), _PLANT_FIELDS)
_ONE_SOURCE_OF_PLANTS = _at_most_one(("trainingData",), ("datasetId",), _PLANT_FIELDS[1:])
# What a preset may choose, where the request does not say it.
PRESET_CHOOSES = ("learning_rate", "epochs", "sequence_length")


class TrainRequest(SeedField, Hyperparameters, PlantFields):
    """A training, and at most one source of its data: rows, a data set, or what to generate."""

    model_config = _example(_ONE_SOURCE, datasetId=_ANY_ID, epochs=2)

    training_data: Annotated[list[Row], Field(min_length=1)] | None = None
    dataset_id: Annotated[str, Field(min_length=1)] | None = None
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
        """Fields that ask for synthetic data."""
        return set(PlantFields.model_fields)

    @property
    def left_open(self) -> list[str]:
        """Hyperparameters that the preset is to choose."""
        if self.preset is None:
            return []
        return [name for name in PRESET_CHOOSES if name not in self.model_fields_set]

    @property
    def architecture(self) -> Architecture:
        """What the network is built and trained like."""
        return Architecture.PLAIN


class ParallelRequest(TrainRequest):
    """A training per plant: of the plants named, or of all that the data has."""

    model_config = _example(_ONE_SOURCE_OF_PLANTS, datasetId=_ANY_ID, epochs=2, plants=["Plant_A"])

    @property
    def names_plants(self) -> bool:
        """Whether the request says which plants."""
        return "plants" in self.model_fields_set

    @property
    def generated(self) -> set[str]:
        """Fields that ask for synthetic data; the plants choose from any data."""
        return super().generated - {"plants"}


class EnhancedFields(TrainRequest):
    """The hyperparameters of the enhanced network, with its own defaults."""

    lstm_units1: Int = Field(32, ge=1, le=1024)
    lstm_units2: Int = Field(24, ge=1, le=1024)
    dropout_rate: Number = Field(0.25, ge=0, le=0.9)
    sequence_length: Int = Field(15, ge=1, le=365)
    epochs: Int = Field(12, ge=1, le=10_000)
    batch_size: Int = Field(64, ge=1, le=8192)
    learning_rate: Number = Field(0.002, gt=0, le=1)
    train_test_split: Number = Field(0.85, ge=0.1, le=0.99)

    @property
    def architecture(self) -> Architecture:
        """What the network is built and trained like."""
        return Architecture.ENHANCED


class EnhancedRequest(EnhancedFields):
    """A training of the enhanced network."""

    model_config = _example(_ONE_SOURCE, datasetId=_ANY_ID, epochs=2)


class EnhancedParallelRequest(EnhancedFields, ParallelRequest):
    """A training of the enhanced network per plant."""

    model_config = _example(_ONE_SOURCE_OF_PLANTS, datasetId=_ANY_ID, epochs=2, plants=["Plant_A"])


class BacktestRequest(Request):
    """A backtest of a model: forecasts from past origins, beside what came."""

    model_config = _example(origins=5, horizon=7)

    dataset_id: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="default: the data set that the model was trained on"
    )
    origins: Int = Field(20, ge=1, le=200, description="how many at most, spread evenly")
    horizon: Annotated[Int, Field(ge=1, le=365)] | None = Field(
        None, description="default: 28 days, 26 weeks or 12 months"
    )
    step: Annotated[Int, Field(ge=1, le=36_500)] | None = Field(
        None, description="from each origin to the next, back from the newest"
    )
    plant: Name | None = None
    application: Name | None = None
    panel_size: Name | None = None
    include_training: Flag = Field(False, description="true: origins within the training span, too")
    background: Flag = Field(False, description="true: reply 202 with a job at once")

    def to_config(self) -> dict[str, Any]:
        """What was asked for as jobs state it, in snake_case."""
        return self.model_dump(exclude={"dataset_id", "background"})


class CompressRequest(Request):
    """Which weights to serve a model with."""

    model_config = _example(serves="float16")

    serves: Literal["float32", "float16", "int8"] = "float16"
    dataset_id: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="to measure by; default: the data set that the model was trained on"
    )


class JobsQuery(Request):
    """Which jobs to list."""

    kind: Literal["train", "backtest"] | None = None
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"] | None = None
    limit: Int = Field(100, ge=1, le=1000)
    offset: Int = Field(0, ge=0, le=1_000_000_000)


class DataRequest(Request):
    """Data to be judged: a stored data set or rows."""

    model_config = _example(
        _exactly_one("datasetId", "data", "trainingData", "rows"), datasetId=_ANY_ID
    )

    dataset_id: Annotated[str, Field(min_length=1)] | None = None
    data: Annotated[list[Row], Field(min_length=1)] | None = None
    training_data: Annotated[list[Row], Field(min_length=1)] | None = None
    rows: Annotated[list[Row], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        names = {name: to_camel(name) for name in type(self).model_fields}
        given = [alias for name, alias in names.items() if getattr(self, name) is not None]
        if len(given) != 1:
            one = "takes exactly one of datasetId, data, trainingData and rows"
            raise ValueError(f"{one}; given: {', '.join(given) or 'none'}")
        return self

    @property
    def posted(self) -> list[Row] | None:
        """The rows, by whichever name they came."""
        return self.data or self.training_data or self.rows


class NoteRequest(Request):
    """A line for the training log."""

    model_config = _example(message="A new batch of glass from today.", level="info")

    message: Line
    level: Literal["info", "success", "warning", "error"] = "info"


class ForecastFields(Request):
    """What a forecast is asked for by, its model and plant aside."""

    application: Name
    panel_size: Name
    prediction_days: Int = Field(30, ge=1, le=365)
    current_wip: Positive | None = Field(None, alias="currentWIP")
    planned_throughput: Positive | None = None
    target_production: Positive | None = None
    history: Annotated[list[Row], Field(min_length=1)] | None = None
    raw: Flag = Field(False, description="true: as they are before they are made to agree")


class PredictRequest(ForecastFields):
    """A forecast of one series from its recent past."""

    model_config = _example(
        model_id=_ANY_ID, plant="Plant_A", application="Automotive", panelSize="Small"
    )

    model_id: Annotated[str, Field(min_length=1, alias="model_id")]
    plant: Name


class BatchItem(ForecastFields):
    """One forecast of a batch."""

    plant: Name


class BatchRequest(Request):
    """Forecasts of many series by one model; an item takes the fields of predict but `model_id`."""

    model_config = _example(
        model_id=_ANY_ID,
        items=[{"plant": "Plant_A", "application": "Automotive", "panelSize": "Small"}],
    )

    model_id: Annotated[str, Field(min_length=1, alias="model_id")]
    items: Annotated[list[Row], Field(min_length=1, max_length=10_000)]


class PlantPredictRequest(ForecastFields):
    """A forecast of one series of a plant, by the plant's best model."""

    model_config = _example(application="Automotive", panelSize="Small", predictionDays=7)

    plant: Name | None = Field(None, description="if given, the plant of the path")


class ValidateRequest(Request):
    """A state of a line: at least two of WIP, throughput and cycle time."""

    model_config = _example(
        _two_of("wip", "throughput", "cycleTime"), wip=120, throughput=50, cycleTime=2
    )

    wip: Positive | None = None
    throughput: Positive | None = None
    cycle_time: Positive | None = None
    target_production: Positive | None = None
    capacity: Positive | None = None
    horizon_days: Int = Field(30, ge=1, le=36_500)

    @model_validator(mode="after")
    def _two_of_three(self) -> Self:
        if [self.wip, self.throughput, self.cycle_time].count(None) > 1:
            raise ValueError("needs at least two of wip, throughput and cycleTime")
        return self
