"""Finish dates of orders, and units that are out by given dates, from joint sample paths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.forecast.forecaster import History
from models.planning.finish import Order, finish_steps, joint
from models.series.calendar import Calendar
from models.series.first_passage import cumulated, quantile_steps
from models.series.panel import SERIES_FIELDS, SeriesKey
from models.services.sample_futures import SampleFutures
from utils.api.schemas.orders import OrderFields, OutputRequest, SeriesFields
from utils.errors import InvalidInput

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SHARES = {"p50": 0.5, "p80": 0.8, "p90": 0.9, "p95": 0.95}
_QUANTILES = {"p05": 0.05, "p10": 0.1, "p20": 0.2, "p50": 0.5, "p80": 0.8, "p90": 0.9, "p95": 0.95}
_NEAR = 64  # steps whose output is forecast first; most orders are finished within them
_MOST_SERIES = 1000
_NEVER = np.iinfo(np.int64).max  # a day that does not come within the horizon


@dataclass(frozen=True)
class FinishedOrders:
    """The orders of a request on all sample paths.

    Attributes:
        days: day on which each order is finished, [orders, K]; `_NEVER` beyond the horizon.
        first, last: dates of the first and last of them.
        alike: correlation of the series; None: there is one.
        calendar: that the days are of.
        warnings: about the data, as sentences.
    """

    days: Ints
    first: str
    last: str
    alike: float | None
    calendar: Calendar
    warnings: list[str]

    @property
    def dates(self) -> list[NDArray[np.datetime64]]:
        """The finish dates of each order; NaT beyond the horizon."""
        known = self.days != _NEVER
        days = np.where(known, self.days, 0)
        dates = np.array(self.calendar.texts(days.ravel()), "datetime64").reshape(days.shape)
        return list(np.where(known, dates, np.datetime64("NaT")))


def finish_orders(futures: SampleFutures, orders: Sequence[OrderFields]) -> FinishedOrders:
    """Return when each order is finished on each path.

    Raises:
        InvalidInput: a series is not known, or a date is not within the horizon.
    """
    lines: dict[SeriesKey, list[int]] = {}
    for place, order in enumerate(orders):
        lines.setdefault(_key(order), []).append(place)
    histories = {key: futures.history(key) for key in lines}
    asked = {
        key: [_order(futures, histories[key], orders[place], place) for place in places]
        for key, places in lines.items()
    }
    found = np.full((len(orders), futures.count), _NEVER)
    steps, totals, looked = _finished(futures, histories, asked)
    several = list(histories.values())
    alike = futures.correlation(several)
    places = joint(list(totals.values()), alike or 0.0)
    for key, together in zip(lines, places, strict=True):
        days = np.append(futures.days(histories[key], looked), _NEVER)
        at = np.minimum(steps[key][:, together] - 1, looked)
        found[lines[key]] = days[at]
    calendar = replace(futures.forecaster.calendar, working=())
    dates = [futures.dates(history, looked) for history in several]
    first, last = min(own[0] for own in dates), max(own[-1] for own in dates)
    return FinishedOrders(found, first, last, alike, calendar, futures.ended_early(several))


def _key(fields: SeriesFields) -> SeriesKey:
    return fields.plant, fields.application, fields.panel_size


def _order(futures: SampleFutures, history: History, fields: OrderFields, place: int) -> Order:
    name = f"orders.{place}"
    start = 0
    if fields.start_after is not None:
        start = futures.steps_until(history, fields.start_after, f"{name}.startAfter")
    if fields.due is not None:
        futures.steps_until(history, fields.due, f"{name}.due")
    return Order(fields.quantity, start, fields.after == "wip")


def _first_look(
    futures: SampleFutures,
    histories: dict[SeriesKey, History],
    asked: dict[SeriesKey, list[Order]],
) -> int:
    """Steps within which the orders are expected to be finished, with a margin."""
    steps = min(futures.horizon, _NEAR)
    while True:
        expected = futures.expected(list(histories.values()), steps)
        farthest = 0
        for (key, history), output in zip(histories.items(), expected, strict=True):
            wanted = sum(order.quantity for order in asked[key])
            if any(order.on_top for order in asked[key]):
                wanted += float(history.rows[-1, 0])
            start = max(order.starts_after for order in asked[key])
            reached = np.searchsorted(np.cumsum(output[start:]), wanted) + start
            farthest = max(farthest, int(reached))
        if farthest < steps or steps == futures.horizon:
            return futures.with_margin(farthest)
        steps = min(futures.horizon, 4 * steps)


def _finished(
    futures: SampleFutures,
    histories: dict[SeriesKey, History],
    asked: dict[SeriesKey, list[Order]],
) -> tuple[dict[SeriesKey, Ints], dict[SeriesKey, Floats], int]:
    """Finish steps [orders, K] and total output [K] of each line, and the steps looked at.

    It looks farther at the lines whose paths are not all through, until the horizon ends.
    """
    looked = _first_look(futures, histories, asked)
    steps, totals, left = {}, {}, list(asked)
    while True:
        lines = futures.paths([histories[key] for key in left], looked)
        for key, line in zip(left, lines, strict=True):
            steps[key] = finish_steps(line, asked[key])
            totals[key] = line.throughput.sum(axis=1)
        left = [key for key in left if (steps[key] > looked).any()]
        if not left or looked == futures.horizon:
            return steps, totals, looked
        looked = min(2 * looked, futures.horizon)


def finish_fields(found: FinishedOrders, orders: Sequence[OrderFields]) -> dict[str, Any]:
    """Return the fields of the reply about finish dates."""
    on_time = {
        place: found.days[place] <= found.calendar.day(order.due, "due", is_last=True)
        for place, order in enumerate(orders)
        if order.due is not None
    }
    entries = [
        {
            "order": place,
            **dict(zip(SERIES_FIELDS, _key(order), strict=True)),
            "quantity": order.quantity,
            "due": order.due,
            **_finish(found.days[place], found.calendar),
            "on_time_probability": float(on_time[place].mean()) if place in on_time else None,
        }
        for place, order in enumerate(orders)
    ]
    together = np.all(list(on_time.values()), axis=0) if on_time else None
    whole = {
        **_finish(found.days.max(axis=0), found.calendar),
        "on_time_probability": None if together is None else float(together.mean()),
        "correlation": found.alike,
    }
    return {
        "first_date": found.first,
        "last_date": found.last,
        "paths": found.days.shape[1],
        "orders": entries,
        "all": whole,
        "warnings": found.warnings,
    }


def _finish(days: Ints, calendar: Calendar) -> dict[str, Any]:
    found = quantile_steps(days, SHARES, _NEVER - 1)
    dates = {name: None if day is None else calendar.text(day) for name, day in found.items()}
    return {
        "finish": dates,
        "beyond_horizon_probability": float((days == _NEVER).mean()),
    }


def output_fields(
    futures: SampleFutures, request: OutputRequest, keys: Sequence[SeriesKey]
) -> dict[str, Any]:
    """Return the fields of the reply about units that are out.

    Raises:
        InvalidInput: a series is not known, a date is not within the horizon, or there are more
            series than one request may ask for.
    """
    if len(keys) > _MOST_SERIES:
        raise InvalidInput.of("series", f"must be at most {_MOST_SERIES:,} series", len(keys))
    histories = [futures.history(key) for key in keys]
    steps = [
        [
            futures.steps_until(history, day, f"dates.{place}")
            for place, day in enumerate(request.dates)
        ]
        for history in histories
    ]
    out, totals = [], []
    lines = futures.paths(histories, max(map(max, steps)))
    for own, line in zip(steps, lines, strict=True):
        total = cumulated(line.throughput)
        out.append(total[:, own])
        totals.append(total[:, max(own)])
    alike = futures.correlation(histories)
    orders = joint(totals, alike or 0.0)
    together = np.stack([own[order] for own, order in zip(out, orders, strict=True)])
    first = min(futures.dates(history, 1)[0] for history in histories)
    return {
        "first_date": first,
        "paths": futures.count,
        "series": len(keys),
        "correlation": alike,
        "outputs": [
            names | _output(units[:, at], day, request.quantity)
            for names, units in _groups(together, keys, request.by)
            for at, day in enumerate(request.dates)
        ],
        "warnings": futures.ended_early(histories),
    }


def _groups(
    units: Floats, keys: Sequence[SeriesKey], by: str
) -> list[tuple[dict[str, Any], Floats]]:
    """Names and joint output, [K, dates], of each group of series."""
    parts: Callable[[SeriesKey], tuple[str | None, ...]] = {
        "all": lambda key: (None, None, None),
        "plant": lambda key: (key[0], None, None),
        "series": lambda key: key,
    }[by]
    groups = list(dict.fromkeys(parts(key) for key in keys))
    return [
        (
            dict(zip(SERIES_FIELDS, group, strict=True)),
            units[[parts(key) == group for key in keys]].sum(axis=0),
        )
        for group in groups
    ]


def _output(units: Floats, day: str, quantity: float | None) -> dict[str, Any]:
    quantiles = np.quantile(units, list(_QUANTILES.values())).tolist()
    return {
        "date": day,
        "mean": float(units.mean()),
        "quantiles": dict(zip(_QUANTILES, quantiles, strict=True)),
        "probability": None if quantity is None else float((units >= quantity).mean()),
    }
