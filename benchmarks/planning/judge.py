"""One line: its two years of history, the advice from them, and what comes of the advice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.planning.lines import RandomLine, Simulation, random_line, release_levels
from models.planning.advice import Advisor, Constraints, LineNow, Target
from models.planning.line_curve import FlowHistory, line_curve

Floats = NDArray[np.float64]

HISTORY = 730  # days
_REPLAYED, _WARM_UP = 1560, 60
_WINDOW = 30  # days that units are promised for
_LOAD = 0.8  # of the capacity, which is wanted
_RISK = 0.9
_CAPS = (0.6, 0.75, 0.9, 1.1, 1.35, 1.7)  # of the cap advised, which the best one is looked for in
_BLOCK = 7
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


def judge(seed: int) -> Verdict:
    """Return the verdict on the advice for the line of a seed."""
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
    cap = round(found["wip_cap"])
    # Promised from the cap on, as windows of a long replay can tell it.
    there = _now(float(cap), now.releases, now.highest_wip)
    units = round(_WINDOW * wanted)
    promise = Advisor(curve.fitted, there, Target(units=units, steps=_WINDOW), Constraints())
    replayed, times = _replay(line, seed, cap)
    windows = replayed[: len(replayed) // _WINDOW * _WINDOW].reshape(-1, _WINDOW).sum(axis=1)
    return Verdict(
        seed,
        line.kind,
        feasible=found["feasible"],
        cap=found["wip_cap"],
        throughput=found["throughput"]["value"],
        came=float(replayed.mean()),
        cycle_time=found["cycle_time"]["mean"],
        came_time=float(np.nanmean(times)),
        best_cap=_best_cap(line, seed, cap, found["throughput"]["value"]),
        promised=promise.probability(float(cap)),
        kept=float((windows >= units).mean()),
    )


def _now(wip: float, releases: float, highest: float) -> LineNow:
    return LineNow(wip, releases, highest, np.ones(_AHEAD))


def _replay(line: RandomLine, seed: int, cap: int) -> tuple[Floats, Floats]:
    """Throughput and mean cycle times by day, once the line runs at its cap."""
    _, output, times = Simulation(line, seed + 10_000, cap=max(cap, 1)).run(_REPLAYED + _WARM_UP)
    return output[_WARM_UP:], times[_WARM_UP:]


def _best_cap(line: RandomLine, seed: int, cap: int, throughput: float) -> float:
    """The WIP cap whose simulated throughput is a given one, between the caps that are tried."""
    caps = sorted({max(1, round(cap * factor)) for factor in _CAPS} | {cap})
    rates = np.maximum.accumulate([_replay(line, seed, each)[0].mean() for each in caps])
    if not rates[0] <= throughput <= rates[-1]:
        return float("nan")
    return float(np.interp(throughput, rates, caps))
