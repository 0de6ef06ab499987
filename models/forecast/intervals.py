"""Prediction intervals by split conformal prediction, from roll-outs over the calibration span.

    half_width(level, series, horizon) = scale(series) × quantile(level, horizon) × size(height)

The calibration span is the newest part of the data, which neither the network nor the reported
metrics have used. A model is rolled out from many origins in it. The absolute errors, divided by
the scale of their series, give the quantiles at each horizon (H. Papadopoulos et al., "Inductive
confidence machines for regression", ECML 2002). Where the span has few independent errors (it is
short, or the series move together), errors of forecasts from earlier origins are added: those of
the trials within the training span, and those of the pretrained network alone. Each set is weighted
by how many independent errors it holds. Where errors grow or shrink with the height of the
forecast, they are divided by how they do (`models.forecast.error_size`).

All errors here are scaled (`models.series.scaling`).

    >>> errors = np.linspace(-1, 1, 201).reshape(-1, 1, 1, 1).repeat(3, axis=3)
    >>> samples = ErrorSamples(errors, np.array([0]))  # of one series, one step ahead
    >>> intervals = Intervals.fit(samples, [], scale=np.ones((1, 3)))
    >>> intervals.half_width(80, np.array([0]), 1).round(2).tolist()
    [[[0.8, 0.8, 0.8]]]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.forecast.error_quantiles import (
    ErrorPart,
    ErrorSamples,
    fitted_to,
    quantiles_around,
)
from models.forecast.error_size import evened, relative_size
from models.series.rounding import significant

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEVELS = (80, 95)  # nominal coverage of the intervals, in per cent
CLOSE = 0.20  # relative error up to which a forecast counts for the confidence
MOST_OF_RECORD = 1.5  # upper bounds, relative to the highest value seen
_SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
_ENDS = np.array([0.0, *_SHARES, 1.0])
MOST_EARLIER = 10.0  # weight of a set of earlier errors, as a number of independent ones, at most
_WEIGHT_OF_USUAL = 4.0  # likewise, of the errors that are usual
_STEADY = 20.0  # one-step errors at which the scale of a series weighs as much as that of all
_LARGEST_SCALE = 8.0  # of a series, and its inverse the least
_OUTLYING = 6.0  # medians; larger one-step errors are cut to this before a scale is computed


@dataclass(frozen=True)
class Intervals:
    """Quantiles of absolute errors.

    Attributes:
        scale: relative size of the errors of each series, around 1, [S, 3]; of forecasts, for
            which the intervals are chosen, [n, 1 or H, 3].
        quantiles: of errors divided by the scale, at the shares `_SHARES`, [H, 3, Q].
        growth: power of the horizon by which quantiles grow beyond the last horizon, [3];
            `models.training.interval_growth` measures it where the data is long enough.
        slopes: of the size of errors by the height of the forecast, [H, 3].
    """

    scale: Floats
    quantiles: Floats
    growth: Floats
    slopes: Floats

    @classmethod
    def fit(
        cls,
        calibration: ErrorSamples | None,
        earlier: Sequence[ErrorSamples],
        scale: Floats,
        usual: ErrorSamples | None = None,
        slopes: Floats | None = None,
    ) -> Intervals:
        """Return the intervals from errors of the calibration span, earlier ones, or both.

        Args:
            earlier: sets of errors from earlier origins; each weighs `MOST_EARLIER` at most.
            scale: of each series, [S, 3]; see `series_scale`.
            usual: errors of such series elsewhere.
            slopes: that the errors show, [H, 3]; None: they are the same for all heights.

        Raises:
            ValueError: all of them are missing.
        """
        given = [
            (each, most)
            for each, most in ((calibration, np.inf), *((each, MOST_EARLIER) for each in earlier))
            if each is not None and not np.isnan(each.values).all()
        ]
        if not given and usual is None:
            raise ValueError("No errors to take quantiles of.")
        steps = (usual or given[0][0]).values.shape[2]
        slopes = np.zeros((steps, 3)) if slopes is None else slopes
        given = [(evened(each, slopes), most) for each, most in given]
        usual = usual and evened(usual, slopes)
        quantiles = np.zeros((steps, 3, len(_SHARES)))
        for target in range(3):
            parts = [ErrorPart.of(each, most, scale, target) for each, most in given]
            if usual is not None:
                parts.append(fitted_to(parts, ErrorPart.of(usual, _WEIGHT_OF_USUAL, scale, target)))
            for h in range(steps):
                found = quantiles_around(parts, h, _SHARES)
                quantiles[h, target] = quantiles[h - 1, target] if found is None and h else found
        quantiles = np.maximum.accumulate(np.nan_to_num(quantiles), axis=0)
        return cls(scale, quantiles, _growth(quantiles), slopes)

    @property
    def horizon(self) -> int:
        """Steps that errors were measured over."""
        return len(self.quantiles)

    def of_forecasts(
        self, series: Ints, ratios: Floats, heights: Floats | None = None
    ) -> Intervals:
        """Return the intervals of some forecasts, wider by ratios; their series count from 0.

        Args:
            series: number of each series, [n].
            ratios: new width ÷ width, [n, 3].
            heights: of the forecasts, [n, H, 3]; None: all are usual.
        """
        scale = self._scale(series) * ratios[:, None]
        if heights is not None:
            scale = scale * relative_size(self.slopes, heights)
        return replace(self, scale=scale)

    def mean_size(self, most: float, steps: int) -> Floats:
        """Return the expected absolute error, in half widths of the 80 % interval, [steps, 3].

        Args:
            most: errors larger than this are cut to it.
        """
        quantiles = self._at(steps)
        unit = np.maximum(quantiles[..., _SHARES.index(0.8)], 1e-12)
        edges = np.minimum(_with_ends(quantiles) / unit, most)
        middle = (edges[1:] + edges[:-1]) / 2
        return np.maximum(np.tensordot(np.diff(_ENDS), middle, axes=1), 1e-12)

    def half_width(self, level: int, series: Ints, steps: int) -> Floats:
        """Return the half width of the intervals of a level, [n, steps, 3].

        Args:
            level: nominal coverage in per cent, one of LEVELS.
            series: number of each series, [n].
        """
        return self._at(steps)[..., _SHARES.index(level / 100)] * self._scale(series)

    def share_within(self, distance: Floats, series: Ints) -> Floats:
        """Return the expected share of absolute errors up to a distance, [n, steps, 3].

        Args:
            distance: scaled, [n, steps, 3].
            series: number of each series, [n].
        """
        relative = distance / self._scale(series)
        edges, size = _with_ends(self._at(relative.shape[1])), relative[0].size
        place = (relative >= edges[:, None]).sum(axis=0, dtype=np.int8).astype(np.int64) - 1
        place = np.clip(place, 0, len(edges) - 2)
        at = place * size + np.arange(size).reshape(relative.shape[1:])  # in the flat edges
        low, high = edges.take(at), edges.take(at + size)
        part = np.divide(relative - low, high - low, out=np.ones_like(low), where=high > low)
        return _ENDS.take(place) + np.clip(part, 0, 1) * np.diff(_ENDS).take(place)

    def errors_at(self, shares: Floats) -> Floats:
        """Return the errors at shares of their distribution, ÷ scale, [paths, steps, 3].

        Half of the errors lie on each side of the forecast.

        Args:
            shares: 0 to 1, [paths, steps, 3].
        """
        edges, steps = _with_ends(self._at(shares.shape[1])), shares.shape[1]
        within = np.abs(2 * shares - 1)
        sizes = np.empty_like(within)
        for step in range(steps):
            for target in range(3):
                own = edges[:, step, target]
                sizes[:, step, target] = np.interp(within[:, step, target], _ENDS, own)
        return np.copysign(sizes, shares - 0.5)

    def _scale(self, series: Ints) -> Floats:
        """The scale of series by number, [n, 1 or H, 3]; 1 for a series without one."""
        if self.scale.ndim > 2:
            return self.scale[series]
        every = np.vstack([self.scale, np.ones((1, 3))])
        return every[np.minimum(series, len(self.scale)), None]

    def _at(self, steps: int) -> Floats:
        """Quantiles for horizons 1 to `steps`, [steps, 3, Q]."""
        measured = len(self.quantiles)
        if steps <= measured:
            return self.quantiles[:steps]
        farther = np.arange(measured + 1, steps + 1) / measured
        beyond = self.quantiles[-1] * (farther[:, None] ** self.growth)[..., None]
        return np.concatenate([self.quantiles, beyond])

    def to_document(self) -> dict[str, Any]:
        """Return a JSON-ready form with seven significant digits."""
        parts = ("scale", "quantiles", "growth", "slopes")
        return {name: significant(getattr(self, name), 7).tolist() for name in parts}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Intervals:
        """Return the intervals that `to_document` described."""
        quantiles = np.asarray(document["quantiles"], float).reshape(-1, 3, len(_SHARES))
        slopes = document.get("slopes", np.zeros((len(quantiles), 3)))
        return cls(
            np.asarray(document["scale"], float).reshape(-1, 3),
            quantiles,
            np.asarray(document["growth"], float),
            np.asarray(slopes, float).reshape(-1, 3),
        )


def series_scale(errors: Floats, series: Ints, count: int) -> Floats:
    """Return the mean one-step error of each series relative to the median series', [count, 3].

    Series with few errors are shrunk towards 1.

    Args:
        errors: of one-step forecasts, [n, 3]; NaN where unknown.
        series: number of the series of each error, [n].
        count: number of series.
    """
    scale = np.ones((count, 3))
    by_series = np.argsort(series, kind="stable")
    edges = np.searchsorted(series[by_series], np.arange(1, count))
    for target in range(3):
        sizes = np.abs(errors[:, target])
        usual = np.array([_trimmed_mean(own) for own in np.split(sizes[by_series], edges)])
        known = ~np.isnan(usual) & (usual > 0)
        if not known.any():
            continue
        number = np.bincount(series[~np.isnan(sizes)], minlength=count)[known]
        logs = np.log(usual[known])
        relative = (logs - np.median(logs)) * number / (number + _STEADY)
        most = np.log(_LARGEST_SCALE)
        scale[known, target] = np.exp(np.clip(relative, -most, most))
    return scale


def _with_ends(quantiles: Floats) -> Floats:
    """Quantiles [steps, 3, Q] with the ends of the distribution, [Q + 2, steps, 3].

    It begins at zero and is taken to end at twice the last quantile.
    """
    inner = np.ascontiguousarray(np.moveaxis(quantiles, 2, 0))  # `take` reads it in this order
    return np.concatenate([np.zeros_like(inner[:1]), inner, 2 * inner[-1:] + 1e-12])


def _trimmed_mean(sizes: Floats) -> float:
    known = sizes[~np.isnan(sizes)]
    if not known.size:
        return float("nan")
    return float(np.minimum(known, _OUTLYING * np.median(known) + 1e-12).mean())


def _growth(quantiles: Floats) -> Floats:
    """Power of the horizon by which the last 80 % quantiles grow, 0 to ½, [3]."""
    steps, place = len(quantiles), _SHARES.index(0.8)
    if steps < 4:
        return np.full(3, 0.5)
    late, half = quantiles[-1, :, place], quantiles[steps // 2 - 1, :, place]
    ratio = np.log(np.maximum(late, 1e-12) / np.maximum(half, 1e-12))
    return np.clip(ratio / np.log(steps / (steps // 2)), 0.0, 0.5)
