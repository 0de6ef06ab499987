"""One line: its two years of history, the advice from them, and what comes of the advice."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from benchmarks.planning.lines import RandomLine, Simulation, random_line, release_levels
from benchmarks.planning.simpy_line import SimpyLine
from models.planning.advice import Advisor, Constraints, LineNow, Target
from models.planning.line_curve import FlowHistory, line_curve

Floats = NDArray[np.float64]

HISTORY = 730  # days
NEAR = (0.02, 0.10, 0.03)  # of the throughput, of the cap, of a probability
_WINDOW, _WINDOWS = 30, 900  # days that units are promised for; so many windows tell 1.3 points
_BESIDE, _WARM_UP, _CHECKED = 4_000, 60, 60  # days
_LOAD = 0.8  # of the capacity, which is wanted
_RISK = 0.9
_CAPS = (0.6, 0.8, 0.9, 1.15, 1.4)  # of the cap advised, which the best one is looked for in
_BLOCK = 7
_REPLAY = 10_000  # added to the seed
_AHEAD = 365


@dataclass(frozen=True)
class Verdict:
    """The advice for a line, and what came.

    Attributes:
        reason: why there is no curve, or "".
        feasible: whether the advice meets the target.
        cap: WIP cap advised.
        throughput, came: a day, as the advice has it and as the replay had it.
        cycle_time, came_time: mean, in days.
        best_cap: least WIP of the throughput that the advice promises, in simulations.
        promised, kept: probability to have the units of 30 days, and share of windows that had.
        oracle: share of the two years at the cap itself whose mean throughput, whose cap for it
            and whose probability would be as near as is wanted.
    """

    seed: int
    kind: str
    reason: str = ""
    feasible: bool = False
    cap: float = 0.0
    throughput: float = 0.0
    came: float = 0.0
    cycle_time: float = 0.0
    came_time: float = 0.0
    best_cap: float = 0.0
    promised: float = 0.0
    kept: float = 0.0
    oracle: tuple[float, float, float] = (0.0, 0.0, 0.0)


def judge(seed: int) -> Verdict:
    """Return the verdict on the advice for the line of a seed.

    Raises:
        ArithmeticError: simpy has another output of the line.
    """
    line = random_line(seed)
    wip, output, _ = Simulation(line, seed, release_levels(line, HISTORY, seed)).run(HISTORY)
    curve = line_curve(FlowHistory(wip, output, np.ones(HISTORY), _BLOCK, lot=1.0))
    if curve.fitted is None:
        return Verdict(seed, line.kind, curve.reason)
    wanted = _LOAD * line.capacity
    now = _now(
        curve.newest["wip_now"], curve.newest["releases"], float(curve.blocks.mean_wip.max())
    )
    target = Target(throughput=wanted, risk=_RISK)
    found = Advisor(curve.fitted, now, target, Constraints()).answer()
    cap = max(1, round(found["wip_cap"]))
    # Promised from the cap on, as windows of a long replay can tell it.
    there = _now(float(cap), now.releases, now.highest_wip)
    units = round(_WINDOW * wanted)
    promise = Advisor(curve.fitted, there, Target(units=units, steps=_WINDOW), Constraints())
    replayed, times = _replay(line, seed, cap, _WINDOW * _WINDOWS)
    expect_same(line, seed + _REPLAY, cap)
    caps, rates = _rates(line, seed, cap, replayed)
    windows = replayed.reshape(-1, _WINDOW).sum(axis=1)
    return Verdict(
        seed,
        line.kind,
        feasible=found["feasible"],
        cap=found["wip_cap"],
        throughput=found["throughput"]["value"],
        came=float(replayed.mean()),
        cycle_time=found["cycle_time"]["mean"],
        came_time=float(np.nanmean(times)),
        best_cap=_cap_for(found["throughput"]["value"], caps, rates),
        promised=promise.probability(float(cap)),
        kept=float((windows >= units).mean()),
        oracle=_oracle(windows, units, cap, (caps, rates)),
    )


def _now(wip: float, releases: float, highest: float) -> LineNow:
    return LineNow(wip, releases, highest, np.ones(_AHEAD))


def _replay(line: RandomLine, seed: int, cap: int, days: int) -> tuple[Floats, Floats]:
    """Throughput and mean cycle times by day, once the line runs at its cap.

    Each cap meets the same random numbers.
    """
    _, output, times = Simulation(line, seed + _REPLAY, cap=cap).run(days + _WARM_UP)
    return output[_WARM_UP:], times[_WARM_UP:]


def expect_same(line: RandomLine, seed: int, cap: int) -> None:
    """Check the first days of a line with a WIP cap against simpy.

    Raises:
        ArithmeticError: simpy has another output.
    """
    _, output, _ = Simulation(line, seed, cap=cap).run(_CHECKED)
    if (output != SimpyLine(line, seed, cap).output(_CHECKED)).any():
        raise ArithmeticError(f"Line {seed}: simpy has another output.")


def _rates(line: RandomLine, seed: int, cap: int, replayed: Floats) -> tuple[Floats, Floats]:
    """Caps, and the throughput of each, by the change against the same days of the cap advised."""
    caps = sorted({max(1, round(cap * factor)) for factor in _CAPS} | {cap})
    own = replayed[:_BESIDE].mean()
    rates = [
        replayed.mean() * (1 if each == cap else _replay(line, seed, each, _BESIDE)[0].mean() / own)
        for each in caps
    ]
    return np.array(caps, float), np.maximum.accumulate(rates)


def _cap_for(throughput: float, caps: Floats, rates: Floats) -> float:
    """The WIP cap whose simulated throughput is a given one; NaN: beyond the caps tried."""
    if not rates[0] <= throughput <= rates[-1]:
        return float("nan")
    return float(np.interp(throughput, rates, caps))


def _oracle(
    windows: Floats, units: int, cap: int, curve: tuple[Floats, Floats]
) -> tuple[float, float, float]:
    """Share of two years of the line at that very cap that tell what the advice has to.

    The 30-day outputs of two years are taken as normal, with their own mean and variance.
    """
    length = HISTORY // _WINDOW
    years = windows[: len(windows) // length * length].reshape(-1, length)
    means, spreads = years.mean(axis=1), years.std(axis=1, ddof=1)
    kept = (windows >= units).mean()
    told = [
        1 - NormalDist(mean, spread).cdf(units - 0.5)
        for mean, spread in zip(means.tolist(), spreads.tolist(), strict=True)
    ]
    caps = np.array([_cap_for(mean / _WINDOW, *curve) for mean in means.tolist()])
    return (
        _share(means / windows.mean() - 1, NEAR[0]),
        _share(cap / caps - 1, NEAR[1]),
        _share(np.array(told) - kept, NEAR[2]),
    )


def _share(errors: Floats, near: float) -> float:
    return float((np.abs(errors) <= near).mean())
