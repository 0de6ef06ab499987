"""The last values that a forecast starts from: those that moved too far are moved back.

One wrong day, or two in a row, would carry on over the whole forecast. A value is left as it is if
it is near the value of a day, of two days or of a week before (of hours and shifts, of one step,
two steps, a day or a week): a weekly pattern is no wrong day. The last two values are moved back
together where each is far from all of those before both. A change is believed on its third day:
where the third last value went as far the same way, none is moved. Nor is WIP moved up where the
line finishes in lots.

    >>> values = np.array([*[1.0, 1.1, 1.0, 0.9] * 4, 9.0, 9.1])
    >>> rows, known = np.repeat(values[None, :, None], 3, axis=2), np.ones((1, 18), bool)
    >>> believed(rows, known, compared=(1, 2, 7))[0, :, 0].tolist()
    [1.1, 1.0]
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.series.error_measures import median_known

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_FARTHEST_MOVE = 4.0  # usual moves; a last value that moved further is moved back to this
_DOUBTFUL, _FALSE = 2.0, 4.0  # times that, from which less is believed, and nothing
_TO_SIGMA = 1.4826  # median absolute move → standard deviation of a normal distribution
_FEWEST_MOVES = 10  # without which no move is unusual
_WIP, _THROUGHPUT = 0, 1
_LEAST_MOVE = 0.1  # of a standard deviation of the series: smaller moves are usual


def believed(rows: Floats, known: Flags, compared: Sequence[int]) -> Floats:
    """Return the last two rows of each look-back, [n, 2, 3], with values moved back.

    Args:
        rows: scaled, oldest first, [n, length, 3].
        known: true for rows of the series, [n, length].
        compared: steps back to the rows that a row is compared with: 1, 2 and others.
    """
    if rows.shape[1] <= _FEWEST_MOVES:
        return rows[:, -2:].copy()
    reach = _reach(rows, known, compared)
    before_both = (2, 3, *compared[2:])
    third, second, last = rows[:, -3], rows[:, -2], rows[:, -1]
    alone, latest = _moved(rows, 1, compared, reach), _moved(rows, 1, before_both, reach)
    earlier, before = _moved(rows, 2, compared, reach), _moved(rows, 3, compared, reach)
    ways = np.sign([third - before, second - earlier, last - latest])
    both = (ways[1] != 0) & (ways[2] != 0)
    stays = both & (ways == ways[0]).all(axis=0)
    found = np.stack(
        [
            np.where(both & ~stays, earlier, second),
            np.where(stays, last, np.where(both, latest, alone)),
        ],
        axis=1,
    )
    given, in_lots = rows[:, -2:, _WIP], _in_lots(rows[..., _THROUGHPUT])
    found[..., _WIP] = np.where(
        in_lots[:, None], np.minimum(found[..., _WIP], given), found[..., _WIP]
    )
    return found


def _in_lots(throughput: Floats) -> Flags:
    """True where more than half of the steps put out the least, that is nothing, [n].

    When a lot leaves such a line, its WIP falls by more than it usually moves.
    """
    least = throughput.min(axis=1)
    found: Flags = (np.median(throughput, axis=1) == least) & (throughput.max(axis=1) > least)
    return found


def _reach(rows: Floats, known: Flags, compared: Sequence[int]) -> Floats:
    """The distance that values may move, [n, 3]; infinite where too few moves are known.

    Usual moves are those over the lag at which they are smallest: of a weekly pattern, a week.
    """
    usual = np.stack([_usual_moves(rows[:, :-1], known[:, :-1], lag) for lag in compared])
    smallest = np.where(usual > 0, usual, np.inf).min(axis=0)
    found = _FARTHEST_MOVE * np.maximum(smallest, _LEAST_MOVE)
    return np.where(usual[0] > 0, found, np.inf)


def _usual_moves(rows: Floats, known: Flags, lag: int) -> Floats:
    """The usual moves over a lag, [n, 3]; zero where too few are known."""
    usual = np.zeros((len(rows), 3))
    pairs = known[:, lag:] & known[:, :-lag]
    enough = pairs.sum(axis=1) >= _FEWEST_MOVES
    if enough.any():
        moves = np.abs(rows[enough, lag:] - rows[enough, :-lag])
        moves = np.where(pairs[enough, :, None], moves, np.nan)
        usual[enough] = _TO_SIGMA * median_known(moves)
    return usual


def _moved(rows: Floats, back: int, lags: Sequence[int], reach: Floats) -> Floats:
    """The values of a row, moved towards the nearest of those some steps before it, [n, 3].

    Less and less is taken over of a value that is farther away than changes are (three-part
    redescending: F. R. Hampel, "The influence curve and its role in robust estimation", 1974).

    Args:
        back: number of the row from the end.
        reach: how far a value may be from the nearest, [n, 3]; up to there it stays.
    """
    value = rows[:, -back]
    before = np.stack([rows[:, -back - lag] for lag in lags if back + lag <= rows.shape[1]])
    distance = np.abs(value - before)
    nearest = np.take_along_axis(before, distance.argmin(axis=0)[None], axis=0)[0]
    beyond = np.abs(value - nearest) / reach
    taken = reach * np.clip((_FALSE - beyond) / (_FALSE - _DOUBTFUL), 0.0, 1.0)
    moved = np.clip(value, nearest - taken, nearest + taken)
    return np.where(beyond > 1, moved, value)
