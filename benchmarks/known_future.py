"""Forecasts with and without what is known ahead, by data set: WAPE of WIP, throughput, cycle time.

python -m benchmarks.known_future                      generated data of three seeds, hospital
python -m benchmarks.known_future generated --seed 5 6 --epochs 50
python -m benchmarks.known_future hospital

A model is trained on the first 80 % of the time and forecasts 28 days from every 14th day after it.
The releases of these days, which chose nothing, are given as the plan: as they came, or 20 % wrong
(each day by a factor whose logarithm has a standard deviation of 0.2; so are plans of the past).

"differences" compares two plans: the one as it came, and one with a fifth more releases and, from
the eighth day on, half of the capacity. The truth is the generator's flow with both plans, whose
constants follow from all of its rows; the error of the difference is relative to that of the
forecast without a plan.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.accuracy.datasets import DataSet, regular, stays
from models.data_generator import PlantSpec, generate
from models.forecast.forecaster import Forecaster, History
from models.forecast.line_history import flow_of
from models.forecast.reconciliation import place_in_season
from models.registry.hyperparameters import Hyperparameters
from models.registry.registry import Registry
from models.series.known_inputs import CAPACITY, PLANNED_RELEASES, RELEASES, KnownInputs
from models.series.panel import TARGETS, Panel
from models.training.train import train as train_model
from utils.api.schemas.synthetic_data import PlantFields

Floats = NDArray[np.float64]

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
_WRONG = 0.2  # standard deviation of the logarithm of a wrong plan
_EVERY, _HORIZON = 14, 28  # days
_HOSPITAL_FIRST = 28  # days that `stays` leaves out
_MORE, _CAPACITY, _FROM = 1.2, 0.5, 7  # of the other plan: releases, capacity, and its first day


@dataclass(frozen=True)
class Case:
    """A data set with the releases of all of its rows.

    Attributes:
        releases: of the rows of the panel, [rows].
        plans: as they were planned, [rows]; None: as they came.
        judged: numbers of the series whose errors count.
    """

    data: DataSet
    releases: Floats
    plans: Floats | None
    judged: list[int]


def generated(seed: int) -> tuple[DataSet, Floats]:
    """Return the generator's default data of a seed, and its releases, [rows]."""
    fields = PlantFields()
    names = tuple(fields.plants), tuple(fields.applications), tuple(fields.panel_sizes)
    amounts = fields.base_wip, fields.base_throughput, fields.seasonality, fields.noise_level
    blocks = list(generate(PlantSpec(*names, fields.historical_days, *amounts, seed)))
    keys = [key for block in blocks for key in block.series_keys]
    columns = {
        name: np.vstack([block.columns[name] for block in blocks]) for name in (*TARGETS, RELEASES)
    }
    values = np.stack([columns[name] for name in TARGETS], axis=-1)
    data = DataSet.of(f"generated, seed {seed}", regular(keys, values))
    return data, columns[RELEASES].ravel()


def hospital(path: Path) -> tuple[DataSet, Floats, list[int]]:
    """Return the daily series of a table of stays, their arrivals, and the outpatients' numbers."""
    data, rows = stays(path, "hospital"), pd.read_csv(path, dtype=str)
    panel, arrivals = data.panel, []
    begun = pd.to_datetime(rows["start"], format="ISO8601").to_numpy().astype("datetime64[D]")
    names = rows.columns.drop(["unit", "start", "finish"]).tolist()
    for s, key in enumerate(panel.series_keys):
        own = np.all([rows[name] == value for name, value in zip(names, key[1:], strict=True)], 0)
        day = begun[own].astype(np.int64) - int(panel.first[s])
        inside = day[(day >= 0) & (day < panel.lengths[s])]
        arrivals.append(np.bincount(inside, minlength=int(panel.lengths[s])))
    out = [s for s, key in enumerate(panel.series_keys) if key[1] == "Outpatient"]
    return data, np.concatenate(arrivals).astype(float), out


def cases(kinds: list[str], seeds: list[int], path: Path) -> Iterator[tuple[str, Case]]:
    """Yield the rows of the table."""
    if "generated" in kinds:
        for seed in seeds:
            data, releases = generated(seed)
            every = list(range(len(data.panel.series_keys)))
            yield data.name, Case(data, releases, None, every)
            yield f"{data.name}, plans 20 % wrong", Case(data, releases, _wrong(releases), every)
    if "hospital" in kinds:
        data, arrivals, outpatients = hospital(path)
        yield "hospital, outpatients", Case(data, arrivals, None, outpatients)
        wrong = Case(data, arrivals, _wrong(arrivals), outpatients)
        yield "hospital, outpatients, plans 20 % wrong", wrong


def _wrong(releases: Floats) -> Floats:
    rng = np.random.default_rng(len(releases))
    return releases * np.exp(_WRONG * rng.standard_normal(len(releases)))


