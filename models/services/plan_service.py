"""Plans and scenarios: what is known ahead, stored with a data set or given in a request."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np

from models.data.dataset_summary import calendar_of
from models.data.datasets import Datasets
from models.data.plan_rows import Plan, read_plan, starts_of
from models.forecast.forecast_reply import (
    forecast_reply,
    paths_needed,
    reply_days,
    spread_forecast,
)
from models.forecast.forecaster import History
from models.forecast.requested_plan import with_plan, with_planned_throughput, with_state
from models.forecast.scenario_differences import differences
from models.series.calendar import Calendar
from models.series.panel import SERIES_FIELDS
from models.services.forecast_source import ForecastSource
from utils.api.replies.plan_replies import (
    PlanReply,
    ScenarioDifference,
    ScenarioForecast,
    ScenariosReply,
)
from utils.api.schemas.forecasting import ForecastFields, ScenariosRequest
from utils.api.schemas.plan import PlanRequest
from utils.bounded_cache import BoundedCache
from utils.errors import DamagedFile, NotFound, TooLarge

Planner = Callable[[History, ForecastFields], History]

_KEPT = 1000  # series whose stored plans are in memory
_FORECAST = ("predictions", "validation", "totals", "target", "paths", "plan")


class PlanService:
    """The plans of one service."""

    def __init__(self, datasets: Datasets) -> None:
        self._datasets = datasets
        self._read = BoundedCache[str, Plan](_KEPT)  # by the digest of their data set

    def replace(self, dataset_id: str, request: PlanRequest) -> PlanReply:
        """Store a plan in place of the present one, whole or not at all.

        Raises:
            NotFound: there is no such data set.
            TooLarge: it has more rows than a data set may have.
            InvalidInput: a row is not one of a plan; the details name each.
        """
        if len(request.plan) > self._datasets.max_rows:
            raise TooLarge(
                f"A plan may have at most {self._datasets.max_rows:,} rows (MAX_ROWS). Received: "
                f"{len(request.plan):,}."
            )
        starts = starts_of(self._datasets.load(dataset_id))
        declared = self._datasets.store.document(dataset_id).get("known", [])
        plan = read_plan(request.plan, starts, None, declared)
        self._datasets.replace_plan(dataset_id, plan)
        return self._reply(dataset_id, plan)

    def read(self, dataset_id: str) -> PlanReply:
        """Return the plan of a data set. Raises NotFound for an unknown one."""
        return self._reply(dataset_id, self._datasets.plan(dataset_id))

    def _reply(self, dataset_id: str, plan: Plan) -> PlanReply:
        return _plan_reply(dataset_id, plan, calendar_of(self._datasets.store.document(dataset_id)))

    def planner(self, dataset_id: str | None) -> Planner:
        """Return the function that gives histories the plan of a request, or else the stored one.

        It raises InvalidInput where a row of the request is not one of a plan.

        Args:
            dataset_id: that the plan is stored with; None: no plan is stored.
        """
        stored = self._stored(dataset_id)

        def planned(history: History, request: ForecastFields) -> History:
            found = with_plan(history, request.plan, stored.get(history.series_key))
            output, days = request.planned_throughput, request.prediction_days
            found = with_planned_throughput(found, output, days)
            return with_state(found, request) if found.has_plan else found

        return planned

    def known(self, history: History, rows: list[Any] | None, dataset_id: str | None) -> History:
        """Return a history with the rows of a plan, or the plan stored with the data.

        Raises:
            InvalidInput: a row is not one of a plan.
        """
        stored = self._stored(dataset_id).get(history.series_key)
        return with_plan(history, rows, stored)

    def _stored(self, dataset_id: str | None) -> Plan:
        """The plan stored with a data set, as it was last seen while the store is away."""
        if dataset_id is None:
            return {}
        with contextlib.suppress(NotFound, DamagedFile):
            if self._datasets.has_plan(dataset_id):
                version = self._datasets.digest(dataset_id)
                return self._read.get(version, lambda: self._datasets.plan(dataset_id), len)
        return {}

    def scenarios(
        self, source: ForecastSource, history: History, request: ScenariosRequest
    ) -> ScenariosReply:
        """Return the forecasts of a series with several plans, and their differences.

        Raises:
            InvalidInput: a row of a scenario is not one of a plan.
        """
        forecaster = source.forecaster
        base = with_state(self.planner(source.dataset_id)(history, request), request)
        histories = [
            with_plan(base, scenario.plan, None, f"scenarios.{place}.plan")
            for place, scenario in enumerate(request.scenarios)
        ]
        usual, found = histories[0].ahead, list[Any]()
        for place, (scenario, own) in enumerate(zip(request.scenarios, histories, strict=True)):
            own = own._replace(baseline=usual) if place else own
            steps = reply_days(own, request).steps
            forecast = forecaster.forecast(own, steps, paths_needed(request), request.raw)
            reply = forecast_reply(forecaster, own, request, forecast)
            found.append(
                (scenario.name, spread_forecast(forecaster, own, request, forecast)[0], reply)
            )
        first, baseline, _ = found[0]
        dates = reply_days(base, request).dates
        return ScenariosReply(
            model_id=request.model_id,
            baseline=first,
            scenarios=[
                ScenarioForecast(name=name, **{field: getattr(reply, field) for field in _FORECAST})
                for name, _, reply in found
            ],
            differences=[
                ScenarioDifference.model_validate(
                    {"name": name} | differences(forecast, baseline, dates)
                )
                for name, forecast, _ in found[1:]
            ],
        )


def _plan_reply(dataset_id: str, plan: Plan, calendar: Calendar) -> PlanReply:
    days = np.concatenate([dated.days for dated in plan.values()]) if plan else np.empty(0, int)
    ends = calendar.texts(np.array([days.min(), days.max()])) if plan else []
    rows = [
        dict(zip(SERIES_FIELDS, key, strict=True))
        | {"date": calendar.text(day)}
        | {name: float(v[i]) for name, v in dated.columns.items() if not np.isnan(v[i])}
        for key, dated in plan.items()
        for i, day in enumerate(dated.days)
    ]
    return PlanReply(
        dataset_id=dataset_id,
        rows=len(rows),
        series=len(plan),
        columns=sorted({name for dated in plan.values() for name in dated.columns}),
        first_date=ends[0] if ends else None,
        last_date=ends[1] if ends else None,
        plan=rows,
    )
