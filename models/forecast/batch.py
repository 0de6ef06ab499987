"""Many forecasts by one model, side by side, and streamed: a refused item stands beside the rest.

A network takes little longer over thirty series than over one. Items are forecast some at a time,
so that any number of them takes little memory; by one thread, as much of the work is Python's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, NamedTuple

import orjson

from models.forecast.forecast_reply import forecast_json
from models.forecast.forecaster import Forecast, Forecaster, Start
from models.forecast.history import Context, context_of
from models.series.panel import KEYS, Key
from utils.api.request_limits import check_horizon
from utils.api.schemas import BatchItem, BatchRequest
from utils.errors import Detail, InvalidInput, ServiceError

_AT_ONCE = 128  # items that are forecast together
_LISTED = 100  # refusals that an error lists


_Piece = bytes | memoryview


class _Asked(NamedTuple):
    """An item that can be forecast."""

    place: int
    key: Key
    item: BatchItem
    context: Context


class _Refused(NamedTuple):
    """An item that cannot."""

    place: int
    error: ServiceError


def forecast_batch(
    forecaster: Forecaster, request: BatchRequest, max_rows: int, max_horizon: int = 365
) -> Iterable[bytes]:
    """The reply to a batch, as `replies.BatchReply` describes it, part by part.

    Raises:
        InvalidInput: not one of the items can be forecast; a detail for each.
    """
    found = [
        _look(forecaster, place, item, max_rows, max_horizon)
        for place, item in enumerate(request.items)
    ]
    refused = [entry for entry in found if isinstance(entry, _Refused)]
    if len(refused) == len(found):
        raise _nothing_left(refused)
    parts = [found[begin : begin + _AT_ONCE] for begin in range(0, len(found), _AT_ONCE)]
    # What fails at once fails before the first byte is sent.
    first = [_head(request.model_id, len(found), len(refused)), *_render(forecaster, parts[0])]
    if len(parts) == 1:
        return [b"".join([*first, b"]}"])]
    return _joined(first, (_render(forecaster, part) for part in parts[1:]))


def _look(
    forecaster: Forecaster, place: int, given: dict[str, Any], max_rows: int, max_horizon: int
) -> _Asked | _Refused:
    try:
        item = BatchItem.parse(given)
        check_horizon("predictionDays", item.prediction_days, max_horizon)
        key = (item.plant, item.application, item.panel_size)
        return _Asked(place, key, item, context_of(forecaster, key, item, max_rows))
    except ServiceError as error:
        return _Refused(place, error)


def _nothing_left(refused: list[_Refused]) -> InvalidInput:
    details = [
        Detail(f"items.{place}.{detail.field}", detail.message, detail.received)
        for place, error in refused
        for detail in error.details or [Detail("", error.message)]
    ]
    first = refused[0].error.message
    several = f"None of the {len(refused):,} items can be forecast. The first: {first}"
    return InvalidInput(several if len(refused) > 1 else first, details[:_LISTED])


def _head(model_id: str, items: int, refused: int) -> bytes:
    counts = {"forecasts": items - refused, "refused": refused}
    return orjson.dumps({"success": True, "model_id": model_id, **counts})[:-1] + b',"results":['


def _joined(first: list[_Piece], others: Iterator[list[_Piece]]) -> Iterator[bytes]:
    yield b"".join(first)
    for part in others:
        yield b"".join([b",", *part])
    yield b"]}"


def _render(forecaster: Forecaster, part: list[_Asked | _Refused]) -> list[_Piece]:
    """The entries of some items, in pieces: they are long, and are copied together once."""
    asked = [entry for entry in part if isinstance(entry, _Asked)]
    entries: dict[int, list[_Piece]] = {
        entry.place: [_refusal(entry)] for entry in part if isinstance(entry, _Refused)
    }
    for (steps, own, _), some in groupby(sorted(asked, key=_kind_of), _kind_of):
        group = list(some)
        keys = [one.key for one in group]
        forecasts = (
            forecaster.forecast_own(keys, steps) if own else _together(forecaster, group, steps)
        )
        for one, forecast in zip(group, forecasts, strict=True):
            entries[one.place] = _entry(forecaster, one, forecast)
    pieces: list[_Piece] = [piece for entry in part for piece in (b",", *entries[entry.place])]
    return pieces[1:]


def _kind_of(asked: _Asked) -> tuple[int, bool, bool]:
    """What items must share to be forecast together."""
    return asked.item.prediction_days, asked.context.own, asked.context.cold


def _together(forecaster: Forecaster, group: list[_Asked], steps: int) -> list[Forecast]:
    starts = [Start(one.key, one.context.rows, one.context.last) for one in group]
    forecast = forecaster.forecast_all(starts, steps)
    return [forecast.of(i) for i in range(len(group))]


def _entry(forecaster: Forecaster, one: _Asked, forecast: Forecast) -> list[_Piece]:
    try:
        said = forecast_json(forecaster, one.key, one.context, one.item, forecast)
    except ServiceError as error:
        return [_refusal(_Refused(one.place, error))]
    names = {"item": one.place} | dict(zip(KEYS, one.key, strict=True))
    return [orjson.dumps(names)[:-1], b",", memoryview(said)[1:]]


def _refusal(refused: _Refused) -> bytes:
    document = refused.error.to_document()
    error, details = document["message"], document["details"]
    return orjson.dumps({"item": refused.place, "error": error, "details": details})
