"""Past stops: spans in which a line stood still for longer than a season, and then went on.

Days without output are rows like any other where they are usual, as on weekends or where output is
lumpy. A stop is a run of rows with the least throughput of a series, all equal, that is longer than
a season and more than three times as long as any other such run. It has ended: a line that still
stands is not forecast to start.

    >>> worked, stopped = [5.0, 6.0, 0.0, 7.0], [0.0] * 8
    >>> past_stops(np.array([worked + stopped + [6.0]]), season=7)[0].nonzero()[0]
    array([ 4,  5,  6,  7,  8,  9, 10, 11])
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.series.panel import Panel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

_LONGER = 3  # times any other run without output


def past_stops(throughput: Floats, season: int) -> Flags:
    """Return True for the rows of past stops, [n, m].

    Args:
        throughput: of n series, oldest first, in units or scaled, [n, m]; NaN where unknown.
        season: steps of a season.
    """
    found = np.zeros(throughput.shape, bool)
    known = np.where(np.isnan(throughput), np.inf, throughput)
    least = known == known.min(axis=1, keepdims=True)
    for i in np.flatnonzero(least.sum(axis=1) > season):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], least[i], [0]])))
        begins, ends = edges[::2], edges[1::2]
        lengths = ends - begins
        longest = int(lengths.argmax())
        others = np.delete(lengths, longest).max(initial=0)
        is_long = lengths[longest] > max(season, _LONGER * others)
        if is_long and ends[longest] < throughput.shape[1]:
            found[i, begins[longest] : ends[longest]] = True
    return found


def without_stops(rows: Floats, season: int) -> Floats:
    """Return rows in which throughput and cycle time of past stops are not known.

    Nor are the cycle times of a season after a stop: units that finish then have waited through it.

    Args:
        rows: WIP, throughput and cycle time, oldest first, [n, m, 3].
        season: steps of a season.
    """
    stopped = past_stops(rows[..., 1], season)
    if not stopped.any():
        return rows
    rows = rows.copy()
    rows[stopped, 1] = np.nan
    after = np.arange(season + 1)
    series, place = stopped.nonzero()
    waited = np.minimum(place[:, None] + after, rows.shape[1] - 1)
    rows[series[:, None], waited, 2] = np.nan
    return rows


def without_stop_errors(errors: Floats, origins: Ints, series: Ints, panel: Panel) -> Floats:
    """Return errors in which those within past stops, and from origins within them, are not known.

    No stop is forecast to come, so the errors at one tell nothing of the width of an interval.

    Args:
        errors: by origin, series and step, [n, S', H, 3].
        origins: numbers of the first steps forecast, [n].
        series: numbers of the series in the panel, [S'].
    """
    found, ahead = errors, np.arange(-1, errors.shape[2])  # from the last known row on
    for i, s in enumerate(series.tolist()):
        output = panel.values[panel.offsets[s] : panel.offsets[s + 1], 1]
        stopped = past_stops(output[None], panel.calendar.season)[0]
        if stopped.any():
            found = found.copy() if found is errors else found
            place = origins[:, None] - panel.first[s] + ahead
            inside = (place >= 0) & (place < len(stopped))
            hit = inside & stopped[np.clip(place, 0, len(stopped) - 1)]
            found[:, i][hit[:, 1:] | hit[:, :1]] = np.nan
    return found
