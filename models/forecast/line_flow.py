"""The flow through a line, fitted to its history and rolled forward with known releases.

    load(t)      = WIP at the start of t + releases(t)
    output(t)    = pattern(t) × C(t) × (1 − exp(−slope × load(t) ÷ C(t)))
    WIP(t + 1)   = load(t) − output(t)
    cycle time   = scale × (mean FIFO time in system of what leaves) ^ power

The output grows with the load and saturates at the capacity C (the clearing function of
A. Srinivasan, M. Carey & T. E. Morton, 1988; U. S. Karmarkar, "Capacity loading and release
planning with work-in-progress and lead-times", 1989). C(t) is the usual capacity times the share
that is there; `pattern` is of the weekday or month. The FIFO time follows from the cumulative
curves of arrivals and departures, so all of it obeys the balance of the flow.

The WIP of a table may be that of the start of a step, of its end, or a mean: `at_end` is the share
of a step's flow that it contains, estimated from the balance.

    >>> releases = 50 + 10 * np.sin(np.arange(200) / 5)[None]
    >>> monday = np.zeros((1, 200), int)
    >>> traits = np.array([[0.5], [80.0], [0.0], [1.0], [1.0], [1.0]])
    >>> line = LineFlow(*traits, pattern=np.ones((1, 1)))
    >>> wip, output, _ = line.roll(np.array([40.0]), releases, monday)
    >>> fitted = LineFlow.fit(wip, output, np.full((1, 200), np.nan), releases, monday)
    >>> fitted.slope.round(2), fitted.capacity.round(0), fitted.at_end.round(2)
    (array([0.5]), array([80.]), array([0.]))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.forecast.flow_estimates import (
    cleared,
    clearing_of,
    intake_of,
    pattern_of,
    share_at_end,
)
from models.series.rounding import significant

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_PATTERN_GAIN = 0.97  # of the error without a pattern, which a pattern must fall below
_PATTERN_ROUNDS = 2
_FEWEST_TIMES = 30  # known cycle times, without which they are FIFO times
_SETTLING = 28  # first steps, whose units may have arrived before the first row
_PARTS = (np.arange(4) + 0.5) / 4  # of a step's output, whose times are averaged
_TINY = 1e-9


@dataclass(frozen=True)
class LineFlow:
    """The flow through n lines.

    Attributes:
        slope: share of a small load that leaves within a step, [n].
        capacity: output that is approached with ever more load, units a step, [n].
        at_end: share of a step's flow that the WIP of its row contains, 0 to 1, [n].
        intake: units that arrive in the line for each unit of `releases`, [n].
        scale, power: of cycle times to FIFO times, [n].
        pattern: factor on the output by weekday or month, [n, places].
    """

    slope: Floats
    capacity: Floats
    at_end: Floats
    intake: Floats
    scale: Floats
    power: Floats
    pattern: Floats

    @classmethod
    def fit(
        cls,
        wip: Floats,
        throughput: Floats,
        cycle_time: Floats,
        releases: Floats,
        places: Ints,
        shares: Floats | None = None,
        count: int = 7,
    ) -> LineFlow:
        """Return the flow fitted to the rows of n series, all [n, T], NaN where unknown.

        Args:
            places: weekday or month of each row, from 0.
            shares: share of the usual capacity in each row; None: all of it.
            count: number of weekdays or months.
        """
        n = len(wip)
        shares = np.ones(wip.shape) if shares is None else np.nan_to_num(shares, nan=1.0)
        intake = intake_of(wip, throughput, releases)
        arrivals = releases * intake[:, None]
        net = arrivals - throughput
        at_end = share_at_end(wip, net)
        load = wip - at_end[:, None] * net + arrivals
        usual = np.ones((n, count))
        slope, capacity, error = clearing_of(load, throughput, shares, np.ones(wip.shape))
        pattern = pattern_of(throughput, load * (shares > 0), places, count)
        for _ in range(_PATTERN_ROUNDS):
            at = np.take_along_axis(pattern, places, axis=1)
            slope2, capacity2, error2 = clearing_of(load, throughput, shares, at)
            expected = at * cleared(load, capacity2[:, None] * shares, slope2[:, None])
            pattern = pattern * pattern_of(throughput, expected, places, count)
            pattern /= np.maximum(pattern.mean(axis=1, keepdims=True), _TINY)
        better = error2 < _PATTERN_GAIN * error
        flow = cls(
            np.where(better, slope2, slope),
            np.where(better, capacity2, capacity),
            at_end,
            intake,
            np.ones(n),
            np.ones(n),
            np.where(better[:, None], pattern, usual),
        )
        return flow._with_times(wip, throughput, cycle_time, releases)

    def _with_times(
        self, wip: Floats, throughput: Floats, cycle_time: Floats, releases: Floats
    ) -> LineFlow:
        """The flow with the relation of cycle times to FIFO times, estimated by regression."""
        scale, power = np.ones(len(wip)), np.ones(len(wip))
        times = self.fifo_times(wip, throughput, releases)
        for i, (given, fifo) in enumerate(zip(cycle_time, times, strict=True)):
            with np.errstate(invalid="ignore"):
                known = np.flatnonzero((given > 0) & (fifo > 0))
            known = known[known >= min(_SETTLING, len(given) // 4)]
            if len(known) < _FEWEST_TIMES:
                continue
            x, y = np.log(fifo[known]), np.log(given[known])
            varied = float(((x - x.mean()) ** 2).sum())
            if varied > _TINY:
                power[i] = np.clip(((x - x.mean()) * (y - y.mean())).sum() / varied, 0.0, 1.0)
            scale[i] = np.exp(y.mean() - power[i] * x.mean())
        return LineFlow(
            self.slope, self.capacity, self.at_end, self.intake, scale, power, self.pattern
        )

    @classmethod
    def joined(cls, parts: Sequence[LineFlow]) -> LineFlow:
        """Return the flow through the lines of several."""
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))

    def select(self, series: Ints) -> LineFlow:
        """Return the flow of series by number, [n]."""
        return LineFlow(*(getattr(self, field.name)[series] for field in fields(self)))

    def start(self, last: Floats, releases: Floats) -> Floats:
        """Return the WIP at the start of the step after a last row, [n].

        Args:
            last: WIP, throughput and cycle time of the last rows, [n, 3].
            releases: of the last rows, [n].
        """
        net = self.intake * releases - last[:, 1]
        return np.maximum(last[:, 0] + (1 - self.at_end) * net, 0.0)

    def releases_of(self, releases: Floats, start: Floats, asked: Floats) -> Floats:
        """Return past releases that leave another WIP in the line at their end, [n, T].

        What is in the line arrived last: these arrivals change in proportion.

        Args:
            releases: of the past steps, [n, T]; unknown ones count as none.
            start, asked: WIP after them as it was, and as it is to be, [n].
        """
        arrivals = np.nan_to_num(releases) * self.intake[:, None]
        later = arrivals[:, ::-1].cumsum(axis=1)[:, ::-1] - arrivals
        inside = np.clip(start[:, None] - later, 0.0, arrivals)
        total = inside.sum(axis=1, keepdims=True)
        last = np.arange(arrivals.shape[1]) == arrivals.shape[1] - 1
        parts = np.divide(inside, total, out=np.tile(last * 1.0, (len(start), 1)), where=total > 0)
        changed = np.maximum(arrivals + parts * (asked - start)[:, None], 0.0)
        return np.asarray(changed / self.intake[:, None])

    def roll(
        self,
        start: Floats,
        releases: Floats,
        places: Ints,
        shares: Floats | None = None,
        wanted: Floats | None = None,
    ) -> tuple[Floats, Floats, Floats]:
        """Return WIP as the table has it, output, and arrivals of the steps ahead, [n, H] each.

        Args:
            start: WIP at the start of the first step, [n].
            releases: of the steps ahead, [n, H].
            places: weekday or month of the steps, [n, H].
            shares: share of the usual capacity that is there; None: all of it.
            wanted: planned output, followed as far as the line gives it at its load and capacity;
                NaN where none.
        """
        arrivals = np.maximum(releases, 0.0) * self.intake[:, None]
        shares = np.ones(releases.shape) if shares is None else shares
        pattern = np.take_along_axis(self.pattern, places, axis=1)
        wip, output, inside = np.empty(releases.shape), np.empty(releases.shape), start
        for step in range(releases.shape[1]):
            load = inside + arrivals[:, step]
            most = self.capacity * shares[:, step]
            leaving = pattern[:, step] * cleared(load, most, self.slope)
            if wanted is not None:
                leaving = np.fmin(wanted[:, step], leaving)
            output[:, step] = np.minimum(leaving, load)
            net = arrivals[:, step] - output[:, step]
            wip[:, step] = inside + self.at_end * net
            inside = inside + net
        return wip, output, arrivals

    def cycle_times(self, fifo: Floats) -> Floats:
        """Return the cycle times that FIFO times mean, [n, H]."""
        return self.scale[:, None] * np.maximum(fifo, _TINY) ** self.power[:, None]

    def fifo_times(self, wip: Floats, throughput: Floats, releases: Floats) -> Floats:
        """Return the mean FIFO time in system of what leaves in each step, in steps, [n, T].

        Units that are there at first are taken to have arrived at the mean rate. NaN where
        nothing leaves.

        Args:
            wip: as the table has it, [n, 1 at least]; only the first is used.
            throughput, releases: [n, T]; unknown ones count as none.
        """
        arrivals = np.nan_to_num(releases) * self.intake[:, None]
        output = np.nan_to_num(throughput)
        first = np.argmax(~np.isnan(throughput), axis=1)
        times = np.full(output.shape, np.nan)
        for i, begin in enumerate(first.tolist()):
            net = arrivals[i, begin] - output[i, begin]
            before = max(np.nan_to_num(wip[i, begin]) - self.at_end[i] * net, _TINY)
            times[i, begin:] = _fifo(before, arrivals[i, begin:], output[i, begin:])
        return np.where(output > _TINY, times, np.nan)

    def to_document(self) -> dict[str, Any]:
        """Return a JSON-ready form with seven significant digits."""
        parts = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: significant(part, 7).tolist() for name, part in parts}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> LineFlow:
        """Return the flow that `to_document` described."""
        return cls(*(np.asarray(document[field.name], float) for field in fields(cls)))


def balanced_releases(values: Floats) -> Floats:
    """Return the releases that the balance of rows implies, [T]; the last is that before it.

    releases(t) = WIP(t + 1) − WIP(t) + throughput(t), never negative.

    Args:
        values: WIP, throughput and cycle time, [T, 3].

    >>> balanced_releases(np.array([[10.0, 5.0, 2.0], [12.0, 6.0, 2.0]])).tolist()
    [7.0, 7.0]
    """
    if len(values) == 1:
        return values[:, 1].copy()
    found = np.diff(values[:, 0]) + values[:-1, 1]
    return np.maximum(np.append(found, found[-1]), 0.0)


def _fifo(before: float, arrivals: Floats, output: Floats) -> Floats:
    """FIFO times of one line that holds `before` units at first, [T]."""
    steps = len(output)
    rate = max(float(arrivals.mean()), _TINY)
    arrived = np.concatenate([[0.0], before + np.concatenate([[0.0], np.cumsum(arrivals)])])
    clock = np.concatenate([[-before / rate], np.arange(steps + 1.0)])
    left = (np.cumsum(output) - output)[:, None] + output[:, None] * _PARTS
    rising = arrived + np.arange(len(arrived)) * 1e-12 * max(arrived[-1], 1.0)
    began = np.interp(left, rising, clock)
    return np.maximum((np.arange(steps)[:, None] + _PARTS - began).mean(axis=1), 0.0)
