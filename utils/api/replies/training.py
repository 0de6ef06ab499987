"""Replies about trainings, and the parts of a model's document that other replies show too."""

# Annotations are no texts here: pydantic would compile each of some hundreds at the start.
from typing import Annotated

from pydantic import Field, with_config
from typing_extensions import TypedDict

from utils.api.replies.base import DOCUMENT, ArchitectureName, CreatedAt, Part, Reply


@with_config(DOCUMENT)
class NetworkConfig(TypedDict, total=False):
    """Hyperparameters of a network and its training."""

    lstm_units_1: Annotated[int | None, Field(description="units of the first LSTM layer")]
    lstm_units_2: Annotated[int | None, Field(description="units of the second LSTM layer")]
    dropout_rate: Annotated[
        float | None, Field(description="share of outputs left out while training")
    ]
    recurrent_dropout: Annotated[
        float | None, Field(description="share of an LSTM's state left out")
    ]
    sequence_length: Annotated[int | None, Field(description="steps that the network looks back")]
    epochs: Annotated[int | None, Field(description="epochs at most")]
    batch_size: Annotated[int | None, Field(description="windows of a batch")]
    learning_rate: Annotated[float | None, Field(description="learning rate of Adam at the start")]
    train_test_split: Annotated[
        float | None, Field(description="share of the time that is trained on")
    ]
    architecture: Annotated[str | None, Field(description="`plain` or `enhanced`")]
    seed: Annotated[int | None, Field(description="seed of the random numbers")]


@with_config(DOCUMENT)
class TargetMetrics(TypedDict, total=False):
    """Errors of one target on held-back data."""

    rmse: Annotated[float | None, Field(description="root mean square error, one step ahead")]
    mae: Annotated[float | None, Field(description="mean absolute error, one step ahead")]
    r2_score: Annotated[float | None, Field(description="R², one step ahead")]
    last_value_mae: Annotated[
        float | None, Field(description="mean absolute error of repeating the last value")
    ]
    skill: Annotated[
        float | None, Field(description="share of the last value's error saved, one step ahead")
    ]
    wape: Annotated[float | None, Field(description="Σ|error| ÷ Σ|truth| of roll-outs")]
    mase: Annotated[
        float | None, Field(description="mean of |error| ÷ the seasonal naive's, of roll-outs")
    ]
    skill_over_last_value: Annotated[
        float | None, Field(description="share of the last value's error saved, of roll-outs")
    ]
    skill_over_seasonal_naive: Annotated[
        float | None, Field(description="share of the seasonal naive's error saved, of roll-outs")
    ]
    coverage: Annotated[
        dict[str, float | None] | None,
        Field(description="share of values within the interval of 80 and of 95 %, by percent"),
    ]


@with_config(DOCUMENT)
class MetricsByTarget(TypedDict, total=False):
    """Errors by target."""

    wip: Annotated[TargetMetrics | None, Field(description="of WIP, in units")]
    throughput: Annotated[
        TargetMetrics | None, Field(description="of throughput, in units per step")
    ]
    cycle_time: Annotated[TargetMetrics | None, Field(description="of cycle time, in steps")]


@with_config(DOCUMENT)
class LawOnHeldBack(TypedDict, total=False):
    """Little's Law on held-back data."""

    series_that_obey: Annotated[
        int | float | None, Field(description="series that are reconciled by it; null: none is")
    ]
    gap: Annotated[float | None, Field(description="mean deviation of the forecasts from it")]


@with_config(DOCUMENT)
class MemberFigures(TypedDict, total=False):
    """A member of the combination, for one target."""

    weight: Annotated[float | None, Field(description="mean weight over the horizon; 0: unused")]
    wape: Annotated[float | None, Field(description="WAPE of the member alone")]


@with_config(DOCUMENT)
class CombinedTarget(TypedDict, total=False):
    """The combination of members for one target."""

    wape: Annotated[float | None, Field(description="WAPE of the combination")]
    members: Annotated[dict[str, MemberFigures] | None, Field(description="by member")]


