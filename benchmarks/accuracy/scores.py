"""Scores of forecasts. Arrays of equal shape; NaN truths do not count."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.datasets import DataSet
from benchmarks.accuracy.protocol import Run
from models.series.panel import TARGETS, Panel

Floats = NDArray[np.float64]


def wape(truth: Floats, forecast: Floats) -> float:
    """Weighted absolute percentage error: Σ|truth − forecast| ÷ Σ|truth|, as a share.

    Series of all sizes are pooled in units: the large ones count most.
    """
    known = ~np.isnan(truth)
    return float(np.abs(truth - forecast)[known].sum() / np.abs(truth[known]).sum())


def seasonal_scale(values: Floats, season: int) -> float:
    """Mean absolute error of the seasonal naive within a series, [n]; NaN if there is none.

    A series no longer than a season is compared with its own value one step before.
    """
    season = season if len(values) > season else 1
    change = np.abs(values[season:] - values[:-season])
    change = change[~np.isnan(change)]
    return float(change.mean()) if change.size and change.any() else float("nan")


def mase(truth: Floats, forecast: Floats, scale: Floats) -> float:
    """Mean absolute scaled error: each series' mean |error| ÷ its scale, averaged over series.

    Hyndman & Koehler, "Another look at measures of forecast accuracy", 2006.

    Args:
        truth: [origins, series, horizon].
        forecast: the same.
        scale: in-sample seasonal naive error of each series, [series]; NaN: it does not count.
    """
    known = ~np.isnan(truth)
    count = known.sum(axis=(0, 2))
    total = np.where(known, np.abs(truth - forecast), 0).sum(axis=(0, 2))
    judged = (count > 0) & ~np.isnan(scale)
    return float(np.mean(total[judged] / count[judged] / scale[judged]))


def coverage(truth: Floats, lower: Floats, upper: Floats) -> float:
    """Share of the truth that lies within the bounds, themselves included."""
    known = ~np.isnan(truth)
    return float(np.mean(((truth >= lower) & (truth <= upper))[known]))


def relative_width(truth: Floats, lower: Floats, upper: Floats) -> float:
    """Mean width of the intervals ÷ mean |truth|."""
    known = ~np.isnan(truth)
    return float((upper - lower)[known].mean() / np.abs(truth[known]).mean())


def winkler(truth: Floats, lower: Floats, upper: Floats, level: int) -> float:
    """Mean interval score of a central interval of `level` %, in the unit of the data.

    The width, plus 2 ÷ α times how far outside the truth fell, α = 1 − level. Winkler, "A
    decision-theoretic approach to interval estimation", 1972; Gneiting & Raftery, 2007.
    """
    known = ~np.isnan(truth)
    below, above = np.maximum(lower - truth, 0), np.maximum(truth - upper, 0)
    return float((upper - lower + 2 / (1 - level / 100) * (below + above))[known].mean())


def judge(data: DataSet, run: Run) -> dict[str, Any]:
    """All scores of a run, JSON-ready; a target of which no truth is known has none.

    Raises:
        ValueError: a value that can be judged was not forecast.
    """
    truth = data.truth()
    for array in (run.values, *run.lower.values(), *run.upper.values()):
        if not np.isfinite(array[~np.isnan(truth)]).all():
            raise ValueError("Forecasts must be finite wherever the truth is known.")
    scales = _scales(data.train, data.pace.season)
    document: dict[str, Any] = {"wape": {}, "mase": {}, "intervals": {}}
    for i, target in enumerate(TARGETS):
        if np.isnan(truth[..., i]).all():
            continue
        document["wape"][target] = {
            band: wape(truth[:, :, part, i], run.values[:, :, part, i])
            for band, part in _bands(data, truth[..., i]).items()
        }
        document["mase"][target] = mase(truth[..., i], run.values[..., i], scales[:, i])
        document["intervals"][target] = {
            str(level): _judge_interval(data, truth, run, i, level) for level in run.lower
        }
    return document | {"fit_seconds": run.fit_seconds, "forecast_seconds": run.forecast_seconds}


def _judge_interval(data: DataSet, truth: Floats, run: Run, i: int, level: int) -> dict[str, Any]:
    truth, lower, upper = truth[..., i], run.lower[level][..., i], run.upper[level][..., i]
    shares = {
        band: coverage(truth[:, :, part], lower[:, :, part], upper[:, :, part])
        for band, part in _bands(data, truth).items()
    }
    mean = float(np.nanmean(np.abs(truth)))
    return {
        "coverage": shares,
        "width": relative_width(truth, lower, upper),
        "winkler": winkler(truth, lower, upper, level) / mean,
    }


def _bands(data: DataSet, truth: Floats) -> dict[str, slice]:
    """The bands of horizons in which anything is known, and "all"."""
    named = {f"{a}–{b}" if a < b else f"{a}": slice(a - 1, b) for a, b in data.pace.bands}
    named["all"] = slice(None)
    return {band: part for band, part in named.items() if not np.isnan(truth[:, :, part]).all()}


def _scales(train: Panel, season: int) -> Floats:
    """Seasonal naive error of every series within the training span, [S, 3]."""
    parts = np.split(train.values, train.offsets[1:-1])
    return np.array([[seasonal_scale(column, season) for column in part.T] for part in parts])
