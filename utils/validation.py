"""Checks by Little's Law, WIP = throughput × cycle time, with warnings and recommendations.

    deviation = |WIP − throughput × cycle time| ÷ the larger of the two
    compliance = 1 − deviation

J. D. C. Little, "A Proof for the Queuing Formula: L = λW", Operations Research 9 (1961).

    >>> found = validate(wip=100, throughput=50, cycle_time=1.9)
    >>> round(found["compliance_score"], 3), found["is_valid"]
    (0.95, True)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.flow_curve import FlowCurve, needs_by_curve, no_curve
from utils.flow_curve import short_number as _n

Floats = NDArray[np.float64]

TOLERANCE = 0.20  # a larger deviation is invalid
LAW_WINDOW = 7  # days of a forecast over which the law is judged
STRETCH = 1.05  # of the highest throughput so far, above which a forecast gets a warning
ADVISED = 0.80  # a smaller compliance gets a recommendation


def compliance(wip: Floats, throughput: Floats, cycle_time: Floats) -> Floats:
    """Return 1 − |WIP − TH × CT| ÷ the larger of the two, 0 to 1.

    1 where both are zero; NaN where one of the three is not known. Arrays of equal shape.
    """
    expected = throughput * cycle_time
    larger = np.maximum(wip, expected)
    unknown_or_none = np.where(np.isnan(larger), np.nan, 0.0)
    return 1 - np.divide(np.abs(wip - expected), larger, out=unknown_or_none, where=larger > 0)


def window_compliance(values: Floats, length: int) -> Floats:
    """Return the compliance of whole windows of one series, [n // length].

    Over a window, mean(WIP) = mean(throughput × cycle time), up to the work that is carried over
    the edges of the window. Steps with output but an unknown cycle time count with the mean of
    their window.

    Args:
        values: WIP, throughput and cycle time, [n, 3].
        length: steps of a window.
    """
    count = len(values) // length
    wip, throughput, cycle_time = values[: count * length].T.reshape(3, count, length)
    timed = np.where(np.isnan(cycle_time), 0.0, throughput)
    flow, timed_flow = throughput.sum(axis=1), timed.sum(axis=1)
    time_in_system = (timed * np.nan_to_num(cycle_time)).sum(axis=1)
    mean_time = np.divide(
        time_in_system, timed_flow, out=np.full(count, np.nan), where=timed_flow > 0
    )
    found = compliance(wip.mean(axis=1), flow / length, mean_time)
    return found[~np.isnan(found)]


@dataclass
class _Findings:
    """Sentences and figures that the checks collect."""

    warnings: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
    analysis: dict[str, Any] = field(default_factory=dict)
    curve_of: Callable[[], FlowCurve | None] = no_curve

    @cached_property
    def curve(self) -> FlowCurve | None:
        """The curve of the line, looked up once there is advice to give; None: unknown."""
        return self.curve_of()

    def needs(self, throughput: float, cycle_time: float) -> str:
        """Return the WIP that a throughput takes, by the curve or at a cycle time."""
        if self.curve is not None:
            return needs_by_curve(self.curve, throughput)
        return (
            f"at a cycle time of {_n(cycle_time)} that needs a WIP of {_n(throughput * cycle_time)}"
        )

    def corrections(self, w: float, th: float, ct: float) -> str:
        """Return the figures that would agree with each other."""
        if self.curve is not None:
            return f"For a throughput of {_n(th)}: {needs_by_curve(self.curve, th)}."
        verb = "Lower" if w > th * ct else "Raise"
        return (
            f"{verb} WIP from {_n(w)} to {_n(th * ct)}, or plan a throughput of {_n(w / ct)} at a "
            f"cycle time of {_n(ct)}, or a cycle time of {_n(w / th)} at a throughput of {_n(th)}."
        )


def validate(
    wip: float | None = None,
    throughput: float | None = None,
    cycle_time: float | None = None,
    target_production: float | None = None,
    capacity: float | None = None,
    horizon_days: int = 30,
    curve_of: Callable[[], FlowCurve | None] = no_curve,
) -> dict[str, Any]:
    """Return the fields of the reply to a check of a line's state.

    A deviation above 0.20 is invalid. The overall score is compliance × max(0.3, 1 − 0.1 ×
    number of warnings), halved if the state is invalid. With two of the first three arguments,
    the third is computed.

    Args:
        wip: units in process.
        throughput: units per period.
        cycle_time: periods.
        target_production: units wanted within the horizon.
        capacity: most units per period.
        horizon_days: periods of the horizon.
        curve_of: returns the curve of the line, which advice is then taken from; None: unknown.

    Raises:
        ValueError: fewer than two of WIP, throughput and cycle time are given.
    """
    given = {"wip": wip, "throughput": throughput, "cycle_time": cycle_time}
    w, th, ct = _complete(wip, throughput, cycle_time)
    expected = th * ct
    whole = None not in given.values()
    deviation = abs(w - expected) / max(w, expected) if whole else 0.0
    score = 1 - deviation
    state = {"wip": w, "throughput": th, "cycle_time": ct}
    found = _Findings(analysis={"state": state}, curve_of=curve_of)
    _check_deviation(found, w, th, ct, deviation)
    _check_capacity(found, th, ct, capacity)
    _check_residence(found, w, th, ct, horizon_days)
    _check_target(found, th, ct, target_production, horizon_days)
    valid = deviation <= TOLERANCE
    overall = score * max(0.3, 1 - 0.1 * len(found.warnings)) * (1 if valid else 0.5)
    computed = {k: v for k, v in zip(given, (w, th, ct), strict=True) if given[k] is None}
    return {
        "is_valid": valid,
        "compliance_score": score,
        "expected_values": {"wip": expected, "actual_wip": w} if whole else computed,
        "deviations": {
            "absolute": abs(w - expected) if whole else 0.0,
            "percentage": 100 * deviation,
        },
        "recommendations": found.advice,
        "warnings": found.warnings,
        "analysis": found.analysis,
        "overall_score": overall,
    }


def _complete(
    wip: float | None, throughput: float | None, cycle_time: float | None
) -> tuple[float, float, float]:
    """The three values; the missing one by Little's Law."""
    if wip is None and throughput is not None and cycle_time is not None:
        return throughput * cycle_time, throughput, cycle_time
    if wip is not None and throughput is None and cycle_time is not None:
        return wip, wip / cycle_time, cycle_time
    if wip is not None and throughput is not None:
        return wip, throughput, wip / throughput if cycle_time is None else cycle_time
    raise ValueError("At least two of WIP, throughput and cycle time are needed.")


def _check_deviation(found: _Findings, w: float, th: float, ct: float, deviation: float) -> None:
    if deviation > TOLERANCE:
        found.warnings.append(
            f"WIP {_n(w)} deviates by {deviation:.0%} from throughput × cycle time = "
            f"{_n(th * ct)}; Little's Law allows {TOLERANCE:.0%} here."
        )
    if 1 - deviation < ADVISED:
        found.advice.append(found.corrections(w, th, ct))


def _check_capacity(found: _Findings, th: float, ct: float, capacity: float | None) -> None:
    if capacity is None:
        return
    found.analysis["capacity"] = {"capacity": capacity, "utilization": th / capacity}
    if th > capacity:
        found.warnings.append(
            f"Throughput {_n(th)} is above the capacity of {_n(capacity)} per period."
        )
        found.advice.append(
            f"Plan a throughput of at most {_n(capacity)}; at a cycle time of {_n(ct)} that "
            f"carries a WIP of {_n(capacity * ct)}."
        )


def _check_residence(found: _Findings, w: float, th: float, ct: float, horizon: int) -> None:
    """Physical bound: clearing the WIP takes at least WIP ÷ throughput periods."""
    found.analysis["clearing"] = {"periods_to_clear_wip": w / th, "horizon_days": horizon}
    if ct > horizon:
        found.warnings.append(
            f"A cycle time of {_n(ct)} is longer than the horizon of {horizon}: nothing released "
            "now leaves within it."
        )
        found.advice.append(
            f"Cap WIP at {_n(th * horizon)} (throughput {_n(th)} × horizon {horizon}) so that "
            "what is released leaves within the horizon."
        )


def _check_target(
    found: _Findings, th: float, ct: float, target: float | None, horizon: int
) -> None:
    if target is None:
        return
    days = target / th
    found.analysis["production_timeline"] = {
        "target_production": target,
        "current_throughput": th,
        "days_required": days,
    }
    if days > horizon:
        needed = target / horizon
        found.warnings.append(
            f"{_n(target)} units at {_n(th)} per period take {_n(days)} periods, longer than the "
            f"horizon of {horizon}."
        )
        found.advice.append(
            f"Raise throughput to {_n(needed)} ({found.needs(needed, ct)}), or extend the horizon "
            f"to {math.ceil(days)} periods."
        )


def analyse_forecast(
    wip: Floats, throughput: Floats, cycle_time: Floats, closed: NDArray[np.bool_] | None = None
) -> dict[str, Any]:
    """Return the compliance of a forecast's days, and counts of excellent, good, fair, poor.

    A closed day has the compliance of the open day before it, and counts for none of these.

    Args:
        wip, throughput, cycle_time: of each day that is not closed, [H].
        closed: True for closed days, [all days]; None: there are none.
    """
    daily = compliance(wip, throughput, cycle_time)
    is_open = np.ones(len(daily), bool) if closed is None or closed.all() else ~closed
    bands = np.digitize(daily, [0.5, 0.7, 0.9], right=False)
    # Exactly 0.9 is good, not excellent.
    bands[daily == 0.9] = 2
    counts = np.bincount(bands, minlength=4)
    names = ("poor", "fair", "good", "excellent")
    return {
        "average_compliance": float(daily.mean()),
        "daily_compliance": daily[np.maximum(np.cumsum(is_open) - 1, 0)].tolist(),
        "analysis": {name: int(counts[i]) for i, name in reversed(list(enumerate(names)))},
    }


def review_forecast(
    wip: Floats,
    throughput: Floats,
    cycle_time: Floats,
    highest_throughput: float,
    target_production: float | None,
    is_planned: bool = False,
    numbers: NDArray[np.int64] | None = None,
    curve_of: Callable[[], FlowCurve | None] = no_curve,
) -> dict[str, Any]:
    """Return warnings and recommendations for the days of a forecast.

    A week breaks Little's Law, days have a throughput above that of the data, or the target is
    missed.

    Args:
        wip, throughput, cycle_time: of each day, [H].
        highest_throughput: the most units that the series put out in a period.
        target_production: units wanted within the horizon; None: no target.
        is_planned: True with a plan: where it raises or lowers WIP, Little's Law does not hold
            over a week.
        numbers: of the days, where closed ones are left out, [H]; None: 1, 2, …, H.
        curve_of: returns the curve of the line, which advice is then taken from; None: unknown.
    """
    found = _Findings(curve_of=curve_of)
    numbers = np.arange(1, len(wip) + 1) if numbers is None else numbers
    valid = [
        is_planned or _review_law(found, wip, throughput, cycle_time, numbers),
        _review_throughput(found, throughput, highest_throughput, numbers),
        _review_target(found, throughput, target_production),
    ]
    return {
        "is_valid": all(valid),
        "warnings": found.warnings,
        "recommendations": found.advice,
    }


def cycle_time_unit(
    wip: Floats, throughput: Floats, cycle_time: Floats, open_share: float
) -> float:
    """Return the factor from cycle times to worked days: 1, or the share of days that are worked.

    Cycle times of a plant that closes are counted in worked days or in calendar days; in which of
    them, the figures themselves tell: Little's Law holds better.

    Args:
        wip, throughput, cycle_time: of worked days, [H].
        open_share: of the days of a usual week, 0 to 1.

    Example: a WIP of 100 at 20 units a worked day stays 5 worked days, or 7 calendar days.

    >>> five = np.full(5, 20.0)
    >>> round(5 * cycle_time_unit(5 * five, five, np.full(5, 7.0), 5 / 7), 3)
    3.571
    """
    held, passed = float(wip.mean()), float((throughput * cycle_time).mean())
    if min(held, passed) <= 0:
        return 1.0
    return min((1.0, open_share), key=lambda factor: abs(math.log(passed * factor / held)))


def _review_law(
    found: _Findings,
    wip: Floats,
    throughput: Floats,
    cycle_time: Floats,
    numbers: NDArray[np.int64],
) -> bool:
    """Collect the spans that break Little's Law over windows; True if there are none.

    The law does not hold for a single day: on a closed day nothing leaves, and WIP stays. Over a
    week, mean(WIP) = mean(throughput × cycle time), up to what is carried over its edges.
    """
    length = min(LAW_WINDOW, len(wip))
    mean_wip, expected, output = (
        np.convolve(values, np.full(length, 1 / length), "valid")
        for values in (wip, throughput * cycle_time, throughput)
    )
    deviation = 1 - compliance(mean_wip, expected, np.ones(len(expected)))
    broken = deviation > TOLERANCE
    for begin, end in _runs(broken):
        worst = begin + int(np.argmax(deviation[begin:end]))
        w, x, th = (float(values[worst]) for values in (mean_wip, expected, output))
        span = _days(numbers, worst, worst + length)
        found.warnings.append(
            f"{span}: mean WIP {_n(w)} and mean throughput × cycle time {_n(x)} are "
            f"{deviation[worst]:.0%} apart; Little's Law allows {TOLERANCE:.0%}."
        )
        if th > 0 and x > 0:
            found.advice.append(f"{span}: {found.corrections(w, th, x / th)}")
    return not broken.any()


def _review_throughput(
    found: _Findings, throughput: Floats, highest: float, numbers: NDArray[np.int64]
) -> bool:
    """Collect the days whose throughput is above that of the data; True if there are none."""
    above = throughput > STRETCH * highest
    for begin, end in _runs(above):
        most = float(throughput[begin:end].max())
        found.warnings.append(
            f"{_days(numbers, begin, end)}: throughput {_n(most)} is above {_n(highest)}, the most "
            "this series has ever put out."
        )
        found.advice.append(
            f"{_days(numbers, begin, end)}: plan with {_n(highest)}, or provide "
            f"{_n(most - highest)} of capacity more."
        )
    return not above.any()


def _review_target(found: _Findings, throughput: Floats, target: float | None) -> bool:
    """Compare the forecast output with the target; True if it is reached, or there is none."""
    produced = float(throughput.sum())
    if target is None or produced >= target:
        return True
    needed, reached = target / len(throughput), produced / len(throughput)
    found.warnings.append(
        f"The forecast puts out {_n(produced)} of the {_n(target)} units wanted within "
        f"{len(throughput)} periods."
    )
    by_curve = "" if found.curve is None else f" ({needs_by_curve(found.curve, needed)})"
    found.advice.append(
        f"Raise throughput by {_n(needed - reached)} to {_n(needed)} per period{by_curve}, or "
        f"allow about {math.ceil(target / reached)} periods."
        if reached > 0
        else f"A throughput of {_n(needed)} per period is needed; none is forecast."
    )
    return False


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Begin and end (exclusive) of every run of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _days(numbers: NDArray[np.int64], begin: int, end: int) -> str:
    first, last = numbers[begin], numbers[end - 1]
    return f"Day {last}" if end - begin == 1 else f"Days {first}–{last}"


def day_reached(throughput: Sequence[float], target: float) -> int | None:
    """Return the first day, from 1, on which cumulated throughput reaches a target, or None."""
    total = np.cumsum(throughput)
    reached = np.flatnonzero(total >= target)
    return int(reached[0]) + 1 if reached.size else None