@with_config(DOCUMENT)
class CombinationSummary(TypedDict, total=False):
    """The members that are combined, with their weights and errors on held-back data."""

    sentence: Annotated[str | None, Field(description="the weights in words")]
    per_target: Annotated[dict[str, CombinedTarget] | None, Field(description="by target")]


@with_config(DOCUMENT)
class CorrectionErrors(TypedDict, total=False):
    """WAPE of one target without and with the LSTM correction."""

    wape_without: Annotated[float | None, Field(description="of the autoregression alone")]
    wape_with: Annotated[float | None, Field(description="with the LSTM correction")]
    wape_published: Annotated[float | None, Field(description="of the model as it forecasts")]


@with_config(DOCUMENT)
class CorrectionSummary(TypedDict, total=False):
    """The LSTM correction: for which targets it is applied, and its effect on the error."""

    used: Annotated[bool | None, Field(description="whether it is applied to any target")]
    targets: Annotated[list[str] | None, Field(description="targets that it is applied to")]
    anchor: Annotated[str | None, Field(description="the baseline model that it corrects")]
    sentence: Annotated[str | None, Field(description="the same as a sentence")]
    per_target: Annotated[dict[str, CorrectionErrors] | None, Field(description="errors by target")]


@with_config(DOCUMENT)
class ModelMetrics(TypedDict, total=False):
    """Errors on the held-back end of the data, in the units of the data."""

    rmse: Annotated[float | None, Field(description="root mean square error over all targets")]
    mae: Annotated[float | None, Field(description="mean absolute error over all targets")]
    r2_score: Annotated[float | None, Field(description="mean R² of the targets")]
    mase: Annotated[float | None, Field(description="mean MASE of the targets, of roll-outs")]
    per_target: Annotated[MetricsByTarget | None, Field(description="errors by target")]
    held_back_rows: Annotated[int | None, Field(description="rows that the errors are measured on")]
    calibration_rows: Annotated[
        int | None, Field(description="rows that the intervals are measured on")
    ]
    horizon: Annotated[int | None, Field(description="steps of the roll-outs")]
    season: Annotated[int | None, Field(description="steps of a season")]
    littles_law: Annotated[
        LawOnHeldBack | None, Field(description="Little's Law on held-back data")
    ]
    combination: Annotated[
        CombinationSummary | None, Field(description="members, their weights and errors")
    ]
    network: Annotated[
        CorrectionSummary | None,
        Field(description="models of version 1.0: what the LSTM correction adds"),
    ]


@with_config(DOCUMENT)
class LossHistory(TypedDict, total=False):
    """Losses of a training, one for each epoch."""

    loss: Annotated[list[float | None] | None, Field(description="on the training span")]
    val_loss: Annotated[list[float | None] | None, Field(description="on the held-back end")]
    epochs: Annotated[int | None, Field(description="number of epochs trained")]
    best_epoch: Annotated[
        int | None, Field(description="whose weights are kept; null: those of the last")
    ]


@with_config(DOCUMENT)
class NetworkDesign(TypedDict, total=False):
    """The properties of an architecture beside its hyperparameters."""

    architecture: Annotated[str | None, Field(description="`plain` or `enhanced`")]
    batch_normalization: Annotated[bool | None, Field(description="after each LSTM layer")]
    l2: Annotated[float | None, Field(description="factor of the L2 penalty")]
    recurrent_dropout: Annotated[
        float | None, Field(description="share of an LSTM's state left out")
    ]
    cosine_schedule: Annotated[
        bool | None, Field(description="the learning rate falls by a cosine")
    ]
    patience: Annotated[
        int | None, Field(description="epochs without progress before it stops; null: never")
    ]
    clip_norm: Annotated[float | None, Field(description="largest norm of a gradient")]
    engineered_features: Annotated[bool | None, Field(description="calendar and moving averages")]


