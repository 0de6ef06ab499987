"""A backtest: forecasts of a published model from past origins, beside the true values.

The model forecasts as `predict` does, from the rows before each origin (rolling-origin evaluation:
Tashman, "Out-of-sample tests of forecasting accuracy", 2000). ONNX Runtime and NumPy only.

Example: 20 origins, 36 series and a horizon of 28 days make 720 roll-outs, scored in blocks.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.backtest import chart_data
from models.backtest.control import BacktestControl
from models.backtest.plan import MEANING, OriginPart, Plan, make_plan
from models.backtest.scores import Scores
from models.backtest.trial import Trial
from models.forecast.forecaster import Forecaster
from models.forecast.naive import usual_errors
from models.registry.model_document import ModelDocument
from models.series.panel import Panel
from utils.api.schemas.models import BacktestRequest
from utils.errors import InvalidInput

Ints = NDArray[np.int64]

_MOST_ROWS = 32_768  # of the windows of one block of roll-outs
_MOST_ROLL_OUTS = 512  # in one block
_MOST_SERIES = 1_000  # in the reply


def run(
    forecaster: Forecaster,
    document: ModelDocument,
    panel: Panel,
    request: BacktestRequest,
    control: BacktestControl,
) -> dict[str, Any]:
    """Backtest a model on a panel; returns fields of `BacktestReply`.

    Args:
        document: the model's.

    Raises:
        InvalidInput: the data does not fit the model, or holds no known values after the origins.
    """
    plan = make_plan(forecaster, document, panel, request)
    trial = Trial(forecaster, plan)
    scores = Scores(usual_errors(plan.panel, plan.trained))
    origin, series = plan.pairs()
    for some in _blocks(plan, origin):
        control.check()
        block = trial.block(plan.origins[origin[some]], series[some])
        scores.add(block, plan.parts[origin[some[0]]])
        ended = some[-1] + 1 == len(origin) or origin[some[-1] + 1] > origin[some[-1]]
        done = int(origin[some[-1]]) + int(ended)
        control.on_origins(done, len(plan.origins), (int(some[-1]) + 1) / len(origin))
    if not scores.known:
        raise InvalidInput.of("datasetId", "must hold known values after the origins")
    return _report(plan, scores, origin, series) | {"plot": chart_data.charts(trial, scores)}


def _blocks(plan: Plan, origin: Ints) -> list[Ints]:
    """Numbers of roll-outs, a few at a time, never from two parts."""
    size = _MOST_ROWS // (plan.length * plan.horizon)
    size = min(max(1, size), _MOST_ROLL_OUTS)
    numbers = {part: number for number, part in enumerate(OriginPart)}
    part = np.array([numbers[part] for part in plan.parts])[origin]
    edges = [0, *(np.flatnonzero(np.diff(part)) + 1), len(origin)]
    return [
        np.arange(at, min(at + size, high))
        for low, high in pairwise(edges)
        for at in range(low, high, size)
    ]


def _report(plan: Plan, scores: Scores, origin: Ints, series: Ints) -> dict[str, Any]:
    panel = plan.panel
    before = panel.calendar.dates(plan.origins - 1)
    counts = np.bincount(origin, minlength=len(before)).tolist()
    parts = scores.per_part()
    listed = [
        chart_data.names(panel, s) | {"cold_start": bool(plan.numbers[s] < 0)} | found
        for s, found in enumerate(scores.by_series())
        if found["origins"]
    ]
    listed.sort(key=lambda each: -(each["per_target"]["wip"]["wape"] or 0.0))
    return {
        "step": panel.calendar.step.value,
        "season": plan.season,
        "horizon": plan.horizon,
        "origins": [
            {"date": date, "part": part, "series": count}
            for date, part, count in zip(before, plan.parts, counts, strict=True)
        ],
        "parts": {
            part: {
                "meaning": MEANING[part],
                "origins": plan.parts.count(part),
                "per_target": parts[part],
            }
            for part in OriginPart
            if part in parts
        },
        "per_target": scores.per_target(),
        "confidence": scores.reliability(),
        "series_count": len(np.unique(series)),
        "series": listed[:_MOST_SERIES],
        "warnings": plan.warnings + _warnings_of_parts(plan),
    }


def _warnings_of_parts(plan: Plan) -> list[str]:
    """A warning if the model has used some of the steps that it is scored on."""
    known = {OriginPart.TRAINING, OriginPart.JUDGED, OriginPart.CALIBRATION} & set(plan.parts)
    if not known:
        return []
    names = " and ".join(part for part in OriginPart if part in known)
    return [
        f"Some forecasts are of steps that the model has used in part ({names}; see `parts`): "
        "expect somewhat larger errors on new days. A backtest on newer data (datasetId) measures "
        "them."
    ]
