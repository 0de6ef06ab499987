"""Import of models from before this service: a Keras `.keras` or `.h5` file and its scalers.

Example: `import_model(store, Path("lstm_model.h5"), Path("scalers.pkl"), Path("history.csv"))`
publishes a model that forecasts from the end of the history.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

import keras
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from models.conversion.feature_order import order_of
from models.conversion.legacy_network import load_legacy, suffix_of, window_shape
from models.conversion.scaler_pickles import Scalers, read_scalers
from models.data import cleaning
from models.data.cleaning import Cleaned
from models.data.reading import tables
from models.data_generator import FACTORS
from models.registry.model_document import Metrics, ModelDocument, SeriesEntry
from models.series.calendar import Calendar, day_number
from models.series.legacy_encoding import LegacyEncoding
from models.series.legacy_features import STOCKS, counts_days
from models.series.panel import SERIES_FIELDS, Panel
from models.training.network import export_onnx
from utils.errors import InvalidInput
from utils.storage.artifact_store import ArtifactStore

Floats = NDArray[np.float64]

_MOST_ROWS = 5_000_000
_MOST_BYTES = 1_000_000_000


def import_model(
    store: ArtifactStore,
    model: Path,
    scalers: Path | None,
    history: Path | None = None,
    features: Sequence[str] = (),
    day_zero: date | None = None,
) -> ModelDocument:
    """Import a legacy model and publish it; returns the published document.

    Assumptions about what the files do not state are listed in the document's `warnings`.

    Args:
        store: where it is published.
        model: a `.keras` file, or a `.h5` file of Keras 2 or 3.
        scalers: the pickle of its scalers and label encoders.
        history: a table of past rows. Forecasts start from its end, and the scaling is fitted on
            it where no scalers are given.
        features: names of its features in their order, where its pickles do not tell it.
        day_zero: date that it counts days from; by default that of day 0 in the history, or of the
            first row of a history that does not number its days.

    Raises:
        ServiceError: a file cannot be read, is not accepted, or does not fit the others.
    """
    network = load_legacy(model)
    window, width = window_shape(network)
    found = read_scalers(scalers) if scalers else None
    notes: list[str] = []
    order = _order(width, features, found, notes)
    table = _history(history) if history else None
    zero = _day_zero(order, history, table, day_zero, notes)
    encoding = _encoding(window, order, found, table, zero, notes)
    series = _series(encoding, table, notes) if table else []
    model_id = str(uuid4())
    document = _document(model_id, network, encoding, series, notes)

    def copy(path: Path) -> None:
        shutil.copyfile(model, path)

    def export(path: Path) -> None:
        export_onnx(network, path)

    store.publish(model_id, document.to_json(), {suffix_of(model): copy, ".onnx": export})
    return document


# --- the encoding -------------------------------------------------------------------------------


def _history(path: Path) -> Cleaned:
    return cleaning.clean(tables.read_file(path, _MOST_ROWS, _MOST_BYTES))


def first_day_of(history: Path) -> int:
    """Return the number of the first day in a table that numbers its days; 0 in one that does not.

    Only CSV and Parquet are looked into.
    """
    with history.open("rb") as file:
        start = file.read(4)
    if start == b"PAR1":
        named = [name for name in pq.read_schema(history).names if name.lower() == "day"]
        days = pq.read_table(history, columns=named).to_pandas()
    elif start[:1] in (b"[", b"{"):
        return 0
    else:
        is_day = lambda name: name.strip().lower() == "day"  # noqa: E731
        days = pd.read_csv(history, sep=None, engine="python", usecols=is_day)
    return int(days.iloc[:, 0].min()) if days.shape[1] else 0


def _order(
    width: int, stated: Sequence[str], found: Scalers | None, notes: list[str]
) -> tuple[str, ...]:
    """The features in the order of the network's inputs. Raises as `order_of`."""
    encoded = tuple(found.encoders) if found and found.encoders else SERIES_FIELDS
    columns = found.features if found else ()
    order = order_of(width, stated, columns, encoded)
    how = "stated" if stated else "in the order of its scaler" if columns else "by their number"
    notes.append(f"The model takes {width} features, {how}: {', '.join(order)}.")
    return order


def _day_zero(
    order: tuple[str, ...],
    history: Path | None,
    table: Cleaned | None,
    stated: date | None,
    notes: list[str],
) -> int:
    """The day that the network counts days from, since 1970-01-01.

    Raises:
        InvalidInput: it is not known.
    """
    if not counts_days(order):
        return 0
    if stated is not None:
        return day_number(stated)
    if table is None or history is None:
        raise InvalidInput.of(
            "day_zero", "is required, or a history: the model takes the number of the day"
        )
    panel = table.panel
    first = int(panel.calendar.days(panel.first[np.argmin(panel.first)][None])[0])
    zero = first - first_day_of(history)
    notes.append(f"Day 0 is taken to be {date(1970, 1, 1) + timedelta(zero)}, by the history.")
    return zero


def _encoding(
    window: int,
    order: tuple[str, ...],
    found: Scalers | None,
    table: Cleaned | None,
    day_zero: int,
    notes: list[str],
) -> LegacyEncoding:
    """The encoding of the model's input, as far as it is known, completed by defaults.

    Raises:
        InvalidInput: the scalers do not fit the network.
    """
    panel = table.panel if table else None
    try:
        encoding = LegacyEncoding.of(
            panel.calendar if panel else Calendar(),
            window,
            _names(found, panel, notes),
            order,
            found.scaler if found else None,
            found.target_scaler if found else None,
            day_zero,
        )
    except ValueError as error:
        raise InvalidInput.of("scalers", f"must fit the model: {error}") from error
    if found is None and table is not None:
        notes.append("No scalers were given: the scaling is fitted on the history.")
        return _fitted(encoding, table)
    if found is None:
        notes.append("No scalers were given: input and output of the network are not scaled.")
    return encoding


