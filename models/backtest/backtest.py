"""A backtest: what a published model forecasts from past origins, beside what came.

It forecasts as `predict` does, from the rows before each origin. ONNX Runtime and NumPy only.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.backtest.plan import MEANING, Part, Plan, plan
from models.backtest.scores import Block, Scores
from models.forecast.forecast import Forecast
from models.forecast.forecaster import Forecaster
from models.forecast.legacy_model import LegacyModel
from models.forecast.look_back import LookBack
from models.forecast.naive import usual_errors
from models.forecast.published_model import PublishedModel
from models.registry.model_document import ModelDocument
from models.series.panel import SERIES_FIELDS, TARGETS, Panel
from utils.api.schemas import BacktestRequest
from utils.errors import InvalidInput

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_AT_ONCE = 32_768  # rows of windows that the network is shown in one block of roll-outs
_MOST_AT_ONCE = 512  # roll-outs in one block
_MOST_SERIES = 1_000  # that are listed one by one
_PLOTTED = 3  # series, and origins of each
_BEFORE = 1  # horizons that are plotted before the first origin
_DECIMALS = 6


class Control(Protocol):
    """Hears how far a backtest is, and may end it."""

    def check(self) -> None:
        """Raise what is to end it, if anything is."""

    def on_origins(self, done: int, count: int, share: float) -> None:
        """Hear that all series were forecast from so many origins."""


def run(
    forecaster: Forecaster,
    document: ModelDocument,
    panel: Panel,
    asked: BacktestRequest,
    control: Control,
) -> dict[str, Any]:
    """Try a model out on a panel; the fields of `BacktestReply` that come of it.

    Raises:
        InvalidInput: the data does not fit the model, or holds nothing to judge it by.
    """
    planned = plan(forecaster, document, panel, asked)
    trial = Trial(forecaster, planned)
    scale = usual_errors(planned.panel, planned.trained, planned.season)
    scores = Scores(scale)
    origin, series = planned.pairs()
    for some in _blocks(planned, origin):
        control.check()
        scores.add(trial.block(planned.origins[origin[some]], series[some]),
                   planned.parts[origin[some[0]]])  # fmt: skip
        ended = some[-1] + 1 == len(origin) or origin[some[-1] + 1] > origin[some[-1]]
        done = int(origin[some[-1]]) + int(ended)
        control.on_origins(done, len(planned.origins), (int(some[-1]) + 1) / len(origin))
    if not scores.known:
        raise InvalidInput.of("datasetId", "must hold known values after the origins")
    return _report(planned, scores, origin, series) | {
        "plot": [_plotted(trial, s) for s in scores.largest(_PLOTTED)]
    }


def _blocks(planned: Plan, origin: Ints) -> list[Ints]:
    """Numbers of roll-outs, a few at a time, never from two parts."""
    size = _AT_ONCE // (planned.length * planned.horizon)
    size = min(max(1, size), _MOST_AT_ONCE)
    numbers = {part: number for number, part in enumerate(Part)}
    part = np.array([numbers[part] for part in planned.parts])[origin]
    edges = [0, *(np.flatnonzero(np.diff(part)) + 1), len(origin)]
    return [
        np.arange(at, min(at + size, high))
        for low, high in pairwise(edges)
        for at in range(low, high, size)
    ]


class Trial:
    """A model and the panel that it is tried on."""

    def __init__(self, forecaster: Forecaster, planned: Plan) -> None:
        self.planned, self._forecaster = planned, forecaster
        self.filled = planned.panel.filled()

    def block(self, origin: Ints, series: Ints) -> Block:
        """Roll-outs of series [n] from first steps [n], beside what came and the naive ones."""
        panel, steps = self.planned.panel, np.arange(self.planned.horizon)
        begin, row = self._rows(origin, series)
        ahead = row[:, None] + steps
        inside = ahead < panel.offsets[series + 1][:, None]
        came = panel.values[np.minimum(ahead, len(panel.values) - 1)]
        season = self.planned.season
        before = row[:, None] - season + steps % season
        # A series shorter than a season has its last value only.
        before = np.where(before >= begin[:, None], before, row[:, None] - 1)
        naive = {
            "last_value": np.repeat(self.filled[row - 1][:, None], len(steps), axis=1),
            "seasonal_naive": self.filled[before],
        }
        truth = np.where(inside[..., None], came, np.nan)
        return Block(series, truth, self.forecast(origin, series), naive)

    def _rows(self, origin: Ints, series: Ints) -> tuple[Ints, Ints]:
        """Row numbers of the beginning of series and of their origins, both [n]."""
        begin = self.planned.panel.offsets[series]
        return begin, begin + origin - self.planned.panel.first[series]

    def forecast(self, origin: Ints, series: Ints) -> Forecast:
        """What the model says from first steps [n] on, of series [n]."""
        model, steps = self._forecaster.model, self.planned.horizon
        numbers = self.planned.numbers[series]
        if isinstance(model, LegacyModel):
            _, row = self._rows(origin, series)
            recent = self.filled[row[:, None] - np.arange(self.planned.length, 0, -1)]
            return model.forecast(recent, origin - 1, numbers, steps)
        cold = numbers < 0
        if not cold.any():
            return model.forecast(self._past(model, origin, series, numbers), steps)
        parts = [(~cold, self._warm), (cold, self._cold)]
        said = [(some, ask(model, origin[some], series[some])) for some, ask in parts if some.any()]
        return _merged(said, len(series))

    def _warm(self, model: PublishedModel, origin: Ints, series: Ints) -> Forecast:
        past = self._past(model, origin, series, self.planned.numbers[series])
        return model.forecast(past, self.planned.horizon)

    def _cold(self, model: PublishedModel, origin: Ints, series: Ints) -> Forecast:
        """Of series that the model was not trained on, by their rows before the origins."""
        rows = zip(*self._rows(origin, series), strict=True)
        model = model.with_series(*(self.filled[begin:end] for begin, end in rows))
        numbers = len(model.encoding.series_keys) + np.arange(len(series))
        return model.forecast(self._past(model, origin, series, numbers), self.planned.horizon)

    def _past(self, model: PublishedModel, origin: Ints, series: Ints, numbers: Ints) -> LookBack:
        begin, row = self._rows(origin, series)
        rows = row[:, None] - np.arange(model.look_back, 0, -1)
        recent = model.encoding.scaling.forward_paths(self.filled[np.maximum(rows, 0)], numbers)
        low, high = model.encoding.lowest, model.encoding.highest
        shown = (low[numbers], high[numbers]) if numbers.max() < len(low) else None
        return LookBack.of_rows(recent, rows >= begin[:, None], origin - 1, numbers, shown)


def _merged(parts: list[tuple[NDArray[np.bool_], Forecast]], count: int) -> Forecast:
    """The forecasts of n series from those of some of them each."""

    def whole(pick: Any) -> Floats:
        first = pick(parts[0][1])
        found = np.empty((count, *first.shape[1:]))
        for some, forecast in parts:
            found[some] = pick(forecast)
        return found

    return Forecast(
        whole(lambda f: f.values),
        whole(lambda f: f.raw),
        {level: whole(lambda f, at=level: f.lower[at]) for level in parts[0][1].lower},
        {level: whole(lambda f, at=level: f.upper[at]) for level in parts[0][1].upper},
        whole(lambda f: f.confidence),
    )


# --- the report --------------------------------------------------------------------------------


def _report(planned: Plan, scores: Scores, origin: Ints, series: Ints) -> dict[str, Any]:
    panel = planned.panel
    before = panel.calendar.dates(planned.origins - 1)
    counts = np.bincount(origin, minlength=len(before)).tolist()
    parts = scores.per_part()
    listed = [
        _named(panel, s) | {"cold_start": bool(planned.numbers[s] < 0)} | found
        for s, found in enumerate(scores.by_series())
        if found["origins"]
    ]
    listed.sort(key=lambda each: -(each["per_target"]["wip"]["wape"] or 0.0))
    return {
        "step": panel.calendar.step.value,
        "season": planned.season,
        "horizon": planned.horizon,
        "origins": [
            {"date": date, "part": part, "series": count}
            for date, part, count in zip(before, planned.parts, counts, strict=True)
        ],
        "parts": {
            part: {
                "meaning": MEANING[part],
                "origins": planned.parts.count(part),
                "per_target": parts[part],
            }
            for part in Part
            if part in parts
        },
        "per_target": scores.per_target(),
        "confidence": scores.reliability(),
        "series_count": len(np.unique(series)),
        "series": listed[:_MOST_SERIES],
        "warnings": planned.warnings + _cautions(planned),
    }


def _cautions(planned: Plan) -> list[str]:
    """What the parts that origins lie in mean for the figures."""
    seen = {Part.TRAINING, Part.JUDGED, Part.CALIBRATION} & set(planned.parts)
    if not seen:
        return []
    names = " and ".join(part for part in Part if part in seen)
    return [
        f"Some forecasts are of steps that the model has seen in part ({names}; see `parts`): "
        "expect new days to be forecast a little less well. Newer data, as datasetId, tells."
    ]


def _named(panel: Panel, s: int) -> dict[str, Any]:
    return dict(zip(SERIES_FIELDS, panel.series_keys[s], strict=True))


# --- the plot ----------------------------------------------------------------------------------


def _plotted(trial: Trial, s: int) -> dict[str, Any]:
    """A series over some origins: what came, and the forecasts with their intervals."""
    planned, panel = trial.planned, trial.planned.panel
    origins = _apart(planned, s)
    block = trial.block(origins, np.full(len(origins), s))
    begin, end = int(panel.first[s]), int(panel.first[s] + panel.lengths[s])
    low = max(begin, int(origins[0]) - _BEFORE * planned.horizon)
    high = min(end, int(origins[-1]) + planned.horizon)
    rows = panel.offsets[s] + np.arange(low, high) - begin
    actual = panel.values[rows]
    return _named(panel, s) | {
        "dates": panel.calendar.dates(np.arange(low, high)),
        "actual": {target: _column(actual[:, i]) for i, target in enumerate(TARGETS)},
        "forecasts": [_path(planned, block, k, int(o)) for k, o in enumerate(origins)],
    }


def _apart(planned: Plan, s: int) -> Ints:
    """Origins of a series, whose forecasts do not overlap: the newest that are whole."""
    panel, steps = planned.panel, planned.horizon
    end = int(panel.first[s] + panel.lengths[s])
    usable = planned.origins[
        (planned.origins >= panel.first[s] + planned.length) & (planned.origins < end)
    ]
    whole = usable[usable + steps <= end]
    chosen: list[int] = []
    for origin in whole[::-1] if whole.size else usable[:1]:
        if len(chosen) < _PLOTTED and (not chosen or origin + steps <= chosen[-1]):
            chosen.append(int(origin))
    return np.array(chosen[::-1], np.int64)


def _path(planned: Plan, block: Block, k: int, origin: int) -> dict[str, Any]:
    calendar, forecast = planned.panel.calendar, block.forecast
    bounds = {"lo": forecast.lower, "hi": forecast.upper}
    return {
        "origin": calendar.dates(np.array([origin - 1]))[0],
        "dates": calendar.dates(origin + np.arange(planned.horizon)),
        "per_target": {
            target: {
                "forecast": _column(forecast.values[k, :, i]),
                "last_value": round(float(block.naive["last_value"][k, 0, i]), _DECIMALS),
                **{
                    f"{side}{level}": _column(bound[k, :, i])
                    for side, levels in bounds.items()
                    for level, bound in levels.items()
                },
            }
            for i, target in enumerate(TARGETS)
        },
    }


def _column(values: Floats) -> list[float | None]:
    return [None if np.isnan(v) else round(float(v), _DECIMALS) for v in values]
