"""How far forecasts are off: conformal intervals and the confidence, from rolling origins.

A published model is rolled out from many origins over the calibration span, the newest rows,
which neither its network nor its reported metrics have seen. The errors, in units of what is
usual for their series, give the quantiles of each horizon (split conformal prediction with a
scale for each series: Papadopoulos et al., "Inductive confidence machines for regression", 2002).
Where that span tells little of a horizon (it is short, or the series move together), errors of
the anchor's trials within the training span count too, by as many independent errors as both hold.

All errors here are scaled (`models.series.scaling`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.series.error_measures import mean_known

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEVELS = (80, 95)  # per cent that intervals are to cover
_USUAL = 365  # steps; for farther horizons distances are worked out anew each time
CLOSE = 0.20  # a forecast this near the truth, relative to it, has landed
_SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
_ENDS = np.array([0.0, *_SHARES, 1.0])
_MOST_TRIALS = 10.0  # independent errors that the trials count as, at most
_NEIGHBOURS = 4  # errors at horizons within a quarter of one count for it
_STEADY = 20.0  # one-step errors of a series at which its own scale counts as much as all series'
_OUTLYING = 6.0  # medians; a larger one-step error does not widen a series' scale


@dataclass(frozen=True)
class ErrorSamples:
    """Errors of roll-outs, `values` [n, S', H, 3], NaN if unknown, of series `series` [S']."""

    values: Floats
    series: Ints


@dataclass(frozen=True)
class Intervals:
    """Quantiles of absolute errors.

    `scale` [S, 3] is each series' own, around 1; `quantiles` [H, 3, Q] those of errors divided by
    it, at the shares `_SHARES`; `growth` [3] the power of the horizon that they grow with beyond.
    """

    scale: Floats
    quantiles: Floats
    growth: Floats

    @classmethod
    def fit(
        cls, calibration: ErrorSamples | None, trials: ErrorSamples | None, scale: Floats
    ) -> Intervals:
        """From errors of the calibration span and of the trials; either may be missing.

        Raises:
            ValueError: both are.
        """
        given = [
            (each, most)
            for each, most in ((calibration, np.inf), (trials, _MOST_TRIALS))
            if each is not None and not np.isnan(each.values).all()
        ]
        if not given:
            raise ValueError("No errors to take quantiles of.")
        steps = given[0][0].values.shape[2]
        quantiles = np.zeros((steps, 3, len(_SHARES)))
        for target in range(3):
            parts = []
            for each, most in given:
                own = scale[each.series, target][:, None].astype(each.values.dtype)
                errors = each.values[..., target] / own
                independent = _independent(errors)
                parts.append((np.abs(errors, out=errors), independent, most))
            for h in range(steps):
                found = _quantiles(parts, h)
                quantiles[h, target] = quantiles[h - 1, target] if found is None and h else found
        quantiles = np.maximum.accumulate(np.nan_to_num(quantiles), axis=0)
        return cls(scale, quantiles, _growth(quantiles))

    def half_width(self, level: int, series: Ints, steps: int) -> Floats:
        """What covers `level` per cent of the errors, [n, steps, 3], of series [n]."""
        within = self._edges(steps)[1 + _SHARES.index(level / 100)]
        return within * self._scale(series)[:, None]

    def share_within(self, distance: Floats, series: Ints) -> Floats:
        """Expected share of absolute errors up to `distance`, [n, steps, 3], of series [n]."""
        relative = distance / self._scale(series)[:, None]
        edges, size = self._edges(relative.shape[1]), relative[0].size
        place = (relative >= edges[:, None]).sum(axis=0, dtype=np.int8).astype(np.int64) - 1
        place = np.clip(place, 0, len(edges) - 2)
        at = place * size + np.arange(size).reshape(relative.shape[1:])  # in all edges, one by one
        low, high = edges.take(at), edges.take(at + size)
        part = np.divide(relative - low, high - low, out=np.ones_like(low), where=high > low)
        return _ENDS.take(place) + np.clip(part, 0, 1) * np.diff(_ENDS).take(place)

    def _scale(self, series: Ints) -> Floats:
        return self._scales[np.minimum(series, len(self.scale))]

    @cached_property
    def _scales(self) -> Floats:
        """Each series', and that of one that is not known."""
        return np.vstack([self.scale, np.ones((1, 3))])

    def _edges(self, steps: int) -> Floats:
        """Distances that the shares 0, `_SHARES` and 1 lie within, [Q + 2, steps, 3]."""
        return self._usual[:, :steps] if steps <= _USUAL else _with_ends(self._at(steps))

    @cached_property
    def _usual(self) -> Floats:
        return _with_ends(self._at(_USUAL))

    def _at(self, steps: int) -> Floats:
        """Quantiles for horizons 1 to `steps`, [steps, 3, Q]."""
        measured = len(self.quantiles)
        if steps <= measured:
            return self.quantiles[:steps]
        farther = np.arange(measured + 1, steps + 1) / measured
        beyond = self.quantiles[-1] * (farther[:, None] ** self.growth)[..., None]
        return np.concatenate([self.quantiles, beyond])

    def to_document(self) -> dict[str, Any]:
        """A JSON-ready form that `from_document` turns back into the same to six decimals."""
        parts = {"scale": self.scale, "quantiles": self.quantiles, "growth": self.growth}
        return {name: np.round(part, 6).tolist() for name, part in parts.items()}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Intervals:
        """What `to_document` described."""
        return cls(
            np.asarray(document["scale"], float).reshape(-1, 3),
            np.asarray(document["quantiles"], float).reshape(-1, 3, len(_SHARES)),
            np.asarray(document["growth"], float),
        )


