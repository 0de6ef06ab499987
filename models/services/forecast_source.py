"""The source of a forecast: a model that is ready, and the data set that belongs to it."""

from __future__ import annotations

from typing import NamedTuple

from models.forecast.forecaster import Forecaster
from models.registry.model_document import ModelDocument


class ForecastSource(NamedTuple):
    """The source of a forecast.

    Attributes:
        dataset_id: that the model was trained on, or that the pretrained network is to look at.
        document: of a trained model; None: the pretrained network.
    """

    forecaster: Forecaster
    dataset_id: str | None
    document: ModelDocument | None = None
