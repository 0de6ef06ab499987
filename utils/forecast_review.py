"""The check of a forecast: weeks that break Little's Law, days above all output, a missed target.

>>> days = np.full(7, 50.0)
>>> review_forecast(ForecastDays(2 * days, days, days / 25), LineSoFar(60.0))["is_valid"]
True
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.flow_curve import FlowCurve, needs_by_curve, no_curve
from utils.flow_curve import short_number as _n
from utils.validation import LAW_WINDOW, TOLERANCE, CheckFindings, compliance

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

STRETCH = 1.05  # of the highest throughput so far, above which a forecast gets a warning
_CYCLE_TIMES = 3  # in a window: over fewer, Little's Law holds roughly
_NEGLIGIBLE = 0.05  # of the usual WIP, up to which a deviation is none


@dataclass(frozen=True)
class ForecastDays:
    """The days of a forecast that are checked, those without closed ones.

    Attributes:
        wip, throughput: expected values of each day, [H].
        cycle_time: mean of the units that are expected to finish on each day, in days, [H].
        numbers: of the days, where closed ones are left out, [H]; None: 1, 2, …, H.
        is_judged: False where Little's Law does not hold over a week, as with a plan that raises or
            lowers WIP, or tells nothing, as of cycle times that were derived by it.
        medians: of the same days; None: as the expected values. Days break Little's Law if they
            do so by both.
    """

    wip: Floats
    throughput: Floats
    cycle_time: Floats
    numbers: NDArray[np.int64] | None = None
    is_judged: bool = True
    medians: ForecastDays | None = None

    def named(self, begin: int, end: int) -> str:
        """Return the name of the days from one place to another (exclusive)."""
        numbers = np.arange(1, len(self.wip) + 1) if self.numbers is None else self.numbers
        first, last = numbers[begin], numbers[end - 1]
        return f"Day {last}" if end - begin == 1 else f"Days {first}–{last}"

    @property
    def window(self) -> int:
        """Days over which the law is judged; 0: the forecast is shorter than a cycle time."""
        output = float(self.throughput.sum())
        time = float((self.throughput * self.cycle_time).sum()) / output if output > 0 else 0.0
        days = min(max(LAW_WINDOW, math.ceil(_CYCLE_TIMES * time)), len(self.wip))
        return 0 if days < time else days

    def means(self, length: int) -> tuple[Floats, Floats, Floats]:
        """Return mean WIP, throughput × cycle time, and throughput of all windows of a length."""
        share = np.full(length, 1 / length)
        columns = self.wip, self.throughput * self.cycle_time, self.throughput
        wip, expected, output = (np.convolve(column, share, "valid") for column in columns)
        return wip, expected, output


@dataclass(frozen=True)
class LineSoFar:
    """The history of a line, as far as its forecast is checked by it.

    Attributes:
        highest_throughput: the most units that were put out in a period.
        usual_wip: mean WIP; 0: not known.
        flow_ratio: usual throughput × cycle time ÷ WIP, 1 by Little's Law; NaN: not known.
    """

    highest_throughput: float
    usual_wip: float = 0.0
    flow_ratio: float = math.nan

    @property
    def breaks_the_law(self) -> bool:
        """True if its rows deviate from Little's Law by more than the tolerance."""
        return self.flow_ratio == 0 or min(self.flow_ratio, 1 / self.flow_ratio) < 1 - TOLERANCE


def analyse_forecast(
    wip: Floats,
    throughput: Floats,
    cycle_time: Floats,
    closed: Flags | None = None,
    idle: Flags | None = None,
) -> dict[str, Any]:
    """Return the compliance of a forecast's days, and counts of excellent, good, fair, poor.

    Where nothing leaves, no law holds for the day: it has the compliance of the day before it. A
    closed day counts for none of the four.

    Args:
        wip, throughput, cycle_time: of each day, [H].
        closed: True for closed days, [H]; None: there are none.
        idle: True for others without output, [H]; None: there are none.
    """
    none = np.zeros(len(wip), bool)
    is_open = none | ~(none if closed is None or closed.all() else closed)
    judged = is_open & ~(none if idle is None or idle.all() else idle)
    judged = judged if judged.any() else is_open
    own = compliance(wip[judged], throughput[judged], cycle_time[judged])
    daily = own[np.maximum(np.cumsum(judged) - 1, 0)]
    bands = np.digitize(daily, [0.5, 0.7, 0.9], right=False)
    # Exactly 0.9 is good, not excellent.
    bands[daily == 0.9] = 2
    counts = np.bincount(bands[is_open], minlength=4)
    names = ("poor", "fair", "good", "excellent")
    return {
        "average_compliance": float(daily[is_open].mean()),
        "daily_compliance": daily.tolist(),
        "analysis": {name: int(counts[i]) for i, name in reversed(list(enumerate(names)))},
    }