def compare(case: Case, epochs: int) -> dict[str, Floats]:
    """Return the WAPE of each target without and with plans, [3] each, and of differences."""
    panel, cut = case.data.panel, case.data.cut
    known = {RELEASES: case.releases}
    known |= {} if case.plans is None else {PLANNED_RELEASES: case.plans}
    whole = replace(panel, known=known)
    with TemporaryDirectory() as folder:
        registry, id = Registry(folder, 1), str(uuid4())
        train_model(_until(whole, cut), Hyperparameters(epochs=epochs), 1, registry.store, id, {})
        forecaster = registry.open(id)
        end = int((panel.first + panel.lengths).min())
        origins = range(cut, end - _HORIZON + 1, _EVERY)
        found = [_from_origin(forecaster, whole, case, origin) for origin in origins]
    truth, without, planned, gained, difference = (np.stack(p) for p in zip(*found, strict=True))
    return {
        "without": _wape(truth, without),
        "with": _wape(truth, planned),
        "difference": np.abs(difference - gained).mean(axis=(0, 1, 2))
        / np.abs(truth - without).mean(axis=(0, 1, 2)),
    }


def _from_origin(
    forecaster: Forecaster, panel: Panel, case: Case, origin: int
) -> tuple[Floats, ...]:
    """Truth, forecasts without and with plans, the true and the forecast difference of two plans.

    All [S', H, 3].
    """
    past, ahead = _until(panel, origin), slice(0, _HORIZON)
    plans = case.releases if case.plans is None else case.plans
    found = []
    flow = flow_of(panel, int(panel.time.max()) + 1)
    for s in case.judged:
        begin, end = past.offsets[s], past.offsets[s + 1]
        row = int(panel.offsets[s] + end - begin)
        rows = panel.values[row : row + _HORIZON]
        columns = {name: column[begin:end] for name, column in past.known.items()}
        history = History(past.series_keys[s], past.filled()[begin:end], origin - 1, known=columns)
        plan = plans[row : row + _HORIZON]
        share = np.where(np.arange(_HORIZON) < _FROM, 1.0, _CAPACITY)
        others = {RELEASES: _MORE * plan, CAPACITY: share}
        without = forecaster.forecast(history, _HORIZON).values[0]
        planned, other = (
            forecaster.forecast(history._replace(ahead=KnownInputs(known)), _HORIZON).values[0]
            for known in ({RELEASES: plan}, others)
        )
        start = flow.select(np.array([s]))
        released = case.releases[row : row + _HORIZON][None]
        last, places = (
            history.rows[None, -1],
            place_in_season(panel.calendar, origin + np.arange(_HORIZON)[None]),
        )
        inside = start.start(last, case.releases[[row - 1]])
        true = [
            np.stack(start.roll(inside, factor * released, places, one)[:2], axis=-1)[0]
            for factor, one in ((1.0, np.ones((1, _HORIZON))), (_MORE, share[None]))
        ]
        gained = np.column_stack([true[1] - true[0], np.full(_HORIZON, np.nan)])
        found.append((rows[ahead], without, planned, gained, other - planned))
    return tuple(np.stack(part) for part in zip(*found, strict=True))


def _until(panel: Panel, step: int) -> Panel:
    """The rows of every series before a step, with their known columns."""
    early = panel.time < step
    lengths = np.clip(step - panel.first, 0, panel.lengths)
    return replace(
        panel,
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        values=panel.values[early],
        known={name: column[early] for name, column in panel.known.items()},
    )


def _wape(truth: Floats, forecast: Floats) -> Floats:
    known = ~np.isnan(truth)
    wrong = np.where(known, np.abs(truth - forecast), 0.0).sum(axis=(0, 1, 2))
    return np.asarray(wrong / np.where(known, np.abs(truth), 0.0).sum(axis=(0, 1, 2)))


def main(arguments: list[str] | None = None) -> None:
    """Print a row for each data set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="*", default=["generated", "hospital"])
    parser.add_argument("--seed", nargs="+", type=int, default=[11, 12, 13])
    parser.add_argument("--epochs", type=int, default=10, help="of the LSTM (10)")
    parser.add_argument("--hospital", type=Path, default=_SHARED / "hospital_stays.csv")
    given = parser.parse_args(arguments)
    print(
        "| WIP / TH / CT | without | with | ratio | differences |\n|---|---|---|---|---|",
        flush=True,
    )
    for name, case in cases(given.data, given.seed, given.hospital):
        print(f"{name} …", file=sys.stderr, flush=True)
        found = compare(case, given.epochs)
        ratio = found["with"] / found["without"]
        cells = [_cell(found["without"], 4), _cell(found["with"], 4), _cell(ratio, 3)]
        is_exact = name.startswith("generated") and case.plans is None
        cells.append(_cell(found["difference"][:2], 3) if is_exact else "–")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def _cell(figures: Floats, digits: int) -> str:
    return " / ".join(f"{figure:.{digits}f}" for figure in figures)


if __name__ == "__main__":
    main()
