"""The effect of plans on forecasts, learned from past plans beside what was released.

At origins that the members of a combination were tried at, the forecast without a plan is changed
by the plan that was known then, with several reliances. Past plans are those of the column
`planned_releases`. Where there are none, the releases themselves stand in, and plans are taken as
nearly certain (`UNMEASURED_RELIANCE`). The reliance, and the weight of the flow for each target and
band of horizons, are those with the least error; a reliance and a weight of zero, which leave the
forecast as it is, are among them. Prediction intervals of forecasts with a plan come from the
errors with that choice.

Example: plans that were wrong by a fifth each day, on a line whose releases vary by a tenth, get a
reliance of a quarter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.forecast.drivers import Drivers
from models.forecast.error_quantiles import ErrorSamples
from models.forecast.intervals import Intervals, series_scale
from models.forecast.line_history import filled_releases, flow_of, usual_capacity
from models.forecast.members import MemberName
from models.forecast.plan_effect import (
    PAST_ROWS,
    UNMEASURED_RELIANCE,
    LineHistory,
    PlanEffect,
    PlannedSteps,
)
from models.forecast.reconciliation import place_in_season
from models.series.error_measures import finite, mean_known
from models.series.known_inputs import (
    CAPACITY,
    PLANNED_RELEASES,
    PLANNED_THROUGHPUT,
    RELEASES,
)
from models.series.panel import TARGETS
from models.training.driver_choice import choose_drivers
from models.training.member_errors import MemberErrors
from models.training.prepare import PreparedData

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_RELIANCES = (1.0, 0.75, 0.5, 0.25, 0.0)
_WEIGHTS = (1.0, 0.75, 0.5, 0.25, 0.0)
_BANDS = (0.25, 0.5, 1.0)  # ends of the bands, as shares of the horizon
_FEWEST_PLANS = 28  # past rows with a plan and what came, without which none is learned from
_BIAS = (0.2, 5.0)


@dataclass(frozen=True)
class PlanChoice:
    """The effect of plans on forecasts of a model.

    Attributes:
        effect: of plans.
        intervals: quantiles of the errors with a plan; None: nothing is known.
        plans_are_certain: True if there were no past plans to learn from.
        metrics: errors with and without plans, as they were learned from.
        drivers: known columns of the data's own that move forecasts; None: none does.
    """

    effect: PlanEffect
    intervals: Intervals | None
    plans_are_certain: bool
    metrics: dict[str, Any]
    drivers: Drivers | None = None

    def to_document(self) -> dict[str, Any]:
        """Return the entry of a model's document."""
        intervals = None if self.intervals is None else self.intervals.to_document()
        effect, is_certain = self.effect.to_document(), self.plans_are_certain
        found = {"effect": effect, "intervals": intervals, "is_certain": is_certain}
        return found | ({} if self.drivers is None else {"drivers": self.drivers.to_document()})


@dataclass(frozen=True)
class _Case:
    """Forecasts of m series and origins, beside what was known then and what came."""

    effect: PlanEffect  # of the m series
    history: LineHistory
    plan: PlannedSteps
    base: Floats  # the forecast without the plan, [m, H, 3]
    truth: Floats  # [m, H, 3]; NaN where not known

    def with_reliance(self, reliance: float, output_reliance: float) -> tuple[Floats, Floats]:
        effect = replace(self.effect, reliance=reliance, output_reliance=output_reliance)
        return effect.paths(self.base, self.history, self.plan)


