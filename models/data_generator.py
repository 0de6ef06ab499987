"""Synthetic plant data, seeded: a flow through a line, not noise around a formula.

Each series (plant × application × panel size) is one line. Work is released to it, the line
clears it through a saturating clearing function, and what it clears passes a semi-finished and
a finished store to the customer. All rows of a series obey one balance:

    WIP(t + 1) = WIP(t) + releases(t) − throughput(t)

* Releases: base rate × factor × yearly season × weekday pattern × autocorrelated demand.
* Throughput: X = C · (1 − exp(−α · load / C)), load = WIP + releases of the day. It grows with
  the load up to the capacity C; beyond that only the cycle time grows. As α ≤ 1 no day puts out
  more than it has. (Srinivasan, Carey & Morton, "Resource pricing and aggregate scheduling in
  manufacturing systems", 1988.)
* Cycle time: the FIFO time in system of what leaves that day, in days, from the cumulative
  arrival and departure curves. Little's Law holds over windows because the flow obeys it.

`wip`, `semi_finished_goods` and `finished_goods` are stocks at the start of the day;
`throughput` and `releases` flow evenly over it.

Every draw depends on the seed and on the series' own three names only: adding a plant leaves
the data of the others as they were.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from utils.series import DAYS_PER_YEAR, ORIGIN, Key, day_number
from utils.validation import compliance

Floats = NDArray[np.float64]

# How large a line is by its names; each kind averages 1 over the default names. Documented in
# the README. Other names get a factor of 0.6 to 1.4 from a hash of the name, for good.
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

_CELLS_PER_BLOCK = 1 << 20  # days × series that are held at once, about 0.3 kB each
_VANISHING = 1e-6  # of the base rate
# Tried around the steady state to find the clearing at which mean WIP comes out at its base.
_CLEARING_TRIALS = np.geomspace(0.5, 8.0, 17)
# Tried around the clearing that they give.
_CLEARING_NEAR = np.geomspace(1 / 1.1, 1.1, 5)


@dataclass(frozen=True)
class PlantSpec:
    """What to generate; the ranges are checked by `schemas.GenerateRequest`."""

    plants: tuple[str, ...]
    applications: tuple[str, ...]
    panel_sizes: tuple[str, ...]
    days: int
    base_wip: float
    base_throughput: float
    seasonality: float
    noise: float
    seed: int

    @property
    def keys(self) -> list[Key]:
        """The series, in the order of the rows."""
        return list(product(self.plants, self.applications, self.panel_sizes))

    @property
    def rows(self) -> int:
        """Number of rows that the spec asks for."""
        return len(self.plants) * len(self.applications) * len(self.panel_sizes) * self.days


@dataclass(frozen=True)
class Block:
    """Some series of the data: `columns` maps COLUMNS and compliance to [S, days] arrays."""

    keys: list[Key]
    columns: dict[str, Floats]


def factor(kind: str, name: str) -> float:
    """How large lines of this plant, application or panel size are, relative to the base."""
    known = FACTORS[kind].get(name)
    return 0.6 + 0.8 * _hash(kind, name) / 2**64 if known is None else known


def series_factor(key: Key) -> float:
    """The size of a series: its mean WIP and throughput are the bases × this."""
    return math.prod(factor(kind, name) for kind, name in zip(FACTORS, key, strict=True))


def _hash(*parts: str) -> int:
    digest = hashlib.blake2b("\0".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def first_day() -> int:
    """Day number of the first row's date."""
    return day_number(ORIGIN)


