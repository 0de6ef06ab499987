"""Zero-shot forecasts beside naive ones: `python -m benchmarks.pretrained`.

Rolling origins over the last 20 % of each data set: of days horizon 28 every 7, of months horizon
12 every month. The network was trained on simulated lines alone; the simulated lines here are of
seeds that no training draws from.

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
from benchmarks.accuracy.datasets import DataSet
from benchmarks.accuracy.protocol import Forecast, run
from models.forecast.pretrained import BOUNDS, FILE, MEDIAN, PretrainedModel
from models.forecast.pretrained_inputs import SHAPES
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
_SIMULATED_SEED = 20_261_129  # trainings draw from [seed, 0] and [seed, 1]


class ZeroShot:
    """The medians and intervals of the pretrained network."""

    settings = None

    def __init__(self, model: PretrainedModel) -> None:
        self._model = model
        self._horizon = 1

    def fit(self, train: Panel, horizon: int) -> None:
        """Learn nothing."""
        self._horizon = horizon

    def forecast(self, past: Panel) -> Forecast:
        """Forecast what follows a panel."""
        step = past.calendar.step
        # A target of which no value is known yet is taken as zero, as by the naive forecasts.
        quantiles = np.nan_to_num(self._model.quantiles(last_rows(past), step, self._horizon))
        lower = {level: quantiles[..., low] for level, (low, _) in BOUNDS.items()}
        upper = {level: quantiles[..., high] for level, (_, high) in BOUNDS.items()}
        return Forecast(quantiles[..., MEDIAN], lower, upper)


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


def last_rows(panel: Panel) -> Floats:
    """Return the last rows of every series, as many as the network uses, [S, length, 3]."""
    length = SHAPES[panel.calendar.step].look_back
    found = np.full((len(panel.series_keys), length, 3), np.nan)
    for s, (begin, end) in enumerate(zip(panel.offsets[:-1], panel.offsets[1:], strict=True)):
        rows = panel.values[max(begin, end - length) : end]
        found[s, length - len(rows) :] = rows
    return found


def hospital(tables: Path) -> DataSet:
    """Daily census, discharges and mean stay of the discharged, by kind and area."""
    table = np.genfromtxt(
        tables / "hospital_stays.csv", dtype=str, delimiter=",", skip_header=1, encoding="utf-8"
    )
    start, finish = table[:, 1].astype("datetime64[D]"), table[:, 2].astype("datetime64[D]")
    first, last = start.min(), start.max()
    finish = np.where(np.isnat(finish), last + 1, finish)  # not discharged yet
    count = int((last - first).astype(int)) + 1

    def daily(days: np.ndarray, weights: np.ndarray | None = None) -> Floats:
        place = np.minimum((days - first).astype(int), count)  # later than the last day: left out
        return np.bincount(place, weights, count + 1)[:count].astype(float)

    kinds = sorted({(str(kind), str(area)) for kind, area in table[:, 3:5]})
    found = []
    for kind, area in kinds:
        own = (table[:, 3] == kind) & (table[:, 4] == area)
        finished = daily(finish[own])
        stays = daily(finish[own], (finish - start)[own].astype(float))
        mean = np.divide(stays, finished, out=np.full(count, np.nan), where=finished > 0)
        found.append(np.stack([np.cumsum(daily(start[own]) - finished), finished, mean], axis=-1))
    keys = [(kind, area, "all") for kind, area in kinds]
    panel = _panel(Step.DAY, keys, np.stack(found), int(first.astype(np.int64)))
    return DataSet.of("hospital, daily", panel)


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
    "hospital": hospital,
    "noise": lambda _: datasets.noise(1),
    "walk": lambda _: datasets.walk(1),
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
    """WAPE of the medians and coverage of the intervals, in percent."""
    methods = [ZeroShot(model), Naive(seasonal=False), Naive(seasonal=True)]
    judged = [scores.judge(data, run(method, data)) for method in methods]
    for target in TARGETS:
        if target not in judged[0]["wape"]:
            continue
        errors = [f"{100 * score['wape'][target]['all']:.2f}" for score in judged]
        intervals = judged[0]["intervals"][target]
        covered = [f"{100 * intervals[str(level)]['coverage']['all']:.1f}" for level in BOUNDS]
        table.add_row(data.name, target, *errors, *covered)


if __name__ == "__main__":
    main()
