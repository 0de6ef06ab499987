"""The curve of a line from its history: throughput and cycle time at each WIP, and where it stands.

A history in which the WIP hardly varied, or that leaves the curve open, gives no curve but the
reason. Cycle times at a WIP cap: units leave a line in the order in which they entered it, so a
unit is through when as many as the cap have left; that time has the mean w ÷ TH(w) and the variance
lot · w ÷ TH(w)².
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.planning.clearing_function import ClearingFunction
from models.planning.curve_fit import Blocks, FittedCurve, fit_curve
from models.planning.time_distribution import GammaTimes

Floats = NDArray[np.float64]

SHARES = {"p50": 0.5, "p80": 0.8, "p90": 0.9, "p95": 0.95}
FEWEST_BLOCKS = 26
_MOST_BLOCKS = 160  # three years of weeks: older ones are of another line
_LEAST_VARIATION = 0.15  # of the WIP between its 10 % and 90 % quantiles, relative to the median
_WIDEST = 0.15  # half width of the throughput's interval at the median WIP, relative to it
_CAPACITY_OPEN = 1.5  # upper ÷ lower end of the capacity's interval, above which it is not known
_UNSEEN = 0.4  # of the capacity, not reached by the highest WIP: no limit was seen
_NEAR_CAPACITY = 0.85  # share of it that the history must have reached for an interval
_FLAT = 0.98  # of the capacity, reached even at the lowest WIP: the curve is not seen
_STARVED, _CONGESTED = 0.5, 0.1  # percent of throughput by one more percent of WIP
_POINTS = 30
_LOADS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
_NEWEST = 4  # blocks, whose mean is where the line stands


@dataclass(frozen=True)
class FlowHistory:
    """The history of a line, a row for each step.

    Attributes:
        wip: at the end of the step, [n].
        throughput: in the step, [n].
        open_share: share of the step in which the line works, [n].
        block: steps of a block, a week of days.
        lot: units that are released together; 0: an even flow.
    """

    wip: Floats
    throughput: Floats
    open_share: Floats
    block: int
    lot: float = 0.0

    @property
    def blocks(self) -> Blocks:
        """The newest blocks; of a history that is shorter than one, a block of all its steps."""
        block = min(self.block, max(len(self.wip) - 1, 1))
        rows = min(len(self.wip), _MOST_BLOCKS * block + 1)
        parts = (self.wip[-rows:], self.throughput[-rows:], self.open_share[-rows:])
        return Blocks.of(*parts, block, self.lot)


@dataclass(frozen=True)
class LineCurve:
    """The curve of a line, or why there is none.

    Attributes:
        blocks: of the history.
        fitted: the curve; None: it is inconclusive.
        reason: why it is; "" if it is not.
    """

    blocks: Blocks
    fitted: FittedCurve | None
    reason: str = ""

    @property
    def wip_range(self) -> tuple[float, float]:
        """The WIP between which 80 % of the blocks lie."""
        low, high = np.quantile(self.blocks.mean_wip, [0.1, 0.9]).tolist()
        return low, high

    @property
    def newest(self) -> dict[str, float]:
        """Mean WIP, throughput and releases of a worked step of the newest blocks; WIP now."""
        worked = max(float(self.blocks.open_share[-_NEWEST:].sum()), 1e-9)
        last = float(
            self.blocks.start[-1] + (self.blocks.releases - self.blocks.throughput)[-1].sum()
        )
        return {
            "wip": float(self.blocks.mean_wip[-_NEWEST:].mean()),
            "throughput": float(self.blocks.throughput[-_NEWEST:].sum()) / worked,
            "releases": float(self.blocks.releases[-_NEWEST:].sum()) / worked,
            "wip_now": max(last, 0.0),
        }


def line_curve(history: FlowHistory) -> LineCurve:
    """Return the curve of a line.

    Raises:
        ValueError: there is not one block.
    """
    blocks = history.blocks
    count = (len(history.wip) - 1) // history.block
    if count < FEWEST_BLOCKS:
        return LineCurve(
            blocks,
            None,
            f"The history has {count} whole blocks of {history.block} steps; a curve needs "
            f"{FEWEST_BLOCKS}.",
        )
    low, middle, high = np.quantile(blocks.mean_wip, [0.1, 0.5, 0.9]).tolist()
    if blocks.throughput.sum() <= 0 or middle <= 0:
        return LineCurve(blocks, None, "The history has no output, or no WIP, to learn from.")
    if (high - low) / middle < _LEAST_VARIATION:
        return LineCurve(
            blocks,
            None,
            f"WIP hardly varied: in 80 % of the blocks it lay between {low:.6g} and {high:.6g}. "
            "Throughput at another WIP cannot be known from it; vary the releases for some weeks.",
        )
    fitted = fit_curve(blocks)
    reason = _open_end(fitted, low, middle, high)
    return LineCurve(blocks, None if reason else fitted, reason)


def _open_end(fitted: FittedCurve, low: float, middle: float, high: float) -> str:
    """Why the history does not determine a curve; "" if it does."""
    if not np.isfinite(fitted.draws).all():
        return "The history contradicts every curve: throughput does not follow from WIP."
    line = fitted.line
    at = line.throughput(np.array([low, middle, high]))
    if at[2] < _UNSEEN * line.capacity:
        return (
            "Throughput grew with WIP all along, as where nothing waits for capacity: the history "
            "shows no limit that a WIP cap could keep the line from."
        )
    below, above = fitted.band(np.array([middle]))
    if (above - below)[0] > 2 * _WIDEST * at[1]:
        return (
            f"The history leaves the curve open: at a WIP of {middle:.6g}, a worked step may put "
            f"out {below[0]:.6g} to {above[0]:.6g}."
        )
    if at[0] > _FLAT * line.capacity:
        return (
            f"Throughput did not depend on WIP: it is at its highest from {low:.6g} units on. "
            "Lower WIP for some weeks to learn how little is enough."
        )
    return ""


def cap_times(line: ClearingFunction, cap: float, lot: float) -> GammaTimes:
    """Return the distribution of cycle times at a WIP cap, in worked steps."""
    rate = float(line.throughput(np.array(cap)))
    return GammaTimes(cap / rate, lot * cap / rate**2)


def state_of(line: ClearingFunction, wip: float) -> str:
    """Return the state of a line at a WIP: `starved`, `balanced` or `congested`.

    By the percent of throughput that one more percent of WIP gives: starved above 0.5, which is
    below the critical WIP (congestion below 1); congested below 0.1.

        >>> line = ClearingFunction(capacity=20.0, critical_wip=5.0, evenness=1.0)
        >>> [state_of(line, wip) for wip in (4.0, 10.0, 50.0)]
        ['starved', 'balanced', 'congested']
    """
    gain = line.elasticity(wip)
    return "starved" if gain > _STARVED else "congested" if gain < _CONGESTED else "balanced"


def curve_fields(curve: LineCurve) -> dict[str, Any]:
    """Return the fields of the reply that are figures of the curve; all null without one."""
    names = ("capacity", "critical_wip", "raw_process_time", "congestion", "elasticity", "state")
    if curve.fitted is None:
        return dict.fromkeys((*names, "lot")) | {"points": [], "cycle_times": [], "notes": []}
    fitted, line = curve.fitted, curve.fitted.line
    capacity, notes = _capacity(curve, fitted)
    wip = curve.newest["wip"]
    return {
        "capacity": capacity,
        "critical_wip": _figure(fitted, 1, line.critical_wip),
        "raw_process_time": _ratio(fitted, line.raw_process_time),
        "congestion": wip / line.critical_wip,
        "elasticity": line.elasticity(wip),
        "state": state_of(line, wip),
        "lot": fitted.lot,
        "points": _points(curve, fitted),
        "cycle_times": [_times(line, load, fitted.lot) for load in _LOADS],
        "notes": notes,
    }


def _figure(fitted: FittedCurve, place: int, value: float) -> dict[str, float | None]:
    low, high = np.exp(np.quantile(fitted.draws[:, place], [0.1, 0.9])).tolist()
    return {"value": value, "lower": min(low, value), "upper": max(high, value)}


def _ratio(fitted: FittedCurve, value: float) -> dict[str, float | None]:
    logs = fitted.draws[:, 1] - fitted.draws[:, 0]
    low, high = np.exp(np.quantile(logs, [0.1, 0.9])).tolist()
    return {"value": value, "lower": min(low, value), "upper": max(high, value)}


def _capacity(curve: LineCurve, fitted: FittedCurve) -> tuple[dict[str, float | None], list[str]]:
    """The capacity; without an upper end where the line was never near it."""
    low, high = np.exp(np.quantile(fitted.draws[:, 0], [0.1, 0.9])).tolist()
    value = fitted.line.capacity
    reached = float(fitted.line.throughput(np.asarray(np.quantile(curve.blocks.mean_wip, 0.95))))
    if reached >= _NEAR_CAPACITY * value and high <= _CAPACITY_OPEN * low:
        return {"value": value, "lower": min(low, value), "upper": max(high, value)}, []
    note = (
        f"The line was never close to its capacity: it is above {reached:.6g} units per worked "
        "step, but how far is not known. Figures beyond the WIP of the history are extrapolated."
    )
    return {"value": value, "lower": reached, "upper": None}, [note]


def _points(curve: LineCurve, fitted: FittedCurve) -> list[dict[str, Any]]:
    low, high = (float(f(curve.blocks.mean_wip)) for f in (np.min, np.max))
    wips = np.linspace(0, 1.5 * high, _POINTS + 1)[1:]
    below, above = fitted.band(wips)
    rates = fitted.line.throughput(wips)
    columns = zip(wips, rates, np.minimum(below, rates), np.maximum(above, rates), strict=True)
    return [
        {
            "wip": float(wip),
            "throughput": float(rate),
            "throughput_lower": float(lower),
            "throughput_upper": float(upper),
            "cycle_time": float(wip / rate),
            "extrapolated": bool(wip < low or wip > high),
        }
        for wip, rate, lower, upper in columns
    ]


def _times(line: ClearingFunction, load: float, lot: float) -> dict[str, float]:
    wip = line.least_wip(load * line.capacity)
    times = cap_times(line, wip, lot)
    found = {"throughput": load * line.capacity, "wip": wip, "cycle_time": times.mean}
    return found | {f"cycle_time_{name}": times.quantile(s) for name, s in SHARES.items()}
