"""Zero-shot forecasts beside naive ones: `python -m benchmarks.pretrained`.

Rolling origins over the last 20 % of each data set: of days and shifts horizon 28 every 7, of
months horizon 12 every month. The network was trained on simulated lines alone; the simulated lines
here are of seeds that no training draws from. Forecasts and intervals are those that the service
gives for `"model_id": "pretrained"`.

python -m benchmarks.pretrained                       the published network on all data sets
python -m benchmarks.pretrained m3 walk --model out   another one, on some of them
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.accuracy import datasets, scores
from benchmarks.accuracy.datasets import DataSet, regular
from benchmarks.accuracy.protocol import Forecast, run
from benchmarks.accuracy.uncertainty import ratio_error
from models.forecast.pretrained import BOUNDS, FILE, PretrainedModel
from models.forecast.zero_shot import ZeroShotModel, ZeroShotSeries
from models.pretraining.demand import Grid
from models.pretraining.observation import record
from models.pretraining.simulator import simulate
from models.series.calendar import Calendar, Step
from models.series.error_measures import mean_known
from models.series.panel import TARGETS, Floats, Panel, SeriesKey

_TABLES = Path(__file__).resolve().parents[2] / "shared" / "data"
_SIMULATED = {  # steps of the simulation in one, in a year; steps of the data set
    Step.DAY: (1, 365, 545),
    Step.WEEK: (4, 208, 180),
    Step.MONTH: (4, 48, 120),
}
_LINES = 60
_FIRST_DAY, _BEGINS = 19_723, (360, 840, 1320)  # of shifts; minutes of the day
_SIMULATED_SEED = 20_261_129  # trainings draw from [seed, 0] and [seed, 1]


class ZeroShot:
    """The forecasts and intervals of the pretrained network."""

    settings = None

    def __init__(self, model: PretrainedModel) -> None:
        self._model = model
        self._horizon = 1

    def fit(self, train: Panel, horizon: int) -> None:
        """Learn nothing."""
        self._horizon = horizon

    def forecast(self, past: Panel) -> Forecast:
        """Forecast what follows a panel."""
        served = ZeroShotModel(ZeroShotSeries(past.calendar, past.series_keys), self._model)
        rows = [own[-served.look_back :] for own in np.split(past.values, past.offsets[1:-1])]
        found = served.forecast(rows, past.calendar, past.first + past.lengths - 1, self._horizon)
        return Forecast(found.values, found.lower, found.upper)


class Naive:
    """The last value or the last season."""

    settings = None

    def __init__(self, seasonal: bool) -> None:
        self._seasonal = seasonal
        self._horizon = 1

    def fit(self, train: Panel, horizon: int) -> None:
        """Learn nothing."""
        self._horizon = horizon

    def forecast(self, past: Panel) -> Forecast:
        """Forecast what follows a panel."""
        begins, ends = past.offsets[:-1, None], past.offsets[1:, None]
        season = past.calendar.season if self._seasonal else 1
        place = ends - season + np.arange(self._horizon) % season
        # For a series shorter than a season it is the last value.
        place = np.where(place >= begins, place, ends - 1)
        return Forecast(past.filled()[place], {}, {})


def simulated(step: Step) -> DataSet:
    """Simulated lines of a seed that no training draws from, each of mean 1."""
    steps, year, length = _SIMULATED[step]
    rng = np.random.default_rng([_SIMULATED_SEED, steps, year])
    grid = Grid(np.full(_LINES, year), np.full(_LINES, step is Step.DAY))
    rows = record(rng, simulate(rng, grid, steps * length), steps).rows
    mean = mean_known(rows, axis=1)[:, None]
    rows = rows / np.where(mean > 0, mean, 1.0)
    keys = [("Simulated", f"line {i}", "all") for i in range(_LINES)]
    return DataSet.of(f"simulated, by {step}", _panel(step, keys, rows, 600))


def shifts(seed: int) -> DataSet:
    """Three lines of three shifts a day for 30 weeks; output follows WIP, shift and weekday."""
    rng, count = np.random.default_rng(seed), 3 * 210
    calendar = Calendar(Step.SHIFT, origin=_FIRST_DAY, begins=_BEGINS)
    keys = [("Generated", f"line {i}", "all") for i in range(3)]
    lines = np.stack([_line(rng, count) for _ in keys])
    return DataSet.of(f"shifts, seed {seed}", regular(keys, lines, calendar, 3 * _FIRST_DAY))


def _line(rng: np.random.Generator, count: int) -> Floats:
    """WIP, throughput and cycle time of a line, [count, 3]."""
    size, places = rng.uniform(20, 200), np.arange(count)
    usual = size * rng.uniform(2, 6)
    profile = rng.uniform(0.8, 1.2, 7)[places // 3 % 7]
    profile *= 1 + rng.uniform(0.1, 0.5) * np.sin(2 * np.pi * (places / 3 + rng.random()))
    demand, wip, rows = 0.0, usual, np.empty((count, 3))
    for i, share in enumerate(profile):
        demand = 0.9 * demand + rng.normal(0, 0.1)
        releases = size * share * np.exp(0.6 * demand + rng.normal(0, 0.1))
        output = wip * size / usual * share * np.exp(rng.normal(0, 0.12))
        output = min(output, wip + releases / 2)
        wip = max(wip + releases - output, 1.0)
        rows[i] = wip, output, wip / output
    return rows


def _panel(step: Step, keys: list[SeriesKey], values: Floats, first: int) -> Panel:
    count, length = values.shape[:2]
    calendar = Calendar(step, 1 if step is Step.MONTH else 0)
    offsets, begins = np.arange(count + 1) * length, np.full(count, first)
    return Panel(calendar, tuple(keys), offsets, begins, values.reshape(-1, 3))


DATA: dict[str, Callable[[Path], DataSet]] = {
    "generated1": lambda _: datasets.generated(1),
    "generated2": lambda _: datasets.generated(2),
    "m3": lambda tables: datasets.table(tables / "m3_monthly.csv", "M3, monthly"),
    "itsm": lambda tables: datasets.table(tables / "itsm_daily.csv", "ITSM, daily"),
    "hospital": lambda tables: datasets.stays(tables / "hospital_stays.csv", "hospital, daily"),
    "noise": lambda _: datasets.noise(1),
    "walk": lambda _: datasets.walk(1),
    "shifts1": lambda _: shifts(1),
    "shifts2": lambda _: shifts(2),
    "shifts3": lambda _: shifts(3),
    "simulated-days": lambda _: simulated(Step.DAY),
    "simulated-weeks": lambda _: simulated(Step.WEEK),
    "simulated-months": lambda _: simulated(Step.MONTH),
}


def main(arguments: list[str] | None = None) -> None:
    """Print a table of all data sets, and the validation loss over the training."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pretrained",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", nargs="*", choices=[*DATA, []], help="all of them by default")
    parser.add_argument("--model", type=Path, default=FILE.parent, help="folder of the network")
    parser.add_argument("--tables", type=Path, default=_TABLES, help="folder of the public tables")
    given = parser.parse_args(arguments)
    model = PretrainedModel.open(given.model / FILE.name)
    table = Table(
        "data",
        "target",
        "pretrained",
        "last value",
        "last season",
        "covers 80",
        "covers 95",
        box=box.MARKDOWN,
    )
    for name in given.data or DATA:
        _add_rows(table, DATA[name](given.tables), model)
    Console(width=120).print(table)
    document = json.loads((given.model / FILE.with_suffix(".json").name).read_text())
    for entry in document["curve"]:
        print(f"step {entry['step']}: loss {entry['loss']:.4f} on held-out simulated lines")


def _add_rows(table: Table, data: DataSet, model: PretrainedModel) -> None:
    """WAPE of the medians, and coverage of the intervals with its standard error, in percent."""
    methods = [ZeroShot(model), Naive(seasonal=False), Naive(seasonal=True)]
    judged = [scores.judge(data, run(method, data)) for method in methods]
    for target in TARGETS:
        if target not in judged[0]["wape"]:
            continue
        errors = [f"{100 * score['wape'][target]['all']:.2f}" for score in judged]
        intervals = judged[0]["intervals"][target]
        sums = judged[0]["blocks"][target]
        for level in map(str, BOUNDS):
            covered = 100 * intervals[level]["coverage"]["all"]
            inside, known = np.array(sums["inside"][level]["all"]), np.array(sums["known"]["all"])
            error = ratio_error(inside, known)
            errors.append(f"{covered:.1f} ± {100 * error:.1f}" if error else f"{covered:.1f}")
        table.add_row(data.name, target, *errors)


if __name__ == "__main__":
    main()
