"""Finish dates by trained models, held to what came: `python -m benchmarks.planning.finish_dates`.

A model is trained on the first part of each data set with default settings. From later origins come
orders of so many steps of recent output, as `POST /api/plan/finish` answers them from 1,000 paths.
Dates are whole steps, by which promises are kept more often than by their share. So a finish in a
step that some paths share counts with the part of their shares that lies within the interval (the
nonrandomised form of randomised counting: C. Czado, T. Gneiting & L. Held, "Predictive model
assessment for count data", Biometrics 65, 2009). Days are independent where each day of a path is
taken from another path. Orders that overlap share their luck, and so do the lines of a day:
standard errors are of blocks of time as long as the horizon, taken as independent (clusters).

    >>> before, by = np.array([0.2, 0.85, 0.95]), np.array([0.4, 0.95, 1.0])
    >>> part_within(before, by, 0.1, 0.9).round(2).tolist()
    [1.0, 0.5, 0.0]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid5

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import datasets
from benchmarks.accuracy.datasets import DataSet, until
from models.forecast.forecaster import Forecaster, History
from models.planning.finish import LinePaths, Order, finish_steps
from models.registry.hyperparameters import Hyperparameters
from models.registry.registry import Registry
from models.series.calendar import Step
from models.series.panel import Panel
from utils.storage.artifact_reader import DOCUMENT

Floats = NDArray[np.float64]

_TABLES = Path(__file__).resolve().parents[3] / "shared" / "data"
_LENGTHS = {Step.DAY: (3, 7, 14, 25), Step.WEEK: (2, 4, 8), Step.MONTH: (2, 4, 8)}  # of an order
_PATHS = 1000
_SHARES = (0.5, 0.8, 0.9, 0.95)
_HELD_BACK = 0.2  # of the span, after a cut that was asked for
_APART = 1000  # blocks of time; more than a data set has
_STRETCH = 1.6  # of the length of an order: steps that must be known after its origin
DATA = {
    "generated1": lambda _: datasets.generated(1),
    "generated2": lambda _: datasets.generated(2),
    "m3": lambda tables: datasets.table(tables / "m3_monthly.csv", "M3, monthly", 24),
    "itsm": lambda tables: datasets.table(tables / "itsm_daily.csv", "ITSM, daily"),
    "hospital": lambda tables: datasets.stays(tables / "hospital_stays.csv", "hospital"),
    "noise": lambda _: datasets.noise(1),
    "walk": lambda _: datasets.walk(1),
}


class Chances(NamedTuple):
    """Shares of the paths, of n orders.

    Attributes:
        block: of time that the order began in, a number, [n].
        length: of each order, in steps of recent output, [n].
        before, by: that are through before the step in which it was finished, and by it, [n].
        single: the same two if all steps were independent, [2, n].
    """

    block: NDArray[np.int64]
    length: NDArray[np.int64]
    before: Floats
    by: Floats
    single: Floats

    def chosen(self, own: NDArray[np.bool_]) -> Chances:
        """Return those of some orders."""
        single = self.single[:, own]
        return Chances(self.block[own], self.length[own], self.before[own], self.by[own], single)


def part_within(before: Floats, by: Floats, low: float, high: float) -> Floats:
    """Return the part of the shares from `before` to `by` between two others, 0 to 1, [n]."""
    inside = np.minimum(by, high) - np.maximum(before, low)
    width = by - before
    at = ((before >= low) & (before < high)).astype(float)  # no path finished in that very step
    return np.divide(np.maximum(inside, 0.0), width, out=at, where=width > 0)


def chances(data: DataSet, forecaster: Forecaster) -> Chances:
    """Return the chances of all orders on a data set."""
    rows = [
        ((origin - data.cut) // data.pace.horizon, *row)
        for origin in data.origins.tolist()
        for row in _rows(data, forecaster, origin)
    ]
    block, length, before, by, *single = (np.array(column) for column in zip(*rows, strict=True))
    return Chances(block, length, before, by, np.stack(single))


def standard_error(part: Floats, block: NDArray[np.int64]) -> float:
    """Return the standard error of a mean whose values are alike within blocks, in its own unit.

    NaN for a single block.

    >>> standard_error(np.array([1.0, 1.0, 0.0, 0.0]), np.array([0, 0, 1, 1]))
    0.5
    """
    sums = np.bincount(np.unique(block, return_inverse=True)[1], part - part.mean())
    if len(sums) < 2:
        return float("nan")
    return float(np.sqrt((sums**2).sum() * len(sums) / (len(sums) - 1)) / len(part))


def _rows(data: DataSet, forecaster: Forecaster, origin: int) -> Iterator[tuple[float, ...]]:
    """Yield length and shares of the orders of one origin whose end lies within the data."""
    panel, output = data.panel, data.panel.filled()[:, 1]
    known = panel.first + panel.lengths - origin
    lengths = [n for n in _LENGTHS[panel.calendar.step] if n * _STRETCH <= known.max()]
    if not lengths:
        return
    paths = _paths(until(panel, origin), forecaster, 2 * max(lengths))
    draw = np.random.default_rng(origin)
    for s, left in enumerate(known.tolist()):
        at = panel.offsets[s + 1] - left
        usual = output[max(panel.offsets[s], at - data.pace.horizon) : at].mean()
        came = output[at : at + min(left, paths.shape[2])]
        shuffled = draw.permuted(paths[s], axis=0)
        for length in lengths:
            if length * _STRETCH <= left and usual > 0:
                shares = (_shares(own, came, length * usual) for own in (paths[s], shuffled))
                yield length, *chain.from_iterable(shares)


def _shares(paths: Floats, came: Floats, quantity: float) -> tuple[float, float]:
    """Shares of paths through before the step in which a quantity was out, and by it."""
    real, steps = (
        finish_steps(LinePaths(output, np.zeros((len(output), 1))), [Order(quantity)])[0]
        for output in (came[None], paths)
    )
    return float((steps < real).mean()), float((steps <= real).mean())


def _paths(past: Panel, forecaster: Forecaster, steps: int) -> Floats:
    """Sample paths of the throughput of each series, [S, K, steps]."""
    filled, last = past.filled(), past.first + past.lengths - 1
    ends = zip(past.series_keys, past.offsets[:-1], past.offsets[1:], strict=True)
    histories = [
        History(key, filled[begin:end], int(last[s]), past.calendar_of(s))
        for s, (key, begin, end) in enumerate(ends)
    ]
    found = forecaster.forecast_all(histories, steps, _PATHS).paths
    if found is None:
        raise ValueError("The model has no sample paths: its errors were not measured.")
    return found[..., 1]


def model_of(data: DataSet, folder: Path) -> Forecaster:
    """Return the model of a data set, trained unless the folder has it already."""
    from models.training.train import train  # loads TensorFlow

    registry, name = Registry(folder, 1), str(uuid5(NAMESPACE_URL, data.name))
    if name not in registry.store.stems(DOCUMENT):
        train(data.train, Hyperparameters(), 1, registry.store, name, {})
    return registry.open(name).forecaster


def at_cut(data: DataSet, share: float, every: int | None) -> DataSet:
    """Return the data set with a share of its span before the cut, and the next 20 % after it.

    Args:
        every: steps between origins; None: those of the pace.
    """
    first, end = int(data.panel.first.min()), int((data.panel.first + data.panel.lengths).max())
    span = end - first
    stop = min(end, first + round((share + _HELD_BACK) * span))
    part = until(data.panel, stop)
    found = DataSet.of(f"{data.name}, first {share:.0%}", part, stop - first - round(share * span))
    return found if every is None else replace(found, steps=tuple(range(found.cut, stop, every)))


def pooled(parts: Sequence[Chances]) -> Chances:
    """Return the chances of several cuts, whose blocks of time are told apart."""
    return Chances(
        np.concatenate([part.block + number * _APART for number, part in enumerate(parts)]),
        np.concatenate([part.length for part in parts]),
        np.concatenate([part.before for part in parts]),
        np.concatenate([part.by for part in parts]),
        np.concatenate([part.single for part in parts], axis=1),
    )


def _row(name: str, found: Chances) -> str:
    within = part_within(found.before, found.by, 0.1, 0.9)
    parts = [part_within(*found.single, 0.1, 0.9)]
    parts += [part_within(found.before, found.by, 0.0, share) for share in _SHARES]
    error = 100 * standard_error(within, found.block)
    figures = [str(len(found.by)), f"{100 * within.mean():.0f} ± {error:.0f}"]
    figures += [f"{100 * part.mean():.0f}" for part in parts]
    return f"| {name} | {' | '.join(figures)} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table of all data sets."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.planning.finish_dates", description=__doc__
    )
    parser.add_argument("data", nargs="*", choices=[*DATA, []], help="all of them by default")
    parser.add_argument("--models", type=Path, help="folder to keep the trained models in")
    parser.add_argument("--tables", type=Path, default=_TABLES, help="folder of the public tables")
    parser.add_argument(
        "--cuts", nargs="*", type=float, help="shares of the span that a model is trained on each"
    )
    parser.add_argument("--every", type=int, help="steps between origins, with cuts")
    given = parser.parse_args(arguments)
    print("| data | orders | 80 % interval | independent steps | p50 | p80 | p90 | p95 |")
    print("|---|---|---|---|---|---|---|---|")
    with TemporaryDirectory() as folder:
        for name in given.data or DATA:
            whole = DATA[name](given.tables)
            cuts = [at_cut(whole, share, given.every) for share in given.cuts or ()]
            parts = []
            for data in cuts or [whole]:
                parts.append(chances(data, model_of(data, given.models or Path(folder))))
                print(_row(data.name, parts[-1]), flush=True)
            found = pooled(parts)
            if cuts:
                print(_row(f"{whole.name}, {len(cuts)} cuts", found), flush=True)
            for length in np.unique(found.length):
                some = found.chosen(found.length == length)
                print(_row(f"… of {length:.0f} {whole.panel.calendar.step}s", some), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
