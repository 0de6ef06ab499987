"""Level shifts: a line has moved to another level within the latest weeks, and stays there.

Forecasts are drawn back to the levels that the training, or most of the look-back, has seen. So a
shift is taken out of the rows before the forecast and put into it again: rows since the shift are
divided by the ratio of the two levels, forecasts are multiplied by it (shifts as dummy variables of
a regression: C. Chen & L.-M. Liu, "Joint estimation of model parameters and outlier effects in time
series", Journal of the American Statistical Association 88, 1993).

The latest 3 to 28 rows are compared with the 28 rows before them, both relative to the usual
profile of the season. The change is divided by its usual size in the past of the same series. It
is a shift where it is six times as large, or 3.5 times for two targets of a line, and the latest
three rows all show it. What came slower, or goes back already, is none. Nor is a throughput that
falls while WIP rises, or the other way round: it returns to what is released.

    >>> season = np.array([5.0, 6.0, 5.0, 4.0, 5.0, 2.0, 1.0])
    >>> values = np.tile(season, 28)
    >>> values[-10:] *= 2
    >>> rows = np.repeat(values[None, :, None], 3, axis=2)
    >>> usual = at_usual_level(rows, np.ones((1, 196), bool), season=7)
    >>> usual.ratios.tolist(), usual.ages.tolist(), usual.rows[0, -7:, 0].tolist()
    ([[2.0, 2.0, 2.0]], [[10, 10, 10]], [5.0, 6.0, 5.0, 4.0, 5.0, 2.0, 1.0])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.forecast.past_stops import past_stops

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

ROWS = 196  # at the end of the look-back, in which shifts are looked for
_AGES = (3, 4, 5, 7, 10, 14, 20, 28)  # rows since the shift
_BASE = 28  # rows before it
_LONGEST = 35  # rows since its beginning; a change that took longer is a trend
_FEWEST = 56  # changes in the past, without which none is unusual
_ALONE, _TOGETHER, _BESIDE = 6.0, 3.5, 2.0  # usual changes: of one target, of two, of others then
_LEAST = 0.2  # logarithm of the smallest ratio
_LAW = 0.1  # logarithm by which the ratios of a settled line may differ from Little's Law
_LEAST_USUAL, _LEAST_MOVE = 0.03, 0.02  # of a logarithm: smaller changes are usual
_TO_SIGMA = 1.4826  # median absolute change → standard deviation of a normal distribution
_CLOSED = 0.2  # of the mean profile: rows below tell no level
_LATEST = 3  # rows that must all show the shift
_SHOWN, _BEGUN, _ARRIVED = 0.3, 0.25, 0.75  # shares of its logarithm
_KEPT = 0.7  # of the largest mean change: below, it goes back
_WEEK = 7  # rows that tell the present level, at most
_AGREE = 2.0  # usual moves between rows that tell it together
_KNOWN = 0.75  # of the usual output of a span, at rows that are known
_MARGIN = 0.5  # of the range of the 28 rows before
_TINY = 1e-3  # of the mean level, in place of zero


@dataclass(frozen=True)
class UsualLevel:
    """Rows as they would be had their level not shifted.

    Attributes:
        rows: in units, [n, length, 3].
        ratios: of the present level to the usual one, [n, 3]; 1 where there was no shift.
        ages: rows since each shift began, [n, 3]; 0 where there was none.
    """

    rows: Floats
    ratios: Floats
    ages: Ints

    @property
    def is_shifted(self) -> bool:
        """True if the level of any target shifted."""
        return bool(self.ages.any())

    @property
    def obeys_law(self) -> Flags:
        """True where the ratios obey Little's Law, as those of a settled line do, [n]."""
        wip, throughput, times = np.log(self.ratios).T
        gap: Flags = np.abs(wip - throughput - times) < _LAW
        return gap

    def of(self, one: slice) -> UsualLevel:
        """Return the rows of some of the series."""
        return UsualLevel(self.rows[one], self.ratios[one], self.ages[one])

    def without(self, line: int, target: int, shift: _Shift) -> UsualLevel:
        """Return the rows without the shift of a target of a line."""
        rows, ratios, ages = self.rows.copy(), self.ratios.copy(), self.ages.copy()
        age = len(shift.usual)
        own = rows[line, -age:, target]
        rows[line, -age:, target] = np.where(shift.on_its_way, shift.usual, own / shift.ratio)
        ratios[line, target] = shift.ratio
        ages[line, target] = age if shift.ratio != 1 else 0
        return UsualLevel(rows, ratios, ages)


