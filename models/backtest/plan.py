"""The plan of a backtest: the series, the origins, and which steps the model has used.

Example: with a window of 10 days and a horizon of 28, data of 100 days after the training span and
3 origins, the forecasts start on the days 1, 37 and 73 of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from models.forecast.forecaster import Forecaster
from models.registry.model_document import ModelDocument
from models.series.calendar import Calendar
from models.series.panel import SERIES_FIELDS, Panel
from models.training.prepare import HORIZONS
from utils.api.schemas.models import BacktestRequest
from utils.errors import InvalidInput

Ints = NDArray[np.int64]

_NAMED = 20  # series that a warning names


class OriginPart(StrEnum):
    """The use that a model made of the steps that follow an origin."""

    TRAINING = "training"
    JUDGED = "judged"
    CALIBRATION = "calibration"
    NEW = "new"
    UNKNOWN = "unknown"


MEANING = {
    OriginPart.TRAINING: "The model was trained on these steps: its errors are smaller here "
    "than on days to come.",
    OriginPart.JUDGED: "Held back from the network, which was evaluated on these steps; the "
    "published autoregression was fitted with them.",
    OriginPart.CALIBRATION: "Held back from the network; the intervals were calibrated on these "
    "steps, and the published autoregression was fitted with them.",
    OriginPart.NEW: "After all data of the model.",
    OriginPart.UNKNOWN: "It is not known whether the model was trained on these steps.",
}


@dataclass(frozen=True)
class Split:
    """First steps of the parts that follow the training span.

    Attributes:
        held_back: of the part that the network was evaluated on.
        calibration: of the part that the intervals were calibrated on.
        new: after all data of the model.
    """

    held_back: int
    calibration: int
    new: int

    @classmethod
    def of(cls, document: ModelDocument, calendar: Calendar) -> Split | None:
        """Return the split in a model's document; None if there is none (a legacy model)."""
        stated = document.split
        if stated is None:
            return None

        def step(day: str) -> int:
            lanes = np.arange(max(1, len(calendar.working)))
            days = np.full(len(lanes), calendar.day(day))
            return int(calendar.index(days, lanes).max())

        new = step(stated.last_date) + 1
        calibration = step(stated.calibration_from) if stated.calibration_from else new
        return cls(step(stated.held_back_from), calibration, new)

    def part(self, step: int) -> OriginPart:
        """Return the part that a step lies in."""
        if step < self.held_back:
            return OriginPart.TRAINING
        if step < self.calibration:
            return OriginPart.JUDGED
        return OriginPart.CALIBRATION if step < self.new else OriginPart.NEW


@dataclass(frozen=True)
class Plan:
    """The roll-outs of a backtest.

    Attributes:
        panel: the series to forecast.
        numbers: their numbers in the model, [S]; −1: the model was not trained on the series.
        length: rows of a window.
        origins: first steps forecast, [O], rising.
        parts: the part that each origin lies in.
        trained: first step after the training span, or after the history of the first origin; the
            steps before give the scale of MASE. The end of the data if the split is not known.
        horizon: steps of a forecast.
        warnings: sentences for the reply.
    """

    panel: Panel
    numbers: Ints
    length: int
    origins: Ints
    parts: list[OriginPart]
    trained: int
    horizon: int
    warnings: list[str]

    @property
    def season(self) -> int:
        """Steps of a season."""
        return self.panel.calendar.season

    def pairs(self) -> tuple[Ints, Ints]:
        """Return the numbers of the origin and of the series of all roll-outs, origin by origin."""
        return _pairs(self.panel, self.length, self.origins)


def make_plan(
    forecaster: Forecaster, document: ModelDocument, panel: Panel, request: BacktestRequest
) -> Plan:
    """Return the plan of a backtest on a panel.

    Raises:
        InvalidInput: the data does not fit the model, or has no steps to forecast.
    """
    step = forecaster.calendar.step
    if (panel.calendar.step, panel.calendar.begins) != (step, forecaster.calendar.begins):
        rule = f"must have its rows one {step} apart, as the model's are"
        raise InvalidInput.of("datasetId", rule, f"one {panel.calendar.step} apart")
    panel = _chosen(panel, request, document.plant)
    length = forecaster.encoding.length
    panel, numbers, warnings = _usable(forecaster, panel, length)
    horizon = request.horizon or HORIZONS[step]
    split = Split.of(document, panel.calendar)
    origins = _origins(panel, length, split, request, horizon)
    if origins[-1] + horizon > int((panel.first + panel.lengths).max()):
        warnings.append(
            f"The data ends less than {horizon} steps after the origins: the farther a horizon, "
            "the fewer forecasts are compared."
        )
    parts = [OriginPart.UNKNOWN if split is None else split.part(int(o)) for o in origins]
    end = int((panel.first + panel.lengths).max())
    trained = end if split is None else max(int(origins[0]), split.held_back)
    return Plan(panel, numbers, length, origins, parts, trained, horizon, warnings)


def _chosen(panel: Panel, request: BacktestRequest, plant: str | None) -> Panel:
    """The series that are requested; of the model's plant, if it was trained on one only."""
    wanted = (request.plant or plant, request.application, request.panel_size)
    keep = [
        s
        for s, key in enumerate(panel.series_keys)
        if all(want in (None, name) for want, name in zip(wanted, key, strict=True))
    ]
    if not keep:
        known = {key[0] for key in panel.series_keys}
        if request.plant is None and plant not in {None, *known}:
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
    """The series that can be forecast, their numbers in the model, and warnings."""
    numbers = np.array(
        [-1 if (n := forecaster.number(key)) is None else n for key in panel.series_keys], np.int64
    )
    short, cold = panel.lengths <= length, numbers < 0
    left_out = short | (cold & (not forecaster.can_start_cold))
    warnings = [
        f"{_listed(panel, which)}: {what}."
        for which, what in (
            (short, f"left out: shorter than a window of {length} steps and one to forecast"),
            (left_out & ~short, "left out: the model was not trained on them"),
            (cold & ~left_out, "forecast by the coefficients that all series share: the model was "
             "not trained on them"),
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
    panel: Panel, length: int, split: Split | None, request: BacktestRequest, horizon: int
) -> Ints:
    """First steps to forecast, in rising order.

    The data has the whole horizon after each, unless it is too short for two such origins.
    """
    low = int((panel.first + length).min())
    end = int((panel.first + panel.lengths).max())
    if split is not None and not request.include_training:
        low = max(low, split.held_back)
    if low >= end:
        last = panel.calendar.dates(np.array([low - 1, end - 1]))
        raise InvalidInput.of(
            "datasetId",
            f"must hold steps after the model's training span, which ends on {last[0]}; with "
            '"includeTraining": true that is forecast, too',
            f"data up to {last[1]}",
        )
    high = end - horizon if end - horizon > low else end - 1
    if request.step is not None:
        origins = np.arange(high, low - 1, -request.step)[: request.origins][::-1]
    else:
        origins = np.unique(np.linspace(high, low, request.origins).round().astype(np.int64))
    used = np.unique(_pairs(panel, length, origins)[0])
    if not used.size:
        raise InvalidInput.of("datasetId", "must hold a series that has a window and goes on")
    return origins[used]


def _pairs(panel: Panel, length: int, origins: Ints) -> tuple[Ints, Ints]:
    first, end = panel.first + length, panel.first + panel.lengths
    usable = (origins[:, None] >= first) & (origins[:, None] < end)
    origin, series = np.nonzero(usable)
    return origin, series
