"""Forecasts of many series by one model, streamed. A refused item does not stop the others.

Series are forecast side by side, at most 128 at a time: the network takes little longer for
thirty series than for one, and a batch of any length takes little memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any, NamedTuple

from models.forecast.forecast import Forecast
from models.forecast.forecast_reply import batch_entry, paths_needed, reply_days
from models.forecast.forecaster import Forecaster, History
from models.forecast.history import history_of
from utils.api.replies.forecasting import BatchForecast, BatchRefusal, BatchReply
from utils.api.request_limits import check_horizon
from utils.api.schemas.forecasting import BatchItem, BatchRequest, PredictRequest
from utils.errors import Detail, InvalidInput, ServiceError

SIDE_BY_SIDE = 128  # items that are forecast together
_MOST_FLOATS = 1 << 24  # in the sample paths of items that are forecast together
_LISTED = 100  # refusals that an error lists

Item = BatchItem | PredictRequest
Planned = Callable[[History, Item], History]
Newest = Callable[[BatchItem], BatchItem]
Entry = BatchForecast | BatchRefusal


class AcceptedItem(NamedTuple):
    """An item that can be forecast."""

    place: int
    item: Item
    history: History
    cold_start: bool


class RefusedItem(NamedTuple):
    """An item that cannot be forecast."""

    place: int
    error: ServiceError


def forecast_batch(
    forecaster: Forecaster,
    request: BatchRequest,
    max_rows: int,
    max_horizon: int = 365,
    planned: Planned = lambda history, item: history,
    newest: Newest = lambda item: item,
) -> Iterator[bytes]:
    """Return the JSON of a `BatchReply`, part by part.

    The items are checked and the first of them forecast before this returns, so that an error
    which concerns all of them is raised here and not in the middle of the stream.

    Args:
        max_rows: most rows that the history of an item may have.
        max_horizon: most days that an item may ask for.
        planned: gives the history of an item its plan.
        newest: gives an item the newest rows as its history.

    Raises:
        InvalidInput: none of the items can be forecast; it has a detail for each.
    """
    items = checked_items(forecaster, request, max_rows, max_horizon, planned, newest)
    refused = [item for item in items if isinstance(item, RefusedItem)]
    head = BatchReply(
        model_id=request.model_id,
        forecasts=len(items) - len(refused),
        refused=len(refused),
        results=[],
    )
    first = _json(_entries(forecaster, items[:SIDE_BY_SIDE]))
    return _streamed(head, first, forecaster, items[SIDE_BY_SIDE:])


def checked_items(
    forecaster: Forecaster,
    request: BatchRequest,
    max_rows: int,
    max_horizon: int,
    planned: Planned,
    newest: Newest,
) -> list[AcceptedItem | RefusedItem]:
    """Return the items of a batch with their histories. Arguments as of `forecast_batch`."""
    items = [
        _checked(forecaster, place, item, max_rows, max_horizon, planned, newest)
        for place, item in enumerate(request.items)
    ]
    refused = [item for item in items if isinstance(item, RefusedItem)]
    if len(refused) == len(items):
        raise _all_refused(refused)
    return items


def accepted_item(
    forecaster: Forecaster,
    place: int,
    item: Item,
    max_rows: int,
    max_horizon: int,
    planned: Planned,
) -> AcceptedItem:
    """Return an item with its history. Arguments of `forecast_batch`.

    Raises:
        ServiceError: it cannot be forecast.
    """
    check_horizon("predictionDays", item.prediction_days, max_horizon)
    series_key = (item.plant, item.application, item.panel_size)
    history = planned(history_of(forecaster, series_key, item, max_rows), item)
    return AcceptedItem(place, item, history, not forecaster.knows(series_key))


def _checked(
    forecaster: Forecaster,
    place: int,
    fields: dict[str, Any],
    max_rows: int,
    max_horizon: int,
    planned: Planned,
    newest: Newest,
) -> AcceptedItem | RefusedItem:
    try:
        item = newest(BatchItem.parse(fields))
        return accepted_item(forecaster, place, item, max_rows, max_horizon, planned)
    except ServiceError as error:
        return RefusedItem(place, error)


def _all_refused(refused: list[RefusedItem]) -> InvalidInput:
    details = [
        Detail(f"items.{place}.{detail.field}", detail.message, detail.received)
        for place, error in refused
        for detail in error.details or [Detail("", error.message)]
    ]
    first = refused[0].error.message
    several = f"None of the {len(refused):,} items can be forecast. The first: {first}"
    return InvalidInput(several if len(refused) > 1 else first, details[:_LISTED])


def _streamed(
    head: BatchReply,
    first: bytes,
    forecaster: Forecaster,
    others: list[AcceptedItem | RefusedItem],
) -> Iterator[bytes]:
    """The reply's fields, `results` last, and the entries in parts."""
    yield head.model_dump_json().removesuffix("]}").encode() + first
    for begin in range(0, len(others), SIDE_BY_SIDE):
        yield b"," + _json(_entries(forecaster, others[begin : begin + SIDE_BY_SIDE]))
    yield b"]}"


def _json(entries: list[Entry]) -> bytes:
    return ",".join(entry.model_dump_json() for entry in entries).encode()


def _entries(forecaster: Forecaster, items: list[AcceptedItem | RefusedItem]) -> list[Entry]:
    """The entries of some items, in their order."""
    found: dict[int, Entry] = {
        item.place: _refusal(*item) for item in items if isinstance(item, RefusedItem)
    }
    accepted = [item for item in items if isinstance(item, AcceptedItem)]
    for together, forecasts in side_by_side(forecaster, accepted):
        for i, one in enumerate(together):
            found[one.place] = _entry(forecaster, one, forecasts.of(i))
    return [found[item.place] for item in items]


def side_by_side(
    forecaster: Forecaster, accepted: list[AcceptedItem]
) -> Iterator[tuple[list[AcceptedItem], Forecast]]:
    """Return groups of items that are forecast together, and the forecasts of each group."""
    for (steps, _, paths, is_raw, _), some in groupby(sorted(accepted, key=_alike), _alike):
        group = list(some)
        fitting = max(1, _MOST_FLOATS // (steps * paths * 3))
        for begin in range(0, len(group), fitting):
            together = group[begin : begin + fitting]
            histories = [one.history for one in together]
            yield together, forecaster.forecast_all(histories, steps, paths, is_raw)


def _alike(accepted: AcceptedItem) -> tuple[int, bool, int, bool, bool]:
    """The properties that items share which are forecast together."""
    steps = reply_days(accepted.history, accepted.item).steps
    paths, has_plan = paths_needed(accepted.item), accepted.history.has_plan
    return steps, accepted.cold_start, paths, accepted.item.raw, has_plan


def _entry(forecaster: Forecaster, one: AcceptedItem, forecast: Forecast) -> Entry:
    try:
        return batch_entry(forecaster, one.history, one.item, forecast, one.place)
    except ServiceError as error:
        return _refusal(one.place, error)


def _refusal(place: int, error: ServiceError) -> BatchRefusal:
    document = error.to_document()
    return BatchRefusal(item=place, error=document["message"], details=document["details"])
