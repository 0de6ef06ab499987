"""Scores of forecasts. Arrays of equal shape; NaN truths do not count."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.datasets import DataSet, until
from benchmarks.accuracy.protocol import Run
from benchmarks.accuracy.uncertainty import by_block
from models.series.panel import TARGETS, Panel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


TOTALS_LEVEL = 80  # of the intervals of sums over the horizon
TOTALS_COVERAGE = f"coverage{TOTALS_LEVEL}"
_HIGH, _HIGH_BOUND = 3, 10  # times the largest value so far: forecasts beyond that are flagged
_HIGH_BOUND_LEVEL = 95
_ROUNDING = 1e-12


def wape(truth: Floats, forecast: Floats, usual: float = 0.0) -> float:
    """Weighted absolute percentage error: Σ|truth − forecast| ÷ Σ|truth|, as a share.

    Series of all sizes are pooled in units: the large ones count most.

    Args:
        truth: values, NaN where unknown.
        forecast: the same.
        usual: mean |value| of the history. It takes the place of the mean |truth| where the truth
            is all zero; where both are zero, the result is the mean |error|.
    """
    known = ~np.isnan(truth)
    return float(np.abs(truth - forecast)[known].mean() / _size(truth, usual))


def _size(truth: Floats, usual: float) -> float:
    """Mean |truth|; `usual` where that is zero, one where both are."""
    return float(np.nanmean(np.abs(truth))) or usual or 1.0


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

    Returns:
        NaN if no series counts.
    """
    known = ~np.isnan(truth)
    count = known.sum(axis=(0, 2))
    total = np.where(known, np.abs(truth - forecast), 0).sum(axis=(0, 2))
    judged = (count > 0) & ~np.isnan(scale)
    if not judged.any():
        return float("nan")
    return float(np.mean(total[judged] / count[judged] / scale[judged]))


def coverage(truth: Floats, lower: Floats, upper: Floats) -> float:
    """Share of the truth that lies within the bounds, themselves included."""
    known = ~np.isnan(truth)
    return float(np.mean(((truth >= lower) & (truth <= upper))[known]))


def relative_width(truth: Floats, lower: Floats, upper: Floats, usual: float = 0.0) -> float:
    """Mean width of the intervals ÷ mean |truth|, or `usual` where that is zero."""
    return float((upper - lower)[~np.isnan(truth)].mean()) / _size(truth, usual)


def winkler(truth: Floats, lower: Floats, upper: Floats, level: int) -> float:
    """Mean interval score of a central interval of `level` %, in the unit of the data.

    The width, plus 2 ÷ α times how far outside the truth fell, α = 1 − level. Winkler, "A
    decision-theoretic approach to interval estimation", 1972; Gneiting & Raftery, 2007.
    """
    return float(np.nanmean(_interval_scores(truth, lower, upper, level)))


def _interval_scores(truth: Floats, lower: Floats, upper: Floats, level: int) -> Floats:
    """Score of each interval; NaN where the truth is."""
    below, above = np.maximum(lower - truth, 0), np.maximum(truth - upper, 0)
    return upper - lower + 2 / (1 - level / 100) * (below + above)


def energy(truth: Floats, paths: Floats) -> float:
    """Energy score of paths, E|X − y| − E|X − X'| ÷ 2 in Euclidean norms, ÷ the mean |y|.

    Gneiting & Raftery, "Strictly proper scoring rules, prediction, and estimation", 2007. Without
    spread it is the mean distance of path and truth; less is better.

    Args:
        truth: [cases, horizon]; NaN steps do not count.
        paths: [cases, n, horizon].
    """
    known = ~np.isnan(truth)
    judged = known.any(axis=1)
    each = [_energy(y[k], x[:, k]) for y, x, k in zip(truth, paths, known, strict=True) if k.any()]
    size = np.sqrt(np.nansum(truth[judged] ** 2, axis=1)).mean()
    return float(np.mean(each) / (size or 1.0))


