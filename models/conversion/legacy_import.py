"""Import of models from before this service: a Keras `.h5` file and its scalers.

Example: `import_model(store, Path("lstm_model.h5"), Path("scalers.pkl"), Path("history.csv"))`
publishes a model that forecasts from the end of the history.
"""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

import keras
import numpy as np
from numpy.typing import NDArray

from models.conversion.legacy_network import load_legacy, window_shape
from models.conversion.scaler_pickles import Scalers, read_scalers
from models.data import cleaning, tables
from models.data_generator import FACTORS
from models.registry.model_document import Metrics, ModelDocument, SeriesEntry
from models.series.calendar import Calendar
from models.series.legacy_encoding import FEATURES, LegacyEncoding, feature_order
from models.series.panel import SERIES_FIELDS, Panel
from models.training.network import export_onnx
from utils.errors import InvalidInput
from utils.storage.artifact_store import ArtifactStore

Floats = NDArray[np.float64]

_MOST_ROWS = 5_000_000
_MOST_BYTES = 1_000_000_000


def import_model(
    store: ArtifactStore, h5: Path, scalers: Path | None, history: Path | None = None
) -> ModelDocument:
    """Import a legacy model and publish it; returns the published document.

    Assumptions about what the files do not state are listed in the document's `warnings`.

    Args:
        store: where it is published.
        h5: the model, written by Keras 2 or 3.
        scalers: the pickle of its scalers and label encoders.
        history: a table of past rows. Forecasts start from its end, and the scaling is fitted on
            it where no scalers are given.

    Raises:
        ServiceError: a file cannot be read, is not accepted, or does not fit the others.
    """
    model = load_legacy(h5)
    length, width = window_shape(model)
    found = read_scalers(scalers) if scalers else None
    panel = _history(history) if history else None
    notes: list[str] = []
    encoding = _encoding(length, width, found, panel, notes)
    series = _series(encoding, panel, notes) if panel else []
    model_id = str(uuid4())
    document = _document(model_id, model, encoding, series, notes)

    def copy(path: Path) -> None:
        shutil.copyfile(h5, path)

    def export(path: Path) -> None:
        export_onnx(model, path)

    store.publish(model_id, document.to_json(), {".h5": copy, ".onnx": export})
    return document


# --- the encoding -------------------------------------------------------------------------------


def _history(path: Path) -> Panel:
    return cleaning.clean(tables.read_file(path, _MOST_ROWS, _MOST_BYTES)).panel


def _encoding(
    length: int, width: int, found: Scalers | None, panel: Panel | None, notes: list[str]
) -> LegacyEncoding:
    """The encoding of the model's input, as far as it is known, completed by defaults.

    Raises:
        InvalidInput: the scalers do not fit the network.
    """
    calendar = panel.calendar if panel else Calendar()
    try:
        encoding = LegacyEncoding.of(
            calendar,
            length,
            _names(found, panel, notes),
            _features(width, found, notes),
            found.scaler if found else None,
            found.target_scaler if found else None,
        )
    except ValueError as error:
        raise InvalidInput.of("scalers", f"must fit the model: {error}") from error
    if found is None and panel is not None:
        notes.append("No scalers were given: the scaling is fitted on the history.")
        return _fitted(encoding, panel)
    if found is None:
        notes.append("No scalers were given: input and output of the network are not scaled.")
    elif len(found.scaler[0]) < width:
        rest = ", ".join(encoding.features[len(found.scaler[0]) :])
        notes.append(f"The scaler does not have {rest}: they are not scaled.")
    return encoding


def _features(width: int, found: Scalers | None, notes: list[str]) -> tuple[str, ...]:
    """The order of the features: that of the scaler if it kept it, else the default one."""
    kept = tuple(_plain_name(name) for name in found.features) if found else ()
    if kept and set(kept) <= set(FEATURES) and len(kept) <= width:
        rest = [feature for feature in FEATURES if feature not in kept]
        return (*kept, *rest[: width - len(kept)])
    order = feature_order(width)
    notes.append(f"The features are assumed to be, in this order: {', '.join(order)}.")
    return order


def _plain_name(column: str) -> str:
    """The feature that a column of an old table stands for; the column itself if none."""
    name = column.strip().lower().replace(" ", "_").removesuffix("_encoded")
    usual = {"dayofweek": "day_of_week", "weekday": "day_of_week", "dayofyear": "day_of_year"}
    spelled = {"cycletime": "cycle_time", "panelsize": "panel_size"}
    return (usual | spelled).get(name, name)


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


def _fitted(encoding: LegacyEncoding, panel: Panel) -> LegacyEncoding:
    """An encoding that scales as scalers fitted on a history would."""
    rows = _known_rows(encoding, panel)
    values, owners = panel.filled()[rows], _owners(encoding, panel)[rows]
    raw = encoding.rows(values, encoding.context_features(panel.time[rows], owners), owners)
    mean, deviation = raw.mean(axis=0, dtype=float), raw.std(axis=0, dtype=float)
    # Constant columns are not scaled, as in scikit-learn.
    scale = np.where(deviation > 1e-9, deviation, 1.0)
    return LegacyEncoding.of(
        encoding.calendar, encoding.length, encoding.names, encoding.features, (mean, scale)
    )


def _owners(encoding: LegacyEncoding, panel: Panel) -> NDArray[np.int64]:
    """Number of each row's series in the encoding; −1 where the series is unknown to it."""
    numbers = {key: i for i, key in enumerate(encoding.series_keys)}
    return np.array([numbers.get(key, -1) for key in panel.series_keys], np.int64)[panel.series]


def _known_rows(encoding: LegacyEncoding, panel: Panel) -> NDArray[np.int64]:
    return np.flatnonzero(_owners(encoding, panel) >= 0)


# --- the document -------------------------------------------------------------------------------


def _series(encoding: LegacyEncoding, panel: Panel, notes: list[str]) -> list[SeriesEntry]:
    """The end of every series that the model knows, which forecasts start from."""
    known, values, found = set(encoding.series_keys), panel.filled(), []
    for s, key in enumerate(panel.series_keys):
        begin, end = int(panel.offsets[s]), int(panel.offsets[s + 1])
        if key not in known or end - begin < encoding.length:
            why = "is shorter than a window" if key in known else "has names unknown to the model"
            notes.append(f"{' / '.join(key)} is left out: its history {why}.")
            continue
        found.append(
            SeriesEntry(
                series_key=key,
                last_step=int(panel.first[s]) + end - begin - 1,
                recent=values[end - encoding.length : end].tolist(),
                highest_throughput=float(values[begin:end, 1].max()),
            )
        )
    return found


def _document(
    model_id: str,
    model: keras.Model,
    encoding: LegacyEncoding,
    series: list[SeriesEntry],
    notes: list[str],
) -> ModelDocument:
    created = datetime.now(UTC).isoformat()
    config = _config(model, encoding.length)
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