def series_scale(errors: Floats, series: Ints, count: int) -> Floats:
    """Each series' usual one-step error relative to that of all, [count, 3].

    Args:
        errors: of one-step forecasts, [n, 3], NaN where unknown.
        series: number of each one's series, [n].
    """
    scale = np.ones((count, 3))
    for target in range(3):
        sizes = np.abs(errors[:, target])
        usual = np.array([_trimmed_mean(sizes[series == s]) for s in range(count)])
        known = ~np.isnan(usual) & (usual > 0)
        if not known.any():
            continue
        number = np.bincount(series[~np.isnan(sizes)], minlength=count)[known]
        logs = np.log(usual[known])
        scale[known, target] = np.exp((logs - logs.mean()) * number / (number + _STEADY))
    return scale


def _with_ends(quantiles: Floats) -> Floats:
    """Quantiles [steps, 3, Q] as [Q + 2, steps, 3]: from none at no distance on; the tail beyond
    the last one is taken to end at twice it."""
    inner = np.ascontiguousarray(np.moveaxis(quantiles, 2, 0))  # compared edge by edge
    return np.concatenate([np.zeros_like(inner[:1]), inner, 2 * inner[-1:] + 1e-12])


def _trimmed_mean(sizes: Floats) -> float:
    known = sizes[~np.isnan(sizes)]
    if not known.size:
        return float("nan")
    return float(np.minimum(known, _OUTLYING * np.median(known) + 1e-12).mean())


def _independent(errors: Floats) -> float:
    """How many of S series' errors, [n, S, H], are as good as independent, 1 to S.

    By the variance of their mean over the series, relative to what independent ones would have.
    """
    count = errors.shape[1]
    single, mean = mean_known(errors**2), mean_known(mean_known(errors, axis=1) ** 2)
    if count == 1 or not single > 0:
        return 1.0
    alike = max(0.0, float(count * mean / single - 1) / (count - 1))
    return count / (1 + (count - 1) * min(alike, 1.0))


def _quantiles(parts: list[tuple[Floats, float, float]], horizon: int) -> Floats | None:
    """Weighted quantiles of the absolute errors around a horizon, pooled; None without any."""
    near = slice(max(0, horizon - horizon // _NEIGHBOURS), horizon + horizon // _NEIGHBOURS + 1)
    sizes, weights = [], []
    for errors, independent, most in parts:
        some = errors[:, :, near]
        known = ~np.isnan(some)
        if not known.any():
            continue
        origins = int(known.any(axis=(1, 2)).sum())
        # Origins closer to each other than the horizon see the same future.
        number = min(max(1.0, origins / (horizon + 1)) * independent, most)
        sizes.append(some[known])
        weights.append(np.full(known.sum(), number / known.sum()))
    if not sizes:
        return None
    size, weight = np.concatenate(sizes), np.concatenate(weights)
    order = np.argsort(size)
    reached = np.cumsum(weight[order]) / weight.sum()
    place = np.searchsorted(reached, np.array(_SHARES) - 1e-12)
    return size[order][np.minimum(place, len(size) - 1)]


def _growth(quantiles: Floats) -> Floats:
    """Power of the horizon that the 80 % quantiles grow with towards their end, 0 to ½, [3]."""
    steps, place = len(quantiles), _SHARES.index(0.8)
    if steps < 4:
        return np.full(3, 0.5)
    late, half = quantiles[-1, :, place], quantiles[steps // 2 - 1, :, place]
    ratio = np.log(np.maximum(late, 1e-12) / np.maximum(half, 1e-12))
    return np.clip(ratio / np.log(steps / (steps // 2)), 0.0, 0.5)
