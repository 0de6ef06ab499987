"""Forecasts with and without what is known ahead, by data set: WAPE of WIP, throughput, cycle time.

python -m benchmarks.known_future                      generated data of three seeds, hospital
python -m benchmarks.known_future generated --seed 5 6 --epochs 50
python -m benchmarks.known_future hospital

A model is trained on the first 80 % of the time and forecasts 28 days from every 14th day after it.
The releases of these days, which chose nothing, are given as the plan: as they came, or 20 % wrong
(each day by a factor whose logarithm has a standard deviation of 0.2). Plans of the past are known
to the training (with the same errors), or not.

On generated data, the differences between two plans follow: `benchmarks.plan_differences` runs the
generator again with other releases, less capacity, and a breakdown. Their mean absolute error is
relative to that of the forecast without a plan; 0.5 is wanted at most.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.accuracy.datasets import DataSet, regular, stays
from benchmarks.plan_differences import OTHER_PLANS, OtherPlan, true_difference
from models.data_generator import PlantSpec, generate
from models.forecast.forecaster import Forecaster, History
from models.registry.hyperparameters import Hyperparameters
from models.registry.registry import Registry
from models.series.known_inputs import PLANNED_RELEASES, RELEASES, KnownInputs
from models.series.panel import TARGETS, Panel
from models.training.train import train as train_model
from utils.api.schemas.synthetic_data import PlantFields

Floats = NDArray[np.float64]
Known = Callable[[Floats], KnownInputs]  # of steps, by their releases

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
_WRONG = 0.2  # standard deviation of the logarithm of a wrong plan
_EVERY, _HORIZON = 14, 28  # days


@dataclass(frozen=True)
class Case:
    """A data set with the releases of all of its rows.

    Attributes:
        releases: of the rows of the panel, [rows].
        judged: numbers of the series whose errors count.
        spec: of generated data, whose lines can run with another plan; None: other data.
    """

    data: DataSet
    releases: Floats
    judged: list[int]
    spec: PlantSpec | None = None


def generated(seed: int) -> Case:
    """Return the generator's default data of a seed, and its releases."""
    fields = PlantFields()
    names = tuple(fields.plants), tuple(fields.applications), tuple(fields.panel_sizes)
    amounts = fields.base_wip, fields.base_throughput, fields.seasonality, fields.noise_level
    spec = PlantSpec(*names, fields.historical_days, *amounts, seed)
    blocks = list(generate(spec))
    keys = [key for block in blocks for key in block.series_keys]
    columns = {
        name: np.vstack([block.columns[name] for block in blocks]) for name in (*TARGETS, RELEASES)
    }
    values = np.stack([columns[name] for name in TARGETS], axis=-1)
    data = DataSet.of(f"generated, seed {seed}", regular(keys, values))
    return Case(data, columns[RELEASES].ravel(), list(range(len(keys))), spec)


def hospital(path: Path) -> Case:
    """Return the daily series of a table of stays and their arrivals; outpatients are judged."""
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
    return Case(data, np.concatenate(arrivals).astype(float), out)


def cases(kinds: list[str], seeds: list[int], path: Path) -> Iterator[Case]:
    """Yield the data sets."""
    if "generated" in kinds:
        yield from map(generated, seeds)
    if "hospital" in kinds:
        yield hospital(path)


def _wrong(releases: Floats) -> Floats:
    rng = np.random.default_rng(len(releases))
    return releases * np.exp(_WRONG * rng.standard_normal(len(releases)))


@contextmanager
def trained(case: Case, known: dict[str, Floats], epochs: int) -> Iterator[Trained]:
    """Provide a model of the first 80 % of the time, with some known columns."""
    panel, cut = replace(case.data.panel, known=known), case.data.cut
    with TemporaryDirectory() as folder:
        registry, id = Registry(folder, 1), str(uuid4())
        train_model(_until(panel, cut), Hyperparameters(epochs=epochs), 1, registry.store, id, {})
        end = int((panel.first + panel.lengths).min())
        origins = list(range(cut, end - _HORIZON + 1, _EVERY))
        yield Trained(registry.open(id).forecaster, panel, case.judged, origins)


