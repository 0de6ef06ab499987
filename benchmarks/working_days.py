"""Totals of 28 days by working calendar: deviation of forecasts, and of the best there can be.

python -m benchmarks.working_days --seed 11 12 --epochs 2

Lines of `models.data_generator` work by several calendars. A model is trained on the first 80 % of
the time, as an upload without rows of closed days, and the throughput of 28 calendar days is
forecast from every 14th day after it, which chose nothing. The oracle knows the generator: the
line, the pattern, and the demand of the last day; only the random draws ahead are unknown. Its
total is the median of 400 courses. "signed" is the mean deviation from the truth, "absolute" the
mean of its size, both in per cent of the truth.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from models.data.cleaning import Cleaned, clean
from models.data.reading.tables import read_rows
from models.data_generator import PERSISTENCE, PlantSpec, first_day, generate
from models.forecast.forecaster import Forecaster, History
from models.forecast.line_flow import LineFlow
from models.forecast.line_history import flow_of
from models.registry.hyperparameters import Hyperparameters
from models.registry.registry import Registry
from models.series.known_inputs import RELEASES
from models.series.panel import TARGETS, Panel
from models.series.plant_calendars import NO_CALENDARS, PlantCalendars
from models.series.working_calendar import EVERY_DAY, WorkingCalendar
from models.training.train import train as train_model
from utils.api.schemas.calendar import ALL

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FIVE = (1, 2, 3, 4, 5)
CALENDARS = {
    "every day": WorkingCalendar(),
    "Monday to Friday": WorkingCalendar(_FIVE),
    "Monday to Saturday": WorkingCalendar((*_FIVE, 6)),
    "every second Saturday": WorkingCalendar(_FIVE, every_second_week=(first_day() + 5,)),
    "Monday to Friday, holidays of Germany": WorkingCalendar(_FIVE, country="DE"),
}
_DAYS, _AHEAD, _EVERY, _DRAWS = 545, 28, 14, 400
_NOISE, _TRAINED = 0.1, 0.8


def plants(seed: int, calendar: WorkingCalendar, noise: float = _NOISE) -> PlantSpec:
    """Return six lines of one calendar."""
    names = ("Plant_A",), ("Automotive", "Industrial"), ("Small", "Medium", "Large")
    own = PlantCalendars({ALL: calendar}, first_day())
    used = NO_CALENDARS if calendar.weekdays == EVERY_DAY else own
    return PlantSpec(*names, _DAYS, 100.0, 50.0, 0.2, noise, seed, used)


def table_of(spec: PlantSpec, calendar: WorkingCalendar) -> Cleaned:
    """Return the rows of worked days, read and cleaned as those of an upload."""
    days = first_day() + np.arange(spec.days)
    [block], worked = generate(spec), np.flatnonzero(calendar.is_open(days))
    rows = [
        dict(zip(("plant", "application", "panel_size"), key, strict=True))
        | {name: float(block.columns[name][s, i]) for name in (*TARGETS, RELEASES)}
        | {"date": str(np.datetime64(int(days[i]), "D"))}
        for s, key in enumerate(block.series_keys)
        for i in worked
    ]
    return clean(read_rows(rows, len(rows)))


def deviations(seed: int, calendar: WorkingCalendar, epochs: int) -> Floats:
    """Return the relative deviations of the totals, of forecasts and of the oracle, [2, n]."""
    cleaned = table_of(plants(seed, calendar), calendar)
    even = table_of(plants(seed, calendar, 0.0), calendar)
    panel, pattern = cleaned.panel, even.panel.known[RELEASES]
    flow, rng = flow_of(panel, int(panel.time.max()) + 1), np.random.default_rng(seed)
    first, found = first_day(), []
    plain = replace(panel, known={})
    days = [panel.days[panel.offsets[s] : panel.offsets[s + 1]] for s in range(len(flow.slope))]
    with TemporaryDirectory() as folder:
        forecaster = _trained(plain, first + int(_TRAINED * _DAYS), epochs, folder)
        for origin in range(first + int(_TRAINED * _DAYS), first + _DAYS - _AHEAD + 1, _EVERY):
            for s, own in enumerate(days):
                past, end = (int(np.searchsorted(own, day)) for day in (origin, origin + _AHEAD))
                rows = slice(panel.offsets[s], panel.offsets[s] + end)
                truth = panel.values[rows][past:, 1].sum()
                history = _history(plain, s, past)
                forecast = forecaster.forecast(history, end - past, _DRAWS).paths
                assert forecast is not None
                totals = (
                    np.median(forecast[0, :, :, 1].sum(axis=1)),
                    _oracle(panel, flow.select(np.array([s])), pattern, rows, past, own[:end], rng),
                )
                found.append([total / truth - 1 for total in totals])
    return np.array(found).T


def _trained(panel: Panel, day: int, epochs: int, folder: str) -> Forecaster:
    """A model of the rows before a day."""
    early = panel.days < day
    lengths = np.add.reduceat(early, panel.offsets[:-1])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    past = replace(panel, offsets=offsets, values=panel.values[early], until=None)
    registry, id = Registry(Path(folder), 1), str(uuid4())
    train_model(past, Hyperparameters(epochs=epochs), 1, registry.store, id, {})
    return registry.open(id).forecaster


def _history(panel: Panel, s: int, rows: int) -> History:
    begin = panel.offsets[s]
    values = panel.filled()[begin : begin + rows]
    last = int(panel.first[s]) + rows - 1
    return History(panel.series_keys[s], values, last, panel.calendar_of(s))


def _oracle(
    panel: Panel,
    line: LineFlow,
    pattern: Floats,
    rows: slice,
    past: int,
    days: Ints,
    rng: np.random.Generator,
) -> float:
    """The median total of courses that the generator may take from the last past row.

    Args:
        pattern: releases without random draws, of all rows.
        days: of the rows of the series up to the end of the horizon.
    """
    values, releases = panel.values[rows], panel.known[RELEASES][rows]
    logs = np.log(releases[:past] / pattern[rows][:past])
    level = float(logs.mean())  # the generator keeps the mean of the releases
    demand, steps = np.full(_DRAWS, logs[-1] - level), len(days) - past
    ahead = np.empty((_DRAWS, steps))
    for step, gap in enumerate(np.diff(days[past - 1 :])):
        kept = PERSISTENCE ** int(gap)
        demand = kept * demand + _NOISE * np.sqrt(1 - kept**2) * rng.standard_normal(_DRAWS)
        ahead[:, step] = pattern[rows][past + step] * np.exp(level + demand)
    every = line.select(np.zeros(_DRAWS, int))
    start = every.start(np.tile(values[past - 1], (_DRAWS, 1)), np.full(_DRAWS, releases[past - 1]))
    places = np.zeros((_DRAWS, steps), int)  # the generator's output has no pattern of its own
    return float(np.median(every.roll(start, ahead, places)[1].sum(axis=1)))


def main(arguments: list[str] | None = None) -> None:
    """Print a row for each calendar."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", nargs="+", type=int, default=[11, 12, 13])
    parser.add_argument("--epochs", type=int, default=2, help="of the LSTM (2)")
    given = parser.parse_args(arguments)
    print("| calendar | signed | oracle | absolute | oracle |\n|---|---|---|---|---|", flush=True)
    for name, calendar in CALENDARS.items():
        each = [deviations(seed, calendar, given.epochs) for seed in given.seed]
        off = 100 * np.concatenate(each, axis=1)
        cells = [f"{v:+.1f} %" for v in off.mean(axis=1)]
        cells += [f"{v:.1f} %" for v in np.abs(off).mean(axis=1)]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
