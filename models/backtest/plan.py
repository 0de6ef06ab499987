"""What a backtest goes through: which series, from which origins, and what the model has seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from models.forecast.forecaster import Forecaster
from models.forecast.naive import SEASONS
from models.registry.model_document import ModelDocument
from models.series.calendar import Calendar, day_number
from models.series.panel import SERIES_FIELDS, Panel
from models.training.prepare import HORIZONS
from utils.api.schemas import BacktestRequest
from utils.errors import InvalidInput

Ints = NDArray[np.int64]

_NAMED = 20  # series that a warning names


class Part(StrEnum):
    """What a model knows of the steps that follow an origin."""

    TRAINING = "training"
    JUDGED = "judged"
    CALIBRATION = "calibration"
    NEW = "new"
    UNKNOWN = "unknown"


MEANING = {
    Part.TRAINING: "The model learned from these steps: it is better here than on days to come.",
    Part.JUDGED: "Held back from the network, which was judged by these steps; the published "
    "anchor was fitted with them.",
    Part.CALIBRATION: "Held back from the network; the intervals were calibrated on these steps, "
    "and the published anchor was fitted with them.",
    Part.NEW: "After all that the model has seen.",
    Part.UNKNOWN: "It is not known whether the model has seen these steps.",
}


@dataclass(frozen=True)
class Split:
    """The first steps of the parts that follow the training span."""

    held_back: int
    calibration: int
    new: int

    @classmethod
    def of(cls, document: ModelDocument, calendar: Calendar) -> Split | None:
        """As a model's document states it; None where it does not (a legacy model)."""
        stated = document.split
        if stated is None:
            return None

        def step(day: str) -> int:
            return int(calendar.index(np.array([day_number(date.fromisoformat(day))]))[0])

        new = step(stated.last_date) + 1
        calibration = step(stated.calibration_from) if stated.calibration_from else new
        return cls(step(stated.held_back_from), calibration, new)

    def part(self, step: int) -> Part:
        """The part that a step lies in."""
        if step < self.held_back:
            return Part.TRAINING
        if step < self.calibration:
            return Part.JUDGED
        return Part.CALIBRATION if step < self.new else Part.NEW


@dataclass(frozen=True)
class Plan:
    """The roll-outs of a backtest.

    `numbers` [S] are the numbers that the model knows the panel's series by; −1: it does not.
    `origins` [O] are the first steps forecast, each in one of `parts`. The training span ends
    before step `trained`: it, or the past of the first origin, gives the scale of MASE; all of
    the data where it is not known.
    """

    panel: Panel
    numbers: Ints
    length: int
    origins: Ints
    parts: list[Part]
    trained: int
    horizon: int
    warnings: list[str]

    @property
    def season(self) -> int:
        """Steps of a season."""
        return SEASONS[self.panel.calendar.step]

    def pairs(self) -> tuple[Ints, Ints]:
        """Every roll-out, origin by origin: numbers of its origin and of its series."""
        return _pairs(self.panel, self.length, self.origins)


def plan(
    forecaster: Forecaster, document: ModelDocument, panel: Panel, asked: BacktestRequest
) -> Plan:
    """What to go through in a panel.

    Raises:
        InvalidInput: the data does not fit the model, or holds nothing to judge it by.
    """
    step = forecaster.calendar.step
    if panel.calendar.step is not step:
        rule = f"must have its rows a {step} apart, as the model's are"
        raise InvalidInput.of("datasetId", rule, f"a {panel.calendar.step} apart")
    panel = _chosen(panel, asked, document.plant)
    length = forecaster.encoding.length
    panel, numbers, warnings = _usable(forecaster, panel, length)
    horizon = asked.horizon or HORIZONS[step]
    split = Split.of(document, panel.calendar)
    origins = _origins(panel, length, split, asked, horizon)
    if origins[-1] + horizon > int((panel.first + panel.lengths).max()):
        warnings.append(
            f"The data ends less than {horizon} steps after the origins: the farther a horizon, "
            "the fewer forecasts judge it."
        )
    parts = [Part.UNKNOWN if split is None else split.part(int(o)) for o in origins]
    end = int((panel.first + panel.lengths).max())
    trained = end if split is None else max(int(origins[0]), split.held_back)
    return Plan(panel, numbers, length, origins, parts, trained, horizon, warnings)


