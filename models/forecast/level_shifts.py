"""Level shifts: a line has moved to another level within the latest weeks, and stays there.

Forecasts are drawn back to the levels that the training, or most of the look-back, has seen. So a
shift is taken out of the rows before the forecast and put into it again: rows since the shift are
divided by the ratio of the two levels, forecasts are multiplied by it (shifts as dummy variables of
a regression: C. Chen & L.-M. Liu, "Joint estimation of model parameters and outlier effects in time
series", Journal of the American Statistical Association 88, 1993).

The latest 3 to 28 rows are compared with the 28 rows before them, both relative to the usual
profile of the season. The change is measured in usual changes of the same series, which are the
median in its past. It is a shift where the changes of the three targets add up to 10.5 usual ones,
and each of the latest three rows shows it. What began more than 35 rows ago is a trend or a season.
A throughput that moves the other way than WIP is not followed: it returns to what is released.

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
_AGES = (3, 4, 5, 7, 10, 14, 20, 28)  # rows since a change; as many as the fewest show it
_BASE = 28  # rows before it
_LONGEST = 35  # rows since its beginning; a change that took longer is a trend or a season
_SURE, _BESIDE = 10.5, 3.5  # usual changes: of the targets together, and of each that counts
_LEAST = 0.2  # logarithm of the smallest ratio, and of what contradicts Little's Law
_PART = 0.2  # of a shift's logarithm, to which a row is still at one of the two levels
_MARGIN = 0.5  # of the range of the rows before, beyond which others are far away
_KNOWN = 0.75  # of the usual output of a span, at rows that are known
_CLOSED = 0.2  # of the mean profile: rows below tell no level
_TINY = 1e-3  # of the usual level, in place of less; the least ratio


@dataclass(frozen=True)
class UsualLevel:
    """Rows as they would be had their level not shifted.

    Attributes:
        rows: in units, [n, length, 3]. Where a target shifted, values of the others since then that
            are far beyond all before are usual ones too.
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
        gap: Flags = np.abs(wip - throughput - times) < _LEAST
        return gap

    def of(self, one: slice) -> UsualLevel:
        """Return the rows of some of the series."""
        return UsualLevel(self.rows[one], self.ratios[one], self.ages[one])


