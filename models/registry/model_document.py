"""The document of a published model, `<id>.json`: its fields, and their names on disk.

Training and the import of legacy models write it; everything else reads it by attribute. Fields
that this version does not know are kept when a document is read and written again.

    >>> document = ModelDocument.of({"model_id": "m", "anchor": {"lags": 7}, "later": 1})
    >>> document.autoregression
    {'lags': 7}
    >>> document.to_json()
    {'model_id': 'm', 'anchor': {'lags': 7}, 'later': 1}
"""

from __future__ import annotations

import math
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.series.panel import SeriesKey
from utils.errors import DamagedFile
from utils.storage.artifact_reader import ArtifactReader

# Fields that a forecast needs and a list of models does not: nine tenths of a document.
FORECAST_FIELDS = ("encoding", "autoregression", "reconciliation", "intervals", "what_if")


class _Fields(BaseModel):
    model_config = ConfigDict(
        extra="allow", populate_by_name=True, protected_namespaces=(), frozen=True
    )


class SeriesEntry(_Fields):
    """The end of the training data of one series.

    Attributes:
        series_key: plant, application and panel size.
        last_step: step number of the last row.
        recent: the last rows in units, [n, 3] in the order of TARGETS.
        highest_throughput: the most units put out in one step.
        has_cycle_times: False if no cycle time of the series was given.
        known: values of the known columns in the rows of `recent`, by name; null: not known.
        stocks: of an imported model: finished and semi-finished goods of the recent rows, [n, 2];
            None where unknown.
        until: date of the last row, where that is of a closed day; None: that of the last step.
    """

    series_key: SeriesKey = Field(validation_alias="key", serialization_alias="key")
    last_step: int | None = None
    recent: list[list[float]] | None = None
    highest_throughput: float = math.inf
    has_cycle_times: bool = True
    known: dict[str, list[float | None]] | None = None
    until: str | None = None
    stocks: list[list[float | None]] | None = None


class NetworkEntry(_Fields):
    """The network beside its ONNX file.

    Attributes:
        change_scale: usual changes up to each step, the units of its outputs, [H, 3].
        residual_scale: of a model of version 1.0, whose network corrects the autoregression: unit
            of its output for each target; 0: it is not applied.
    """

    change_scale: list[list[float]] | None = None
    residual_scale: list[float] | None = Field(
        default=None, validation_alias="size", serialization_alias="size"
    )


class Metrics(_Fields):
    """Errors over the held-back end, in units; None: not measured."""

    rmse: float | None = None
    mae: float | None = None
    r2_score: float | None = None
    mase: float | None = None
    per_target: dict[str, dict[str, Any]] = {}


class SplitDates(_Fields):
    """First dates of the parts that training held back, and the last date it has seen."""

    held_back_from: str
    calibration_from: str | None
    last_date: str


class ModelDocument(_Fields):
    """Everything known about a published model besides its network.

    The parts that forecast are kept as their `to_document` gives them. A legacy model has an
    `encoding` and `series` only, and no `architecture`.
    """

    model_id: str = ""
    created_at: str = ""
    source: str | None = None
    architecture: str | None = None
    plant: str | None = None
    dataset_id: str | None = None
    dataset_version: int = 1  # that it was trained on
    dataset_as_of: str | None = None  # last date of that version
    dataset_versions: list[int] = []  # that it and the models before it were trained on
    dataset_rows: str | None = None  # digest of the rows of its plant; None: of all plants
    continued_from: str | None = None  # id of the model whose weights it began from
    calendar: dict[str, Any] | None = None  # of the request, in place of that of the data set
    fingerprint: str | None = None  # of the request for its training
    data_points: int | None = None
    config: dict[str, Any] = {}
    chosen_by_preset: list[str] = []
    metrics: Metrics = Metrics()
    model_summary: dict[str, Any] | None = None
    training_history: dict[str, Any] | None = None
    training_time: float | None = None
    warnings: list[str] = []
    versions: dict[str, str] = {}
    encoding: dict[str, Any] = {}
    autoregression: dict[str, Any] | None = Field(
        default=None, validation_alias="anchor", serialization_alias="anchor"
    )
    network: NetworkEntry | None = None
    combination: dict[str, list[list[float]]] | None = None  # weights [H, 3] by member
    reconciliation: dict[str, Any] | None = Field(
        default=None, validation_alias="coherence", serialization_alias="coherence"
    )
    intervals: dict[str, Any] | None = Field(
        default=None, validation_alias="spread", serialization_alias="spread"
    )
    raw_intervals: dict[str, Any] | None = None  # of values before reconciliation
    follows_shifts: bool = True  # of the level
    error_paths: list[list[list[int]]] | None = None
    plans: dict[str, Any] | None = None  # effect, intervals and is_certain of `PlanParts`
    what_if: dict[str, Any] | None = Field(
        default=None, validation_alias="response", serialization_alias="response"
    )
    split: SplitDates | None = None
    series: list[SeriesEntry] = []
    serves: str = "float32"  # type of the served network's weights
    compression: dict[str, Any] | None = None
    files: dict[str, dict[str, Any]] = {}

    @classmethod
    def of(cls, fields: dict[str, Any]) -> ModelDocument:
        """Return the document with the given fields, by their names on disk.

        Raises:
            DamagedFile: a field has a type that it never has.
        """
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise DamagedFile(
                f"The document of model {fields.get('model_id', '')} is damaged: {place}: "
                f"{first['msg']}."
            ) from error

    @classmethod
    def read(cls, store: ArtifactReader, model_id: str) -> ModelDocument:
        """Return the document of a model in a store.

        Raises:
            NotFound: there is no such model.
            DamagedFile: its document cannot be read.
        """
        return cls.of(store.document(model_id))

    def to_json(self) -> dict[str, Any]:
        """Return the fields that are set, by their names on disk."""
        return self.model_dump(by_alias=True, exclude_unset=True)

    @property
    def series_keys(self) -> list[SeriesKey]:
        """The series that the model was trained on."""
        return [entry.series_key for entry in self.series]

    @property
    def engineered_features(self) -> bool:
        """True if the network takes engineered calendar and moving-average features."""
        return bool(self.encoding.get("engineered", False))


def names_on_disk(fields: tuple[str, ...]) -> set[str]:
    """Return the names that fields of `ModelDocument` have on disk."""
    known = ModelDocument.model_fields
    return {known[name].serialization_alias or name for name in fields}
