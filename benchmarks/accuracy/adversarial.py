"""Awkward series: small data sets, each with one trait that forecasts may fall over.

All but those whose trait forbids it obey one balance, WIP(t + 1) = WIP(t) + releases(t) −
throughput(t), with WIP at the start of the day, and a cycle time near WIP ÷ throughput of the last
days; on days without throughput there is none. Days begin on a Monday.

>>> [len(build(kind, 1).panel.series_keys) for kind in ("constant", "five years of months")]
[5, 1]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.datasets import DataSet, regular
from models.data_generator import first_day
from models.series.calendar import Calendar, Step

Floats = NDArray[np.float64]
Rng = np.random.Generator
Build = Callable[[Rng, int, int], Floats]  # random numbers, days before and from the cut on

PREFIX = "adversarial: "
SERIES = 5
_HISTORY, _HELD_BACK = 640, 84  # days; the cut is a Thursday
_AHEAD = 28  # days held back where one origin is scored
_EVERY = 5  # days between origins: each weekday is one
_WEEK = np.array([1.15, 1.1, 1.05, 1.05, 1.0, 0.85, 0.8])  # releases, Monday to Sunday
_STRONG_WEEK = np.array([1.5, 1.4, 1.3, 1.2, 1.0, 0.4, 0.2])
_PERSISTENCE, _NOISE = 0.6, 0.1  # of the releases
_MONTHS = 60, 12  # before and from the cut on


class Kind(NamedTuple):
    """A kind of series: its values, days before the cut, and one origin or several."""

    build: Build
    history: int = _HISTORY
    one_origin: bool = False


def build(kind: str, seed: int) -> DataSet:
    """Return the data set of one of KINDS."""
    made = KINDS[kind]
    rng = np.random.default_rng([seed, 3, list(KINDS).index(kind)])
    name = PREFIX + kind + (f", seed {seed}" if seed != 1 else "")
    if kind == _MONTHLY:
        start = int(Calendar(Step.MONTH, 1).index(np.array([first_day()]))[0])
        values = made.build(rng, *_MONTHS)
        panel = regular(_keys(values), values, Calendar(Step.MONTH, 1), start)
        return DataSet(name, panel, start + _MONTHS[0])
    ahead = _AHEAD if made.one_origin else _HELD_BACK
    values = made.build(rng, made.history, ahead)
    cut, end = first_day() + made.history, first_day() + made.history + ahead
    steps = (cut,) if made.one_origin else tuple(range(cut, end, _EVERY))
    return DataSet(name, regular(_keys(values), values), cut, steps)


def is_one(data: DataSet) -> bool:
    """Return True for the data sets of this module."""
    return data.name.startswith(PREFIX)


def _keys(values: Floats) -> list[tuple[str, str, str]]:
    return [(f"Plant_{chr(65 + i)}", "Adversarial", "Any") for i in range(len(values))]


def _releases(
    rng: Rng, days: int, series: int = SERIES, week: Floats = _WEEK, noise: float = _NOISE
) -> Floats:
    """Units released a day, [S, days]: base × weekday × autocorrelated noise."""
    base = rng.uniform(30, 120, (series, 1))
    shocks = noise * np.sqrt(1 - _PERSISTENCE**2) * rng.standard_normal((series, days))
    demand = np.zeros((series, days))
    for day in range(days):
        demand[:, day] = _PERSISTENCE * demand[:, day - 1] + shocks[:, day]
    return base * week[np.arange(days) % 7] * np.exp(demand)


def _flow(
    rng: Rng,
    releases: Floats,
    cycle_time: float = 3.0,
    working: Floats | float = 1.0,
    window: int = 7,
    noise: float = _NOISE / 2,
) -> Floats:
    """WIP, throughput and cycle time of lines, [S, days, 3]; a share of the load leaves each day.

    Args:
        releases: units a day, [S, days].
        cycle_time: usual one, in days.
        working: factor on the share that leaves, which is at most 1, [S, days].
        window: days over which WIP ÷ throughput is the cycle time.
        noise: of the share that leaves.
    """
    varying = np.exp(noise * rng.standard_normal(releases.shape))
    share = np.minimum(working * varying / (1 + cycle_time), 1)
    stock = releases[:, :window].mean(axis=1) * cycle_time
    wip, throughput = np.empty_like(releases), np.empty_like(releases)
    for day in range(releases.shape[1]):
        wip[:, day] = stock
        throughput[:, day] = share[:, day] * (stock + releases[:, day])
        stock = stock + releases[:, day] - throughput[:, day]
    return _with_cycle_time(wip, throughput, window)


def _with_cycle_time(wip: Floats, throughput: Floats, window: int = 7) -> Floats:
    """Add the cycle time: mean WIP ÷ mean throughput of the last days; none where none leave."""
    stock, left = _running(wip, window), _running(throughput, window)
    cycle_time = np.divide(stock, left, out=np.full_like(wip, np.nan), where=throughput > 0)
    return np.stack([wip, throughput, cycle_time], axis=-1)


def _running(values: Floats, window: int) -> Floats:
    """Sum over the last days, [S, days]."""
    total = np.cumsum(np.pad(values, [(0, 0), (1, 0)]), axis=1)
    before = np.maximum(np.arange(1, total.shape[1]) - window, 0)
    return total[:, 1:] - total[:, before]


def _weekends(days: int) -> Floats:
    return (np.arange(days) % 7 < 5).astype(float)


def _smooth(rng: Rng, history: int, ahead: int) -> Floats:
    return _flow(rng, _releases(rng, history + ahead))


def _intermittent(rng: Rng, history: int, ahead: int) -> Floats:
    releases = _releases(rng, history + ahead)
    releases[0] = rng.poisson(4, history + ahead) * (rng.random(history + ahead) < 0.1)
    working = np.ones_like(releases)
    working[0] = 8 * (rng.random(history + ahead) < 0.3)
    return _flow(rng, releases, working=working)


def _bad_last_day(rng: Rng, history: int, ahead: int) -> Floats:
    working = np.ones(history + ahead)
    working[history - 1] = 0.3
    return _flow(rng, _releases(rng, history + ahead), working=working)


def _typo(rng: Rng, history: int, ahead: int) -> Floats:
    values = _smooth(rng, history, ahead)
    values[::2, history - 1, 1] *= 20
    values[1::2, history - 1, 0] *= 20
    return values


def _doubled(rng: Rng, history: int, ahead: int) -> Floats:
    releases = _releases(rng, history + ahead)
    releases[:, history - 30 :] *= 2
    return _flow(rng, releases)


def _up_by_half(rng: Rng, history: int, ahead: int) -> Floats:
    releases = _releases(rng, history + ahead)
    releases[:, history - 15 :] *= 1.5
    return _flow(rng, releases)


def _more_capacity(rng: Rng, history: int, ahead: int) -> Floats:
    working = np.ones(history + ahead)
    working[history - 10 :] = 1.5
    return _flow(rng, _releases(rng, history + ahead), working=working)


def _two_wrong_days(rng: Rng, history: int, ahead: int) -> Floats:
    values = _smooth(rng, history, ahead)
    values[::2, history - 2 : history, 1] *= 0.3
    values[1::2, history - 2 : history, 0] *= 0.3
    return values


def _restart(rng: Rng, history: int, ahead: int) -> Floats:
    working = np.ones(history + ahead)
    working[history - 45 : history - 10] = 0
    return _flow(rng, _releases(rng, history + ahead) * working, working=working)


def _closed_weekends(rng: Rng, history: int, ahead: int) -> Floats:
    working = _weekends(history + ahead)
    return _flow(rng, _releases(rng, history + ahead) * working, working=working)


def _without_cycle_time(values: Floats, series: slice = slice(None)) -> Floats:
    values[series, :, 2] = np.nan
    return values


def _months(rng: Rng, history: int, ahead: int) -> Floats:
    season = 1 + 0.3 * np.sin(2 * np.pi * np.arange(history + ahead) / 12)
    releases = 1000 * season * rng.lognormal(0, 0.03, history + ahead)
    return _flow(rng, releases[None], cycle_time=0.5, window=1)


def _lumpy(rng: Rng, history: int, ahead: int) -> Floats:
    releases = _releases(rng, history + ahead) / 10
    return _flow(rng, releases, working=3.8 * (rng.random(releases.shape) < 0.15), window=28)


def _old_shock(rng: Rng, history: int, ahead: int) -> Floats:
    releases = _releases(rng, history + ahead)
    releases[:, 150:210] *= 0.4
    return _flow(rng, releases)


def _trend(to: float, week: Floats = _WEEK, cycle_time: float = 3.0) -> Build:
    """A linear change of the level to a multiple of what it was."""

    def build(rng: Rng, history: int, ahead: int) -> Floats:
        level = np.linspace(1, to, history + ahead)
        return _flow(rng, _releases(rng, history + ahead, week=week) * level, cycle_time)

    return build


def _shutdown(rng: Rng, history: int, ahead: int) -> Floats:
    releases, working = _releases(rng, history + ahead), np.ones(history + ahead)
    releases[:, history - 22 :] = 0
    working[history - 22] = np.inf  # the line is emptied
    return _flow(rng, releases, working=working)


def _small_counts(rng: Rng, history: int, ahead: int) -> Floats:
    releases = rng.poisson(3, (SERIES, history + ahead))
    stock = np.full(SERIES, 9)
    wip, throughput = np.empty_like(releases), np.empty_like(releases)
    for day in range(history + ahead):
        wip[:, day] = stock
        throughput[:, day] = rng.binomial(stock + releases[:, day], 0.25)
        stock = stock + releases[:, day] - throughput[:, day]
    return _with_cycle_time(wip.astype(float), throughput.astype(float), 14)


def _constant(rng: Rng, history: int, ahead: int) -> Floats:
    releases = np.repeat(rng.uniform(30, 120, (SERIES, 1)), history + ahead, axis=1)
    return _flow(rng, releases, noise=0)


def _zero(rng: Rng, history: int, ahead: int) -> Floats:
    return _flow(rng, np.zeros((SERIES, history + ahead)))


def _outlier(rng: Rng, history: int, ahead: int) -> Floats:
    values = _smooth(rng, history, ahead)
    values[::2, history // 2, 1] *= 50
    values[1::2, history // 2, 0] *= 50
    return values


def _tiny(rng: Rng, history: int, ahead: int) -> Floats:
    values = _smooth(rng, history, ahead)
    values[..., :2] *= 4e-7 / values[..., 1].mean()
    return values


_MONTHLY = "five years of months"
KINDS: dict[str, Kind] = {
    "intermittent among smooth": Kind(_intermittent),
    "bad last day": Kind(_bad_last_day, one_origin=True),
    "typo on the last day": Kind(_typo, one_origin=True),
    "level doubled": Kind(_doubled, one_origin=True),
    "restart after a stop": Kind(_restart, one_origin=True),
    "closed weekends": Kind(_closed_weekends),
    "closed weekends, no cycle times": Kind(
        lambda *given: _without_cycle_time(_closed_weekends(*given))
    ),
    "no cycle times": Kind(lambda *given: _without_cycle_time(_smooth(*given))),
    "cycle times of some series": Kind(
        lambda *given: _without_cycle_time(_smooth(*given), slice(0, 2))
    ),
    _MONTHLY: Kind(_months),
    "seven weeks": Kind(_closed_weekends, history=49, one_origin=True),
    "twenty days": Kind(_smooth, history=20, one_origin=True),
    "lumpy": Kind(_lumpy),
    "old shock": Kind(_old_shock),
    "linear growth": Kind(_trend(2.0)),
    "decline": Kind(_trend(0.3)),
    "shutdown": Kind(_shutdown, one_origin=True),
    "small counts": Kind(_small_counts),
    "constant": Kind(_constant),
    "all zero": Kind(_zero),
    "outlier in the middle": Kind(_outlier),
    "tiny values": Kind(_tiny),
    "weekly season and trend": Kind(_trend(2.0, _STRONG_WEEK, 0.3)),
    "level up by half": Kind(_up_by_half, one_origin=True),
    "more capacity": Kind(_more_capacity, one_origin=True),
    "two wrong days": Kind(_two_wrong_days, one_origin=True),
}
