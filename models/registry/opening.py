"""Published models, opened: a document and the content of its ONNX file become a forecaster."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.forecast.autoregression import Autoregression
from models.forecast.correction import Network
from models.forecast.forecaster import Forecaster, SeriesEnd
from models.forecast.intervals import Intervals
from models.forecast.legacy_model import LegacyModel
from models.forecast.onnx_session import open_network
from models.forecast.published_model import PublishedModel
from models.forecast.reconciliation import Reconciliation
from models.forecast.what_if import WhatIfEffect
from models.registry.model_document import FORECAST_FIELDS, ModelDocument
from models.series.encoding import Encoding
from models.series.legacy_encoding import LegacyEncoding
from models.series.panel import SeriesKey
from utils.errors import DamagedFile


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
        return Forecaster(_model(document, network), _series(document))
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
        return LegacyModel(LegacyEncoding.from_document(document.encoding), network)
    if kind != Encoding.kind:
        raise ValueError(f"unknown encoding {kind!r}")
    _expect(document, *FORECAST_FIELDS, "network")
    encoding = Encoding.from_document(document.encoding)
    return PublishedModel(
        encoding,
        Autoregression.from_document(document.autoregression or {}, encoding.calendar),
        network,
        np.asarray(document.network.residual_scale if document.network else None, float),
        _optional(Reconciliation, document.reconciliation),
        _optional(Intervals, document.intervals),
        WhatIfEffect.from_document(document.what_if or {}),
    )


def _expect(document: ModelDocument, *fields: str) -> None:
    missing = [field for field in fields if field not in document.model_fields_set]
    if missing:
        raise KeyError(missing[0])


def _series(document: ModelDocument) -> dict[SeriesKey, SeriesEnd]:
    found = {}
    for entry in document.series:
        if entry.recent is None or entry.last_step is None:
            raise KeyError("recent")
        recent = np.asarray(entry.recent, float)
        found[entry.series_key] = SeriesEnd(recent, entry.last_step, entry.highest_throughput)
    return found


def _optional(kind: Any, document: dict[str, Any] | None) -> Any:
    return None if document is None else kind.from_document(document)