def _chosen(panel: Panel, asked: BacktestRequest, plant: str | None) -> Panel:
    """The series that are asked for; of the plant that the model is of, if it is of one."""
    wanted = (asked.plant or plant, asked.application, asked.panel_size)
    keep = [
        s
        for s, key in enumerate(panel.series_keys)
        if all(want in (None, name) for want, name in zip(wanted, key, strict=True))
    ]
    if not keep:
        known = {key[0] for key in panel.series_keys}
        if asked.plant is None and plant not in {None, *known}:
            rule = f"must hold rows of {plant}, the plant of the model"
            raise InvalidInput.of("datasetId", f"{rule}; it has {', '.join(sorted(known))}", plant)
        every = np.ones(len(panel.series_keys), bool)
        given = {
            kind: name for kind, name in zip(SERIES_FIELDS, wanted, strict=True) if name is not None
        }
        field = {"panel_size": "panelSize"}.get(next(iter(given)), next(iter(given)))
        raise InvalidInput.of(
            field,
            f"must choose a series of the data set, which are {_listed(panel, every)}",
            " / ".join(given.values()),
        )
    return panel.select(keep)


def _usable(forecaster: Forecaster, panel: Panel, length: int) -> tuple[Panel, Ints, list[str]]:
    """The series that can be forecast, the model's numbers of them, and what is to be said."""
    numbers = np.array(
        [-1 if (n := forecaster.number(key)) is None else n for key in panel.series_keys], np.int64
    )
    short, cold = panel.lengths <= length, numbers < 0
    left_out = short | (cold & (not forecaster.can_start_cold))
    warnings = [
        f"{_listed(panel, which)}: {what}."
        for which, what in (
            (short, f"left out: shorter than a window of {length} steps and one to judge by"),
            (left_out & ~short, "left out: the model was not trained on them"),
            (cold & ~left_out, "forecast by what the series have in common: the model was not "
             "trained on them"),
        )
        if which.any()
    ]  # fmt: skip
    if left_out.all():
        raise InvalidInput.of(
            "datasetId",
            f"must hold a series that the model can forecast, of more than {length} steps",
            warnings[0],
        )
    keep = np.flatnonzero(~left_out)
    return panel.select(keep.tolist()), numbers[keep], warnings


def _listed(panel: Panel, which: NDArray[np.bool_]) -> str:
    names = [" / ".join(panel.series_keys[s]) for s in np.flatnonzero(which)]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def _origins(
    panel: Panel, length: int, split: Split | None, asked: BacktestRequest, horizon: int
) -> Ints:
    """First steps to forecast, oldest first, in rising order.

    The whole horizon after each is in the data, unless it is too short for two such origins.
    """
    low = int((panel.first + length).min())
    end = int((panel.first + panel.lengths).max())
    if split is not None and not asked.include_training:
        low = max(low, split.held_back)
    if low >= end:
        last = panel.calendar.dates(np.array([low - 1, end - 1]))
        raise InvalidInput.of(
            "datasetId",
            f"must hold steps after the model's training span, which ends on {last[0]}; with "
            '"includeTraining": true it is judged on that, too',
            f"data up to {last[1]}",
        )
    high = end - horizon if end - horizon > low else end - 1
    if asked.step is not None:
        origins = np.arange(high, low - 1, -asked.step)[: asked.origins][::-1]
    else:
        origins = np.unique(np.linspace(high, low, asked.origins).round().astype(np.int64))
    used = np.unique(_pairs(panel, length, origins)[0])
    if not used.size:
        raise InvalidInput.of("datasetId", "must hold a series that has a window and goes on")
    return origins[used]


def _pairs(panel: Panel, length: int, origins: Ints) -> tuple[Ints, Ints]:
    first, end = panel.first + length, panel.first + panel.lengths
    usable = (origins[:, None] >= first) & (origins[:, None] < end)
    origin, series = np.nonzero(usable)
    return origin, series
