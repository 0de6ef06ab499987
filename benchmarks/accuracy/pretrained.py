"""Fracast-0, a small pretrained network that forecasts series it was not trained on."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from fracast import FracastModel

from benchmarks.accuracy.protocol import Forecast
from models.series.panel import TARGETS, Panel

LEVEL = 80  # between its lowest and its highest quantile, 0.1 and 0.9
WEIGHTS = "fp32"


class Fracast:
    """Zero-shot: each series and target by itself, nothing is fitted; median and 80 % intervals."""

    @property
    def settings(self) -> dict[str, Any]:
        """Return the settings that the forecasts depend on."""
        return {"weights": WEIGHTS, "versions": [version("fracast"), version("torch")]}

    def fit(self, train: Panel, horizon: int) -> None:
        """Load the weights."""
        torch.set_num_threads(1)
        self._horizon = horizon
        self._model = FracastModel.from_pretrained(weights=WEIGHTS)

    def forecast(self, past: Panel) -> Forecast:
        """Forecast all series at once, each in units of its mean: the network knows none below."""
        parts = np.split(past.filled(), past.offsets[1:-1])
        longest = int(past.lengths.max())
        rows = np.full((len(parts), len(TARGETS), longest), np.nan)
        for row, part in zip(rows, parts, strict=True):
            row[:, longest - len(part) :] = part.T
        unit = np.nanmean(np.abs(rows), axis=2, keepdims=True)
        unit[unit == 0] = 1
        scaled = (rows / unit).reshape(-1, longest)
        found = self._model.forecast_batch(scaled, horizon=self._horizon)
        quantiles = np.sort(found, axis=2).reshape(*rows.shape[:2], self._horizon, -1)
        low, middle, high = (
            (quantiles[..., i] * unit).transpose(0, 2, 1)
            for i in (0, self._model.quantiles.index(0.5), -1)
        )
        return Forecast(middle, {LEVEL: low}, {LEVEL: high})
