"""A model from before this service: a network that forecasts levels, rolled out in units.

Nothing is known of its errors: a forecast has no intervals, and its confidence is zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.forecast.direct_network import Network
from models.forecast.forecast import Forecast
from models.series.legacy_encoding import LegacyEncoding
from models.series.legacy_features import STOCKS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class KnownStocks(NamedTuple):
    """Finished and semi-finished goods at the end of the history of a series.

    Attributes:
        values: of its last rows, NaN where unknown, [m, 2].
        last_step: step number of the last row.
    """

    values: Floats
    last_step: int

    def at(self, time: Ints) -> Floats:
        """Return those of some steps; beyond the known ones, those of the nearest step."""
        place = time - self.last_step + len(self.values) - 1
        return self.values[np.clip(place, 0, len(self.values) - 1)]


@dataclass(frozen=True)
class LegacyModel:
    """An imported network and the scaling of its inputs and outputs.

    Attributes:
        stocks: by number of the series, where its features need them and they are known.
    """

    encoding: LegacyEncoding
    network: Network
    stocks: Mapping[int, KnownStocks] = field(default_factory=dict)

    def forecast(self, rows: Floats, last: Ints, series: Ints, steps: int) -> Forecast:
        """Return the forecasts of n series.

        Stocks stay what they are at the end of the history that the model was imported with.

        Args:
            rows: the last rows of each in units, oldest first, [n, encoding.length, 3].
            last: step number of the last row, [n].
            series: number of each series, [n].
        """
        time = last[:, None] + np.arange(1 - rows.shape[1], steps + 1)
        stocks = np.full((*time.shape, len(STOCKS)), np.nan)
        for i, number in enumerate(series.tolist()):
            if number in self.stocks:
                stocks[i] = self.stocks[number].at(time[i])
        values = roll_levels(self.network, self.encoding, rows, time, series, stocks)
        return Forecast(values, values, {}, {}, np.zeros(values.shape[:2]))


def roll_levels(
    network: Network,
    encoding: LegacyEncoding,
    rows: Floats,
    time: Ints,
    series: Ints,
    stocks: Floats,
) -> Floats:
    """Return the roll-outs of a legacy network in units, [n, steps, 3].

    Each output is decoded to units and encoded as the newest row of the next window.

    Args:
        rows: the last rows of each series in units, oldest first, [n, encoding.length, 3].
        time: step numbers of these rows and of the steps to forecast, [n, length + steps].
        series: number of each series, [n].
        stocks: finished and semi-finished goods of all these rows, [n, length + steps, 2].
    """
    count, known = rows.shape[:2]
    values = np.concatenate([rows, np.zeros((count, time.shape[1] - known, 3))], axis=1)
    encoded = encoding.encode(rows, time[:, :known], series, stocks[:, :known])
    for now in range(known, time.shape[1]):
        output = network(encoded[:, -encoding.window :], None)
        values[:, now] = encoding.decode(output, values[:, now - 1], series)
        needed = slice(now - encoding.lead, now + 1)  # rows that the newest one depends on
        newest = encoding.encode(values[:, needed], time[:, needed], series, stocks[:, needed])
        encoded = np.concatenate([encoded[:, 1:], newest], axis=1)
    return values[:, known:]
