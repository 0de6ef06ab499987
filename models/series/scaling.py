"""The scaling of series: standardised logarithms, for each series and target.

    scaled = (ln(value + offset) − mean) ÷ deviation

WIP, throughput and cycle time are positive and multiply (WIP = throughput × cycle time), and
seasons and demand act on them as factors. In logarithms all of these add up, and the median of a
forecast is the median in units too (a log transformation: Hyndman & Athanasopoulos, "Forecasting:
Principles and Practice", 3rd ed., 2021, section 3.1).

    >>> rows = np.array([[90.0, 45.0, 2.0], [100.0, 50.0, 2.0], [110.0, 55.0, 2.0]])
    >>> scaling, series = Scaling.fit(rows, np.array([0, 3])), np.zeros(3, int)
    >>> scaling.inverse(scaling.forward(rows, series), series).round(6)[2].tolist()
    [110.0, 55.0, 2.0]
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEAR_ZERO = 0.02  # of the mean of a series; with values below it the series gets an offset
_OFFSET = 0.5  # of that mean
_OUTLYING = 5.0  # robust standard deviations, at which values are cut before the fit
_LEAST_DEVIATION = 0.01  # of a constant series: 1 %
_TO_SIGMA = 1.4826  # median absolute deviation → standard deviation of a normal distribution
_ROUNDING = 1e-9  # relative error of a number after a logarithm and back
_ON_DISK = ("offset", "mean", "spread")  # names of the three parts in a document


@dataclass(frozen=True)
class Scaling:
    """The scale of S series and three targets.

    Attributes:
        offset: added before the logarithm, [S, 3]. Zero for a series that stays away from zero;
            else (days without output) half of its mean, so that zero has a finite logarithm.
        mean: of the logarithms, [S, 3].
        deviation: standard deviation of the logarithms, [S, 3].
    """

    offset: Floats
    mean: Floats
    deviation: Floats

    @property
    def _parts(self) -> tuple[Floats, Floats, Floats]:
        return self.offset, self.mean, self.deviation

    @classmethod
    def fit(cls, values: Floats, offsets: Ints) -> Scaling:
        """Return the scale fitted on rows.

        Values beyond five robust standard deviations are cut there, so that outliers have little
        influence.

        Args:
            values: rows in units, [n, 3]; NaN where unknown.
            offsets: rows `offsets[s]` to `offsets[s + 1]` are series `s`, [S + 1].
        """
        spans = pairwise(offsets)
        found = np.array([[_fit(column) for column in values[b:e].T] for b, e in spans])
        return cls(*np.moveaxis(found.reshape(-1, 3, 3), 2, 0))

    def forward(self, values: Floats, series: Ints) -> Floats:
        """Return scaled values of rows in units, [n, 3]; NaN stays NaN.

        Args:
            series: number of the series of each row, [n].
        """
        offset, mean, deviation = (part[series] for part in self._parts)
        return (np.log(np.maximum(values + offset, _floor(offset, mean))) - mean) / deviation

    def forward_paths(self, values: Floats, series: Ints) -> Floats:
        """Return scaled values of paths in units, [n, H, 3], of series by number, [n]."""
        flat = self.forward(values.reshape(-1, 3), np.repeat(series, values.shape[1]))
        return flat.reshape(values.shape)

    def inverse(self, scaled: Floats, series: Ints) -> Floats:
        """Return values in units, never negative, of scaled ones, [n, ..., 3].

        A scaled zero gives zero again.

        Args:
            series: number of the series of each entry, [n].
        """
        # Of each step, not of the targets alone: numpy is three times as fast on sample paths.
        *others, steps = scaled.shape[1:-1] or (1,)
        shape = (len(series), *[1] * len(others), *scaled.shape[1:-1][-1:], 3)
        offset, mean, deviation = (
            np.repeat(part[series], steps, axis=0).reshape(shape) for part in self._parts
        )
        values = scaled * deviation  # large for sample paths: all in place from here
        values += mean
        np.exp(values, out=values)
        is_zero = values <= _floor(offset, mean) * (1 + _ROUNDING)
        values -= offset
        np.copyto(values, 0.0, where=is_zero)
        return values

    def with_series(self, *histories: Floats) -> Scaling:
        """Return the scale of further series too, each fitted on its rows in units, [n, 3]."""
        every = [self, *(Scaling.fit(rows, np.array([0, len(rows)])) for rows in histories)]
        return Scaling(
            *(np.vstack(parts) for parts in zip(*(e._parts for e in every), strict=True))
        )

    def to_document(self) -> dict[str, Any]:
        """Return a JSON-ready form that `from_document` turns back into an equal scaling."""
        return {name: part.tolist() for name, part in zip(_ON_DISK, self._parts, strict=True)}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Scaling:
        """Return the scaling that `to_document` described."""
        return cls(*(np.asarray(document[name], float).reshape(-1, 3) for name in _ON_DISK))


def _floor(offset: Floats, mean: Floats) -> Floats:
    """The least number whose logarithm is taken, in place of that of zero."""
    return np.where(offset > 0, offset, NEAR_ZERO / 20 * np.exp(mean))


def _fit(column: Floats) -> tuple[float, float, float]:
    """Offset, mean and deviation of one series and target, from its values in units."""
    known = column[~np.isnan(column)]
    if not known.size or not known.any():
        return 1.0, 0.0, _LEAST_DEVIATION
    level = float(known.mean())
    offset = 0.0 if known.min() > NEAR_ZERO * level else _OFFSET * level
    logs = np.log(known + offset)
    middle = float(np.median(logs))
    sigma = _TO_SIGMA * float(np.median(np.abs(logs - middle)))
    if sigma > 0:
        logs = np.clip(logs, middle - _OUTLYING * sigma, middle + _OUTLYING * sigma)
    return offset, float(logs.mean()), max(float(logs.std()), _LEAST_DEVIATION)
