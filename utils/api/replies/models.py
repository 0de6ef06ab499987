"""Replies about models."""

# Annotations are no texts here: pydantic would compile each of some hundreds at the start.
from typing import Annotated, Literal

from pydantic import Field, with_config
from typing_extensions import TypedDict

from utils.api.replies.base import DOCUMENT, CreatedAt, Part, Reply, Step, Target
from utils.api.replies.training import (
    LossHistory,
    ModelMetrics,
    NetworkConfig,
    NetworkSummary,
    OtherModel,
)

Weights = Literal["float32", "float16", "int8"]


@with_config(DOCUMENT)
class ModelInfo(TypedDict, total=False):
    """A model as lists show it."""

    status: Annotated[str | None, Field(description="`ready`, `damaged` or `not imported`")]
    error: Annotated[str | None, Field(description="what is wrong with a damaged model")]
    created_at: Annotated[
        CreatedAt | None, Field(description="when it was trained, ISO 8601 in UTC")
    ]
    architecture: Annotated[str | None, Field(description="`plain` or `enhanced`")]
    config: Annotated[NetworkConfig | None, Field(description="hyperparameters")]
    chosen_by_preset: Annotated[
        list[str] | None, Field(description="hyperparameters that the preset chose")
    ]
    metrics: Annotated[
        ModelMetrics | None, Field(description="errors on the held-back end of the data")
    ]
    training_time: Annotated[float | None, Field(description="seconds")]
    dataset_id: Annotated[str | None, Field(description="the data set that it was trained on")]
    data_points: Annotated[
        int | None, Field(description="rows that it was trained and measured on")
    ]
    dataset_version: Annotated[int | None, Field(description="the version of that data set")]
    dataset_as_of: Annotated[str | None, Field(description="the last date of that version")]
    dataset_versions: Annotated[
        list[int] | None,
        Field(description="the versions that it and the models before it were trained on"),
    ]
    continued_from: Annotated[
        str | None, Field(description="the model whose weights it began from")
    ]
    source: Annotated[str | None, Field(description="`trained`, or `legacy` for an imported model")]
    plant: Annotated[str | None, Field(description="the one plant that it was trained on")]
    warnings: Annotated[list[str] | None, Field(description="series that were left out, and why")]
    versions: Annotated[dict[str, str] | None, Field(description="versions of what trained it")]
    serves: Annotated[str | None, Field(description="the weights that it is served with")]
    series_count: Annotated[
        int | None, Field(description="number of series that it was trained on")
    ]


class ModelEntry(Part):
    """A model in the list."""

    model_id: str = Field(description="id of the model")
    info: ModelInfo = Field(description="what is known of it")


class BuiltInInfo(Part):
    """A model that ships with the service."""

    source: str = Field(description="`built in`")
    architecture: str = Field(description="`pretrained`")
    status: str = Field(description="`ready`")
    description: str = Field(description="how to forecast with it")


class BuiltInModel(Part):
    """The entry of a model that is built in."""

    model_id: str = Field(description="in place of the id of a model")
    info: BuiltInInfo = Field(description="about it")


class ModelsReply(Reply):
    """The models on disk."""

    models: list[ModelEntry] = Field(
        description="newest first, or as `sort` says; metrics in short, warnings the first 3"
    )
    built_in: list[BuiltInModel] = Field(description="models that ship with the service")
    total: int = Field(description="number of models on all pages, without those built in")
    next_cursor: str | None = Field(description="`cursor` of the next page; null: there is none")


class KnownSeries(Part):
    """The names of a series."""

    plant: str = Field(description="name of the plant")
    application: str = Field(description="name of the application")
    panel_size: str = Field(description="name of the panel size")


class ModelReply(Reply):
    """One model in full."""

    model_id: str = Field(description="id of the model")
    info: ModelInfo = Field(description="what lists show of it")
    training_history: LossHistory | None = Field(description="losses by epoch; null: not known")
    model_summary: NetworkSummary | None = Field(description="shape and size; null: not known")
    beside: list[OtherModel] = Field(description="the newest of each other architecture, if any")
    step: Step = Field(description="time from one row of its series to the next")
    series: list[KnownSeries] = Field(description="the series that it was trained on")


class CompressedFile(Part):
    """A form of a network and what it changes. Changes are relative to the target's mean."""

    bytes: int = Field(description="size of the file")
    published: bool = Field(description="false: it would change the mean forecast by over 1 %")
    mean_change: float = Field(description="mean absolute change of the forecasts, largest target")
    largest_change: float = Field(description="largest absolute change of a forecast")
    per_target: dict[Target, float] = Field(description="mean absolute change by target")
    mase: float | None = Field(description="MASE of the forecasts with these weights")
    mase_change: float | None = Field(description="its change by these weights")


class CompressReply(Reply):
    """The effect of smaller weights on a model's forecasts of the held-back span."""

    model_id: str = Field(description="id of the model")
    serves: Weights = Field(description="the weights that it is served with now")
    dataset_id: str = Field(description="the data set that the changes were measured on")
    forecasts: int = Field(description="number of forecasts compared")
    bytes_before: int = Field(description="size of the ONNX file with float32 weights")
    bytes_after: int = Field(description="size of the one that is served now")
    files: dict[Literal["float32", "float16", "int8", "litert"], CompressedFile] = Field(
        description="each form and what it changes"
    )
