"""Units of a table's columns → units per step and steps, as asked for; what the units look like.

By Little's Law WIP = throughput × cycle time. A table that breaks it by a factor of 24 has a
throughput per hour, or a cycle time in days where an hour is meant.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.series.calendar import DAYS_PER_YEAR, Calendar
from models.series.known_inputs import CAPACITY
from utils.api.upload_options import ColumnUnits
from utils.errors import InvalidInput

Floats = NDArray[np.float64]

_DAYS = {
    "seconds": 1 / 86_400,
    "minutes": 1 / 1440,
    "hours": 1 / 24,
    "days": 1.0,
    "weeks": 7.0,
    "months": DAYS_PER_YEAR / 12,
}
_RATES = {f"per_{name.removesuffix('s')}": days for name, days in _DAYS.items()}
_RATE_COLUMNS = ("throughput", "releases")
_FACTORS = {100: "a percentage", 1000: "thousands", 1_000_000: "millions"}
_NEAR = 0.12  # of the logarithm of a factor
_MOST = 100_000  # rows that are looked at, evenly spread
_FEWEST = 5  # rows from which a factor is told


def converted(
    numbers: dict[str, Floats],
    calendar: Calendar,
    headers: dict[str, str],
    stated: ColumnUnits | None,
) -> tuple[dict[str, Floats], dict[str, Any], list[str]]:
    """Return the numbers in units per step and in steps, what was converted, and warnings.

    Cycle times are converted from the unit in their header or cells, capacities from percent;
    throughput only as the request states, as it may be the mean of the hours that a plant works.

    Args:
        numbers: by column, NaN where unknown.
        calendar: of the table, which has the length of a step.
        headers: column → unit in its header, or in its cells.
        stated: units that the request states.
    """
    days = calendar.days_of_step
    units = stated.model_dump(exclude_none=True) if stated else {}
    if "cycle_time" not in units and headers.get("cycle_time") in _DAYS:
        units["cycle_time"] = headers["cycle_time"]
    found, notes = dict(numbers), {}
    if headers.get(CAPACITY) == "percent" and CAPACITY in found:
        found[CAPACITY] = found[CAPACITY] / 100
        notes[CAPACITY] = {"unit": "percent", "factor": 0.01}
    for name, unit in units.items():
        if name in found and unit not in ("steps", "per_step"):
            factor = _DAYS[unit] / days if name == "cycle_time" else days / _RATES[unit]
            if factor != 1:
                found[name] = found[name] * factor
                notes[name] = {"unit": unit, "factor": factor}
    warnings = [
        f"The column {name} states {unit!r}; it was read as units per {calendar.step}. `units` "
        "converts it."
        for name, unit in headers.items()
        if name in _RATE_COLUMNS and name not in units and _of_rate(unit) not in (None, days)
    ]
    return found, notes, warnings + _warnings(found, days)


def expect_as_stated(own: dict[str, str], stated: ColumnUnits | None) -> None:
    """Raise InvalidInput if the request states another unit than cells have.

    Args:
        own: column → unit in its cells.
    """
    for name, unit in (stated.model_dump(exclude_none=True) if stated else {}).items():
        if name in own and _stem(own[name]) != _stem(unit):
            rule = f"must not be {unit} for {name}, whose cells are in {own[name]}"
            raise InvalidInput.of("units", rule, unit)


def _stem(unit: str) -> str:
    return unit.replace("_", " ").removeprefix("per ").removesuffix("s")


def _of_rate(unit: str) -> float | None:
    return _DAYS.get(unit.removeprefix("per "))


def _warnings(numbers: dict[str, Floats], days: float) -> list[str]:
    """Sentences about units that Little's Law contradicts, of steps of so many days."""
    ratio = law_ratio(numbers)
    if math.isnan(ratio):
        return []
    for times, name in _FACTORS.items():
        if abs(abs(math.log(ratio)) - math.log(times)) < _NEAR:
            large, small = ("WIP", "throughput × cycle time")[:: 1 if ratio > 1 else -1]
            return [
                f"{large} is {times} times {small}: one of the columns looks like {name}. Send "
                "all of them in the same unit."
            ]
    for unit, length in _DAYS.items():
        factor = days / length
        if abs(math.log(factor)) < math.log(3):
            continue
        if abs(math.log(ratio / factor)) < _NEAR:
            rate = f"per_{unit.removesuffix('s')}"
            return [
                f"The throughput looks like units {rate.replace('_', ' ')}: WIP is {ratio:.3g} "
                f'times throughput × cycle time. `units` {{"throughput": "{rate}"}} converts it.'
            ]
        if abs(math.log(ratio * factor)) < _NEAR:
            return [
                f"The cycle time looks like {unit}: throughput × cycle time is {1 / ratio:.3g} "
                f'times WIP. `units` {{"cycle_time": "{unit}"}} converts it.'
            ]
    return []


def law_ratio(numbers: dict[str, Floats]) -> float:
    """Return the median of WIP ÷ (throughput × cycle time); NaN where too few rows tell."""
    if not {"wip", "throughput", "cycle_time"} <= set(numbers):
        return math.nan
    wip, throughput, cycle_time = (numbers[name] for name in ("wip", "throughput", "cycle_time"))
    every = -(-len(wip) // _MOST)
    wip, throughput, cycle_time = (part[::every] for part in (wip, throughput, cycle_time))
    known = (wip > 0) & (throughput > 0) & (cycle_time > 0)
    if known.sum() < _FEWEST:
        return math.nan
    return float(np.median(wip[known] / (throughput[known] * cycle_time[known])))
