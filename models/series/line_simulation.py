"""The flow through generated lines: WIP and output day by day, and cycle times, which follow.

    load(t)    = WIP(t) + releases(t)
    output(t)  = C(t) · (1 − exp(−α · load(t) / C(t)))
    WIP(t + 1) = load(t) − output(t)

`Intervention` is what is done otherwise than usual: other releases, less capacity, breakdowns. The
same line can so be run again, with the same random numbers otherwise.

    >>> line = Clearing(np.array(2.0), np.array(0.5))
    >>> usual = run_lines(np.ones((3, 1)), 2.0, line)
    >>> half = run_lines(np.ones((3, 1)), 2.0, line, capacity=np.full((3, 1), 0.5))
    >>> usual["throughput"][:, 0].round(2).tolist(), half["throughput"][:, 0].round(2).tolist()
    ([1.06, 1.04, 1.03], [0.78, 0.8, 0.82])
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.series.line_clearing import Clearing

Floats = NDArray[np.float64]

FINISHING_SHARE = 0.5  # of the semi-finished goods on hand, finished within a day
SHIPPING_SHARE = 0.25  # of the finished goods on hand, shipped within a day
VANISHING = 1e-6  # output below this share of the base rate counts as none

_CELLS_IN_CACHE = 1 << 13  # days × series whose times in system are computed at once
_LEAST_TERM = 1e-14  # weight below which terms of a decaying sum are left out
_NO_CAPACITY = 1e-9  # share of the capacity that counts as none


@dataclass(frozen=True)
class Intervention:
    """Differences from the usual course of all lines, by row of the data set, [days] each.

    Attributes:
        releases: factor on the releases.
        capacity: share of the usual capacity that is there.
        output: share of the output that is left, as in breakdowns.
    """

    releases: Floats
    capacity: Floats
    output: Floats

    @classmethod
    def none(cls, days: int) -> Intervention:
        """Return the usual course."""
        return cls(np.ones(days), np.ones(days), np.ones(days))


def run_lines(
    releases: Floats,
    ratio: float,
    clearing: Clearing,
    share: Floats | None = None,
    capacity: Floats | None = None,
) -> dict[str, Floats]:
    """Pass releases [days, S] through lines and the two stores behind them, all [days, S].

    Args:
        ratio: WIP at first, in days of the base rate.
        share: of the output that leaves, [days, S]; None: all of it.
        capacity: share of the usual capacity, [days, S]; None: all of it.
    """
    wip, throughput = _cleared(releases, ratio, clearing, share, capacity)
    semi = _stock(throughput, FINISHING_SHARE)
    finishing = semi + throughput
    finishing *= FINISHING_SHARE
    finished = _stock(finishing, SHIPPING_SHARE)
    return {
        "wip": wip,
        "throughput": throughput,
        "semi_finished_goods": semi,
        "finished_goods": finished,
    }


def _stock(added: Floats, share: float) -> Floats:
    """Stock at the start of each day of a store that passes on a share of it daily, [days, S].

    It starts in the steady state of the base rate.
    """
    held = np.empty_like(added)
    held[0] = 1 / share - 1
    held[1:] = added[:-1] * (1 - share)
    return decaying_sum(held, 1 - share)


def _cleared(
    releases: Floats,
    ratio: float,
    clearing: Clearing,
    share: Floats | None,
    capacity: Floats | None,
) -> tuple[Floats, Floats]:
    """WIP at the start of each day, and the throughput, both [days, S].

    In units of −C / α, throughput is α · expm1(load).

    Arguments as of `run_lines`.
    """
    unit = -clearing.capacity / clearing.slope
    loads, throughput = releases / unit, np.empty_like(releases)
    left = ratio / unit
    for day, (load, cleared) in enumerate(zip(loads, throughput, strict=True)):
        load += left
        if capacity is None:
            np.expm1(load, cleared)
        else:
            there = np.maximum(capacity[day], _NO_CAPACITY)
            cleared[:] = np.where(capacity[day] > _NO_CAPACITY, there * np.expm1(load / there), 0.0)
        cleared *= clearing.slope
        if share is not None:
            cleared *= share[day]
        left = load - cleared
    loads *= unit
    throughput *= unit
    return loads - releases, throughput


def sojourn_times(wip: Floats, releases: Floats, throughput: Floats, last: int) -> Floats:
    """Return mean FIFO times of the units that leave on each of the last days, [S, last].

    With A and D the cumulative arrivals and departures, unit u arrives at A⁻¹(u) and leaves at
    D⁻¹(u). The mean over the departures of a day is the integral of D⁻¹ − A⁻¹ over them, which is
    exact because both curves are linear within a day. Units in the line at the start are taken to
    have arrived at the base rate.
    """
    times = np.empty((wip.shape[1], last))
    count = max(1, _CELLS_IN_CACHE // len(wip))
    for begin in range(0, len(times), count):
        some = slice(begin, begin + count)
        # A series is a row here, its days side by side in memory.
        released, put_out = (np.ascontiguousarray(f[:, some].T) for f in (releases, throughput))
        times[some] = _times_in_system(wip[:1, some].T, released, put_out, last)
    return times


def _times_in_system(before: Floats, releases: Floats, throughput: Floats, last: int) -> Floats:
    """`sojourn_times` of lines that held the WIP `before` [S, 1] at first; flows are [S, days]."""
    arrivals = _cumulated(np.hstack([before, releases]))
    clock = np.tile(np.arange(-1.0, releases.shape[1] + 1), (len(before), 1))
    clock[:, :1] = -before  # at a base rate of 1
    midpoints = (clock[:, 1:] + clock[:, :-1]) / 2
    area = _cumulated(midpoints * np.diff(arrivals))
    departures, put_out = _cumulated(throughput)[:, -last - 1 :], throughput[:, -last:]
    curves = zip(departures, arrivals, clock, strict=True)
    arrived = np.stack([np.interp(*curve) for curve in curves])
    place = np.maximum(arrived + 1, 0).astype(np.intp)  # of the clock's last value before
    place += np.arange(0, clock.size, clock.shape[1])[:, None]  # `take` counts from the first row
    beyond = departures - arrivals.take(place)
    integral = area.take(place) + (clock.take(place) + arrived) / 2 * beyond
    # Without output the difference of the integrals is rounding error: take the day's edges.
    mean_arrival = (arrived[:, 1:] + arrived[:, :-1]) / 2
    np.divide(np.diff(integral), put_out, out=mean_arrival, where=put_out > VANISHING)
    return np.maximum(midpoints[:, -last:] - mean_arrival, 0.0)


def _cumulated(flow: Floats) -> Floats:
    """Cumulated flow at the start of each step and at the end of the last, [S, steps + 1]."""
    curves = np.zeros((len(flow), flow.shape[1] + 1))
    flow.cumsum(axis=1, out=curves[:, 1:])
    return curves


def decaying_sum(values: Floats, kept: float) -> Floats:
    """Return y(t) = values(t) + kept · y(t − 1) over the days, in place of `values` [days, S].

    Sums over the last n days are doubled to 2 n days, until earlier terms have no weight.
    """
    reach, earlier = 1, np.empty_like(values)
    while reach < len(values) and kept**reach > _LEAST_TERM:
        values[reach:] += np.multiply(values[:-reach], kept**reach, out=earlier[reach:])
        reach *= 2
    return values
