"""Past spikes: single values, or two in a row, that are far from all rows beside them.

A wrong day stays for weeks in the rows that forecasts are made from. A value is a spike if it is
many usual moves away from the row before it, the row after it, and the rows a season away. The
nearest of these takes its place. Values of which there are many are usual, as those of month ends:
they stay. So do the last rows, which nothing follows yet (`models.forecast.look_back`).

    >>> values = np.array([*[50.0, 52, 49, 51, 50] * 6, 500.0, *[51.0, 50, 52] * 3])
    >>> [cleaned] = without_spikes([np.repeat(values[:, None], 3, axis=1)], lags=(1, 7))
    >>> cleaned[28:33, 1].tolist()
    [51.0, 50.0, 51.0, 51.0, 50.0]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.series.calendar import Calendar
from models.series.error_measures import median_known

Floats = NDArray[np.float64]

_FARTHEST = 6.0  # usual moves to the nearest row beside it
_LEAST_MOVE = 0.02  # relative; smaller ones are usual
_TO_SIGMA = 1.4826  # median absolute move → standard deviation of a normal distribution
_FEWEST_MOVES = 10
_OF_CONSTANT = 4  # moves at most of a constant line with one or two spikes
_NEAR_ZERO, _OFFSET = 0.02, 0.5  # of the median: with values below, logarithms get an offset
_FEW = 0.02  # share of the rows; more of them are usual
_ROWS = 200  # the last ones, that forecasts depend on
_AT_ONCE = 256  # series


def lags_of(calendar: Calendar) -> tuple[int, ...]:
    """Return the steps to the rows that a value is compared with: 1, a day of hours, a season."""
    return tuple(sorted({1, calendar.parts, calendar.season}))


def without_spikes(rows: Sequence[Floats], lags: Sequence[int]) -> list[Floats]:
    """Return the rows of n series, [m, 3], with what is beside them in place of spikes.

    Args:
        rows: in units, oldest first; NaN where unknown.
        lags: steps to the rows that a value is compared with, 1 and others.
    """
    found: list[Floats] = []
    for begin in range(0, len(rows), _AT_ONCE):
        some = rows[begin : begin + _AT_ONCE]
        length = min(max(map(len, some)), _ROWS)
        whole = np.full((len(some), length, 3), np.nan)
        for own, each in zip(whole, some, strict=True):
            own[max(length - len(each), 0) :] = each[-length:]
        for each, own in zip(some, _cleaned(whole, lags), strict=True):
            count = min(len(each), length)
            found.append(np.concatenate([each[: len(each) - count], own[length - count :]]))
    return found


def _cleaned(values: Floats, lags: Sequence[int]) -> Floats:
    """Values, [n, m, 3], with the nearest of the rows beside them in place of spikes."""
    logs = _logs(values)
    moves = np.abs(np.diff(logs, axis=1))
    limit = _FARTHEST * _usual(moves)[:, None]
    moving = (moves > limit).any(axis=(1, 2))
    found = values.copy()
    if moving.any():
        found[moving] = _replaced(values[moving], logs[moving], limit[moving], lags)
    return found


def _usual(moves: Floats) -> Floats:
    """The usual size of moves, [n, 3]; infinite where too few of them tell.

    Equal rows are none, as where unknown values were filled; but a line may be constant.
    """
    known, moving = (~np.isnan(moves)).sum(axis=1), (moves > 0).sum(axis=1)
    is_constant = (moving <= _OF_CONSTANT) & (known >= 4 * _FEWEST_MOVES)
    median = _TO_SIGMA * median_known(np.where(moves > 0, moves, np.nan))
    of_moving = np.where(moving >= _FEWEST_MOVES, np.fmax(median, _LEAST_MOVE), np.inf)
    found: Floats = np.where(is_constant, _LEAST_MOVE, of_moving)
    return found


def _replaced(values: Floats, logs: Floats, limit: Floats, lags: Sequence[int]) -> Floats:
    """Values without spikes, which are further than `limit`, [n, 1, 3], from rows beside them."""
    seasons = [way * lag for lag in lags[1:] for way in (-1, 1)]
    alone, single = _far(logs, [-1, 1, *seasons], limit)
    first, of_first = _far(logs, [-1, 2, *seasons], limit)
    second, of_second = _far(logs, [-2, 1, *seasons], limit)
    pair = (alone == 0) & (first != 0) & (first == _beside(second, 1))
    follows = _beside(pair, -1)
    spikes = (alone != 0) | pair | follows
    known = (~np.isnan(values)).sum(axis=1)
    spikes &= (spikes.sum(axis=1) <= np.maximum(2, _FEW * known))[:, None]
    places = np.where(pair, of_first, np.where(follows, of_second, single))
    rows = np.clip(np.arange(values.shape[1])[:, None] + places, 0, values.shape[1] - 1)
    return np.where(spikes, np.take_along_axis(values, rows, axis=1), values)


def _far(
    logs: Floats, offsets: Sequence[int], limit: Floats
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The way of values that are far from all rows at some offsets, [n, m, 3]: 1, −1, or else 0.

    Also the offset of the nearest. The rows at the first two offsets have to be known.
    """
    others = np.stack([_beside(logs, offset) for offset in offsets])
    distance = np.abs(logs - others)
    nearest = np.where(np.isnan(distance), np.inf, distance).argmin(axis=0)
    move = logs - np.take_along_axis(others, nearest[None], axis=0)[0]
    is_far = (np.abs(move) > limit) & ~np.isnan(others[:2]).any(axis=0)
    return np.where(is_far, np.sign(np.nan_to_num(move)), 0).astype(int), np.array(offsets)[nearest]


def _beside(values: NDArray[Any], offset: int) -> NDArray[Any]:
    """The values of rows at an offset, [n, m, 3]; NaN, or 0, where there is none."""
    found = np.full_like(values, np.nan if values.dtype.kind == "f" else 0)
    if abs(offset) < values.shape[1]:
        if offset > 0:
            found[:, :-offset] = values[:, offset:]
        else:
            found[:, -offset:] = values[:, :offset]
    return found


def _logs(values: Floats) -> Floats:
    """Logarithms, [n, m, 3]; NaN for series that are mostly zero."""
    level = median_known(values)[:, None]
    is_near_zero = (values < _NEAR_ZERO * level).any(axis=1, keepdims=True)
    moved = values + np.where(is_near_zero, _OFFSET * level, 0.0)
    found = np.full(values.shape, np.nan)
    np.log(moved, out=found, where=(moved > 0) & (level > 0))
    return found
