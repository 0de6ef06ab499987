"""A model from before this service: a network that forecasts levels, rolled out in units.

Nothing is known of its errors: a forecast has no intervals, and its confidence is zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.forecast.direct_network import Network
from models.forecast.forecast import Forecast
from models.series.legacy_encoding import LegacyEncoding

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class LegacyModel:
    """An imported network and the scaling of its inputs and outputs."""

    encoding: LegacyEncoding
    network: Network

    def forecast(self, rows: Floats, last: Ints, series: Ints, steps: int) -> Forecast:
        """Return the forecasts of n series.

        Args:
            rows: the last rows of each in units, oldest first, [n, length, 3].
            last: step number of the last row, [n].
            series: number of each series, [n].
        """
        values = roll_levels(self.network, self.encoding, rows, last, series, steps)
        return Forecast(values, values, {}, {}, np.zeros(values.shape[:2]))


def roll_levels(
    network: Network,
    encoding: LegacyEncoding,
    rows: Floats,
    last: Ints,
    series: Ints,
    steps: int,
) -> Floats:
    """Return the roll-outs of a legacy network in units, [n, steps, 3].

    Each output is decoded to units and encoded as the newest row of the next window. Arguments
    as of `LegacyModel.forecast`.
    """
    count, length = rows.shape[:2]
    time = last[:, None] + np.arange(1 - length, steps)
    owner = np.repeat(series, time.shape[1])
    context = encoding.context_features(time.ravel(), owner).reshape(count, time.shape[1], -1)
    known = encoding.rows(
        rows.reshape(-1, 3),
        context[:, :length].reshape(count * length, -1),
        np.repeat(series, length),
    )
    encoded = np.empty((count, length + steps, known.shape[1]), np.float32)
    encoded[:, :length] = known.reshape(count, length, -1)
    result = np.empty((count, steps, 3))
    value = rows[:, -1]
    for step in range(steps):
        value = encoding.decode(network(encoded[:, step : step + length], None), value, series)
        result[:, step] = value
        if step + 1 < steps:
            encoded[:, step + length] = encoding.rows(value, context[:, step + length], series)
    return result
