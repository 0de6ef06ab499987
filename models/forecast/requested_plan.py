"""The plan of a forecast: what a request gives, in place of what is stored with the data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.data.plan_rows import PlanStart, read_plan
from models.forecast.forecaster import Forecaster, History
from models.forecast.plan_effect import UNMEASURED_RELIANCE
from models.forecast.planned_forecast import AskedState
from models.series.known_inputs import (
    CAPACITY,
    KNOWN_COLUMNS,
    PLANNED_RELEASES,
    PLANNED_THROUGHPUT,
    RELEASES,
    DatedInputs,
    KnownInputs,
)
from utils.api.schemas.forecasting import ForecastFields

_CERTAIN = (
    "The plan is taken as nearly certain"
    f" ({UNMEASURED_RELIANCE:.0%} of the difference of its releases from the forecast's): the data "
    "has no past plans beside what came (planned_releases beside releases), which would tell how "
    "reliable plans are."
)
_UNLEARNED = (
    "The plan is taken as nearly certain"
    f" ({UNMEASURED_RELIANCE:.0%} of the difference of its releases from the forecast's): how "
    "reliable the past plans of this data were is learned by a training."
)
_BALANCED = (
    "The data has no releases of this series: those of the past follow from the balance of WIP and "
    "throughput."
)
_NOT_LEARNED = (
    "The effect of the plan follows from the last rows of the series: the model was trained "
    "without releases or capacity, and its intervals are not those of a forecast with a plan."
)
_LITTLE_VALUE = 0.5  # reliance below which a plan changes little


def with_plan(
    history: History,
    rows: Sequence[Any] | None,
    stored: DatedInputs | None = None,
    field: str = "plan",
) -> History:
    """Return a history with what is known of the steps after it.

    Args:
        rows: of the request, in place of the stored values; None: there are none.
        stored: the plan of the series that is stored with the data set.
        field: name of the rows in the request.

    Raises:
        InvalidInput: a row is not one of a plan; the details name each.
    """
    key, calendar, last = history.series_key, history.calendar, history.last_step
    ahead = history.ahead
    if stored is not None:
        ahead = stored.after(calendar, last).overridden(ahead)
    if rows:
        declared = [name for name in history.known if name not in KNOWN_COLUMNS]
        given = read_plan(rows, {key: PlanStart(last, calendar)}, key, declared, field)
        if key in given:
            ahead = ahead.overridden(given[key].after(calendar, last))
    return history._replace(ahead=_within(ahead))


def with_planned_throughput(history: History, units: float | None, steps: int) -> History:
    """Return a history whose steps ahead are planned to put out so many units each.

    Steps for which its plan has a throughput of its own keep that.

    Args:
        units: of each step; None: there is no such plan.
    """
    if units is None:
        return history
    constant = KnownInputs({PLANNED_THROUGHPUT: np.full(steps, units)})
    return history._replace(ahead=constant.overridden(history.ahead))


def with_state(history: History, request: ForecastFields) -> History:
    """Return a history whose flow starts from the state of the last day that a request asks for."""
    return history._replace(state=AskedState(request.current_wip, request.last_throughput))


def _within(ahead: KnownInputs) -> KnownInputs:
    """The inputs; none at all where nothing is known."""
    return KnownInputs() if ahead.is_empty else ahead


def plan_warnings(forecaster: Forecaster, history: History) -> list[str]:
    """Return what was assumed about the plan of a forecast, as sentences; [] without a plan."""
    if history.ahead.is_empty:
        return []
    plans, known = forecaster.plans, history.known
    found = []
    if plans is None or not forecaster.knows(history.series_key):
        found.append(_NOT_LEARNED)
    if RELEASES not in known:
        found.append(_BALANCED)
    columns = set(history.ahead.columns)
    if (plans is None or plans.is_certain) and columns & {RELEASES, PLANNED_THROUGHPUT}:
        found.append(_UNLEARNED if plans is None and PLANNED_RELEASES in known else _CERTAIN)
    elif plans and plans.effect.reliance < _LITTLE_VALUE and RELEASES in columns:
        found.append(
            "Past plans were far from what was released: only "
            f"{plans.effect.reliance:.0%} of the plan's difference from the forecast is taken."
        )
    if CAPACITY in columns and CAPACITY not in known:
        found.append(
            "The data has no past capacity: values up to 2 are taken as shares of the usual "
            "capacity, larger ones as units of a step."
        )
    return found


def plan_summary(forecaster: Forecaster, history: History) -> dict[str, Any] | None:
    """Return the columns and steps of the plan that a forecast uses; None without a plan."""
    if history.ahead.is_empty:
        return None
    plans = forecaster.plans
    learned = plans is not None and forecaster.knows(history.series_key)
    return {
        "columns": sorted(history.ahead.columns),
        "steps": history.ahead.steps,
        "reliance": plans.effect.reliance if learned and plans is not None else UNMEASURED_RELIANCE,
        "is_certain": plans is None or plans.is_certain,
    }