@with_config(DOCUMENT)
class NetworkSummary(TypedDict, total=False):
    """Shape and size of a network."""

    input_shape: Annotated[list[int | None], Field(description="null: the batch")]
    output_shape: Annotated[list[int | None], Field(description="null: the batch")]
    total_params: Annotated[int | None, Field(description="number of weights")]
    config: Annotated[NetworkConfig | None, Field(description="hyperparameters")]
    design: Annotated[NetworkDesign | None, Field(description="what the architecture adds")]
    created_at: Annotated[CreatedAt | None, Field(description="ISO 8601 in UTC")]


class OtherModel(Part):
    """A model of another architecture, measured on the same held-back end of the same data."""

    model_id: str = Field(description="id of the model")
    architecture: str = Field(description="`plain` or `enhanced`")
    created_at: CreatedAt = Field(description="when it was trained, ISO 8601 in UTC")
    mase: float | None = Field(description="mean MASE of the targets")
    r2_score: float = Field(description="mean R² of the targets, one step ahead")
    skill: dict[str, float | None] = Field(
        description="by target: share of the last value's error saved, one step ahead"
    )
    skill_over_seasonal_naive: dict[str, float | None] = Field(
        description="by target: share of the seasonal naive's error saved, of roll-outs"
    )


class TrainReply(Reply):
    """A trained and published model."""

    model_id: str = Field(description="id of the model, which is that of its job")
    architecture: ArchitectureName = Field(description="the network that was trained")
    enhanced_features: bool = Field(description="whether its rows have engineered features")
    dataset_id: str = Field(description="the data set that it was trained on")
    data_points: int = Field(description="rows that it was trained and measured on")
    training_history: LossHistory = Field(description="losses by epoch")
    metrics: ModelMetrics = Field(description="errors on the held-back end of the data")
    training_time: float = Field(description="seconds")
    model_summary: NetworkSummary = Field(description="shape and size of the network")
    beside: list[OtherModel] = Field(description="the newest of each other architecture, if any")
    warnings: list[str] = Field(description="series that were left out, and why")


class ContinueReply(TrainReply):
    """A model that was trained on with newer rows."""

    continued_from: str = Field(description="the model whose weights it began from, which stays")
    dataset_version: int = Field(description="the version of the data set that it was trained on")
    dataset_as_of: str = Field(description="the last date of that version")
    dataset_versions: list[int] = Field(
        description="the versions that it and the models before it were trained on"
    )


class PlantResult(Part):
    """The result of the training of one plant."""

    success: bool = Field(description="whether there is a model")
    job_id: str = Field(description="id of the training's job")
    model_id: str | None = Field(default=None, description="id of the model; null: it failed")
    metrics: ModelMetrics | None = Field(default=None, description="errors on held-back data")
    training_time: float | None = Field(default=None, description="seconds")
    data_points: int | None = Field(default=None, description="rows of the plant")
    error: str | None = Field(default=None, description="why it failed; null: it did not")


class ParallelReply(Reply):
    """The results of the trainings of several plants."""

    dataset_id: str = Field(description="the data set that they were trained on")
    total_plants: int = Field(description="number of plants")
    successful_plants: int = Field(description="number of plants with a model")
    failed_plants: list[str] = Field(description="names of the others")
    training_time: float = Field(description="seconds from the first start to the last end")
    average_time_per_plant: float = Field(description="seconds")
    plant_results: dict[str, PlantResult] = Field(description="results by plant")


class EnhancedConfig(Part):
    """The hyperparameters of the enhanced network: its defaults, and what is fixed."""

    lstm_units_1: int = Field(description="units of the first LSTM layer")
    lstm_units_2: int = Field(description="units of the second LSTM layer")
    dropout_rate: float = Field(description="share of outputs left out while training")
    recurrent_dropout: float = Field(description="share of an LSTM's state left out; fixed")
    sequence_length: int = Field(description="steps that the network looks back")
    epochs: int = Field(description="epochs at most")
    batch_size: int = Field(description="windows of a batch")
    learning_rate: float = Field(description="learning rate at the start")
    train_test_split: float = Field(description="share of the time that is trained on")


class EnhancedConfigReply(Reply):
    """The defaults of the enhanced network."""

    config: EnhancedConfig = Field(description="the hyperparameters")
    description: dict[str, str] = Field(description="a sentence about each of them")
