"""The check of a forecast: weeks that break Little's Law, days above all output, a missed target.

>>> days = np.full(7, 50.0)
>>> review_forecast(np.full(7, 100.0), days, np.full(7, 2.0), 60.0, None)["is_valid"]
True
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.flow_curve import FlowCurve, needs_by_curve, no_curve
from utils.flow_curve import short_number as _n
from utils.validation import LAW_WINDOW, TOLERANCE, CheckFindings, compliance

Floats = NDArray[np.float64]

STRETCH = 1.05  # of the highest throughput so far, above which a forecast gets a warning


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
    found = CheckFindings(curve_of=curve_of)
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


def _review_law(
    found: CheckFindings,
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
    found: CheckFindings, throughput: Floats, highest: float, numbers: NDArray[np.int64]
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


def _review_target(found: CheckFindings, throughput: Floats, target: float | None) -> bool:
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
