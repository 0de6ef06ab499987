"""Published models, opened: a document and the content of its ONNX file become a forecaster."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.forecast.autoregression import Autoregression
from models.forecast.combination import Combination
from models.forecast.correction import CorrectedRollOut
from models.forecast.direct_network import DirectNetwork, Network
from models.forecast.drivers import Drivers
from models.forecast.forecaster import Forecaster, SeriesEnd
from models.forecast.intervals import Intervals
from models.forecast.legacy_model import KnownStocks, LegacyModel
from models.forecast.members import LinearRollOut, Member, MemberName
from models.forecast.onnx_session import open_network
from models.forecast.plan_effect import PlanEffect
from models.forecast.planned_forecast import PlanParts
from models.forecast.pretrained_member import untrained_members
from models.forecast.published_model import PublishedModel
from models.forecast.reconciliation import Reconciliation
from models.forecast.sample_paths import ErrorPaths
from models.forecast.what_if import WhatIfEffect
from models.registry.model_document import FORECAST_FIELDS, ModelDocument
from models.series.calendar import Calendar
from models.series.encoding import Encoding
from models.series.legacy_encoding import LegacyEncoding
from models.series.panel import SeriesKey
from utils.errors import DamagedFile

_STEPS = 28  # of the error paths of a model that has none of its own


def open_forecaster(document: ModelDocument, network: bytes | Network) -> Forecaster:
    """Return a model ready to forecast.

    Args:
        network: the content of its ONNX file, or the function that it is.

    Raises:
        DamagedFile: the document or the network is not one that can forecast.
    """
    if isinstance(network, bytes):
        network = open_network(network)
    try:
        effect = None if document.what_if is None else WhatIfEffect.from_document(document.what_if)
        plans = None if document.plans is None else _plans(document.plans)
        model = _model(document, network)
        return Forecaster(model, _series(document, model.encoding.calendar), effect, plans)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DamagedFile(
            f"The document of the model lacks what a forecast needs: {error!r}. A legacy "
            "model is brought in with `python run.py import`; one of an earlier version of "
            "this service is to be trained again."
        ) from error


def _model(document: ModelDocument, network: Network) -> PublishedModel | LegacyModel:
    _expect(document, "encoding", "series")
    kind = document.encoding["kind"]
    if kind == LegacyEncoding.kind:
        legacy = LegacyEncoding.from_document(document.encoding)
        return LegacyModel(legacy, network, _stocks(document, legacy))
    if kind != Encoding.kind:
        raise ValueError(f"unknown encoding {kind!r}")
    _expect(document, *FORECAST_FIELDS, "network")
    encoding = Encoding.from_document(document.encoding)
    return PublishedModel(
        encoding,
        _paths(document, encoding, network),
        _optional(Reconciliation, document.reconciliation),
        _optional(Intervals, document.intervals),
        ErrorPaths.usual(_STEPS)
        if document.error_paths is None
        else ErrorPaths.from_document(document.error_paths),
        _optional(Intervals, document.raw_intervals),
        document.follows_shifts,
    )


def _stocks(document: ModelDocument, encoding: LegacyEncoding) -> dict[int, KnownStocks]:
    """The finished and semi-finished goods of an imported model's series, by their numbers."""
    numbers = {key: i for i, key in enumerate(encoding.series_keys)}
    return {
        numbers[entry.series_key]: KnownStocks(np.array(entry.stocks, float), entry.last_step)
        for entry in document.series
        if entry.stocks and entry.last_step is not None
    }


def _paths(
    document: ModelDocument, encoding: Encoding, network: Network
) -> Combination | CorrectedRollOut:
    """The combination of a model, or the corrected roll-out of one of version 1.0."""
    autoregression = Autoregression.from_document(document.autoregression or {}, encoding.calendar)
    entry = document.network
    if entry is None or (entry.change_scale is None and entry.residual_scale is None):
        raise KeyError("network")
    if entry.change_scale is None:
        scale = np.asarray(entry.residual_scale, float)
        return CorrectedRollOut(autoregression, network, encoding, scale)
    _expect(document, "combination")
    weights = {
        MemberName(name): np.asarray(own, float).reshape(-1, 3)
        for name, own in (document.combination or {}).items()
    }
    members: dict[MemberName, Member] = {
        **untrained_members(encoding.calendar, encoding.scaling),
        MemberName.AUTOREGRESSION: LinearRollOut(autoregression),
        MemberName.LSTM: DirectNetwork(network, encoding, np.asarray(entry.change_scale, float)),
    }
    return Combination(members, weights)


def _expect(document: ModelDocument, *fields: str) -> None:
    missing = [field for field in fields if field not in document.model_fields_set]
    if missing:
        raise KeyError(missing[0])


def _series(document: ModelDocument, calendar: Calendar) -> dict[SeriesKey, SeriesEnd]:
    found = {}
    for entry in document.series:
        if entry.recent is None or entry.last_step is None:
            raise KeyError("recent")
        recent = np.asarray(entry.recent, float)
        found[entry.series_key] = SeriesEnd(
            recent,
            entry.last_step,
            entry.highest_throughput,
            entry.has_cycle_times,
            None if entry.until is None else calendar.day(entry.until),
            {name: np.array(own, float) for name, own in (entry.known or {}).items()},
        )
    return found


def _plans(document: dict[str, Any]) -> PlanParts:
    intervals = _optional(Intervals, document["intervals"])
    effect = PlanEffect.from_document(document["effect"])
    drivers = _optional(Drivers, document.get("drivers"))
    return PlanParts(effect, intervals, bool(document["is_certain"]), drivers)


def _optional(kind: Any, document: dict[str, Any] | None) -> Any:
    return None if document is None else kind.from_document(document)