def _names(
    found: Scalers | None, panel: Panel | None, notes: list[str]
) -> tuple[tuple[str, ...], ...]:
    """The names by code: of the encoders, else of the history, else of the synthetic data."""
    names = []
    for k, kind in enumerate(SERIES_FIELDS):
        known = found.encoders.get(kind) if found else None
        if not known:
            # A label encoder numbers its names in their alphabetical order.
            known = sorted({key[k] for key in panel.series_keys} if panel else FACTORS[kind])
            notes.append(f"No label encoder of {kind} was given: it is assumed to be {known}.")
        names.append(tuple(known))
    return tuple(names)


def _fitted(encoding: LegacyEncoding, table: Cleaned) -> LegacyEncoding:
    """An encoding that scales as scalers fitted on a history would."""
    numbers = {key: i for i, key in enumerate(encoding.series_keys)}
    panel, parts = table.panel, []
    for s, key in enumerate(panel.series_keys):
        rows = slice(int(panel.offsets[s]), int(panel.offsets[s + 1]))
        if key in numbers and rows.stop - rows.start > encoding.lead:
            one = panel.filled()[rows], panel.time[rows], np.array([numbers[key]])
            values, time, series = one[0][None], one[1][None], one[2]
            parts.append(encoding.encode(values, time, series, _stocks(table)[rows][None])[0])
    raw = np.concatenate(parts) if parts else np.zeros((1, len(encoding.features)))
    mean, deviation = raw.mean(axis=0, dtype=float), raw.std(axis=0, dtype=float)
    # Constant columns are not scaled, as in scikit-learn.
    scale = np.where(deviation > 1e-9, deviation, 1.0)
    return LegacyEncoding.of(
        encoding.calendar,
        encoding.window,
        encoding.names,
        encoding.features,
        (mean, scale),
        day_zero=encoding.day_zero,
    )


def _stocks(table: Cleaned) -> Floats:
    """Finished and semi-finished goods of the rows of a history, NaN where unknown, [rows, 2]."""
    unknown = np.full(len(table.panel.values), np.nan)
    return np.column_stack([table.extras.get(name, unknown) for name in STOCKS])


# --- the document -------------------------------------------------------------------------------


def _series(encoding: LegacyEncoding, table: Cleaned, notes: list[str]) -> list[SeriesEntry]:
    """The end of every series that the model knows, which forecasts start from."""
    panel, stocks = table.panel, _stocks(table)
    known, values, found = set(encoding.series_keys), panel.filled(), []
    for s, key in enumerate(panel.series_keys):
        begin, end = int(panel.offsets[s]), int(panel.offsets[s + 1])
        if key not in known or end - begin < encoding.length:
            why = (
                f"is shorter than the {encoding.length} rows that a forecast needs"
                if key in known
                else "has names unknown to the model"
            )
            notes.append(f"{' / '.join(key)} is left out: its history {why}.")
            continue
        recent = slice(end - encoding.length, end)
        found.append(
            SeriesEntry(
                series_key=key,
                last_step=int(panel.first[s]) + end - begin - 1,
                recent=values[recent].tolist(),
                highest_throughput=float(values[begin:end, 1].max()),
                stocks=_listed(stocks[recent]) if set(STOCKS) & set(encoding.features) else None,
            )
        )
    if set(STOCKS) & set(encoding.features):
        notes.append(_HELD if found and not np.isnan(stocks).all() else _UNKNOWN)
    return found


_HELD = "Forecasts hold finished and semi-finished goods at their last values in the history."
_UNKNOWN = (
    "Finished and semi-finished goods are not known: forecasts take their mean of the training."
)


def _listed(stocks: Floats) -> list[list[float | None]]:
    return [[None if np.isnan(value) else value for value in row] for row in stocks.tolist()]


def _document(
    model_id: str,
    model: keras.Model,
    encoding: LegacyEncoding,
    series: list[SeriesEntry],
    notes: list[str],
) -> ModelDocument:
    created = datetime.now(UTC).isoformat()
    config = _config(model, encoding.window)
    return ModelDocument(
        model_id=model_id,
        created_at=created,
        config=config,
        metrics=Metrics(),
        source="imported",
        encoding=encoding.to_document(),
        series=series,
        model_summary={
            "input_shape": list(model.input_shape),
            "output_shape": list(model.output_shape),
            "total_params": int(model.count_params()),
            "config": config,
            "created_at": created,
        },
        training_history=None,
        warnings=notes,
        versions={
            "python": sys.version.split()[0],
            **{package: version(package) for package in ("keras", "tensorflow", "numpy")},
        },
    )


def _config(model: keras.Model, length: int) -> dict[str, Any]:
    """The hyperparameters that can be read off the network."""
    lstms = [layer.units for layer in model.layers if isinstance(layer, keras.layers.LSTM)]
    rates = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    config: dict[str, Any] = {"sequence_length": length}
    config |= {f"lstm_units_{i}": int(units) for i, units in enumerate(lstms[:2], 1)}
    return config | ({"dropout_rate": float(rates[0])} if rates else {})
