"""Curves of lines, advice on WIP caps and release rates, and plans side by side."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from models.data.datasets import Datasets
from models.data.events.event_log import EventLog
from models.planning.advice import Advisor, Constraints, LineNow, Target
from models.planning.clearing_function import ClearingFunction
from models.planning.curve_fit import DRAWS, FittedCurve
from models.planning.flow_paths import ReleasePlan
from models.planning.line_curve import LineCurve, curve_fields, line_curve
from models.planning.plan_comparison import compare_plans, run_plans
from models.services.line_histories import LineRows, line_rows
from utils.api.parsing import parse_each, parse_part
from utils.api.replies.line_advice import AdviceReply, CompareReply, CurveReply
from utils.api.request_limits import check_horizon
from utils.api.schemas.line_advice import (
    AdviseRequest,
    CompareRequest,
    ConstraintFields,
    LineFields,
    PlanFields,
    TargetFields,
)
from utils.api.schemas.orders import SourceFields
from utils.api.schemas.stations import LineRequest
from utils.bounded_cache import BoundedCache
from utils.errors import Conflict, DamagedFile, InvalidInput, NotFound, Unavailable
from utils.settings import Settings

_YEAR = 365
_KEPT = 10_000  # curves
Names = tuple[str | None, str | None, str | None]


class LineAdvice:
    """The plans for lines of one service.

    Args:
        dataset_of: id of a model → that of the data set it was trained on.
    """

    def __init__(
        self, settings: Settings, datasets: Datasets, dataset_of: Callable[[str], str]
    ) -> None:
        self._settings, self._datasets, self._dataset_of = settings, datasets, dataset_of
        self._known = BoundedCache[tuple[str, Names], ClearingFunction | None](_KEPT)

    def curve(self, query: LineFields) -> CurveReply:
        """Return the curve of a line, or why there is none.

        Raises:
            NotFound: there is no such data set or model.
            InvalidInput: no series has the names given.
        """
        dataset_id, rows, curve = self._curve(query)
        return CurveReply(**_curve_fields(dataset_id, rows, curve))

    def curve_picture(self, query: LineFields) -> bytes:
        """Return the curve of a line as PNG. Raises as `curve`."""
        from models.reports.plan_pictures import draw_curve

        found = self.curve(query)
        return draw_curve(_title(query, found.state), found.model_dump())

    def compare_picture(self, request: CompareRequest) -> bytes:
        """Return plans side by side as PNG. Raises as `compare`."""
        from models.reports.plan_pictures import draw_plans

        _, rows, plans = self._compared(request)
        dates = rows.panel.calendar.texts(rows.days_ahead(request.horizon_days))
        days = np.array(dates, "datetime64")
        return draw_plans(_title(request, None), days, plans)

    def log_of(self, source: SourceFields | LineRequest) -> EventLog | None:
        """Return the event log of the data of a request; None: there is none."""
        dataset_id = source.dataset_id
        model_id = getattr(source, "model_id", None)
        if dataset_id is None and model_id is not None:
            with contextlib.suppress(NotFound, InvalidInput):  # its data is deleted, or not known
                dataset_id = self._dataset_of(model_id)
        if dataset_id is None or not self._datasets.has_log(dataset_id):
            return None
        return self._datasets.log(dataset_id)

    def advise(self, request: AdviseRequest) -> AdviceReply:
        """Return the WIP cap and the release rate for a target.

        Raises:
            Conflict: the history gives no curve; the message has the reason.
            NotFound, InvalidInput: as `curve`; or the due date is out of range.
        """
        target = parse_part(TargetFields, request.target, "target")
        bounds = parse_part(ConstraintFields, request.constraints or {}, "constraints")
        dataset_id, rows, curve = self._curve(request)
        fitted = _expect_curve(curve)
        now = LineNow(
            curve.newest["wip_now"],
            curve.newest["releases"],
            _highest_wip(curve),
            rows.open_ahead(_YEAR),
        )
        asked = self._target(target, request.risk, rows)
        limits = Constraints(
            _or_infinite(bounds.max_wip),
            _or_infinite(bounds.max_release_change),
            _or_infinite(bounds.capacity),
        )
        found = Advisor(fitted, now, asked, limits).answer()
        notes = curve_fields(curve)["notes"]
        found |= {"summary": _summary(found, asked), "formulas": _formulas(fitted, found)}
        return AdviceReply(dataset_id=dataset_id, notes=notes, **found)

    def compare(self, request: CompareRequest) -> CompareReply:
        """Return plans side by side. Raises as `advise`."""
        dataset_id, rows, plans = self._compared(request)
        dates = rows.panel.calendar.texts(rows.days_ahead(request.horizon_days))
        fields: dict[str, Any] = {"plans": plans, "paths": DRAWS}
        return CompareReply(
            dataset_id=dataset_id, first_date=dates[0], last_date=dates[-1], **fields
        )

    def _compared(self, request: CompareRequest) -> tuple[str, LineRows, list[dict[str, Any]]]:
        """The data set, the rows of the line, and the figures of each plan."""
        check_horizon("horizonDays", request.horizon_days, self._settings.max_horizon)
        given = parse_each(PlanFields, request.plans, "plans")
        names = [plan.name for plan in given]
        for place, name in enumerate(names):
            if name in names[:place]:
                raise InvalidInput.of(f"plans.{place}.name", "must be distinct", name)
        dataset_id, rows, curve = self._curve(request)
        fitted, newest = _expect_curve(curve), curve.newest
        plans = [
            (plan.name, _release_plan(plan, newest["releases"], request.horizon_days))
            for plan in given
        ]
        open_share = rows.open_ahead(request.horizon_days)
        runs = run_plans(fitted, newest["wip_now"], open_share, plans)
        return dataset_id, rows, compare_plans(runs, request.units, _highest_wip(curve))

    def known(self, dataset_id: str | None, names: Names) -> ClearingFunction | None:
        """Return the curve of a line for a forecast; None: it has none, or its data is not there.

        Args:
            names: plant, application and panel size.
        """
        if dataset_id is None:
            return None
        # A forecast needs no data set: without one, its advice is by Little's Law alone.
        with contextlib.suppress(NotFound, InvalidInput, DamagedFile, Unavailable):

            def fit() -> ClearingFunction | None:
                fitted = line_curve(
                    line_rows(self._datasets.load(dataset_id), names).history
                ).fitted
                return None if fitted is None else fitted.line

            key = self._datasets.digest(dataset_id), names
            return self._known.get(key, fit, lambda _: 1)
        return None

    def curve_for(self, line: LineFields) -> LineCurve:
        """Return the curve of a line, or why there is none. Raises as `curve`."""
        return self._curve(line)[2]

    def _curve(self, query: LineFields) -> tuple[str, LineRows, LineCurve]:
        dataset_id = query.dataset_id or self._dataset_of(query.model_id or "")
        panel = self._datasets.load(dataset_id)
        rows = line_rows(panel, (query.plant, query.application, query.panel_size))
        return dataset_id, rows, line_curve(rows.history)

    def _target(self, target: TargetFields, risk: float, rows: LineRows) -> Target:
        steps = 0
        if target.due is not None:
            most = min(_YEAR, self._settings.max_horizon)
            days = rows.days_ahead(most + 1)
            calendar = rows.panel.calendar
            due = calendar.day(target.due, "target.due", is_last=True)
            steps = int(np.searchsorted(days, due, side="right"))
            if not 1 <= steps <= most:
                first, last = calendar.texts(days[[0, -2]])
                raise InvalidInput.of(
                    "target.due",
                    f"must lie between the first step after the data, {first}, and {last}",
                    target.due,
                )
        return Target(
            target.throughput, target.units, steps, target.cycle_time, target.quantile or 0.9, risk
        )


def _title(line: LineFields, state: str | None) -> str:
    names = [name for name in (line.plant, line.application, line.panel_size) if name is not None]
    return " / ".join(names or ["all series"]) + (f": {state}" if state else "")


def _highest_wip(curve: LineCurve) -> float:
    return float(curve.blocks.mean_wip.max())


def _or_infinite(bound: float | None) -> float:
    return math.inf if bound is None else bound


def _expect_curve(curve: LineCurve) -> FittedCurve:
    if curve.fitted is None:
        raise Conflict(f"The history of this line gives no curve to plan with. {curve.reason}")
    return curve.fitted


def _release_plan(plan: PlanFields, usual: float, steps: int) -> ReleasePlan:
    releases = plan.releases
    if releases is None and plan.wip_cap is None:
        releases = usual
    return ReleasePlan(
        None if releases is None else _by_step(releases, steps),
        plan.wip_cap,
        capacity=None if plan.capacity is None else _by_step(plan.capacity, steps),
    )


def _by_step(values: float | list[float], steps: int) -> Any:
    given = np.atleast_1d(np.asarray(values, float))[:steps]
    return np.append(given, np.full(steps - len(given), given[-1]))


def _curve_fields(dataset_id: str, rows: LineRows, curve: LineCurve) -> dict[str, Any]:
    newest, wip_range = curve.newest, curve.wip_range
    used = curve.blocks.throughput.size
    dates = rows.dates_back(used)
    output = newest["throughput"]
    expected = None
    if curve.fitted is not None:
        expected = float(curve.fitted.line.throughput(np.array(newest["wip"])))
    return {
        "dataset_id": dataset_id,
        "status": "inconclusive" if curve.fitted is None else "ok",
        "reason": curve.reason or None,
        **curve_fields(curve),
        "today": newest
        | {
            "cycle_time": newest["wip"] / output if output > 0 else None,
            "expected_throughput": expected,
        },
        "history": {
            "first_date": dates[0],
            "last_date": dates[1],
            "series": rows.series,
            "blocks": len(curve.blocks.start),
            "wip_low": wip_range[0],
            "wip_high": wip_range[1],
            "wip_at_start": rows.wip_at_start,
            "closed_weekdays": rows.closed_weekdays,
        },
    }


def _summary(found: dict[str, Any], target: Target) -> str:
    cap, rate, needed = found["wip_cap"], found["release_rate"], found["needed"]
    plan = (
        f"Keep WIP at {cap:.6g}: release about {rate:.4g} units per worked step, and no unit more "
        f"while {cap:.6g} are in process. The target is met with {found['probability']:.0%}"
    )
    if found["feasible"]:
        return f"{plan}."
    end = "no capacity would do"
    if needed is not None:
        more = f"{needed['more']:.0%} more"
        end = f"a capacity of {needed['capacity']:.4g} units per worked step, {more}, would do"
    if found["binds"] == "history":
        end += "; more than twice the highest WIP of the history is advised with maxWIP only"
    return (
        f"The target is not feasible with {target.risk:.0%}. The best that can be had: {plan}; "
        f"{end}."
    )


def _formulas(fitted: FittedCurve, found: dict[str, Any]) -> list[dict[str, Any]]:
    line, cap, rate = fitted.line, found["wip_cap"], found["release_rate"]
    share = found["release_rate_per_step"] / rate if rate > 0 else 1.0
    curve = {"C": line.capacity, "W0": line.critical_wip, "p": line.evenness, "w": cap}
    return [
        {"figure": "release_rate", "formula": "TH(w) = C·x ÷ (1 + x^p)^(1/p), x = w ÷ W0",
         "inputs": curve},
        {"figure": "throughput", "formula": "release_rate × share of steps that are worked",
         "inputs": {"release_rate": rate, "worked_share": share}},
        {"figure": "cycle_time.mean", "formula": "w ÷ throughput (Little's Law)",
         "inputs": {"w": cap, "throughput": rate * share}},
        {"figure": "cycle_time.p50, p80, p95",
         "formula": "gamma distribution of mean w ÷ TH and variance lot · w ÷ TH²",
         "inputs": {"w": cap, "TH": rate, "lot": fitted.lot}},
        {"figure": "probability",
         "formula": "share of paths of the line that meet the target, each with parameters of its "
         "own from a block bootstrap", "inputs": {"paths": float(DRAWS)}},
    ]  # fmt: skip
