"""Synthetic plant data: a simulated flow of work through a production line, seeded.

Each series (plant × application × panel size) is one line. Work is released to the line, which
clears it by a saturating clearing function. Its output passes a semi-finished and a finished
store to the customer. All rows of a series obey one balance:

    WIP(t + 1) = WIP(t) + releases(t) − throughput(t)

* Releases: base rate × factor × yearly season × weekday pattern × autocorrelated demand.
* Throughput: X = C · (1 − exp(−α · load / C)), load = WIP + releases of the day. It grows with
  the load up to the capacity C; beyond that only the cycle time grows. With α ≤ 1, the output of
  a day never exceeds its load. (A. Srinivasan, M. Carey & T. E. Morton, "Resource pricing and
  aggregate scheduling in manufacturing systems", Carnegie Mellon University, 1988.)
* Cycle time: mean FIFO time in system of the units that leave on a day, in days, from the
  cumulative arrival and departure curves. Little's Law holds over windows because the flow obeys
  it.

`wip`, `semi_finished_goods` and `finished_goods` are stocks at the start of the day;
`throughput` and `releases` flow evenly over the day.

Every random draw depends only on the seed and on the three names of its series: adding a plant
changes no data of the others.

    >>> spec = PlantSpec(("P",), ("A",), ("S",), 30, 100.0, 50.0, 0.2, 0.1, seed=1)
    >>> flow = next(generate(spec)).columns
    >>> after = flow["wip"] + flow["releases"] - flow["throughput"]
    >>> bool(np.allclose(after[:, :-1], flow["wip"][:, 1:]))
    True
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.series.calendar import DAYS_PER_YEAR, ORIGIN, day_number
from models.series.line_stoppages import Breakdowns, on_all_days
from models.series.panel import SeriesKey
from models.series.plant_calendars import NO_CALENDARS, PlantCalendars
from models.series.working_calendar import WorkingCalendar
from utils.validation import compliance

Floats = NDArray[np.float64]

# Size of a line by its names; the mean over the default names of each kind is 1. Documented in
# the README. Any other name has a factor of 0.6 to 1.4 from its hash.
FACTORS: dict[str, dict[str, float]] = {
    "plant": {"Plant_A": 1.2, "Plant_B": 1.0, "Plant_C": 0.8},
    "application": {"Automotive": 1.1, "Consumer_Electronics": 1.2, "Industrial": 0.7},
    "panel_size": {"Small": 1.3, "Medium": 1.1, "Large": 0.9, "Extra_Large": 0.7},
}
# Monday to Sunday, × seasonality: the plant works less at weekends. Sums to zero.
WEEKDAYS = np.array([0.35, 0.40, 0.35, 0.30, 0.20, -0.70, -0.90])
PERSISTENCE = 0.6  # autocorrelation of the demand from one day to the next
FINISHING_SHARE = 0.5  # of the semi-finished goods on hand, finished within a day
SHIPPING_SHARE = 0.25  # of the finished goods on hand, shipped within a day
BURN_IN = 365  # days simulated before the first row
COLUMNS = ("wip", "throughput", "cycle_time", "finished_goods", "semi_finished_goods", "releases")

_CELLS_PER_BLOCK = 1 << 18  # days × series in one block: about 100 MB
_CELLS_IN_CACHE = 1 << 13  # days × series whose times in system are computed at once
_DAYS_AT_ONCE = 64  # of all calibration trials, whose loads are computed at once
_VANISHING = 1e-6  # output below this share of the base rate counts as none
_NOTHING = 1e-14  # weight below which terms of a decaying sum are left out
# Factors on the ease of clearing in the first trials, to find the one at which mean WIP is the
# base WIP.
_CLEARING_TRIALS = np.geomspace(0.5, 8.0, 17)
# Factors on the result of the first trials, in the second ones.
_CLEARING_NEAR = np.geomspace(1 / 1.1, 1.1, 5)


@dataclass(frozen=True)
class PlantSpec:
    """The parameters of a data set; `schemas.GenerateRequest` checks their ranges.

    Attributes:
        plants, applications, panel_sizes: names; each combination is a series.
        days: rows of each series.
        base_wip: mean WIP of a series of size 1, in units.
        base_throughput: mean throughput of a series of size 1, in units per day.
        seasonality: amplitude of the yearly and the weekly pattern, 0 to 1.
        noise: standard deviation of the logarithm of the demand, 0 to 1.
        seed: of all random draws.
        calendars: of plants that close on some days; their rates are those of worked days.
        breakdowns: of the lines; None: there are none.
    """

    plants: tuple[str, ...]
    applications: tuple[str, ...]
    panel_sizes: tuple[str, ...]
    days: int
    base_wip: float
    base_throughput: float
    seasonality: float
    noise: float
    seed: int
    calendars: PlantCalendars = NO_CALENDARS
    breakdowns: Breakdowns | None = None

    def to_document(self) -> dict[str, Any]:
        """Return the parameters, JSON-ready; calendars are kept beside them."""
        parts = set(self.__dataclass_fields__) - {"calendars", "breakdowns"}
        found = {name: getattr(self, name) for name in self.__dataclass_fields__ if name in parts}
        return found | ({} if self.breakdowns is None else {"breakdowns": asdict(self.breakdowns)})

    @property
    def series_keys(self) -> list[SeriesKey]:
        """The series, in the order of the rows."""
        return list(product(self.plants, self.applications, self.panel_sizes))

    @property
    def rows(self) -> int:
        """Number of rows of the data set."""
        return len(self.plants) * len(self.applications) * len(self.panel_sizes) * self.days


@dataclass(frozen=True)
class SeriesBlock:
    """Data of some series.

    Attributes:
        series_keys: plant, application and panel size of each series, [S].
        columns: values by COLUMNS and `littles_law_compliance`, each [S, days].
    """

    series_keys: list[SeriesKey]
    columns: dict[str, Floats]


def factor(kind: str, name: str) -> float:
    """Return the size of lines with this name, relative to the base.

    Args:
        kind: `plant`, `application` or `panel_size`.
    """
    known = FACTORS[kind].get(name)
    return 0.6 + 0.8 * _hash(kind, name) / 2**64 if known is None else known


def series_factor(key: SeriesKey) -> float:
    """Return the size of a series, by which its mean WIP and throughput exceed the bases."""
    return math.prod(factor(kind, name) for kind, name in zip(FACTORS, key, strict=True))


def _hash(*parts: str) -> int:
    digest = hashlib.blake2b("\0".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def first_day() -> int:
    """Return the day number of the date of the first row."""
    return day_number(ORIGIN)


def generate(spec: PlantSpec) -> Iterator[SeriesBlock]:
    """Yield the data of a spec, some series at a time, so that any amount fits in memory."""
    keys = spec.series_keys
    size = max(1, _CELLS_PER_BLOCK // (BURN_IN + spec.days))
    for begin in range(0, len(keys), size):
        for calendar, own in groupby(keys[begin : begin + size], spec.calendars.of):
            yield _simulate(spec, list(own), calendar)


def _simulate(spec: PlantSpec, keys: list[SeriesKey], calendar: WorkingCalendar) -> SeriesBlock:
    """Simulate lines of size one, then scale each to its size: the dynamics are homogeneous.

    Only worked days are simulated: on closed ones everything stands still.
    """
    ratio = spec.base_wip / spec.base_throughput
    is_open = calendar.is_open(first_day() - BURN_IN + np.arange(BURN_IN + spec.days))
    releases = _releases(spec, keys)[is_open]  # [worked days, S], a base rate of 1
    judged = int(is_open[-max(spec.days, BURN_IN) :].sum())
    clearing = _calibrate(releases, ratio, _base_clearing(spec, ratio), judged)
    seeds = [[spec.seed, _hash("breakdowns"), *map(_hash, key)] for key in keys]
    broken = spec.breakdowns
    share = None if broken is None else broken.availability(seeds, len(releases))
    flow = _run(releases, ratio, clearing, share)
    is_open = is_open[-spec.days :]
    worked = int(is_open.sum())
    cycle_time = _sojourn_times(flow["wip"], releases, flow["throughput"], worked)
    size = spec.base_throughput * np.array([series_factor(key) for key in keys])
    decimals = 9 - min(0, math.floor(math.log10(min(spec.base_wip, spec.base_throughput))))
    columns = {
        name: _rounded(values[len(values) - worked :], size, decimals)
        for name, values in (flow | {"releases": releases}).items()
    }
    columns["cycle_time"] = np.round(cycle_time, 9, out=cycle_time)
    if worked < spec.days:
        columns = on_all_days(columns, _after_the_last(columns), is_open)
    columns["littles_law_compliance"] = np.round(
        compliance(columns["wip"], columns["throughput"], columns["cycle_time"]), 6
    )
    return SeriesBlock(keys, columns)


def _after_the_last(columns: dict[str, Floats]) -> dict[str, Floats]:
    """The stocks after the last day, [S] each."""
    last = {name: values[:, -1] for name, values in columns.items()}
    semi = last["semi_finished_goods"] + last["throughput"]
    finished = last["finished_goods"] + semi * FINISHING_SHARE
    return {
        "wip": last["wip"] + last["releases"] - last["throughput"],
        "semi_finished_goods": semi * (1 - FINISHING_SHARE),
        "finished_goods": finished * (1 - SHIPPING_SHARE),
    }


def _rounded(values: Floats, size: Floats, decimals: int) -> Floats:
    """Values [days, S] × size [S] as [S, days], rounded."""
    scaled: Floats = np.ascontiguousarray(values.T)
    scaled *= size[:, None]
    return np.round(scaled, decimals, out=scaled)


def _releases(spec: PlantSpec, keys: list[SeriesKey]) -> Floats:
    """Releases per day of lines of size one, burn-in first, [BURN_IN + days, S]."""
    pattern = _pattern(spec, keys)
    if spec.noise == 0:
        return pattern
    noisy = _demand(spec.seed, keys, len(pattern))
    noisy *= spec.noise
    np.exp(noisy, out=noisy)
    noisy *= pattern
    # The noise changes no long-run mean: the judged days keep the mean of the pattern.
    judged = slice(-max(spec.days, BURN_IN), None)
    noisy *= pattern[judged].sum(axis=0) / noisy[judged].sum(axis=0)
    return noisy


def _pattern(spec: PlantSpec, keys: list[SeriesKey]) -> Floats:
    """Yearly and weekly pattern of a base rate of 1, [BURN_IN + days, S]."""
    days = first_day() - BURN_IN + np.arange(BURN_IN + spec.days)
    # Series of one application share their yearly pattern.
    applications = {name: i for i, name in enumerate(dict.fromkeys(key[1] for key in keys))}
    phases = np.array([_hash("phase", name) / 2**64 for name in applications])
    season = 1 + spec.seasonality * np.sin(2 * np.pi * (days[:, None] / DAYS_PER_YEAR + phases))
    # 1970-01-01 was a Thursday.
    weekday = 1 + spec.seasonality * WEEKDAYS[(days + 3) % 7]
    return np.take(season * weekday[:, None], [applications[key[1]] for key in keys], axis=1)


def _demand(seed: int, keys: list[SeriesKey], days: int) -> Floats:
    """Stationary first-order autoregressions of unit variance, [days, S]."""
    shocks = np.empty((days, len(keys)))
    for s, key in enumerate(keys):
        rng = np.random.default_rng([seed, *map(_hash, key)])
        shocks[:, s] = rng.standard_normal(days)
    shocks[1:] *= math.sqrt(1 - PERSISTENCE**2)
    return _decaying_sum(shocks, PERSISTENCE)


def _decaying_sum(values: Floats, kept: float) -> Floats:
    """y(t) = values(t) + kept · y(t − 1) over the days, in place of `values` [days, S].

    Sums over the last n days are doubled to 2 n days, until earlier terms have no weight.
    """
    reach, earlier = 1, np.empty_like(values)
    while reach < len(values) and kept**reach > _NOTHING:
        values[reach:] += np.multiply(values[:-reach], kept**reach, out=earlier[reach:])
        reach *= 2
    return values


@dataclass(frozen=True)
class _Clearing:
    """Capacity C and slope α of the clearing function, in units of the base rate."""

    capacity: Floats
    slope: Floats

    def eased(self, ease: Floats) -> _Clearing:
        """The clearing `ease` times as steep; beyond α = 1 it has more capacity instead."""
        slope = self.slope * ease
        return _Clearing(self.capacity * np.maximum(1, slope), np.minimum(1, slope))


def _base_clearing(spec: PlantSpec, ratio: float) -> _Clearing:
    """The clearing whose steady state at the base rate has the base WIP.

    The capacity exceeds the peaks of season and demand. If even α = 1 holds more than the base
    WIP, the capacity is chosen instead (by bisection).
    """
    capacity = 1.1 * (1 + spec.seasonality) * (1 + spec.noise)
    slope = -capacity * math.log1p(-1 / capacity) / (1 + ratio)
    if slope > 1:
        low, high = capacity, 1e6 * (1 + 1 / ratio)
        for _ in range(200):
            middle = math.sqrt(low * high)
            left_over = -middle * math.log1p(-1 / middle) - 1 - ratio
            low, high = (middle, high) if left_over > 0 else (low, middle)
        capacity, slope = math.sqrt(low * high), 1.0
    return _Clearing(np.array(capacity), np.array(slope))


def _calibrate(releases: Floats, ratio: float, base: _Clearing, judged: int) -> _Clearing:
    """The clearing of each line at which its mean WIP over the judged days is the base WIP.

    Fluctuating releases hold more WIP than steady ones, because the clearing function is concave.
    All trials run side by side and the result is interpolated between them; twice, because mean
    WIP has a kink where the capacity begins to grow.
    """
    trials = np.tile(_CLEARING_TRIALS[:, None], releases.shape[1])
    for narrower in (_CLEARING_NEAR[:, None], 1.0):
        means = _mean_wip(releases, ratio, base.eased(trials), judged)
        # More ease holds less WIP; np.interp needs rising values, hence the negatives.
        logs = zip(-np.log(np.maximum(means, 1e-300)).T, np.log(trials).T, strict=True)
        found = [np.interp(-math.log(ratio), held, tried) for held, tried in logs]
        trials = np.exp(found) * narrower
    return base.eased(trials)


def _mean_wip(releases: Floats, ratio: float, clearing: _Clearing, judged: int) -> Floats:
    """Mean WIP of lines over their last `judged` days, by trial and line, as in `clearing`.

    With y = log α − α · load / C and releases r, a day is y(t + 1) = y(t) − exp(y(t)) + α −
    α · r(t + 1) / C: one exponential and two sums. `_cleared` is slower, but more exact where
    little of the capacity is used.
    """
    decay, offset = -clearing.slope / clearing.capacity, np.log(clearing.slope)
    left = decay * ratio + offset - clearing.slope  # y(t) − exp(y(t)) of the day before the first
    idle, total = np.empty_like(left), np.zeros_like(left)
    unjudged = len(releases) - judged
    for begin in range(0, len(releases), _DAYS_AT_ONCE):
        some = releases[begin : begin + _DAYS_AT_ONCE]
        levels = np.einsum("ts,ds->dts", decay, some)  # by day, trial and series
        levels += clearing.slope
        for level in levels:
            level += left
            np.exp(level, idle)
            np.subtract(level, idle, left)
        total += levels[max(0, unjudged - begin) :].sum(axis=0)
    mean_load = (total / judged - offset) / decay
    return mean_load - releases[unjudged:].mean(axis=0)


def _run(
    releases: Floats, ratio: float, clearing: _Clearing, share: Floats | None
) -> dict[str, Floats]:
    """Pass the releases through the lines and the two stores behind them, all [days, S]."""
    wip, throughput = _cleared(releases, ratio, clearing, share)
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
    return _decaying_sum(held, 1 - share)


def _cleared(
    releases: Floats, ratio: float, clearing: _Clearing, share: Floats | None = None
) -> tuple[Floats, Floats]:
    """WIP at the start of each day, and the throughput, both [days, S].

    In units of −C / α, throughput is α · expm1(load).

    Args:
        share: of this throughput that leaves, by day and line; None: all of it.
    """
    unit = -clearing.capacity / clearing.slope
    loads, throughput = releases / unit, np.empty_like(releases)
    left = ratio / unit
    for day, (load, cleared) in enumerate(zip(loads, throughput, strict=True)):
        load += left
        np.expm1(load, cleared)
        cleared *= clearing.slope
        if share is not None:
            cleared *= share[day]
        left = load - cleared
    loads *= unit
    throughput *= unit
    return loads - releases, throughput


def _sojourn_times(wip: Floats, releases: Floats, throughput: Floats, last: int) -> Floats:
    """Mean FIFO time in system of the units that leave on each of the last days, [S, last].

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
    """`_sojourn_times` of lines that held the WIP `before` [S, 1] at first; flows are [S, days]."""
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
    np.divide(np.diff(integral), put_out, out=mean_arrival, where=put_out > _VANISHING)
    return np.maximum(midpoints[:, -last:] - mean_arrival, 0.0)


def _cumulated(flow: Floats) -> Floats:
    """Cumulated flow at the start of each step and at the end of the last, [S, steps + 1]."""
    curves = np.zeros((len(flow), flow.shape[1] + 1))
    flow.cumsum(axis=1, out=curves[:, 1:])
    return curves
