"""The size of errors by the height of the forecast.

    size = usual size × exp(slope × height)

The height is the scaled forecast, in standard deviations of the logarithms of its series. Errors
of a line grow towards its capacity, those of counts shrink (relative to them) the higher they are;
of a random walk they do neither. Intervals of one width for all heights would be too narrow at one
end and too wide at the other (normalised conformal prediction: H. Papadopoulos, V. Vovk & A.
Gammerman, "Regression conformal prediction with nearest neighbours", 2011; exponential variance
functions: R. J. Carroll & D. Ruppert, "Transformation and weighting in regression", 1988).

The slope is one Newton step of the likelihood of Laplace errors,

    slope = (mean height, weighted by the errors − mean height) ÷ their variance so weighted

and is drawn to zero by the square of two standard errors, as by a positive-part James-Stein
estimator (B. Efron & C. Morris, "Stein's estimation rule and its competitors", 1973): what chance
would show makes no difference.

    >>> heights = np.random.default_rng(1).normal(size=(800, 1, 1, 3))
    >>> fit_slopes(0.1 * np.exp(0.5 * heights), heights).round(1)
    array([[0.5, 0.5, 0.5]])
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.forecast.error_quantiles import (
    ErrorSamples,
    around,
    independent_errors,
    independent_series,
)
from models.series.scaling import Scaling

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_HIGHEST = 2.0  # standard deviations; heights beyond count as this, on both sides
_STEEPEST = 0.7  # slope: errors twice as large one standard deviation higher
_OUTLYING = 6.0  # medians; larger errors are cut to this
_ERRORS = 2.0  # standard errors, within which a slope is taken for chance


def heights_of(scaled: Floats, scaling: Scaling, series: Ints) -> Floats:
    """Return the heights of scaled forecasts, [n, H, 3].

    NaN for series that come near zero: their scale is not that of logarithms.

    Args:
        scaled: forecasts, [n, H, 3].
        series: number of each series, [n].
    """
    near_zero = scaling.offset[series] > 0
    return np.where(near_zero[:, None], np.nan, scaled.clip(-_HIGHEST, _HIGHEST))


def relative_size(slopes: Floats, heights: Floats) -> Floats:
    """Return the size of errors relative to the usual one, [..., H, 3]; 1 without a height.

    Args:
        slopes: by step, [h, 3]; of later steps it is that of the last one.
        heights: of forecasts, [..., H, 3].
    """
    steps = np.minimum(np.arange(heights.shape[-2]), len(slopes) - 1)
    found: Floats = np.exp(np.nan_to_num(slopes[steps] * heights))
    return found


def evened(samples: ErrorSamples, slopes: Floats) -> ErrorSamples:
    """Return errors, divided by their size relative to the usual one.

    Args:
        slopes: by step, [H, 3].
    """
    if samples.heights is None or not slopes.any():
        return samples
    size = relative_size(slopes, samples.heights).astype(samples.values.dtype)
    return ErrorSamples(samples.values / size, samples.series)


def fit_slopes(errors: Floats, heights: Floats) -> Floats:
    """Return the slopes by step, [H, 3].

    Args:
        errors: relative to the scale of their series, by origin, [n, S, H, 3]; NaN where unknown.
        heights: of the forecasts, likewise.
    """
    steps = errors.shape[2]
    slopes = np.zeros((steps, 3))
    for target in range(3):
        own = np.where(np.isnan(heights[..., target]), np.nan, errors[..., target])
        if np.isnan(own).all():
            continue
        independent, sizes = independent_series(own), np.abs(own)
        for step in range(steps):
            near = around(step)
            some = sizes[..., near]
            known = ~np.isnan(some)
            if known.any():
                number = independent_errors(known, step, independent)
                slopes[step, target] = _slope(
                    some[known], heights[..., near, target][known], number
                )
    return slopes


def _slope(sizes: Floats, heights: Floats, number: float) -> float:
    """The slope that absolute errors show, [n] each, as `number` independent errors tell it."""
    cut = np.minimum(sizes, _OUTLYING * np.median(sizes))
    variance = float(heights.var())
    if cut.sum() <= 0 or variance <= 0:
        return 0.0
    weights, centred = cut / cut.sum(), heights - heights.mean()
    mean = float(weights @ centred)
    spread = float(weights @ centred**2) - mean**2
    if spread <= 0 or mean == 0:
        return 0.0
    slope = mean / spread
    by_chance = _ERRORS**2 / (number * variance)  # the square of two standard errors
    return float(np.clip(slope * max(0.0, 1 - by_chance / slope**2), -_STEEPEST, _STEEPEST))
