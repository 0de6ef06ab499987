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
from collections.abc import Callable
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
    wip, expected = _of_windows(values, length)
    found = compliance(wip, expected, np.ones(len(wip)))
    return found[~np.isnan(found)]


def usual_flow_ratio(values: Floats, length: int) -> float:
    """Return the median over windows of throughput × cycle time ÷ WIP; NaN where it is not known.

    It is 1 where Little's Law holds. Arguments as of `window_compliance`.

    >>> rows = np.tile([100.0, 50.0, 48.0], (14, 1))  # cycle times in hours, throughput by days
    >>> usual_flow_ratio(rows, 7)
    24.0
    """
    wip, expected = _of_windows(values, length)
    known = (wip > 0) & ~np.isnan(expected)
    return float(np.median(expected[known] / wip[known])) if known.any() else math.nan


def _of_windows(values: Floats, length: int) -> tuple[Floats, Floats]:
    """Mean WIP and mean throughput × cycle time of whole windows, [n // length] each."""
    count = len(values) // length
    wip, throughput, cycle_time = values[: count * length].T.reshape(3, count, length)
    timed = np.where(np.isnan(cycle_time), 0.0, throughput)
    flow, timed_flow = throughput.sum(axis=1), timed.sum(axis=1)
    time_in_system = (timed * np.nan_to_num(cycle_time)).sum(axis=1)
    mean_time = np.divide(
        time_in_system, timed_flow, out=np.full(count, np.nan), where=timed_flow > 0
    )
    return wip.mean(axis=1), flow / length * mean_time


@dataclass
class CheckFindings:
    """Sentences and figures that the checks of a state or a forecast collect."""

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
    found = CheckFindings(analysis={"state": state}, curve_of=curve_of)
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


def _check_deviation(
    found: CheckFindings, w: float, th: float, ct: float, deviation: float
) -> None:
    if deviation > TOLERANCE:
        found.warnings.append(
            f"WIP {_n(w)} deviates by {deviation:.0%} from throughput × cycle time = "
            f"{_n(th * ct)}; Little's Law allows {TOLERANCE:.0%} here."
        )
    if 1 - deviation < ADVISED:
        found.advice.append(found.corrections(w, th, ct))


def _check_capacity(found: CheckFindings, th: float, ct: float, capacity: float | None) -> None:
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


def _check_residence(found: CheckFindings, w: float, th: float, ct: float, horizon: int) -> None:
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
    found: CheckFindings, th: float, ct: float, target: float | None, horizon: int
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
