"""The service itself, with its default settings."""

from __future__ import annotations

from tempfile import TemporaryDirectory
from uuid import uuid4

import numpy as np

from benchmarks.accuracy.protocol import Forecast
from models import training
from models.registry import Registry
from utils.schemas import Hyperparameters
from utils.series import Panel


class Service:
    """Trains as a train request without any setting does, forecasts as a predict request does."""

    settings = None  # its forecasts depend on the whole code

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def fit(self, train: Panel, horizon: int) -> None:
        """Train and publish a model."""
        self._horizon = horizon
        self._folder = TemporaryDirectory()
        registry, id = Registry(self._folder.name, 1), str(uuid4())
        training.train(train, Hyperparameters(), self._seed, registry.store, id, {})
        self._forecaster = registry.open(id)

    def forecast(self, past: Panel) -> Forecast:
        """Forecast every series from its last rows."""
        filled, length = past.filled(), self._forecaster.encoding.length
        last = past.first + past.lengths - 1
        values = [
            self._forecaster.forecast(key, filled[end - length : end], int(step), self._horizon)
            for key, end, step in zip(past.keys, past.offsets[1:], last, strict=True)
        ]
        return Forecast(np.stack(values), {}, {})