class _Change(NamedTuple):
    """Most unusual changes by the usual one, their logarithms and rows since, [n, 3] each."""

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
            unknown. With less than 112 rows, no shift is found.
        known: true for rows of the series, [n, length].
        season: rows of a season.
    """
    found = UsualLevel(rows.copy(), np.ones((len(rows), 3)), np.zeros((len(rows), 3), np.int64))
    if rows.shape[1] < 4 * _BASE:
        return found
    recent = rows[:, -ROWS:]
    seen = known[:, -ROWS:, None] & ~np.isnan(recent)
    seen[..., 2] &= recent[..., 1] > 0  # without output, a cycle time is repeated
    values = np.where(seen, recent, 0.0)
    weights = _weights(values, seen, season)
    changes = _most_unusual(values, weights)
    for line in np.flatnonzero(changes.score.sum(axis=1) >= _SURE).tolist():
        if past_stops(recent[line, None, :, 1], season).any():
            continue
        own = _Change(*(part[line] for part in changes))
        for target, shift in _certain(values[line], weights[line], own).items():
            since = found.rows[line, -len(shift.usual) :, target]
            since[:] = np.where(shift.on_its_way, shift.usual, since / shift.ratio)
            found.ratios[line, target] = shift.ratio
            found.ages[line, target] = len(since) if shift.ratio != 1 else 0
    return found


def _weights(values: Floats, seen: Flags, season: int) -> Floats:
    """The usual profile of the season at each row, 1 in the mean; 0 for rows that are not seen."""
    before = values.shape[1] - _LONGEST
    phase = np.arange(-values.shape[1], 0) % season
    same = (phase[:before] == np.arange(season)[:, None]).astype(float)  # [season, before]
    output, count = same @ values[:, :before], same @ seen[:, :before].astype(float)
    profile = (output / np.maximum(count, 1))[:, phase]
    mean = profile.mean(axis=1, keepdims=True)
    return np.where(seen & (mean > 0), profile / np.where(mean > 0, mean, 1.0), 0.0)


def _most_unusual(values: Floats, weights: Floats) -> _Change:
    """The change of the latest rows that is most unusual, by line and target, [n, 3] each."""
    total, weight = (
        np.pad(np.cumsum(part, axis=1), ((0, 0), (1, 0), (0, 0))).swapaxes(1, 2).copy()
        for part in (values, weights)
    )
    mean = total[..., -1:] / np.maximum(weight[..., -1:], 1e-12)
    base = _log_levels(total, weight, _BASE, mean)
    scores, sizes = [], []
    for age in _AGES:
        change = _log_levels(total, weight, age, mean)[..., _BASE:] - base[..., :-age]
        past = np.sort(np.abs(change[..., :-age]))  # unknown ones last
        count = (~np.isnan(past)).sum(axis=2, keepdims=True)
        usual = np.take_along_axis(past, np.maximum(count - 1, 0) // 2, axis=2)
        size = np.nan_to_num(change[..., -1:])
        score = np.abs(size) / np.fmax(usual, _LEAST / _SURE)
        scores.append(np.where(count >= 2 * _BASE, score, 0.0)[..., 0])
        sizes.append(size[..., 0])
    best = np.argmax(scores, axis=0)[None]
    score, size = (np.take_along_axis(np.array(part), best, axis=0)[0] for part in (scores, sizes))
    return _Change(score, size, np.array(_AGES)[best[0]])


def _log_levels(total: Floats, weight: Floats, rows: int, mean: Floats) -> Floats:
    """Logarithms of the levels of all spans of some rows; NaN where too few of these are known."""
    output = total[..., rows:] - total[..., :-rows]
    usual = weight[..., rows:] - weight[..., :-rows]
    level = np.divide(output, usual, out=np.full(usual.shape, np.nan), where=usual >= _KNOWN * rows)
    return np.log(np.maximum(level, np.maximum(_TINY * mean, 1e-300)))


def _certain(values: Floats, weights: Floats, changes: _Change) -> dict[int, _Shift]:
    """The shifts of a line by target; none where the evidence is too weak.

    Args:
        values, weights: of the line, [m, 3].
        changes: of the line, [3] each.
    """
    score, size, ages = changes
    counts = score >= _BESIDE
    counts[1] &= not (counts[0] and size[0] * size[1] < 0)
    shifts = {}
    for target in np.flatnonzero(counts).tolist():
        own, usual = values[:, target], weights[:, target]
        shift = _shift_of(own, usual, int(ages[target]), float(np.sign(size[target])))
        if shift is not None:
            shifts[target] = shift
    if score[list(shifts)].sum() < _SURE:
        return {}
    age = max(len(shift.usual) for shift in shifts.values())
    for target in {0, 1, 2} - shifts.keys():
        shifts[target] = _passed(values[:, target], weights[:, target], age)
    return shifts


def _shift_of(values: Floats, weights: Floats, age: int, sign: float) -> _Shift | None:
    """The shift that a change tells; None if it is small, slow or not shown by the latest rows.

    Args:
        values, weights: of one target, [m].
        age: rows since the change.
        sign: 1.0 if values rose, -1.0 if they fell.
    """
    worked = np.flatnonzero(weights > _CLOSED)
    latest = worked[-_AGES[0] :]
    shown = sign * _relative(values, weights, age)[1]
    reached = shown[latest].mean()
    before = worked[shown[worked] <= _PART * reached]
    begin = int(before[-1]) + 1 if before.size else 0
    is_recent = max(_BASE, len(values) - _LONGEST) <= begin <= latest[0]
    if reached < _LEAST or not is_recent:
        return None
    usual, change = _relative(values, weights, len(values) - begin)
    first = _first_alike(change, worked, begin)
    expected = float(usual[first:].sum())  # 0 after a month without anything
    ratio = float(values[first:].sum()) / expected if expected > 0 else 0.0
    if not _TINY <= ratio <= 1 / _TINY or sign * np.log(ratio) < _LEAST:
        return None
    on_its_way = (weights > _CLOSED) & (sign * change < (1 - _PART) * sign * np.log(ratio))
    on_its_way[first:] = False
    return _Shift(ratio, usual[begin:], on_its_way[begin:])


def _passed(values: Floats, weights: Floats, age: int) -> _Shift:
    """No shift, but rows to leave out: far beyond all before, while another target shifted."""
    usual, change = _relative(values, weights, age)
    change[weights <= _CLOSED] = 0.0
    base, since = change[-age - _BASE : -age], change[-age:]
    margin = _MARGIN * (base.max() - base.min())
    beyond = (since < base.min() - margin) | (since > base.max() + margin)
    return _Shift(1.0, usual[-age:], beyond)


def _relative(values: Floats, weights: Floats, age: int) -> tuple[Floats, Floats]:
    """The rows at the level of the 28 before the latest ones, and logarithms by these, [m] each."""
    base = slice(len(values) - age - _BASE, len(values) - age)
    level = values[base].sum() / max(weights[base].sum(), 1e-12)
    usual = np.maximum(weights, _CLOSED) * max(level, 1e-300)
    return weights * level, np.log(np.maximum(values, _TINY * usual) / usual)


def _first_alike(shown: Floats, worked: Ints, begin: int) -> int:
    """The first of the latest rows that agree: each is close to the mean of those after it.

    That is closer than half of the rows before the shift are to their median.
    """
    early = shown[worked[worked < begin][-2 * _BASE :]]
    usual = np.median(np.abs(early - np.median(early)))
    since = shown[worked[worked >= begin]][::-1]
    means = np.cumsum(since) / np.arange(1, len(since) + 1)
    far = np.flatnonzero(np.abs(since[1:] - means[:-1]) > usual)
    return int(worked[-(far[0] + 1 if far.size else len(since))])
