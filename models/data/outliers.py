"""Outliers: values far from those expected by their neighbours and their weekday, or month.

On a logarithmic scale (of the value plus a twentieth of the series' median, so that zero has a
place): the running median of seven steps, plus the median distance from it of the same weekday
(days) or the same month (months, from three years on). What is left is measured in robust
standard deviations: 1.4826 × its median absolute value (P. J. Rousseeuw & C. Croux, JASA 88
(1993)) or, if larger, what its 95 % quantile suggests: what happens one time in twenty, such as
days without output, is no outlier.

Example: in a WIP of about 100 units with a standard deviation of 5 %, a day of 5,000 units is an
outlier; one of 115 is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.series.calendar import Step
from models.series.panel import Panel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LIMIT = 6.0  # robust standard deviations
LEAST = 21  # steps of a series that has outliers
_SPAN = 7  # steps of the running median
_FLOOR = 0.02  # smallest standard deviation, of a logarithm: 2 % of the value
_OFFSET = 0.05  # of the median
ROWS_PER_BLOCK = 250_000  # looked at at once


@dataclass(frozen=True)
class Outliers:
    """The outliers of a panel, [n] each, series by series.

    Attributes:
        row: their rows in the panel.
        column: their place in TARGETS.
        low: the least value that was to be expected.
        high: the largest.
        strength: distance from the middle of that, in robust standard deviations.
    """

    row: Ints
    column: Ints
    low: Floats
    high: Floats
    strength: Floats


def find(panel: Panel) -> Outliers:
    """Return the outliers of all series and targets. Series shorter than LEAST have none."""
    filled = panel.filled()
    parts = [
        _find(panel, filled, begin, end, column)
        for begin, end in _blocks(panel.offsets)
        for column in range(filled.shape[1])
    ]
    row, column, low, high, strength = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.lexsort((column, row))
    return Outliers(row[order], column[order], low[order], high[order], strength[order])


def _blocks(offsets: Ints) -> Iterator[tuple[int, int]]:
    """First and last (exclusive) series of blocks of about ROWS_PER_BLOCK rows."""
    begin = 0
    while begin < len(offsets) - 1:
        end = int(np.searchsorted(offsets, offsets[begin] + ROWS_PER_BLOCK))
        end = min(max(end, begin + 1), len(offsets) - 1)
        yield begin, end
        begin = end


def _find(
    panel: Panel, filled: Floats, begin: int, end: int, column: int
) -> tuple[Ints, Ints, Floats, Floats, Floats]:
    rows = slice(int(panel.offsets[begin]), int(panel.offsets[end]))
    offsets = panel.offsets[begin : end + 1] - panel.offsets[begin]
    lengths = np.diff(offsets)
    series = np.repeat(np.arange(end - begin), lengths)
    values, known = filled[rows, column], ~np.isnan(panel.values[rows, column])
    offset = np.maximum(_OFFSET * _medians(values, series, end - begin), 1e-12)[series]
    logs = np.log(values + offset)
    middle = _running_median(logs, offsets)
    phase, phases = _phases(panel, begin, end)
    group = series * phases + phase
    middle += _medians(logs - middle, group, (end - begin) * phases)[group]
    rest = logs - middle
    width = abs(rest)
    scale = np.maximum(
        1.4826 * _quantiles(width, series, end - begin, 0.5),
        _quantiles(width, series, end - begin, 0.95) / 1.96,
    )
    scale = np.maximum(scale, _FLOOR)[series]
    found = np.flatnonzero((width > LIMIT * scale) & known & (lengths[series] >= LEAST))
    reach = LIMIT * scale[found]
    low = np.maximum(np.exp(middle[found] - reach) - offset[found], 0.0)
    high = np.exp(np.minimum(middle[found] + reach, 700.0)) - offset[found]
    column_of = np.full(len(found), column)
    return found + rows.start, column_of, low, high, width[found] / scale[found]


def _phases(panel: Panel, begin: int, end: int) -> tuple[Ints, int]:
    """Each row's place in the week or year, and how many there are; weeks are all alike."""
    lengths = panel.lengths[begin:end]
    position = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    time = position + np.repeat(panel.dated_first[begin:end], lengths)
    if panel.calendar.working:
        time = panel.calendar.days(time)
    season = 12 if panel.calendar.step is Step.MONTH else panel.calendar.week
    return np.where(np.repeat(lengths, lengths) >= 3 * season, time % season, 0), season


def _running_median(values: Floats, offsets: Ints) -> Floats:
    """The median of the _SPAN steps around each, at the ends of a series of its outermost ones."""
    lengths = np.repeat(np.diff(offsets), np.diff(offsets))
    start = np.repeat(offsets[:-1], np.diff(offsets))
    latest = start + np.maximum(lengths - _SPAN, 0)
    first = np.clip(np.arange(len(values)) - _SPAN // 2, start, latest)
    around = np.minimum(first[:, None] + np.arange(_SPAN), (start + lengths - 1)[:, None])
    return np.partition(values[around], _SPAN // 2, axis=1)[:, _SPAN // 2]


def _medians(values: Floats, group: Ints, count: int) -> Floats:
    return _quantiles(values, group, count, 0.5)


def _quantiles(values: Floats, group: Ints, count: int, share: float) -> Floats:
    """A quantile of each group's values, [n] → [count]: the lower of two; 0 of none."""
    order = np.lexsort((values, group))
    sizes = np.bincount(group, minlength=count)
    place = np.cumsum(sizes) - sizes + np.floor(share * np.maximum(sizes - 1, 0)).astype(np.int64)
    return np.where(sizes > 0, values[order][np.minimum(place, len(values) - 1)], 0.0)
