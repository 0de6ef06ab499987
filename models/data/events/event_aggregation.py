"""Units → regular series: WIP, throughput, cycle time and releases of each step.

WIP at the end of a step counts units with start < end ≤ finish; the mean over the step is the
integral of WIP ÷ the step's length. A unit leaves in the step that holds its finish.

Little's Law holds exactly over any span [A, B), by counting units instead of time:

    ∫ WIP dt = Σ time in system of arrivals + carry-in − overhang,

carry-in being the time that units in process at A still spend, overhang the time that units in
process at B spend after B. (S.-H. Kim & W. Whitt, "Statistical analysis with Little's law",
Operations Research 61 (2013).) Units that never finished are followed up to B.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.events.event_coverage import Coverage, open_at
from models.data.events.event_log import DAY, OPEN, Units, text_of
from models.data.events.time_grid import TimeGrid
from models.series.panel import Panel
from utils.errors import InvalidInput

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PERCENTS = (50, 80, 85, 95)
_MOST_STEPS = 100_000


@dataclass(frozen=True)
class Aggregated:
    """Regular series of a log.

    Attributes:
        panel: WIP at the end of each step, throughput and mean cycle time in steps. Its step
            numbers are those of `steps`.
        steps: that the units were counted in.
        extras: `releases`; `wip_mean`, the average over the step; `cycle_time_p50` to `_p95` of
            what left; `age_mean` and `age_oldest` of what is in process at the end, in steps.
        identity: both sides of Little's Law over all steps, in unit-steps.
    """

    panel: Panel
    steps: TimeGrid
    extras: dict[str, Floats]
    identity: dict[str, float]


def aggregate(units: Units, coverage: Coverage, steps: TimeGrid) -> Aggregated:
    """Return the series of units over the steps that a log covers.

    Every series runs from its first step with a unit to the last step that is covered.

    Raises:
        InvalidInput: the log covers no whole step.
    """
    first, last = _span(coverage, steps)
    begin, end = steps.bounds(np.array([first, last + 1]))
    units = units.select((units.start < end) & ((units.finish >= begin) | (units.start >= begin)))
    if not len(units):
        raise InvalidInput.of("from", "must leave units in the span", text_of(begin))
    grid = _Grid.of(units, steps, first, last)
    panel, extras = grid.panel(), grid.extras()
    identity = _identity(units, int(begin), int(end), grid, extras["wip_mean"])
    return Aggregated(panel, steps, extras, identity)


def _span(coverage: Coverage, steps: TimeGrid) -> tuple[int, int]:
    """The first and the last step: days and parts of them may be partial, others are whole."""
    first, last = steps.index(np.array([coverage.begin, coverage.end - 1])).tolist()
    if steps.is_of_whole_days:
        day = np.array([coverage.begin // DAY * DAY, -(-coverage.end // DAY) * DAY])
        bounds = steps.bounds(np.array([first, last + 1]))
        first, last = first + int(bounds[0] < day[0]), last - int(bounds[1] > day[1])
    if first > last:
        raise InvalidInput.of("step", "must be shorter: the log covers no whole one", steps.name)
    if last - first >= _MOST_STEPS:
        rule = f"must be longer: the log covers {last - first + 1:,}, and at most {_MOST_STEPS:,} "
        raise InvalidInput.of("step", rule + "are counted", steps.name)
    return first, last


@dataclass(frozen=True)
class _Grid:
    """Units by their series and step. Cells are the rows of the panel, [rows].

    `starts` and `ends` are the cells that a unit starts and leaves in; −1: none.
    """

    units: Units
    steps: TimeGrid
    offsets: Ints
    first: Ints
    kept: Ints  # numbers of the series, in the order of their rows
    starts: Ints
    ends: Ints

    @classmethod
    def of(cls, units: Units, steps: TimeGrid, first: int, last: int) -> _Grid:
        """Return the grid of steps from `first` to `last`."""
        came = np.maximum(steps.index(units.start), first)
        begins = np.full(len(units.series_keys), last + 1)
        np.minimum.at(begins, units.series, came)
        kept = np.flatnonzero(begins <= last)
        lengths = last + 1 - begins[kept]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        shift = np.zeros(len(begins), np.int64)
        shift[kept] = offsets[:-1] - begins[kept]
        shift = shift[units.series]
        left = units.has_left & (units.finish < steps.bounds(np.array([last + 1]))[0])
        gone = steps.index(np.where(left, units.finish, 0))
        inside = units.start >= steps.bounds(np.array([first]))[0]
        return cls(
            units,
            steps,
            offsets.astype(np.int64),
            begins[kept],
            kept,
            np.where(inside, came + shift, -1),
            np.where(left, gone + shift, -1),
        )

    @property
    def rows(self) -> int:
        """Number of cells."""
        return int(self.offsets[-1])

    @property
    def series(self) -> Ints:
        """Place of each cell's series, [rows]."""
        return np.repeat(np.arange(len(self.kept)), np.diff(self.offsets))

    @property
    def time(self) -> Ints:
        """Step number of each cell, [rows]."""
        return np.arange(self.rows) - np.repeat(
            self.offsets[:-1] - self.first, np.diff(self.offsets)
        )

    def sums(self, cells: Ints, weights: Floats) -> Floats:
        """Return the sum of weights in each cell, [rows]."""
        there = cells >= 0
        return _sums(cells[there], weights[there], self.rows)

    @property
    def carried(self) -> Floats:
        """Pieces that are in process when each series begins, [series]."""
        early = self.starts < 0
        size = len(self.units.series_keys)
        return _sums(self.units.series[early], self.units.quantity[early], size)[self.kept]

    def accumulated(self, values: Floats, initial: Floats) -> Floats:
        """Return the running total of each series after an initial value, [rows]."""
        total = np.cumsum(values)
        before = np.concatenate([[0.0], total])[self.offsets[:-1]]
        return total - np.repeat(before - initial, np.diff(self.offsets))

    def panel(self) -> Panel:
        """Return WIP at the end, throughput and mean cycle time."""
        quantity = self.units.quantity
        out = self.sums(self.ends, quantity)
        spent = np.where(self.ends >= 0, self.units.time_in_system, 0) / self.steps.length
        served = self.sums(self.ends, quantity * spent)
        cycle_time = np.divide(served, out, out=np.full(self.rows, np.nan), where=out > 0)
        values = np.column_stack([self.wip(), out, cycle_time])
        keys = tuple(self.units.series_keys[s] for s in self.kept)
        return Panel(self.steps.calendar, keys, self.offsets, self.first, values)

    def wip(self) -> Floats:
        """Return the pieces in process at the end of each step, [rows]."""
        quantity = self.units.quantity
        change = self.sums(self.starts, quantity) - self.sums(self.ends, quantity)
        return np.maximum(self.accumulated(change, self.carried), 0.0)

    def extras(self) -> dict[str, Floats]:
        """Return the columns beside the panel, as `Aggregated` has them."""
        units, length = self.units, self.steps.length
        bounds = self.steps.bounds(self.time + 1)
        wip = self.wip()
        late = self._after(self.starts, units.start, bounds) - self._after(
            self.ends, np.where(self.ends >= 0, units.finish, 0), bounds
        )
        change = self.sums(self.starts, units.quantity) - self.sums(self.ends, units.quantity)
        size = (bounds - self.steps.bounds(self.time)).astype(np.float64)
        mean = np.maximum((wip - change) + late / size, 0.0)
        return {
            "releases": self.sums(self.starts, units.quantity),
            "wip_mean": mean,
            **self._percentiles(length),
            "age_mean": self._mean_age(wip, bounds, length),
            "age_oldest": self._oldest(bounds, length),
        }

    def _after(self, cells: Ints, time: Ints, bounds: Ints) -> Floats:
        """Piece-microseconds between times and the ends of their steps, [rows]."""
        there = cells >= 0
        spent = (bounds[cells[there]] - time[there]).astype(np.float64)
        return _sums(cells[there], spent * self.units.quantity[there], self.rows)

    def _percentiles(self, length: float) -> dict[str, Floats]:
        """Cycle times that a share of the pieces that leave in a step does not exceed."""
        there = np.flatnonzero(self.ends >= 0)
        spent, cells = self.units.time_in_system[there], self.ends[there]
        order = np.lexsort((spent, cells))
        spent, cells = spent[order], cells[order]
        weight = np.cumsum(self.units.quantity[there][order])
        begins = np.flatnonzero(np.diff(cells, prepend=-1))
        before = np.concatenate([[0.0], weight])[begins]
        total = np.append(before[1:], weight[-1:]) - before
        found = {}
        for percent in PERCENTS:
            # A hair less than the share: sums of pieces are rounded.
            place = np.searchsorted(weight, before + total * (percent / 100) * (1 - 1e-12))
            column = np.full(self.rows, np.nan)
            column[cells[begins]] = spent[np.minimum(place, len(spent) - 1)] / length
            found[f"cycle_time_p{percent}"] = column
        return found

    def _mean_age(self, wip: Floats, bounds: Ints, length: float) -> Floats:
        """Mean time since their start of the pieces in process at the end of each step."""
        units, origin = self.units, int(self.units.start.min())
        came = (units.start - origin).astype(np.float64) / length * units.quantity
        early = self.starts < 0
        carried = _sums(units.series[early], came[early], len(units.series_keys))[self.kept]
        change = self.sums(self.starts, came) - self.sums(self.ends, came)
        started = self.accumulated(change, carried)
        now = (bounds - origin).astype(np.float64) / length
        known = wip > 1e-9
        return np.divide(now * wip - started, wip, out=np.full(self.rows, np.nan), where=known)

    def _oldest(self, bounds: Ints, length: float) -> Floats:
        """Time since its start of the unit that is longest in process at the end of each step.

        It is the first one, by start, that leaves later: the first at which the running maximum
        of the cells in which units leave exceeds the cell.
        """
        units = self.units
        place = np.full(len(units.series_keys), -1)
        place[self.kept] = np.arange(len(self.kept))
        own = place[units.series]
        order = np.lexsort((units.start, own))
        order = order[own[order] >= 0]
        leaves = np.where(self.ends[order] >= 0, self.ends[order], self.offsets[own[order] + 1])
        latest = np.maximum.accumulate(leaves)
        cell = np.arange(self.rows)
        # Units of earlier series leave before the first cell of a series, or at it.
        first = np.maximum(
            np.searchsorted(latest, cell, side="right"),
            np.searchsorted(own[order], self.series),
        )
        found = np.minimum(first, len(order) - 1)
        unit = order[found]
        there = (first < len(order)) & (own[unit] == self.series) & (units.start[unit] < bounds)
        there &= np.maximum(leaves[found], 0) > cell
        return np.where(there, (bounds - units.start[unit]) / length, np.nan)


def _sums(places: Ints, weights: Floats, size: int) -> Floats:
    """The sum of the weights at each place, [size]."""
    return np.asarray(np.bincount(places, weights, size), np.float64)


def _identity(
    units: Units, begin: int, end: int, grid: _Grid, wip_mean: Floats
) -> dict[str, float]:
    """Both sides of Little's Law over all steps, in piece-steps."""
    length = grid.steps.length
    size = (grid.steps.bounds(grid.time + 1) - grid.steps.bounds(grid.time)) / length
    seen = np.where(units.finish == OPEN, max(end, int(units.start.max())), units.finish)
    start, finish = (units.start - begin) / length, (seen - begin) / length
    span, weight = (end - begin) / length, units.quantity
    arrived, carried = units.start >= begin, units.start < begin
    inside = open_at(units, end)
    parts = {
        "wip_integral": float((wip_mean * size).sum()),
        "time_in_system_of_arrivals": float(((finish - start) * weight)[arrived].sum()),
        "carry_in": float((finish * weight)[carried].sum()),
        "overhang": float(((finish - span) * weight)[inside].sum()),
    }
    right = parts["time_in_system_of_arrivals"] + parts["carry_in"] - parts["overhang"]
    return parts | {"difference": parts["wip_integral"] - right}