class _Change(NamedTuple):
    """The most unusual change of each target of n lines, [n, 3] each.

    Attributes:
        score: its size by the usual one.
        size: its logarithm.
        age: rows since.
    """

    score: Floats
    size: Floats
    age: Ints


class _Shift(NamedTuple):
    """The shift of one target of a line.

    Attributes:
        ratio: of the present level to the usual one.
        usual: values that the rows since the shift would have at the usual level, [k].
        on_its_way: True for rows that had not yet arrived at the present level, [k].
    """

    ratio: float
    usual: Floats
    on_its_way: Flags


def at_usual_level(rows: Floats, known: Flags, season: int) -> UsualLevel:
    """Return the rows without the shifts of their level.

    Args:
        rows: WIP, throughput and cycle time in units, oldest first, [n, length, 3]; NaN where
            unknown. With less than some 100 rows, no shift is found.
        known: true for rows of the series, [n, length].
        season: rows of a season.
    """
    found = UsualLevel(rows, np.ones((len(rows), 3)), np.zeros((len(rows), 3), np.int64))
    if rows.shape[1] < 2 * _BASE + _FEWEST:
        return found
    recent = rows[:, -ROWS:]
    seen = known[:, -ROWS:, None] & ~np.isnan(recent)
    seen[..., 2] &= recent[..., 1] > 0  # without output, a cycle time is repeated
    values = np.where(seen, recent, 0.0)
    weights = _weights(values, seen, season)
    changes = _most_unusual(values, weights)
    possible = (changes.score >= _TOGETHER).any(axis=1)
    for line in np.flatnonzero(possible).tolist():
        if past_stops(recent[line, None, :, 1], season).any():
            continue
        own = _Change(*(part[line] for part in changes))
        for target, shift in _certain(values[line], weights[line], own).items():
            found = found.without(line, target, shift)
    return found


def _weights(values: Floats, seen: Flags, season: int) -> Floats:
    """The usual profile of the season at each row, 1 in the mean; 0 for rows that are not seen."""
    before = values.shape[1] - _LONGEST
    profile = np.empty_like(values)
    for phase in range(min(season, before)):
        same = slice((values.shape[1] - 1 - phase) % season, None, season)
        early = slice(same.start, before, season)
        count = np.maximum(seen[:, early].sum(axis=1, keepdims=True), 1)
        profile[:, same] = values[:, early].sum(axis=1, keepdims=True) / count
    mean = profile.mean(axis=1, keepdims=True)
    return np.where(seen & (mean > 0), profile / np.where(mean > 0, mean, 1.0), 0.0)