def review_forecast(
    days: ForecastDays,
    line: LineSoFar,
    target: float | None = None,
    produced: float | None = None,
    curve_of: Callable[[], FlowCurve | None] = no_curve,
) -> dict[str, Any]:
    """Return warnings and recommendations for the days of a forecast.

    A week breaks Little's Law, days have a throughput above that of the data, or the target is
    missed.

    Args:
        line: the history of the line.
        target: units wanted within the horizon; None: no target.
        produced: units forecast for the horizon; None: the sum of the days.
        curve_of: returns the curve of the line, which advice is then taken from; None: unknown.
    """
    found = CheckFindings(curve_of=curve_of)
    produced = float(days.throughput.sum()) if produced is None else produced
    valid = [
        not days.is_judged or _review_law(found, days, line),
        _review_throughput(found, days, line.highest_throughput),
        _review_target(found, len(days.wip), produced, target),
    ]
    return {
        "is_valid": all(valid),
        "warnings": found.warnings,
        "recommendations": found.advice,
    }


def _review_law(found: CheckFindings, days: ForecastDays, line: LineSoFar) -> bool:
    """Collect the spans that break Little's Law over windows; True if there are none.

    The law does not hold for a single day: on a closed day nothing leaves, and WIP stays. Over some
    cycle times, mean(WIP) = mean(throughput × cycle time), up to what is carried over the edges.
    """
    if line.breaks_the_law:
        _add_broken_history(found, days, line)
        return False
    length = days.window
    if not length:
        return True
    mean_wip, expected, output = days.means(length)
    deviation, broken = _deviation(mean_wip, expected, line.usual_wip)
    if days.medians is not None:
        broken &= _deviation(*days.medians.means(length)[:2], line.usual_wip)[1]
    for begin, end in _runs(broken):
        worst = begin + int(np.argmax(deviation[begin:end]))
        w, x, th = (float(values[worst]) for values in (mean_wip, expected, output))
        span = days.named(worst, worst + length)
        found.warnings.append(
            f"{span}: mean WIP {_n(w)} and mean throughput × cycle time {_n(x)} are "
            f"{deviation[worst]:.0%} apart; Little's Law allows {TOLERANCE:.0%}."
        )
        if th > 0 and x > 0:
            found.advice.append(f"{span}: {found.corrections(w, th, x / th)}")
    return not broken.any()


def _deviation(wip: Floats, expected: Floats, usual_wip: float) -> tuple[Floats, Flags]:
    """Deviations of windows from Little's Law, and True for those that break it, [windows]."""
    deviation = 1 - compliance(wip, expected, np.ones(len(wip)))
    return deviation, (deviation > TOLERANCE) & (
        np.maximum(wip, expected) > _NEGLIGIBLE * usual_wip
    )


def _add_broken_history(found: CheckFindings, days: ForecastDays, line: LineSoFar) -> None:
    """Add that the rows before the forecast break Little's Law, which it continues."""
    found.warnings.append(
        "The rows before the forecast break Little's Law, and it goes on as they do: throughput × "
        f"cycle time is usually {_n(line.flow_ratio)} times the WIP; {TOLERANCE:.0%} is allowed."
    )
    wip, output = float(days.wip.mean()), float(days.throughput.mean())
    if output > 0:
        found.advice.append(
            "Check the unit of the cycle times, and that they count all days on which units wait: "
            f"a mean WIP of {_n(wip)} at {_n(output)} units per period is a cycle time of "
            f"{_n(wip / output)} periods."
        )


def _review_throughput(found: CheckFindings, days: ForecastDays, highest: float) -> bool:
    """Collect the days whose throughput is above that of the data; True if there are none."""
    throughput = (days.medians or days).throughput
    above = throughput > STRETCH * highest
    for begin, end in _runs(above):
        most = float(throughput[begin:end].max())
        found.warnings.append(
            f"{days.named(begin, end)}: throughput {_n(most)} is above {_n(highest)}, the most "
            "this series has ever put out."
        )
        found.advice.append(
            f"{days.named(begin, end)}: plan with {_n(highest)}, or provide "
            f"{_n(most - highest)} of capacity more."
        )
    return not above.any()


def _review_target(
    found: CheckFindings, periods: int, produced: float, target: float | None
) -> bool:
    """Compare the forecast output with the target; True if it is reached, or there is none."""
    if target is None or produced >= target:
        return True
    needed, reached = target / periods, produced / periods
    found.warnings.append(
        f"The forecast puts out {_n(produced)} of the {_n(target)} units wanted within "
        f"{periods} periods."
    )
    by_curve = "" if found.curve is None else f" ({needs_by_curve(found.curve, needed)})"
    found.advice.append(
        f"Raise throughput by {_n(needed - reached)} to {_n(needed)} per period{by_curve}, or "
        f"allow about {math.ceil(target / reached)} periods."
        if reached > 0
        else f"A throughput of {_n(needed)} per period is needed; none is forecast."
    )
    return False


def _runs(flags: Flags) -> list[tuple[int, int]]:
    """Begin and end (exclusive) of every run of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
