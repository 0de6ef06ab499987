"""The service's scores against the limits that it is to keep beside its peers.

Overall, the WAPE of a target is at most that of the best peer, in no band more than 5 % above the
best one of the band, and nowhere above the better of the naive forecasts. Where series have 200
rows and more, intervals cover within 3 points of their level overall and within 6 in each band.
Their Winkler score is at most the best peer's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from benchmarks.accuracy.methods import NAIVE, SERVICE

Scores = Mapping[str, Mapping[str, Any]]  # by method

OVERALL = "all"  # bands
OVERALL_RATIO, BAND_RATIO = 1.0, 1.05  # of WAPE to the best peer's
OVERALL_POINTS, BAND_POINTS = 3.0, 6.0  # of coverage off the level
FEWEST_ROWS = 200  # of a series, where coverage is to keep its limits
LEAST = 1e-5  # WAPE or relative Winkler score: below lie errors of rounding
_ROUNDING = 1e-9


class Check(NamedTuple):
    """A value and the most that it may be."""

    value: float
    most: float

    @property
    def met(self) -> bool:
        """True where the value keeps the limit."""
        return self.value <= self.most + _ROUNDING


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
        Check(ratio(own, wapes[peer]), most) if peer else None,
        naive,
        Check(ratio(own, wapes[naive]), 1.0) if naive else None,
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
        band: abs(100 * share - level) for band, share in found[SERVICE]["coverage"].items()
    }  # in points
    overall = off.pop(OVERALL)
    enough = rows >= FEWEST_ROWS
    return IntervalCheck(
        target,
        level,
        Check(overall, OVERALL_POINTS) if enough else None,
        Check(max(off.values()), BAND_POINTS) if enough else None,
        peer,
        Check(ratio(own, winkler[peer]), 1.0) if peer else None,
    )
