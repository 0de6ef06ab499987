"""Requests for trainings."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from utils.api.architectures import Architecture
from utils.api.field_rules import at_most_one
from utils.api.parsing import Flag, Int, Name, Number, Request
from utils.api.schemas.base import DATASET_ID, DatasetId, Rows, example
from utils.api.schemas.synthetic_data import PlantFields, SeedField
from utils.api.upload_options import ReadOptions

# The hyperparameters, with their bounds.
_Units1 = Annotated[Int, Field(ge=1, le=1024, description="units of the first LSTM layer")]
_Units2 = Annotated[Int, Field(ge=1, le=1024, description="units of the second LSTM layer")]
_DropoutRate = Annotated[
    Number,
    Field(ge=0, le=0.9, description="share of a layer's outputs that each batch leaves out"),
]
_SequenceLength = Annotated[
    Int, Field(ge=1, le=365, description="steps that the network looks back")
]
_Epochs = Annotated[Int, Field(ge=1, le=10_000, description="epochs at most")]
_BatchSize = Annotated[Int, Field(ge=1, le=8192, description="windows of a batch")]
_LearningRate = Annotated[Number, Field(gt=0, le=1, description="learning rate of Adam")]
_TrainTestSplit = Annotated[
    Number,
    Field(
        ge=0.1,
        le=0.99,
        description="share of the time that is trained on; the rest is held back",
    ),
]


class HyperparameterFields(Request):
    """The hyperparameters that a request may set, with their defaults."""

    lstm_units1: _Units1 = 64
    lstm_units2: _Units2 = 32
    dropout_rate: _DropoutRate = 0.2
    sequence_length: _SequenceLength = 10
    epochs: _Epochs = 50
    batch_size: _BatchSize = 32
    learning_rate: _LearningRate = 0.00001
    train_test_split: _TrainTestSplit = 0.8

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

    model_config = example(_ONE_SOURCE, datasetId=DATASET_ID, epochs=2)

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

    model_config = example(
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

    lstm_units1: _Units1 = 32
    lstm_units2: _Units2 = 24
    dropout_rate: _DropoutRate = 0.25
    sequence_length: _SequenceLength = 15
    epochs: _Epochs = 12
    batch_size: _BatchSize = 64
    learning_rate: _LearningRate = 0.002
    train_test_split: _TrainTestSplit = 0.85

    @property
    def architecture(self) -> Architecture:
        """The architecture of the network."""
        return Architecture.ENHANCED


class EnhancedRequest(EnhancedFields):
    """A training of the enhanced network."""

    model_config = example(_ONE_SOURCE, datasetId=DATASET_ID, epochs=2)


class EnhancedParallelRequest(EnhancedFields, ParallelRequest):
    """A training of the enhanced network per plant."""

    model_config = example(
        _ONE_SOURCE_OF_PLANTS, datasetId=DATASET_ID, epochs=2, plants=["Plant_A"]
    )


class ContinueRequest(Request):
    """A training that goes on from a model; its other hyperparameters are those of the model."""

    model_config = example(epochs=2)

    epochs: _Epochs | None = Field(
        None, description="epochs at most; default: as the model was trained"
    )
    learning_rate: _LearningRate | None = Field(
        None, description="learning rate of Adam, which begins anew; default: as `epochs`"
    )
    background: Flag = Field(False, description="true: reply 202 with a job at once")

    def to_config(self) -> dict[str, int | float]:
        """Return the hyperparameters given, in snake_case."""
        return self.model_dump(exclude={"background"}, exclude_none=True)