def choose_plan_effect(
    prepared: PreparedData, errors: MemberErrors, weights: Mapping[MemberName, Floats]
) -> PlanChoice | None:
    """Return the effect of plans; None for data without columns of plans or releases.

    Args:
        errors: of the members, at all origins.
        weights: of the combination that forecasts without a plan.
    """
    panel = prepared.panel
    if not any(not np.isnan(column).all() for column in panel.known.values()):
        return None
    base = errors.in_units(errors.truth - errors.of(weights), prepared.encoding.scaling)
    effect = PlanEffect.unmeasured(
        flow_of(panel, int(panel.time.max()) + 1),
        usual_capacity(_by_series(prepared, CAPACITY), len(panel.series_keys)),
    )
    certain = _count_pairs(prepared) < _FEWEST_PLANS
    if not certain:
        effect = replace(effect, bias=_bias(prepared))
    cases = [
        _case(prepared, errors, base, part, effect, certain)
        for part in (errors.origins < prepared.cut, errors.origins >= prepared.cut)
        if part.any()
    ]
    learned, values, without = _learned(
        cases, prepared.horizon, UNMEASURED_RELIANCE if certain else 1.0
    )
    truth = np.concatenate([case.truth for case in cases])
    effect = replace(
        effect,
        reliance=learned.reliance,
        output_reliance=learned.output_reliance,
        weights=learned.weights,
    )
    metrics = _metrics(truth, values, without) | {
        "reliance": learned.reliance,
        "plans_are_certain": certain,
        "origins": len(errors.origins),
    }
    intervals, drivers = _intervals(prepared, errors, values, truth), choose_drivers(prepared)
    return PlanChoice(effect, intervals, certain, metrics, drivers)


def _by_series(prepared: PreparedData, name: str) -> Floats | None:
    column = prepared.panel.known.get(name)
    return None if column is None else prepared.panel.by_series(column)


def _count_pairs(prepared: PreparedData) -> int:
    """Rows that have both a planned and an actual value."""
    known, values = prepared.panel.known, prepared.panel.values
    pairs = [(known.get(PLANNED_RELEASES), known.get(RELEASES))]
    pairs.append((known.get(PLANNED_THROUGHPUT), values[:, 1]))
    return sum(
        int((~np.isnan(plan) & ~np.isnan(actual)).sum())
        for plan, actual in pairs
        if plan is not None and actual is not None
    )


def _bias(prepared: PreparedData) -> Floats:
    """Releases for each unit that was planned, [S]; 1 where there were no plans."""
    plan, actual = _by_series(prepared, PLANNED_RELEASES), _by_series(prepared, RELEASES)
    if plan is None or actual is None:
        return np.ones(len(prepared.panel.series_keys))
    both = ~np.isnan(plan) & ~np.isnan(actual)
    planned, released = (np.where(both, part, 0.0).sum(axis=1) for part in (plan, actual))
    ratio = np.divide(released, planned, out=np.ones(len(plan)), where=planned > 0)
    return np.clip(np.where(released > 0, ratio, 1.0), *_BIAS)


def _case(
    prepared: PreparedData,
    errors: MemberErrors,
    base: Floats,
    part: NDArray[np.bool_],
    effect: PlanEffect,
    certain: bool,
) -> _Case:
    """The forecasts from some origins, with a flow fitted to the rows before the first of them."""
    panel, horizon = prepared.panel, prepared.horizon
    origins, series = errors.origins[part], errors.series
    every, when = np.tile(series, len(origins)), np.repeat(origins, len(series))
    at = when - panel.first[every] + panel.offsets[every]  # row of the first step ahead
    place = at[:, None] + np.arange(-PAST_ROWS, horizon)
    inside = (place >= panel.offsets[every][:, None]) & (place < panel.offsets[every + 1][:, None])
    place = np.where(inside, place, 0)

    def rows(column: Floats | None) -> Floats:
        if column is None:
            return np.full(place.shape, np.nan)
        return np.where(inside, column[place], np.nan)

    known = panel.known
    values = np.stack([rows(column) for column in panel.filled().T], axis=-1)
    past = values[:, :PAST_ROWS]
    released = rows(known.get(RELEASES))
    planned = rows(known.get(PLANNED_RELEASES)) if PLANNED_RELEASES in known else released
    if certain:
        planned = np.where(np.isnan(released), planned, released)
    capacity, output = rows(known.get(CAPACITY)), rows(known.get(PLANNED_THROUGHPUT))
    early = int(origins.min())
    own = replace(effect, flow=flow_of(panel, early)).select(every)
    first = when + (panel.dated_first - panel.first)[every]
    times = first[:, None] + np.arange(horizon)
    history = LineHistory(
        past,
        filled_releases(past, released[:, :PAST_ROWS]),
        place_in_season(panel.calendar, times),
    )
    ahead = slice(PAST_ROWS, None)
    plan = PlannedSteps(planned[:, ahead], own.shares(capacity[:, ahead]), output[:, ahead])
    shape = (-1, horizon, 3)
    truth = errors.in_units(errors.truth[part], prepared.encoding.scaling).reshape(shape)
    forecast = base[part].reshape(shape)
    forecast = np.where(np.isnan(forecast), past[:, -1:], forecast)
    return _Case(own, history, plan, forecast, truth)