def energies(truth: Floats, paths: Floats) -> dict[str, float]:
    """Energy scores of paths and of their running sums, also relative to independent days.

    Independent days are the same values of each step, put together at random; for these ratios,
    only cases count whose whole horizon is known.

    Args:
        truth: [cases, horizon]; NaN where unknown.
        paths: [cases, n, horizon].
    """
    found = {"energy": energy(truth, paths)}
    whole = ~np.isnan(truth).any(axis=1)
    if not whole.any():
        return found
    truth, paths = truth[whole], paths[whole]
    rng = np.random.default_rng(0)
    orders = [rng.permutation(paths.shape[1]) for _ in range(paths.shape[2])]
    apart = np.stack([paths[:, order, h] for h, order in enumerate(orders)], axis=2)
    for name, (one, other, value) in {
        "to_independent": (paths, apart, truth),
        "sums_to_independent": (paths.cumsum(axis=2), apart.cumsum(axis=2), truth.cumsum(axis=1)),
    }.items():
        expected = energy(value, other)
        found |= {name: energy(value, one) / expected} if expected else {}
    return found


def _energy(truth: Floats, paths: Floats) -> float:
    squares = (paths**2).sum(axis=1)
    between = np.sqrt(np.maximum(squares[:, None] + squares - 2 * paths @ paths.T, 0))
    np.fill_diagonal(between, 0)
    count = len(paths)
    spread = between.sum() / max(count * (count - 1), 1)
    return float(np.sqrt(((paths - truth) ** 2).sum(axis=1)).mean() - spread / 2)


def judge(data: DataSet, run: Run) -> dict[str, Any]:
    """All scores of a run, JSON-ready; a target of which no truth is known has none.

    Raises:
        ValueError: a value that can be judged was not forecast.
    """
    truth = data.truth()
    for array in (run.values, *run.lower.values(), *run.upper.values()):
        if not np.isfinite(array[~np.isnan(truth)]).all():
            raise ValueError("Forecasts must be finite wherever the truth is known.")
    scales, usual = _scales(data.train, data.pace.season), _usual(data.train)
    parts = ("wape", "mase", "intervals", "totals", "energy", "blocks", "weights")
    document: dict[str, Any] = {part: {} for part in parts}
    for i, target in enumerate(TARGETS):
        if np.isnan(truth[..., i]).all():
            continue
        document["wape"][target] = {
            band: wape(truth[:, :, part, i], run.values[:, :, part, i], usual[i])
            for band, part in _bands(data, truth[..., i]).items()
        }
        scaled = mase(truth[..., i], run.values[..., i], scales[:, i])
        document["mase"][target] = None if np.isnan(scaled) else scaled
        document["intervals"][target] = {
            str(level): _judge_interval(data, truth, run, i, level, usual[i]) for level in run.lower
        }
        document["totals"][target] = _judge_totals(data, truth[..., i], run, i, usual[i])
        document["blocks"][target] = _blocks(data, truth[..., i], run, i)
        if run.paths is not None:
            cases = truth[..., i].reshape(-1, truth.shape[2])
            paths = run.paths[..., i].reshape(len(cases), -1, truth.shape[2])
            document["energy"][target] = energies(cases, paths)
        if run.weights:
            document["weights"][target] = {
                band: {member: float(w[part, i].mean()) for member, w in run.weights.items()}
                for band, part in _bands(data, truth[..., i]).items()
            }
    document["flags"] = flags(data, run)
    return document | {"fit_seconds": run.fit_seconds, "forecast_seconds": run.forecast_seconds}


def flags(data: DataSet, run: Run) -> dict[str, int]:
    """Numbers of forecast values that are suspect, by the reason; targets never known aside.

    Too large is measured by the largest value of the series before the origin.
    """
    largest = np.stack([_largest(until(data.panel, int(origin))) for origin in data.origins])
    largest = largest[:, :, None]
    known = ~np.isnan(largest)
    upper = run.upper.get(_HIGH_BOUND_LEVEL, run.values)
    found = {
        "not finite": ~np.isfinite(run.values),
        "negative": run.values < -_ROUNDING,
        f"above {_HIGH} × the largest": run.values > _HIGH * largest + _ROUNDING,
        f"bound above {_HIGH_BOUND} × the largest": upper > _HIGH_BOUND * largest + _ROUNDING,
    }
    return {name: count for name, where in found.items() if (count := int((where & known).sum()))}


def _largest(past: Panel) -> Floats:
    """The largest known value of each series, [S, 3]."""
    return np.fmax.reduceat(past.values, past.offsets[:-1])


