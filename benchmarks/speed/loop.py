"""The generator's data by a loop over rows, in plain Python: what it would cost without arrays.

A test holds it against `models.data_generator`: the numbers are the same.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import accumulate

import numpy as np

from models import data_generator as g
from models.data_generator import PlantSpec
from models.series.calendar import DAYS_PER_YEAR
from models.series.line_clearing import NEAR_TRIALS, TRIALS, Clearing
from models.series.line_simulation import VANISHING
from models.series.panel import SeriesKey

Rows = list[dict[str, float]]


def generate(spec: PlantSpec) -> Rows:
    """All rows of a data set, series by series."""
    return [row for key in spec.series_keys for row in _series(spec, key)]


def _series(spec: PlantSpec, key: SeriesKey) -> Rows:
    ratio = spec.base_wip / spec.base_throughput
    releases = _releases(spec, key)
    capacity, slope = _calibrated(spec, releases, ratio)
    flow = _run(releases, ratio, capacity, slope)
    times = _sojourn([row["wip"] for row in flow], releases, [row["throughput"] for row in flow])
    size = spec.base_throughput * g.series_factor(key)
    decimals = 9 - min(0, math.floor(math.log10(min(spec.base_wip, spec.base_throughput))))
    rows = []
    for row, time in zip(flow[-spec.days :], times[-spec.days :], strict=True):
        found = {name: round(value * size, decimals) for name, value in row.items()}
        found["cycle_time"] = round(time, 9)
        expected = found["throughput"] * found["cycle_time"]
        larger = max(found["wip"], expected)
        gap = abs(found["wip"] - expected) / larger if larger > 0 else 0.0
        rows.append(found | {"littles_law_compliance": round(1 - gap, 6)})
    return rows


def _releases(spec: PlantSpec, key: SeriesKey) -> list[float]:
    total = g.BURN_IN + spec.days
    phase = g._hash("phase", key[1]) / 2**64
    pattern = []
    for i in range(total):
        day = g.first_day() - g.BURN_IN + i
        season = 1 + spec.seasonality * math.sin(2 * math.pi * (day / DAYS_PER_YEAR + phase))
        pattern.append(season * (1 + spec.seasonality * float(g.WEEKDAYS[(day + 3) % 7])))
    if spec.noise == 0:
        return pattern
    noisy = [p * math.exp(spec.noise * d) for p, d in zip(pattern, _demand(spec, key), strict=True)]
    judged = max(spec.days, g.BURN_IN)
    scale = sum(pattern[-judged:]) / sum(noisy[-judged:])
    return [value * scale for value in noisy]


def _demand(spec: PlantSpec, key: SeriesKey) -> list[float]:
    rng = np.random.default_rng([spec.seed, *(g._hash(name) for name in key)])
    last, found = 0.0, []
    for i in range(g.BURN_IN + spec.days):
        shock = float(rng.standard_normal())
        last = shock if not i else g.PERSISTENCE * last + shock * math.sqrt(1 - g.PERSISTENCE**2)
        found.append(last)
    return found


def _calibrated(spec: PlantSpec, releases: list[float], ratio: float) -> tuple[float, float]:
    base = Clearing.steady(ratio, spec.seasonality, spec.noise)
    judged = max(spec.days, g.BURN_IN)

    def eased(ease: float) -> tuple[float, float]:
        slope = float(base.slope) * ease
        return float(base.capacity) * max(1.0, slope), min(1.0, slope)

    def found(trials: list[float]) -> float:
        means = [_mean_wip(releases, ratio, *eased(ease), judged) for ease in trials]
        logs = [-math.log(max(mean, 1e-300)) for mean in means]
        return math.exp(np.interp(-math.log(ratio), logs, [math.log(ease) for ease in trials]))

    near = found(TRIALS.tolist())
    return eased(found([near * share for share in NEAR_TRIALS.tolist()]))


def _mean_wip(
    releases: list[float], ratio: float, capacity: float, slope: float, judged: int
) -> float:
    decay, offset = -slope / capacity, math.log(slope)
    level, total = decay * ratio + offset - slope, 0.0
    unjudged = len(releases) - judged
    for day, released in enumerate(releases):
        level += slope + decay * released
        if day >= unjudged:
            total += level
        level -= math.exp(level)
    return (total / judged - offset) / decay - sum(releases[unjudged:]) / judged


def _run(releases: list[float], ratio: float, capacity: float, slope: float) -> Rows:
    wip, semi, finished = ratio, 1 / g.FINISHING_SHARE - 1, 1 / g.SHIPPING_SHARE - 1
    rows = []
    for released in releases:
        load = wip + released
        throughput = -capacity * math.expm1(-slope / capacity * load)
        rows.append(
            {
                "wip": wip,
                "throughput": throughput,
                "finished_goods": finished,
                "semi_finished_goods": semi,
                "releases": released,
            }
        )
        wip = load - throughput
        on_hand = semi + throughput
        semi = on_hand * (1 - g.FINISHING_SHARE)
        finished = (finished + on_hand * g.FINISHING_SHARE) * (1 - g.SHIPPING_SHARE)
    return rows


def _sojourn(wip: list[float], releases: list[float], throughput: list[float]) -> list[float]:
    arrivals = [0.0, *accumulate(releases, initial=wip[0])]
    departures = [0.0, *accumulate(throughput)]
    clock = [-wip[0], *map(float, range(len(releases) + 1))]
    area = [0.0]
    for i in range(len(arrivals) - 1):
        middle = (clock[i + 1] + clock[i]) / 2
        area.append(area[-1] + middle * (arrivals[i + 1] - arrivals[i]))
    arrived, integral = [], []
    for departed in departures:
        at = min(bisect_right(arrivals, departed) - 1, len(arrivals) - 2)
        beyond, width = departed - arrivals[at], arrivals[at + 1] - arrivals[at]
        share = beyond / width if width > 0 else 0.0
        arrived.append(clock[at] + share * (clock[at + 1] - clock[at]))
        integral.append(area[at] + (clock[at] + arrived[-1]) / 2 * beyond)
    times = []
    for day, put_out in enumerate(throughput):
        mean = (arrived[day + 1] + arrived[day]) / 2
        if put_out > VANISHING:
            mean = (integral[day + 1] - integral[day]) / put_out
        times.append(max(day + 0.5 - mean, 0.0))
    return times
