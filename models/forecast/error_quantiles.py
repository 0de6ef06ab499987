"""Quantiles of absolute errors that come from several places, and count for as much as they tell.

Errors of forecasts from origins close to each other, or of series that move together, tell little
more than one of them. Each part of the errors therefore has as much weight as it holds independent
errors; a part may have a limit.

    >>> few = ErrorSamples(np.full((1, 1, 1, 3), 2.0), np.zeros(1, int))
    >>> usual = ErrorSamples(np.ones((20, 1, 1, 3)), np.zeros(1, int))
    >>> parts = [ErrorPart.of(each, 4.0, np.ones((1, 3)), target=0) for each in (few, usual)]
    >>> fitted_to(parts[:1], parts[1]).sizes.max().round(2)  # 2 ^ (1 ÷ 5)
    np.float64(1.15)
    >>> quantiles_around(parts, 0, (0.5, 0.9)).tolist()
    [1.0, 2.0]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.series.error_measures import mean_known

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_NEIGHBOURS = 4  # errors at horizons within a quarter of a horizon are used for it


@dataclass(frozen=True)
class ErrorSamples:
    """Errors of roll-outs.

    Attributes:
        values: truth − forecast by origin, series, horizon and target, [n, S', H, 3]; NaN if the
            truth is not known.
        series: number of each series, [S'].
        heights: of the forecasts, [n, S', H, 3] (`models.forecast.error_size`); None: unknown.
    """

    values: Floats
    series: Ints
    heights: Floats | None = None


class ErrorPart(NamedTuple):
    """Absolute errors of one target, relative to the scales of their series.

    Attributes:
        sizes: by origin, series and step, [n, S', H]; NaN where unknown.
        independent: effective number of independent series among them.
        most: independent errors that they count for at most.
    """

    sizes: Floats
    independent: float
    most: float

    @classmethod
    def of(cls, samples: ErrorSamples, most: float, scale: Floats, target: int) -> ErrorPart:
        """Return the errors of a target.

        Args:
            most: as the attribute.
            scale: of the errors of each series, [S, 3].
        """
        own = scale[samples.series, target][:, None].astype(samples.values.dtype)
        errors = samples.values[..., target] / own
        independent = independent_series(errors)
        return cls(np.abs(errors, out=errors), independent, most)


def fitted_to(parts: Sequence[ErrorPart], usual: ErrorPart) -> ErrorPart:
    """Usual errors with their full weight, made larger or smaller as the errors of the parts are.

    The ratio is shrunk towards one: as many errors as the usual ones count for have half the say.
    """
    logs, numbers = [], []
    for h in range(usual.sizes.shape[2]):
        sizes, weights = _around(parts, h)
        own, other = (sizes * weights).sum(), float(mean_known(usual.sizes[..., h]))
        if own > 0 and other > 0:
            logs.append(np.log(own / weights.sum() / other))
            numbers.append(weights.sum())
    ratio = 1.0
    if logs:
        most = max(numbers)
        ratio = np.exp(np.average(logs, weights=numbers) * most / (most + usual.most))
    return ErrorPart(usual.sizes * ratio, usual.most, usual.most)


def quantiles_around(
    parts: Sequence[ErrorPart], horizon: int, shares: Sequence[float]
) -> Floats | None:
    """Weighted quantiles of all absolute errors around a horizon, [Q]; None if there are none."""
    size, weight = _around(parts, horizon)
    if not size.size:
        return None
    order = np.argsort(size)
    reached = np.cumsum(weight[order]) / weight.sum()
    place = np.searchsorted(reached, np.array(shares) - 1e-12)
    return size[order][np.minimum(place, len(size) - 1)]


def _around(parts: Sequence[ErrorPart], horizon: int) -> tuple[Floats, Floats]:
    """Known errors around a horizon, [n], and weights that add up to the independent ones."""
    sizes, weights = [np.empty(0)], [np.empty(0)]
    for part in parts:
        some = part.sizes[:, :, around(horizon)]
        known = ~np.isnan(some)
        if not known.any():
            continue
        number = min(independent_errors(known, horizon, part.independent), part.most)
        sizes.append(some[known])
        weights.append(np.full(known.sum(), number / known.sum()))
    return np.concatenate(sizes), np.concatenate(weights)


def around(horizon: int) -> slice:
    """Return the horizons whose errors are used for one, all from 0."""
    away = horizon // _NEIGHBOURS
    return slice(max(0, horizon - away), horizon + away + 1)


def independent_errors(known: NDArray[np.bool_], horizon: int, series: float) -> float:
    """Return how many independent errors there are around a horizon.

    Forecasts from origins closer to each other than the horizon share their truths.

    Args:
        known: True for known errors, [n, S, steps].
        series: effective number of independent series.
    """
    origins = int(known.any(axis=(1, 2)).sum())
    return max(1.0, origins / (horizon + 1)) * series


def independent_series(errors: Floats) -> float:
    """Return the effective number of independent series among S, 1 to S, by their errors [n, S, H].

    From the variance of the mean over the series, relative to that of independent errors (a
    design effect: L. Kish, "Survey Sampling", 1965).
    """
    count = errors.shape[1]
    single, mean = mean_known(errors**2), mean_known(mean_known(errors, axis=1) ** 2)
    if count == 1 or not single > 0:
        return 1.0
    alike = max(0.0, float(count * mean / single - 1) / (count - 1))
    return count / (1 + (count - 1) * min(alike, 1.0))