def _judge_totals(
    data: DataSet, truth: Floats, run: Run, i: int, usual: float
) -> dict[str, float | None]:
    """Error of sums over the whole horizon, and scores of their bounds; empty if unknown."""
    whole = ~np.isnan(truth).any(axis=2)
    if not whole.any():
        return {}
    total = truth.sum(axis=2)
    horizon = truth.shape[2]
    found: dict[str, float | None] = {
        "wape": wape(total[whole], run.values[..., i].sum(axis=2)[whole], usual * horizon)
    }
    if TOTALS_LEVEL in run.totals:
        bounds = [bound[..., i] for bound in run.totals[TOTALS_LEVEL]]
    elif run.paths is not None:
        tails = (100 - TOTALS_LEVEL) / 2
        sums = run.paths[..., i].sum(axis=3)
        bounds = list(np.percentile(sums, [tails, 100 - tails], axis=2))
    else:
        return found
    lower, upper = bounds
    hits = np.where(whole, (total >= lower) & (total <= upper), np.nan)
    score = winkler(total[whole], lower[whole], upper[whole], TOTALS_LEVEL)
    return found | {
        TOTALS_COVERAGE: float(np.nanmean(hits)),
        "error": _error_over_blocks(hits, data.origins, horizon),
        "winkler": score / _size(total[whole], usual * horizon),
    }


def _error_over_blocks(hits: Floats, origins: Ints, horizon: int) -> float | None:
    """Standard error of a mean over blocks of time as long as the horizon; None for one block.

    Args:
        hits: by origin and series, [O, S]; NaN where unknown.
        origins: steps, [O].
    """
    block = (origins - origins[0]) // horizon
    parts = [hits[block == k] for k in np.unique(block)]
    means = [float(np.nanmean(part)) for part in parts if not np.isnan(part).all()]
    if len(means) < 2:
        return None
    return float(np.std(means, ddof=1) / np.sqrt(len(means)))


def _judge_interval(
    data: DataSet, truth: Floats, run: Run, i: int, level: int, usual: float
) -> dict[str, Any]:
    truth, lower, upper = truth[..., i], run.lower[level][..., i], run.upper[level][..., i]
    shares = {
        band: coverage(truth[:, :, part], lower[:, :, part], upper[:, :, part])
        for band, part in _bands(data, truth).items()
    }
    return {
        "coverage": shares,
        "width": relative_width(truth, lower, upper, usual),
        "winkler": winkler(truth, lower, upper, level) / _size(truth, usual),
    }


def _blocks(data: DataSet, truth: Floats, run: Run, i: int) -> dict[str, Any]:
    """Sums by block of time and by series, of which standard errors are taken, [B, S] each.

    By band: known values, absolute errors, and by level values inside; by level Winkler scores.
    """
    known = ~np.isnan(truth)

    def banded(values: Floats) -> dict[str, list[list[float]]]:
        found = _bands(data, truth).items()
        return {name: by_block(values[:, :, part], data.origins).tolist() for name, part in found}

    lower, upper = ({at: own[..., i] for at, own in one.items()} for one in (run.lower, run.upper))
    return {
        "known": banded(known.astype(float)),
        "errors": banded(np.abs(truth - run.values[..., i])),
        "inside": {
            str(at): banded(((truth >= lower[at]) & (truth <= upper[at])).astype(float))
            for at in lower
        },
        "winkler": {
            str(at): by_block(
                _interval_scores(truth, lower[at], upper[at], at), data.origins
            ).tolist()
            for at in lower
        },
    }


def _bands(data: DataSet, truth: Floats) -> dict[str, slice]:
    """The bands of horizons in which anything is known, and "all"."""
    named = {f"{a}–{b}" if a < b else f"{a}": slice(a - 1, b) for a, b in data.pace.bands}
    named["all"] = slice(None)
    return {band: part for band, part in named.items() if not np.isnan(truth[:, :, part]).all()}


def _usual(train: Panel) -> list[float]:
    """Mean |value| of each target in the training span; zero where nothing is known."""
    known = ~np.isnan(train.values)
    total = np.where(known, np.abs(train.values), 0).sum(axis=0)
    return (total / np.maximum(known.sum(axis=0), 1)).tolist()


def _scales(train: Panel, season: int) -> Floats:
    """Seasonal naive error of every series within the training span, [S, 3]."""
    parts = np.split(train.values, train.offsets[1:-1])
    return np.array([[seasonal_scale(column, season) for column in part.T] for part in parts])
