"""The service's scores against the limits that it is to keep beside its peers.

Overall, the WAPE of a target is at most that of the best peer, in no band more than 5 % above the
best one of the band, and nowhere above the better of the naive forecasts. Where series have 200
rows and more, intervals cover within 3 points of their level overall and within 6 in each band.
Their Winkler score is at most the best peer's. Each value has its standard error
(`benchmarks.accuracy.uncertainty`), but the best peer is chosen by the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.methods import NAIVE, SERVICE
from benchmarks.accuracy.uncertainty import ratio_error

Scores = Mapping[str, Mapping[str, Any]]  # by method

OVERALL = "all"  # bands
OVERALL_RATIO, BAND_RATIO = 1.0, 1.05  # of WAPE to the best peer's
OVERALL_POINTS, BAND_POINTS = 3.0, 6.0  # of coverage off the level
FEWEST_ROWS = 200  # of a series, where coverage is to keep its limits
LEAST = 1e-5  # WAPE or relative Winkler score: below lie errors of rounding
_ROUNDING = 1e-9


class Check(NamedTuple):
    """A value, the most that it may be, and its standard error, where that is known."""

    value: float
    most: float
    error: float | None = None

    @property
    def met(self) -> bool:
        """True where the value keeps the limit."""
        return self.value <= self.most + _ROUNDING

    @property
    def may_be_chance(self) -> bool:
        """True where the value is at most two standard errors above the limit."""
        return self.error is not None and self.value <= self.most + 2 * self.error


class ErrorCheck(NamedTuple):
    """The WAPE of a target in a band; None where there is nothing to compare it with."""

    target: str
    band: str
    wape: float
    peer: str
    to_peer: Check | None
    naive: str
    to_naive: Check | None


class IntervalCheck(NamedTuple):
    """Intervals of a target at a level; None where there is nothing to compare them with.

    Attributes:
        overall: points that the coverage is off the level.
        worst: the same in the worst band.
    """

    target: str
    level: int
    overall: Check | None
    worst: Check | None
    peer: str
    to_peer: Check | None


def ratio(value: float, other: float) -> float:
    """Return value ÷ other, both relative errors; what is below LEAST counts as LEAST."""
    return max(value, LEAST) / max(other, LEAST)


def best(found: Mapping[str, float]) -> str:
    """Return the name with the least value; empty if there is none."""
    return min(found, key=found.__getitem__, default="")


def errors(scores: Scores) -> list[ErrorCheck]:
    """Check the service's WAPE of each target, overall and in each band."""
    return [
        _error(scores, target, band)
        for target, by_band in scores[SERVICE]["wape"].items()
        for band in by_band
    ]


def _error(scores: Scores, target: str, band: str) -> ErrorCheck:
    wapes = {name: score["wape"][target][band] for name, score in scores.items()}
    own = wapes.pop(SERVICE)
    peer, naive = best(wapes), best({name: wapes[name] for name in NAIVE if name in wapes})
    most = OVERALL_RATIO if band == OVERALL else BAND_RATIO
    return ErrorCheck(
        target,
        band,
        own,
        peer,
        _against(scores, peer, target, ("errors", band), ratio(own, wapes[peer]), most)
        if peer
        else None,
        naive,
        _against(scores, naive, target, ("errors", band), ratio(own, wapes[naive]), 1.0)
        if naive
        else None,
    )


def intervals(scores: Scores, rows: int) -> list[IntervalCheck]:
    """Check the service's intervals.

    Args:
        scores: by method.
        rows: of the shortest series.
    """
    return [
        _interval(scores, rows, target, int(level))
        for target, by_level in scores[SERVICE]["intervals"].items()
        for level in by_level
    ]


def _interval(scores: Scores, rows: int, target: str, level: int) -> IntervalCheck:
    found = {name: score["intervals"][target].get(str(level)) for name, score in scores.items()}
    winkler = {name: one["winkler"] for name, one in found.items() if one}
    own = winkler.pop(SERVICE)
    peer = best(winkler)
    off = {
        band: Check(abs(100 * share - level), BAND_POINTS, _points(scores, target, level, band))
        for band, share in found[SERVICE]["coverage"].items()
    }
    overall = off.pop(OVERALL)._replace(most=OVERALL_POINTS)
    enough = rows >= FEWEST_ROWS
    return IntervalCheck(
        target,
        level,
        overall if enough else None,
        max(off.values()) if enough else None,
        peer,
        _against(scores, peer, target, ("winkler", str(level)), ratio(own, winkler[peer]), 1.0)
        if peer
        else None,
    )


def _against(
    scores: Scores, other: str, target: str, part: tuple[str, str], value: float, most: float
) -> Check:
    """The check of a ratio to another method, whose standard error its blocks of time give."""
    own, beside = (_sums(scores[name], target, *part) for name in (SERVICE, other))
    return Check(value, most, ratio_error(own, beside))


def _points(scores: Scores, target: str, level: int, band: str) -> float | None:
    """Standard error of the coverage in a band, in points."""
    inside = _sums(scores[SERVICE], target, "inside", str(level), band)
    error = ratio_error(inside, _sums(scores[SERVICE], target, "known", band))
    return None if error is None else 100 * error


def _sums(score: Mapping[str, Any], target: str, *part: str) -> NDArray[np.float64]:
    """Sums by block of time and by series, [B, S]."""
    found = score["blocks"][target]
    for name in part:
        found = found[name]
    return np.array(found, float)
