"""The look-back of a roll-out: the last rows of each series, scaled."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.forecast.autoregression import Shape
from models.series.panel import Panel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MARGIN = 0.25  # of the range of a series, by which a forecast may leave it on both sides


@dataclass(frozen=True)
class LookBack:
    """The rows that n roll-outs start from, and the bounds that they stay within.

    Attributes:
        scaled: the last rows, oldest first, [n, look_back, 3]; rows before the beginning of a
            series are the mean of its others.
        known: how many rows, at the end, are rows of the series, [n].
        last: step number of the last row, [n].
        series: number of each series, [n].
        lowest, highest: bounds of the forecast, [n, 3].
    """

    scaled: Floats
    known: Ints
    last: Ints
    series: Ints
    lowest: Floats
    highest: Floats

    @classmethod
    def of_rows(
        cls,
        rows: Floats,
        known: NDArray[np.bool_],
        last: Ints,
        series: Ints,
        ranges: tuple[Floats, Floats] | None = None,
    ) -> LookBack:
        """Return the look-back of given rows.

        Args:
            rows: scaled, oldest first, [n, look_back, 3].
            known: true for rows of the series, at the end of each look-back, [n, look_back].
            last: step number of the last row, [n].
            series: number of each series, [n].
            ranges: lowest and highest values of each series in its training span, [n, 3]; the
                forecast stays within these and the look-back, plus a quarter of that range.
        """
        scaled = padded(rows, known)
        low, high = scaled.min(axis=1), scaled.max(axis=1)
        if ranges is not None:
            low, high = np.minimum(low, ranges[0]), np.maximum(high, ranges[1])
        margin = _MARGIN * (high - low)
        return cls(scaled, known.sum(axis=1), last, series, low - margin, high + margin)

    @classmethod
    def of(
        cls,
        panel: Panel,
        scaled: Floats,
        shape: Shape,
        series: Ints,
        origin: int | Ints,
        ranges: tuple[Floats, Floats] | None = None,
        least: int = 0,
    ) -> LookBack:
        """Return the rows of some series of a panel before an origin.

        Args:
            scaled: the values of the panel, [all rows, 3].
            shape: of the autoregression; it gives the length of the look-back.
            series: number of each series, [n].
            origin: first step to forecast, one for all series or one each, [n].
            ranges: lowest and highest values of all series of the panel, [S, 3].
            least: fewest rows of the look-back.
        """
        begins, ends = panel.offsets[series], panel.offsets[series + 1]
        end = np.clip(origin - panel.first[series] + begins, begins + 1, ends)
        rows = end[:, None] - np.arange(max(shape.look_back, least), 0, -1)
        return cls.of_rows(
            scaled[np.maximum(rows, 0)],
            rows >= begins[:, None],
            panel.first[series] + end - begins - 1,
            series,
            ranges and (ranges[0][series], ranges[1][series]),
        )

    def followed_by(self, path: Floats) -> LookBack:
        """Return the look-back of as many rows that ends with forecasts, [n, steps, 3]."""
        rows, steps = self.scaled.shape[1], path.shape[1]
        scaled = np.concatenate([self.scaled, path], axis=1)[:, -rows:]
        return replace(self, scaled=scaled, known=self.known + steps, last=self.last + steps)

    def last_rows(self, rows: int) -> Floats:
        """Return the last rows, [n, rows, 3], NaN where they are not of the series."""
        scaled = self.scaled[:, -rows:]
        known = np.arange(scaled.shape[1], 0, -1) <= self.known[:, None]
        return np.where(known[..., None], scaled, np.nan)


def padded(rows: Floats, known: NDArray[np.bool_]) -> Floats:
    """Return rows [n, look_back, 3] with unknown ones replaced by the mean of the known ones.

    Args:
        known: true for known rows, [n, look_back].
    """
    if known.all():
        return rows
    known = known[..., None]
    mean = np.where(known, rows, 0.0).sum(axis=1, keepdims=True)
    return np.where(known, rows, mean / np.maximum(known.sum(axis=1, keepdims=True), 1))
