"""Zero-shot forecasts: quantiles of any series by the pretrained network, without a training.

model = PretrainedModel.open()
quantiles = model.quantiles(rows, Step.DAY, horizon=30)  # [n, 30, 3, 9], in the units of the rows
quantiles[..., MEDIAN]                                   # WIP, throughput, cycle time

The network was trained on simulated factories alone (`models.pretraining`); its file lies beside
this module. It forecasts 28 steps at once. Longer horizons go on from its own medians, and the
distances of the quantiles grow as they did over the first 28 steps. On steps known to be closed,
nothing leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.forecast.onnx_session import open_session
from models.forecast.pretrained_inputs import FUTURE, HORIZON, Floats, Inputs, shape_of
from models.series.calendar import Step

FILE = Path(__file__).with_name("pretrained.onnx")
INPUTS = ("patches", "context", "steps", "candidates", "reach")
LEVELS = (0.025, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.975)
MEDIAN = LEVELS.index(0.5)
# Places of the lower and the upper bound of prediction intervals, by their level in %.
BOUNDS = {80: (1, 7), 95: (0, 8)}

_AT_ONCE = 512  # windows in one call of the network
_FASTEST_GROWTH = 0.6  # power of the steps, by which the distances of the quantiles grow

Network = Callable[[dict[str, NDArray[np.float32]]], NDArray[np.float32]]


@dataclass(frozen=True)
class PretrainedModel:
    """The pretrained network, safe to share between threads.

    Attributes:
        network: scaled quantiles [n, 28, 3, 9] of the arrays by `INPUTS`.
    """

    network: Network

    @classmethod
    def open(cls, path: Path = FILE) -> PretrainedModel:
        """Return the model of a file; one process reads each file once.

        Raises:
            DamagedFile: the file holds no ONNX network.
        """
        return _opened(path)

    def quantiles(
        self,
        rows: Floats,
        step: Step,
        horizon: int,
        future: Floats | None = None,
        parts: int = 1,
    ) -> Floats:
        """Return quantiles of the steps after the rows, [n, horizon, 3, 9], by `LEVELS`.

        They are never negative and never fall from one level to the next. A target without any
        known value has none (NaN), but for a cycle time, which Little's Law derives.

        Args:
            rows: WIP, throughput and cycle time of n series, oldest first, [n, length, 3], of any
                size and unit; NaN where unknown. Of days the last 392 rows are used, of weeks 156,
                of months 144.
            step: between the rows.
            horizon: steps to forecast.
            future: releases, share of the usual capacity and closed steps (1 or 0) that are known
                of the steps ahead, [n, horizon, 3]; NaN where unknown.
            parts: of a day, of hours and shifts: the last 14 days are used.
        """
        rows = np.asarray(rows, float)
        if not len(rows):
            return np.empty((0, horizon, 3, len(LEVELS)))
        found = [
            self._long(rows[some], step, parts, horizon, None if future is None else future[some])
            for some in (slice(i, i + _AT_ONCE) for i in range(0, len(rows), _AT_ONCE))
        ]
        return np.concatenate(found)

    def _long(
        self, rows: Floats, step: Step, parts: int, horizon: int, future: Floats | None
    ) -> Floats:
        """Quantiles of any horizon."""
        known = np.full((len(rows), horizon, len(FUTURE)), np.nan) if future is None else future
        first = self._block(rows, step, parts, known[:, :HORIZON])
        repeated = shape_of(step, parts).repeated
        found = [first]
        for begin in range(HORIZON, horizon, HORIZON):
            rows = np.concatenate([rows, found[-1][..., MEDIAN]], axis=1)
            ahead = known[:, begin : begin + HORIZON]
            medians = self._block(rows, step, parts, ahead)[..., MEDIAN]
            steps = np.arange(begin, begin + HORIZON)
            found.append(medians[..., None] + _later_distances(first, steps, repeated))
        quantiles = np.maximum(np.concatenate(found, axis=1)[:, :horizon], 0.0)
        quantiles[..., 1, :][known[..., 2] == 1] = 0.0
        return quantiles

    def _block(self, rows: Floats, step: Step, parts: int, future: Floats) -> Floats:
        """Quantiles of the next 28 steps."""
        lacking = HORIZON - future.shape[1]
        future = np.pad(future, ((0, 0), (0, lacking), (0, 0)), constant_values=np.nan)
        inputs = Inputs.of(rows[:, -shape_of(step, parts).look_back :], step, future, parts)
        given = {name: getattr(inputs, name) for name in INPUTS}
        scaled = self.network(given).astype(float)
        return inputs.units(np.moveaxis(scaled, -1, -2)).swapaxes(-1, -2)


def _later_distances(first: Floats, steps: NDArray[np.int64], repeated: int) -> Floats:
    """Distances of the quantiles from the median beyond the first 28 steps, [n, steps, 3, 9].

    Those of the last steps are repeated, times (step ÷ repeated step) ^ p. The power p is that by
    which the distances grew over the first 28 steps, but no more than 0.6; a random walk has 0.5.
    With distances ~ step ^ p, the mean of their second half is 2 ^ (p + 1) − 1 times that of the
    first.
    """
    distances = first - first[..., MEDIAN, None]
    halves = np.abs(distances).reshape(len(first), 2, HORIZON // 2, 3, -1).mean(axis=(2, 4))
    growth = np.ones(halves[:, 0].shape)
    np.divide(halves[:, 1], halves[:, 0], out=growth, where=halves[:, 0] > 0)
    power = np.clip(np.log2(growth + 1) - 1, 0.0, _FASTEST_GROWTH)[:, None, :, None]
    source = HORIZON - repeated + (steps - HORIZON) % repeated
    ratio = ((steps + 1) / (source + 1))[:, None, None]
    found: Floats = distances[:, source] * ratio**power
    return found


@lru_cache(maxsize=4)
def _opened(path: Path) -> PretrainedModel:
    session = open_session(path.read_bytes())

    def network(given: dict[str, Any]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = session.run(None, given)[0]
        return found

    return PretrainedModel(network)
