"""Advice: the WIP cap and the release rate that meet a target with a given probability.

The probability is the share of `flow_paths` on which the target is met; each path has parameters of
its own from the bootstrap of the curve. All figures of an answer are of the same cap and the same
paths, so that none contradicts another: cycle time = cap ÷ throughput (Little's Law).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.planning.clearing_function import ClearingFunction, clearing
from models.planning.curve_fit import FittedCurve
from models.planning.flow_paths import ReleasePlan, flow_paths
from models.planning.line_curve import cap_times

Floats = NDArray[np.float64]

_HALVINGS = 20
_NEAR = 1e-3  # relative distance of two caps at which the search ends
_HIGHEST_LOAD = 0.985  # of the capacity, at the largest cap that is tried
_MOST_WIP = 2.0  # of the highest of the history, that is tried where no constraint has a number
_BESIDE = 0.1  # of the cap, by which the alternatives differ
_SHARES = {"p50": 0.5, "p80": 0.8, "p95": 0.95}


@dataclass(frozen=True)
class LineNow:
    """A line as it stands.

    Attributes:
        wip: units in process now.
        releases: units released in a worked step, lately.
        highest_wip: of the history; figures above it are extrapolated.
        open_share: of the steps ahead, in which the line works, [H].
    """

    wip: float
    releases: float
    highest_wip: float
    open_share: Floats

    @property
    def worked_share(self) -> float:
        """Share of the steps ahead that are worked."""
        return float(self.open_share.mean())


@dataclass(frozen=True)
class Target:
    """A target of a line: one of a throughput, units by a step, or a cycle time.

    Attributes:
        throughput: units per step of the calendar.
        units, steps: units to be out after so many steps.
        cycle_time, quantile: in steps of the calendar, that a share of cycle times stays within.
        risk: probability wanted.
    """

    throughput: float | None = None
    units: float | None = None
    steps: int = 0
    cycle_time: float | None = None
    quantile: float = 0.9
    risk: float = 0.9


@dataclass(frozen=True)
class Constraints:
    """Bounds of an answer; infinite: none.

    Attributes:
        wip: most units in process.
        release_change: most that the releases of a worked step may differ from those of lately.
        capacity: most units that a worked step can finish.
    """

    wip: float = math.inf
    release_change: float = math.inf
    capacity: float = math.inf


class Advisor:
    """Advice for one line and one target."""

    def __init__(
        self, curve: FittedCurve, now: LineNow, target: Target, bounds: Constraints
    ) -> None:
        self._curve, self._now, self._target, self._bounds = curve, now, target, bounds
        self._draws = curve.draws.copy()
        line, most = curve.line, math.log(min(bounds.capacity, 1e300))
        self._draws[:, 0] = np.minimum(self._draws[:, 0], most)
        self._line = replace(line, capacity=min(line.capacity, bounds.capacity))

    def answer(self) -> dict[str, Any]:
        """Return the advice.

        It is the smallest cap that meets a throughput or units, and the largest that meets a cycle
        time.
        """
        largest, binds = self._largest_cap()
        slow = self._target.cycle_time is not None
        best = self._smallest(largest) if not slow else self._largest_within(largest)
        cap = best if best is not None else (largest if not slow else self._least_cap)
        feasible = best is not None
        if slow and feasible and cap < largest * (1 - 1e-9):
            binds = "cycle_time"
        elif not slow and feasible:
            binds = "target"
        return {
            "feasible": feasible,
            "binds": binds,
            **self._plan(cap),
            "path": self._path(cap),
            "alternatives": self._alternatives(cap, largest),
            "needed": None if feasible else self._needed(cap),
            "extrapolated": bool(cap > self._now.highest_wip),
        }

    # --- caps -----------------------------------------------------------------------------------

    @property
    def _least_cap(self) -> float:
        return max(1.0, 0.02 * self._line.critical_wip) if self._line.critical_wip > 1 else 0.02

    def _largest_cap(self) -> tuple[float, str]:
        """The largest cap that the constraints allow, and which of them it is."""
        line = self._line
        caps = {"capacity": line.least_wip(_HIGHEST_LOAD * line.capacity)}
        if math.isfinite(self._bounds.wip):
            caps["max_wip"] = self._bounds.wip
        else:
            caps["history"] = _MOST_WIP * max(self._now.highest_wip, self._now.wip)
        if math.isfinite(self._bounds.release_change):
            fastest = self._now.releases + self._bounds.release_change
            caps["max_release_change"] = line.least_wip(min(fastest, _HIGHEST_LOAD * line.capacity))
        binds = min(caps, key=lambda name: caps[name])
        return self._whole(caps[binds], math.floor), binds

    def _whole(self, cap: float, rounded: Callable[[float], int]) -> float:
        """A cap in whole units, where units are many."""
        return float(rounded(cap)) if cap >= 10 else cap

    def _smallest(self, largest: float) -> float | None:
        if self.probability(largest) < self._target.risk:
            return None
        low, high = 0.0, largest
        for _ in range(_HALVINGS):
            if self._is_narrow(low, high):
                break
            middle = (low + high) / 2
            enough = self.probability(middle) >= self._target.risk
            low, high = (low, middle) if enough else (middle, high)
        return min(self._whole(high, math.ceil), largest)

    def _largest_within(self, largest: float) -> float | None:
        if self.probability(self._least_cap) < self._target.risk:
            return None
        low, high = self._least_cap, largest
        if self.probability(high) >= self._target.risk:
            return high
        for _ in range(_HALVINGS):
            if self._is_narrow(low, high):
                break
            middle = (low + high) / 2
            enough = self.probability(middle) >= self._target.risk
            low, high = (middle, high) if enough else (low, middle)
        return self._whole(low, math.floor) or low

    def _is_narrow(self, low: float, high: float) -> bool:
        """Return True where two bounds are as good as one, or no whole unit lies between them."""
        return high - low <= _NEAR * high or (low >= 10 and math.floor(low) + 1 >= high)

    # --- figures at a cap -----------------------------------------------------------------------

    def probability(self, cap: float) -> float:
        """Return the probability that the target is met with a cap."""
        target, share = self._target, self._now.worked_share
        if target.units is not None:
            paths = self._paths(cap, target.steps)
            return float((paths.sum(axis=1) >= target.units).mean())
        rates = clearing(np.full(len(self._draws), cap), *np.exp(self._draws).T)
        if target.throughput is not None:
            return float((rates * share >= target.throughput).mean())
        limit = (target.cycle_time or 0.0) * share
        lines = [ClearingFunction.of_logs(row) for row in self._draws]
        within = [cap_times(line, cap, self._curve.lot).share_within(limit) for line in lines]
        return float((np.array(within) >= target.quantile).mean())

    def _paths(self, cap: float, steps: int) -> Floats:
        """Output of each step under the cap, from the WIP of now."""
        open_share = self._now.open_share[:steps]
        plan = self._release_plan(cap, len(open_share))
        return flow_paths(self._draws, self._now.wip, plan, open_share, self._curve.lot).throughput

    def _release_plan(self, cap: float, steps: int) -> ReleasePlan:
        change, capacity = self._bounds.release_change, self._bounds.capacity
        return ReleasePlan(
            cap=cap,
            fewest=max(0.0, self._now.releases - change),
            most=self._now.releases + change,
            capacity=np.full(steps, capacity) if math.isfinite(capacity) else None,
        )

    def _plan(self, cap: float) -> dict[str, Any]:
        """The figures of a cap; times are in steps of the calendar."""
        share = self._now.worked_share
        rates = clearing(np.full(len(self._draws), cap), *np.exp(self._draws).T)
        rate = float(self._line.throughput(np.array(cap)))
        low, high = np.quantile(rates, [0.1, 0.9]).tolist()
        times = cap_times(self._line, cap, self._curve.lot)
        return {
            "wip_cap": cap,
            "release_rate": rate,
            "release_rate_per_step": rate * share,
            "throughput": {
                "value": rate * share,
                "lower": min(low, rate) * share,
                "upper": max(high, rate) * share,
            },
            "cycle_time": {"mean": times.mean / share}
            | {name: times.quantile(q) / share for name, q in _SHARES.items()},
            "probability": self.probability(cap),
        }

    def _path(self, cap: float) -> dict[str, Any]:
        """The way from the WIP of now to the cap."""
        wip, steps = self._now.wip, len(self._now.open_share)
        action = "fill" if wip < cap else "drain" if wip > cap else "hold"
        plan = self._release_plan(cap, steps)
        held = flow_paths(self._draws, wip, plan, self._now.open_share, self._curve.lot).wip
        middle = np.median(held, axis=0)
        near = np.abs(middle - cap) <= 0.02 * cap
        reached = int(near.argmax()) if near.any() else None
        return {"from_wip": wip, "to_wip": cap, "action": action, "steps": reached}

    def _alternatives(self, cap: float, largest: float) -> list[dict[str, Any]]:
        own, found = self._plan(cap), []
        for factor in (1 - _BESIDE, 1 + _BESIDE):
            other = self._whole(cap * factor, round)
            plan = self._plan(other)
            found.append(
                plan
                | {
                    "allowed": other <= largest,
                    "throughput_change": plan["throughput"]["value"] - own["throughput"]["value"],
                    "cycle_time_change": plan["cycle_time"]["mean"] - own["cycle_time"]["mean"],
                    "probability_change": plan["probability"] - own["probability"],
                }
            )
        return found

    def _needed(self, cap: float) -> dict[str, Any] | None:
        """The capacity that would meet a target which cannot be met, in units per worked step."""
        if self._target.cycle_time is not None:
            return None
        low, high = 1.0, 64.0
        if self._with(high).probability(cap * high) < self._target.risk:
            return None
        for _ in range(_HALVINGS):
            middle = math.sqrt(low * high)
            enough = self._with(middle).probability(cap * middle) >= self._target.risk
            low, high = (low, middle) if enough else (middle, high)
        return {"capacity": self._line.capacity * high, "more": high - 1, "wip_cap": cap * high}

    def _with(self, factor: float) -> Advisor:
        """An advisor for the line with more of all its machines, without constraints."""
        more = math.log(factor)
        line = replace(
            self._line,
            capacity=self._line.capacity * factor,
            critical_wip=self._line.critical_wip * factor,
        )
        draws = self._draws + np.array([more, more, 0.0])
        curve = replace(self._curve, line=line, draws=draws)
        return Advisor(curve, self._now, self._target, Constraints())