def _most_unusual(values: Floats, weights: Floats) -> _Change:
    """The change of the latest rows that is most unusual, by line and target, [n, 3] each."""
    total, weight = (
        np.pad(np.cumsum(part, axis=1), ((0, 0), (1, 0), (0, 0))) for part in (values, weights)
    )
    mean = total[:, -1:] / np.maximum(weight[:, -1:], 1e-12)
    base = _log_levels(total, weight, _BASE, mean)
    scores, sizes = [], []
    for age in _AGES:
        change = _log_levels(total, weight, age, mean)[:, _BASE:] - base[:, :-age]
        past = np.sort(np.abs(change[:, :-age]), axis=1)  # unknown ones last
        count = (~np.isnan(past)).sum(axis=1, keepdims=True)
        middle = np.take_along_axis(past, np.maximum(count - 1, 0) // 2, axis=1)
        usual = np.maximum(_TO_SIGMA * middle, _LEAST_USUAL)
        score = np.where(count >= _FEWEST, np.abs(change[:, -1:]) / usual, 0.0)
        scores.append(np.nan_to_num(score[:, 0]))
        sizes.append(change[:, -1])
    best = np.argmax(scores, axis=0)[None]
    score, size = (np.take_along_axis(np.array(part), best, axis=0)[0] for part in (scores, sizes))
    return _Change(score, size, np.array(_AGES)[best[0]])


def _log_levels(total: Floats, weight: Floats, rows: int, mean: Floats) -> Floats:
    """Logarithms of the levels of all spans of some rows; NaN where too few of these are known."""
    output = total[:, rows:] - total[:, :-rows]
    usual = weight[:, rows:] - weight[:, :-rows]
    level = np.divide(output, usual, out=np.full(usual.shape, np.nan), where=usual >= _KNOWN * rows)
    return np.log(np.maximum(level, np.maximum(_TINY * mean, 1e-300)))


def _certain(values: Floats, weights: Floats, changes: _Change) -> dict[int, _Shift]:
    """The shifts of a line by target; none where the evidence is too weak.

    Args:
        values, weights: of the line, [m, 3].
        changes: of the line, [3] each.
    """
    shifts = {}
    for target in np.flatnonzero(changes.score >= _BESIDE).tolist():
        age, size = int(changes.age[target]), float(changes.size[target])
        shift = _shift_of(values[:, target], weights[:, target], age, size)
        if shift is not None and not (target == 1 and _is_unbalanced(changes)):
            shifts[target] = shift
    scores = sorted((changes.score[target] for target in shifts), reverse=True)
    alone = bool(scores) and scores[0] >= _ALONE
    if not alone and (len(scores) < 2 or scores[1] < _TOGETHER):
        return {}
    age = max(len(shift.usual) for shift in shifts.values())
    for target in {0, 1, 2} - shifts.keys():
        shifts[target] = _passed(values[:, target], weights[:, target], age)
    return shifts


def _shift_of(values: Floats, weights: Floats, age: int, size: float) -> _Shift | None:
    """The shift that a change tells; None if the latest rows do not show it, or it was slow.

    Args:
        values, weights: of one target, [m].
        age: rows since the change.
        size: its logarithm.
    """
    sign, worked = np.sign(size), np.flatnonzero(weights > _CLOSED)
    shown = sign * _relative(values, weights, age)
    reached = shown[worked[-2:]].mean() if len(worked) > _LATEST else 0.0
    if reached < max(_LEAST, _KEPT * abs(size)):
        return None
    if (shown[worked[-_LATEST:]] < _SHOWN * reached).any():
        return None
    before = worked[shown[worked] <= _BEGUN * reached]
    begin = int(before[-1]) + 1 if before.size else 0
    count = len(values) - begin
    if count > _LONGEST or begin < _BASE:
        return None
    usual = weights * _level(values, weights, count)
    shown = sign * _relative(values, weights, count)
    first = _first_alike(shown, worked, begin)
    ratio = float(values[first:].sum() / usual[first:].sum())
    if ratio == 0 or sign * np.log(ratio) < _LEAST:
        return None
    on_its_way = (weights > _CLOSED) & (shown < _ARRIVED * sign * np.log(ratio))
    on_its_way[first:] = False
    return _Shift(ratio, usual[begin:], on_its_way[begin:])


def _is_unbalanced(changes: _Change) -> bool:
    """True if WIP and throughput change in opposite ways."""
    is_known = changes.score[0] >= _BESIDE
    return bool(is_known and changes.size[0] * changes.size[1] < 0)


def _passed(values: Floats, weights: Floats, age: int) -> _Shift:
    """No shift, but rows to leave out: far beyond all before, while another target shifted."""
    shown = np.where(weights > _CLOSED, _relative(values, weights, age), 0.0)
    base, since = shown[-age - _BASE : -age], shown[-age:]
    margin = _MARGIN * (base.max() - base.min())
    beyond = (since < base.min() - margin) | (since > base.max() + margin)
    return _Shift(1.0, weights[-age:] * _level(values, weights, age), beyond)


def _level(values: Floats, weights: Floats, age: int) -> float:
    """The mean level of the 28 rows before the latest ones."""
    base = slice(len(values) - age - _BASE, len(values) - age)
    return float(values[base].sum() / max(weights[base].sum(), 1e-12))


def _relative(values: Floats, weights: Floats, age: int) -> Floats:
    """Logarithm of each row by its usual value at the level before the latest rows, [m]."""
    level = _level(values, weights, age)
    usual = np.maximum(weights, _CLOSED) * max(level, 1e-300)
    return np.log(np.maximum(values, _TINY * usual) / usual)


def _first_alike(shown: Floats, worked: Ints, begin: int) -> int:
    """The first of the latest rows, up to a week, that agree on the present level."""
    usual = np.median(np.abs(np.diff(shown[worked[worked < begin][-_FEWEST:]])))
    first, total = int(worked[-1]), 0.0
    for count, row in enumerate(worked[::-1]):
        is_far = count and abs(shown[row] - total / count) > _AGREE * max(usual, _LEAST_MOVE)
        if row < max(begin, len(shown) - _WEEK) or is_far:
            break
        first, total = int(row), total + shown[row]
    return first