def _learned(cases: list[_Case], horizon: int, most: float) -> tuple[PlanEffect, Floats, Floats]:
    """The reliances and weights with the least error, the forecasts with them, and without.

    Args:
        most: reliance on releases that are planned.
    """
    truth = np.concatenate([case.truth for case in cases])
    without = np.concatenate([case.base for case in cases])
    level = mean_known(np.abs(truth), axis=1)[:, None]
    level = np.where(level > 0, level, np.nan)
    outputs = _RELIANCES if any((~np.isnan(c.plan.throughput)).any() for c in cases) else (1.0,)
    ends = [0, *(max(1, round(share * horizon)) for share in _BANDS)]
    best: tuple[float, PlanEffect, Floats] = (np.inf, cases[0].effect, without)
    for reliance, output in product((most * r for r in _RELIANCES), outputs):
        found = [case.with_reliance(reliance, output) for case in cases]
        flow, moved = (np.concatenate(part) for part in zip(*found, strict=True))
        weights, total = np.zeros((horizon, 3)), 0.0
        for low, high in pairwise(ends):
            band = slice(low, high)
            losses = np.stack(
                [_loss(truth[:, band], flow[:, band], moved[:, band], level, w) for w in _WEIGHTS]
            )  # [W, 3]
            losses = np.nan_to_num(losses)
            chosen = losses.argmin(axis=0)
            weights[low:high] = np.array(_WEIGHTS)[chosen]
            total += float(losses.min(axis=0).sum()) * (high - low)
        if total < best[0]:
            effect = replace(
                cases[0].effect, reliance=reliance, output_reliance=output, weights=weights
            )
            best = total, effect, weights * flow + (1 - weights) * moved
    return best[1], best[2], without


def _loss(truth: Floats, flow: Floats, moved: Floats, level: Floats, weight: float) -> Floats:
    """Mean relative error by target, [3]."""
    wrong = np.abs(truth - weight * flow - (1 - weight) * moved)
    return np.asarray(mean_known(wrong / level, axis=(0, 1)))


def _intervals(
    prepared: PreparedData, errors: MemberErrors, values: Floats, truth: Floats
) -> Intervals:
    """Prediction intervals of forecasts with a plan."""
    scaling, series = prepared.encoding.scaling, np.tile(errors.series, len(errors.origins))
    wrong = scaling.forward_paths(truth, series) - scaling.forward_paths(values, series)
    count = len(prepared.panel.series_keys)
    scale = series_scale(wrong.reshape(-1, 3), np.repeat(series, values.shape[1]), count)
    return Intervals.fit(ErrorSamples(wrong.reshape(errors.truth.shape), errors.series), [], scale)


def _metrics(truth: Floats, values: Floats, without: Floats) -> dict[str, Any]:
    """WAPE with and without plans by target, over the origins that they were learned from."""
    known = ~np.isnan(truth)
    total = np.where(known, np.abs(truth), 0.0).sum(axis=(0, 1))

    def wapes(forecast: Floats) -> Floats:
        wrong = np.where(known, np.abs(truth - forecast), 0.0).sum(axis=(0, 1))
        return np.divide(wrong, total, out=np.full(3, np.nan), where=total > 0)

    with_plan, without_plan = wapes(values), wapes(without)
    return {
        "per_target": {
            target: {"wape": finite(with_plan[i]), "wape_without": finite(without_plan[i])}
            for i, target in enumerate(TARGETS)
        }
    }
