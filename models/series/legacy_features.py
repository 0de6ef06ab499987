"""The features of legacy networks: of a row, its names, its date, and the rows before it.

The earlier implementation had two layouts. Its plain network takes nine features (`PLAIN`), its
enhanced one twenty-four (`ENHANCED`): waves of the number of the day, means of the last rows, the
row before, and ratios. Columns that its table lacked were left out, in the same order.

    >>> values = np.array([[[90.0, 30.0, 3.0], [60.0, 20.0, 3.0], [30.0, 10.0, 3.0]]])
    >>> moving_mean(values, 3)[0, -1].tolist()
    [60.0, 20.0, 3.0]
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from models.series.panel import SERIES_FIELDS, TARGETS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STOCKS = ("finished_goods", "semi_finished_goods")
CALENDAR = ("day_of_week", "month", "day_of_year")
_PERIODS = {"year": 365.25, "month": 30.44, "week": 7.0}  # days, of the waves
WAVES = tuple(f"day_{wave}_{period}" for period in _PERIODS for wave in ("sin", "cos"))
_MEANS = (3, 7)  # rows
_EPSILON = 1e-8  # of the ratios
PAST = tuple(
    f"{target}_{past}" for target in TARGETS for past in (*(f"mean_{n}" for n in _MEANS), "before")
)
RATIOS = ("wip_per_throughput", "throughput_per_wip")
COMPLIANCE = "littles_law_compliance"
PLAIN = ("day", *TARGETS, *STOCKS, *SERIES_FIELDS)
ENHANCED = ("day", *WAVES, *SERIES_FIELDS, *STOCKS, COMPLIANCE, *PAST, *RATIOS)
FEATURES = tuple(dict.fromkeys((*PLAIN, *ENHANCED, *CALENDAR)))


def lead(features: tuple[str, ...]) -> int:
    """Return how many rows before a row its features depend on."""
    needed = [0]
    for feature in set(features) & set(PAST):
        past = feature.rpartition("_")[2]
        needed.append(1 if past == "before" else int(past) - 1)
    return max(needed)


def counts_days(features: tuple[str, ...]) -> bool:
    """Return whether some features depend on the number of the day."""
    return bool(set(features) & {"day", *WAVES})


def moving_mean(values: Floats, count: int) -> Floats:
    """Return the mean of each row and the `count` − 1 rows before it, [n, m − count + 1, k]."""
    windows = np.lib.stride_tricks.sliding_window_view(values, count, axis=1)
    return np.asarray(windows.mean(axis=-1))


def compliance(values: Floats) -> Floats:
    """Return 1 − |WIP − throughput × cycle time| ÷ the larger of both; 1 where both are 0."""
    wip, expected = values[..., 0], values[..., 1] * values[..., 2]
    larger = np.maximum(wip, expected)
    return 1 - np.divide(np.abs(wip - expected), larger, out=np.zeros_like(wip), where=larger > 0)


def of_values(values: Floats, skipped: int) -> dict[str, Callable[[], Floats]]:
    """Return the features that follow from the targets, each computed when it is called.

    Args:
        values: rows in units, oldest first, [n, m, 3].
        skipped: first rows that only later ones need, at least `lead`; the features are [n, m − s].
    """
    wip, throughput, _ = np.moveaxis(values[:, skipped:], -1, 0)
    found: dict[str, Callable[[], Floats]] = {
        COMPLIANCE: lambda: compliance(values[:, skipped:]),
        "wip_per_throughput": lambda: wip / (throughput + _EPSILON),
        "throughput_per_wip": lambda: throughput / (wip + _EPSILON),
    }
    for i, target in enumerate(TARGETS):
        own = values[..., i : i + 1]
        found[target] = partial(_before, own, skipped, 0)
        found[f"{target}_before"] = partial(_before, own, skipped, 1)
        for n in _MEANS:
            found[f"{target}_mean_{n}"] = partial(_mean, own, skipped, n)
    return found


def _before(own: Floats, skipped: int, rows: int) -> Floats:
    return own[:, skipped - rows : own.shape[1] - rows, 0]


def _mean(own: Floats, skipped: int, count: int) -> Floats:
    return moving_mean(own[:, skipped + 1 - count :], count)[..., 0]


def of_days(number: Ints) -> dict[str, Floats]:
    """Return the features that follow from the number of the day, in its shape."""
    waves: dict[str, Floats] = {"day": number.astype(float)}
    for period, days in _PERIODS.items():
        angle = 2 * np.pi * number / days
        waves |= {f"day_sin_{period}": np.sin(angle), f"day_cos_{period}": np.cos(angle)}
    return waves


def of_dates(days: Ints) -> dict[str, Ints]:
    """Return weekday (Monday 0), month and day of the year (from 1), as pandas counts them.

    Args:
        days: since 1970-01-01.
    """
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]").astype(np.int64) % 12 + 1
    of_year = (dates - dates.astype("datetime64[Y]")).astype(np.int64) + 1
    return dict(zip(CALENDAR, ((days + 3) % 7, months, of_year), strict=True))
