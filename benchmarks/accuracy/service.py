"""The service itself, with its default settings."""

from __future__ import annotations

from tempfile import TemporaryDirectory
from uuid import uuid4

import numpy as np

from benchmarks.accuracy.protocol import LEVELS, Forecast
from models.forecast.forecaster import History
from models.registry.hyperparameters import Hyperparameters
from models.registry.registry import Registry
from models.series.panel import Panel
from models.training.train import train as train_model

PATHS = 200  # sample paths, for the scores of sums and of paths


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
        train_model(train, Hyperparameters(), self._seed, registry.store, id, {})
        self._forecaster = registry.open(id).forecaster
        combination = registry.document(id).combination or {}
        self._weights = {member: np.array(weights) for member, weights in combination.items()}

    def forecast(self, past: Panel) -> Forecast:
        """Forecast every series from its last rows."""
        filled = past.filled()
        last = past.first + past.lengths - 1
        forecasts = [
            self._forecaster.forecast(
                History(key, filled[begin:end], int(last[s]), past.calendar_of(s)),
                self._horizon,
                PATHS,
            )
            for s, (key, begin, end) in enumerate(
                zip(past.series_keys, past.offsets[:-1], past.offsets[1:], strict=True)
            )
        ]
        lower, upper = (
            {level: np.stack([getattr(f, side)[level][0] for f in forecasts]) for level in LEVELS}
            for side in ("lower", "upper")
        )
        paths = np.stack([f.paths[0] for f in forecasts])
        return Forecast(
            np.stack([f.values[0] for f in forecasts]),
            lower,
            upper,
            paths=paths,
            weights=self._weights,
        )