@dataclass(frozen=True)
class Trained:
    """A model, and the origins that it is judged from.

    Attributes:
        panel: all rows.
        judged: numbers of the series.
    """

    forecaster: Forecaster
    panel: Panel
    judged: list[int]
    origins: list[int]

    def rows(self, column: Floats) -> Floats:
        """Return a column of the steps after each origin, [origins, S', H, …]."""
        begins = [[self._row(s, origin) for s in self.judged] for origin in self.origins]
        return np.asarray(column[np.array(begins)[..., None] + np.arange(_HORIZON)])

    def forecasts(self, plan: Known, releases: Floats, baseline: Known | None = None) -> Floats:
        """Return the forecasts with a plan from each origin, in units, [origins, S', H, 3].

        Args:
            plan: what is known of the steps ahead, by their releases [H].
            releases: of all rows.
            baseline: of scenarios: the plan that theirs differ from.
        """
        found = []
        for origin, ahead in zip(self.origins, self.rows(releases), strict=True):
            histories = [
                self._history(s, origin)._replace(
                    ahead=plan(own), baseline=KnownInputs() if baseline is None else baseline(own)
                )
                for s, own in zip(self.judged, ahead, strict=True)
            ]
            found.append(self.forecaster.forecast_all(histories, _HORIZON).values)
        return np.stack(found)

    def _row(self, series: int, origin: int) -> int:
        return int(self.panel.offsets[series] + origin - self.panel.first[series])

    def _history(self, series: int, origin: int) -> History:
        past = _until(self.panel, origin)
        own = slice(past.offsets[series], past.offsets[series + 1])
        columns = {name: column[own] for name, column in past.known.items()}
        return History(past.series_keys[series], past.filled()[own], origin - 1, known=columns)


def compare(case: Case, epochs: int) -> Iterator[tuple[str, Floats, Floats]]:
    """Yield the names of rows, and the WAPE of each target without and with plans, [3] each."""
    right, wrong = case.releases, _wrong(case.releases)

    def known(releases: Floats) -> KnownInputs:
        return KnownInputs({RELEASES: releases})

    with trained(case, {RELEASES: right}, epochs) as model:
        truth = model.rows(model.panel.values)
        without = model.forecasts(lambda _: KnownInputs(), right)
        for name, plan in (("right", right), ("20 % wrong", wrong)):
            with_plan = model.forecasts(known, plan)
            yield f"{name}, no past plans", _wape(truth, without), _wape(truth, with_plan)
        if case.spec is not None:
            yield from _differences(case.spec, model, right, np.abs(truth - without))
    with trained(case, {RELEASES: right, PLANNED_RELEASES: wrong}, epochs) as model:
        without = model.forecasts(lambda _: KnownInputs(), right)
        with_plan = model.forecasts(known, wrong)
        yield "20 % wrong, as past plans", _wape(truth, without), _wape(truth, with_plan)
        if case.spec is not None:
            yield from _differences(case.spec, model, wrong, np.abs(truth - without))


def _differences(
    spec: PlantSpec, model: Trained, releases: Floats, usual: Floats
) -> Iterator[tuple[str, Floats, Floats]]:
    """Yield the errors of differences between plans in place of those with a plan.

    Both as shares of the mean throughput, as all figures of a row.
    """
    usual_plan = OtherPlan("").known
    planned = model.forecasts(usual_plan, releases)
    level = np.abs(model.rows(model.panel.values)).mean(axis=(0, 1, 2))
    for plan in OTHER_PLANS:
        first = int(model.panel.first[0])
        true = [true_difference(spec, plan, o - first, _HORIZON) for o in model.origins]
        found = model.forecasts(plan.known, releases, usual_plan) - planned
        off = np.abs(found - np.stack(true)[:, model.judged])
        yield (
            f"difference: {plan.name}",
            *(each.mean(axis=(0, 1, 2)) / level for each in (usual, off)),
        )


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
    """Print a row for each data set and plan."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="*", default=["generated", "hospital"])
    parser.add_argument("--seed", nargs="+", type=int, default=[11, 12, 13])
    parser.add_argument("--epochs", type=int, default=10, help="of the LSTM (10)")
    parser.add_argument("--hospital", type=Path, default=_SHARED / "hospital_stays.csv")
    given = parser.parse_args(arguments)
    print("| data | plan | without | with | ratio |\n|---|---|---|---|---|", flush=True)
    for case in cases(given.data, given.seed, given.hospital):
        for name, without, found in compare(case, given.epochs):
            cells = [_cell(without, 4), _cell(found, 4), _cell(found / without, 3)]
            print(f"| {case.data.name} | {name} | {' | '.join(cells)} |", flush=True)


def _cell(figures: Floats, digits: int) -> str:
    return " / ".join(f"{figure:.{digits}f}" for figure in figures)


if __name__ == "__main__":
    main()
