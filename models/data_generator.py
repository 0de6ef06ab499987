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
from models.series.line_clearing import Clearing, calibrated
from models.series.line_simulation import (
    FINISHING_SHARE,
    SHIPPING_SHARE,
    Intervention,
    decaying_sum,
    run_lines,
    sojourn_times,
)
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
BURN_IN = 365  # days simulated before the first row
COLUMNS = ("wip", "throughput", "cycle_time", "finished_goods", "semi_finished_goods", "releases")

_CELLS_PER_BLOCK = 1 << 18  # days × series in one block: about 100 MB


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


def generate(spec: PlantSpec, changed: Intervention | None = None) -> Iterator[SeriesBlock]:
    """Yield the data of a spec, some series at a time, so that any amount fits in memory.

    Args:
        changed: what is done otherwise than usual; the lines and all random draws are the same.
    """
    keys = spec.series_keys
    size = max(1, _CELLS_PER_BLOCK // (BURN_IN + spec.days))
    for begin in range(0, len(keys), size):
        for calendar, own in groupby(keys[begin : begin + size], spec.calendars.of):
            yield _simulate(spec, list(own), calendar, changed)


def _simulate(
    spec: PlantSpec, keys: list[SeriesKey], calendar: WorkingCalendar, changed: Intervention | None
) -> SeriesBlock:
    """Simulate lines of size one, then scale each to its size: the dynamics are homogeneous.

    Only worked days are simulated: on closed ones everything stands still.
    """
    ratio = spec.base_wip / spec.base_throughput
    is_open = calendar.is_open(first_day() - BURN_IN + np.arange(BURN_IN + spec.days))
    releases = _releases(spec, keys)[is_open]  # [worked days, S], a base rate of 1
    judged = int(is_open[-max(spec.days, BURN_IN) :].sum())
    usual = Clearing.steady(ratio, spec.seasonality, spec.noise)
    clearing = calibrated(releases, ratio, usual, judged)
    seeds = [[spec.seed, _hash("breakdowns"), *map(_hash, key)] for key in keys]
    broken = spec.breakdowns
    share = None if broken is None else broken.availability(seeds, len(releases))
    capacity = None
    is_open = is_open[-spec.days :]
    worked = int(is_open.sum())
    if changed is not None:
        before, lines = len(releases) - worked, np.ones(releases.shape)
        factor_on, capacity, left = (
            np.vstack([lines[:before], lines[before:] * part[is_open][:, None]])
            for part in (changed.releases, changed.capacity, changed.output)
        )
        releases, share = releases * factor_on, left if share is None else share * left
    flow = run_lines(releases, ratio, clearing, share, capacity)
    cycle_time = sojourn_times(flow["wip"], releases, flow["throughput"], worked)
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
    return decaying_sum(shocks, PERSISTENCE)