def generate(spec: PlantSpec) -> Iterator[Block]:
    """The data of `spec`, some series at a time, so that any amount fits in memory."""
    keys = spec.keys
    size = max(1, _CELLS_PER_BLOCK // (BURN_IN + spec.days))
    for begin in range(0, len(keys), size):
        yield _simulate(spec, keys[begin : begin + size])


def _simulate(spec: PlantSpec, keys: list[Key]) -> Block:
    """Simulate lines of size one, then give each its size: the dynamics are homogeneous."""
    ratio = spec.base_wip / spec.base_throughput
    releases = _releases(spec, keys)  # [days, S], a base rate of 1
    judged = max(spec.days, BURN_IN)
    clearing = _calibrate(releases, ratio, _base_clearing(spec, ratio), judged)
    flow = _run(releases, ratio, clearing)
    cycle_time = _sojourn_times(flow["wip"], releases, flow["throughput"])
    size = spec.base_throughput * np.array([series_factor(key) for key in keys])
    decimals = 9 - min(0, math.floor(math.log10(min(spec.base_wip, spec.base_throughput))))
    columns = {
        name: _rounded(values[-spec.days :] * size, decimals)
        for name, values in (flow | {"releases": releases}).items()
    }
    columns["cycle_time"] = _rounded(cycle_time[-spec.days :], 9)
    columns["littles_law_compliance"] = np.round(
        compliance(columns["wip"], columns["throughput"], columns["cycle_time"]), 6
    )
    return Block(keys, columns)


def _rounded(values: Floats, decimals: int) -> Floats:
    """Values [days, S] as [S, days], rounded; the days of a series side by side in memory."""
    turned: Floats = np.ascontiguousarray(values.T)
    return np.round(turned, decimals)


def _releases(spec: PlantSpec, keys: list[Key]) -> Floats:
    """Releases per day of lines of size one, burn-in first, [BURN_IN + days, S]."""
    total = BURN_IN + spec.days
    days = first_day() - BURN_IN + np.arange(total)
    phases = np.array([_hash("phase", key[1]) / 2**64 for key in keys])
    season = 1 + spec.seasonality * np.sin(2 * np.pi * (days[:, None] / DAYS_PER_YEAR + phases))
    # 1970-01-01 was a Thursday.
    weekday = 1 + spec.seasonality * WEEKDAYS[(days + 3) % 7]
    pattern = season * weekday[:, None]
    if spec.noise == 0:
        return pattern
    demand = np.exp(spec.noise * np.column_stack([_demand(spec.seed, k, total) for k in keys]))
    # Scaled so that the noise adds no long-run mean: what is judged keeps the pattern's mean.
    judged = slice(-max(spec.days, BURN_IN), None)
    noisy = pattern * demand
    return noisy * (pattern[judged].sum(axis=0) / noisy[judged].sum(axis=0))


def _demand(seed: int, key: Key, days: int) -> Floats:
    """A stationary first-order autoregression of unit variance, [days]."""
    rng = np.random.default_rng([seed, *(_hash(name) for name in key)])
    shocks = rng.standard_normal(days) * math.sqrt(1 - PERSISTENCE**2)
    shocks[0] /= math.sqrt(1 - PERSISTENCE**2)
    # The recursion as a convolution: after 64 days less than 1e-14 of a shock is left.
    memory = PERSISTENCE ** np.arange(64)
    return np.convolve(shocks, memory)[:days]


@dataclass(frozen=True)
class _Clearing:
    """Capacity C and slope α of the clearing function, in units of the base rate."""

    capacity: Floats
    slope: Floats

    def eased(self, ease: Floats) -> _Clearing:
        """Cleared `ease` times as readily: a steeper slope, and past α = 1 more capacity."""
        slope = self.slope * ease
        return _Clearing(self.capacity * np.maximum(1, slope), np.minimum(1, slope))


def _base_clearing(spec: PlantSpec, ratio: float) -> _Clearing:
    """The clearing whose steady state at the base rate holds the base WIP exactly.

    The capacity leaves room for the season's peak and the demand's bursts. Where so little WIP
    is wanted that even α = 1 holds more, the capacity is what makes it so (by bisection).
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
    """Choose each line's clearing so that its mean WIP over the judged days is the base WIP.

    Fluctuating releases hold more WIP than steady ones, as the clearing function is concave. All
    trials run side by side; the wanted one is interpolated between them, twice, as mean WIP has
    a kink where the capacity begins to grow.
    """
    trials = np.tile(_CLEARING_TRIALS[:, None], releases.shape[1])
    for narrower in (_CLEARING_NEAR[:, None], 1.0):
        means = _mean_wip(releases, ratio, base.eased(trials), judged)
        # More ease holds less WIP; the negatives rise, as interpolation asks for.
        found = [
            np.interp(-math.log(ratio), -np.log(mean), np.log(tried))
            for mean, tried in zip(np.maximum(means, 1e-300).T, trials.T, strict=True)
        ]
        trials = np.exp(found) * narrower
    return base.eased(trials)


def _mean_wip(releases: Floats, ratio: float, clearing: _Clearing, judged: int) -> Floats:
    """Mean WIP of lines over their last `judged` days, by trial and line, as in `clearing`."""
    capacity, decay = clearing.capacity, -clearing.slope / clearing.capacity
    wip = np.full_like(decay, ratio)
    total, kept = np.zeros_like(wip), np.empty_like(wip)
    for day, released in enumerate(releases):
        if day >= len(releases) - judged:
            total += wip
        wip += released
        # Ten times as quick as the exact `expm1`, which the flow itself is made by.
        np.exp(np.multiply(decay, wip, out=kept), out=kept)
        kept -= 1
        kept *= capacity
        wip += kept
    return total / judged


def _run(releases: Floats, ratio: float, clearing: _Clearing) -> dict[str, Floats]:
    """Pass the releases through the lines and the two stores behind them, all [days, S]."""
    days, count = releases.shape
    flow = {
        name: np.empty((days, count))
        for name in ("wip", "throughput", "semi_finished_goods", "finished_goods")
    }
    wip = np.full(count, ratio)
    semi = np.full(count, 1 / FINISHING_SHARE - 1)
    finished = np.full(count, 1 / SHIPPING_SHARE - 1)
    decay = -clearing.slope / clearing.capacity
    for day in range(days):
        flow["wip"][day], flow["semi_finished_goods"][day] = wip, semi
        flow["finished_goods"][day] = finished
        load = wip + releases[day]
        throughput = -clearing.capacity * np.expm1(decay * load)
        flow["throughput"][day] = throughput
        wip = load - throughput
        on_hand = semi + throughput
        semi = on_hand * (1 - FINISHING_SHARE)
        finished = (finished + on_hand * FINISHING_SHARE) * (1 - SHIPPING_SHARE)
    return flow


def _sojourn_times(wip: Floats, releases: Floats, throughput: Floats) -> Floats:
    """FIFO time in system of what leaves each day, in days, [days, S].

    With A and D the cumulative arrivals and departures, the unit numbered u arrives at A⁻¹(u)
    and leaves at D⁻¹(u). The mean over a day's departures is the integral of D⁻¹ − A⁻¹ over
    them, exact as both curves are linear within a day. What is in the line at the start is
    taken to have arrived at the base rate before.
    """
    days, count = wip.shape
    result = np.empty((days, count))
    # A series is a row here: its days lie side by side.
    releases, throughput = np.ascontiguousarray(releases.T), np.ascontiguousarray(throughput.T)
    clock = np.arange(-1.0, days + 1)
    for s in range(count):
        arrivals = np.concatenate([[0.0, wip[0, s]], wip[0, s] + np.cumsum(releases[s])])
        clock[0] = -wip[0, s]  # at a base rate of 1
        departures = np.concatenate([[0.0], np.cumsum(throughput[s])])
        midpoints = (clock[1:] + clock[:-1]) / 2
        area = np.concatenate([[0.0], np.cumsum(midpoints * np.diff(arrivals))])
        place = np.searchsorted(arrivals, departures, side="right") - 1
        place = np.minimum(place, len(arrivals) - 2)
        beyond = departures - arrivals[place]
        width = arrivals[place + 1] - arrivals[place]
        share = np.divide(beyond, width, out=np.zeros_like(beyond), where=width > 0)
        arrived = clock[place] + share * (clock[place + 1] - clock[place])
        integral = area[place] + (clock[place] + arrived) / 2 * beyond
        # Of a vanishing output the integrals' difference is rounding only: take its edges.
        edges = (arrived[1:] + arrived[:-1]) / 2
        mean_arrival = np.where(
            throughput[s] > _VANISHING,
            np.diff(integral) / np.maximum(throughput[s], _VANISHING),
            edges,
        )
        result[:, s] = np.maximum(np.arange(days) + 0.5 - mean_arrival, 0.0)
    return result
