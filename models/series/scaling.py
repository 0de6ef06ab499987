"""Units ↔ the scale that models work in: logarithms, centred and scaled per series and target.

Work in process, throughput and cycle time are positive and multiply (WIP = throughput × cycle
time), seasons and demand act on them by factors: in logarithms all of that adds up, and the
middle of a forecast's distribution is the middle in units too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEAR_ZERO = 0.02  # of a series' mean; values below it ask for an offset before the logarithm
_OFFSET = 0.5  # of that mean
_OUTLYING = 5.0  # robust standard deviations, beyond which a value does not widen the scale
_LEAST_SPREAD = 0.01  # of a constant series: 1 %
_TO_SIGMA = 1.4826  # median absolute deviation → standard deviation of a normal law


@dataclass(frozen=True)
class Scaling:
    """scaled = (log(value + offset) − mean) ÷ spread, each [S, 3]: S series, three targets.

    The offset is zero for a series that never comes near zero; half its mean else (days
    without any output, say), so that a zero is a low value and not minus infinity.
    """

    offset: Floats
    mean: Floats
    spread: Floats

    @classmethod
    def fit(cls, values: Floats, offsets: Ints) -> Scaling:
        """Fit on rows in units, [n, 3], NaN where unknown; `offsets` [S + 1] are the series' ends.

        Outliers neither move nor widen it: values beyond five robust standard deviations count
        as lying there.
        """
        spans = pairwise(offsets)
        found = np.array([[_fit(column) for column in values[b:e].T] for b, e in spans])
        return cls(*np.moveaxis(found.reshape(-1, 3, 3), 2, 0))

    def forward(self, values: Floats, series: Ints) -> Floats:
        """Units → scaled, [n, 3] of rows of the series numbered `series`, [n]; NaN stays NaN."""
        offset, mean, spread = (part[series] for part in (self.offset, self.mean, self.spread))
        floor = np.where(offset > 0, offset, NEAR_ZERO / 20 * np.exp(mean))
        return (np.log(np.maximum(values + offset, floor)) - mean) / spread

    def forward_paths(self, values: Floats, series: Ints) -> Floats:
        """Units → scaled of paths, [n, H, 3], of the series numbered `series`, [n]."""
        flat = self.forward(values.reshape(-1, 3), np.repeat(series, values.shape[1]))
        return flat.reshape(values.shape)

    def inverse(self, scaled: Floats, series: Ints) -> Floats:
        """Scaled → units, never negative; [n, ..., 3] of the series numbered `series`, [n]."""
        shape = (len(series), *[1] * (scaled.ndim - 2), 3)
        offset, mean, spread = (
            part[series].reshape(shape) for part in (self.offset, self.mean, self.spread)
        )
        return np.maximum(np.exp(scaled * spread + mean) - offset, 0.0)

    def with_series(self, *histories: Floats) -> Scaling:
        """With more series, each fitted on its rows in units, [n, 3]."""
        every = [self, *(Scaling.fit(rows, np.array([0, len(rows)])) for rows in histories)]
        parts = ("offset", "mean", "spread")
        return Scaling(*(np.vstack([getattr(each, part) for each in every]) for part in parts))

    def to_document(self) -> dict[str, Any]:
        """A JSON-ready form that `from_document` turns back into an equal scaling."""
        parts = {"offset": self.offset, "mean": self.mean, "spread": self.spread}
        return {name: part.tolist() for name, part in parts.items()}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Scaling:
        """The scaling that `to_document` described."""
        parts: Sequence[str] = ("offset", "mean", "spread")
        return cls(*(np.asarray(document[name], float).reshape(-1, 3) for name in parts))


def _fit(column: Floats) -> tuple[float, float, float]:
    """Offset, mean and spread of one series and target, from its values in units."""
    known = column[~np.isnan(column)]
    if not known.size or not known.any():
        return 1.0, 0.0, _LEAST_SPREAD
    level = float(known.mean())
    offset = 0.0 if known.min() > NEAR_ZERO * level else _OFFSET * level
    logs = np.log(known + offset)
    middle = float(np.median(logs))
    sigma = _TO_SIGMA * float(np.median(np.abs(logs - middle)))
    if sigma > 0:
        logs = np.clip(logs, middle - _OUTLYING * sigma, middle + _OUTLYING * sigma)
    return offset, float(logs.mean()), max(float(logs.std()), _LEAST_SPREAD)
