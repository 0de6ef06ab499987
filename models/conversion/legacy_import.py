"""Models from before this service: a Keras `.h5` and its scalers, brought in and published."""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import h5py
import keras
import numpy as np
from numpy.typing import NDArray

from models.conversion.scaler_pickles import Scalers, read_scalers
from models.data import cleaning, tables
from models.data_generator import FACTORS
from models.registry.model_document import Metrics, ModelDocument, SeriesEntry
from models.series.calendar import Calendar
from models.series.legacy_encoding import FEATURES, LegacyEncoding, feature_order
from models.series.panel import SERIES_FIELDS, TARGETS, Panel
from models.training import keras_files, network
from models.training.network import export_onnx
from utils.errors import DamagedFile, InvalidInput, first_line
from utils.storage.artifact_store import ArtifactStore

Floats = NDArray[np.float64]

_MOST_ROWS = 5_000_000
_MOST_BYTES = 1_000_000_000
# Written by Keras 2; Keras 3 knows them no more. None of them means anything at its default.
_FORGOTTEN = {"time_major": False, "ragged": False}


def import_model(
    store: ArtifactStore, h5: Path, scalers: Path | None, history: Path | None = None
) -> ModelDocument:
    """Bring in a legacy model and publish it; returns the published document.

    What is not known is assumed, and said in the document's `warnings`.

    Args:
        store: where it is published.
        h5: the model, written by Keras 2 or 3.
        scalers: the pickle of its scalers and label encoders.
        history: a table of the past. Forecasts start from its end, and the scaling is fitted
            on it where no scalers are given.

    Raises:
        ServiceError: a file cannot be read, is not accepted, or does not fit the others.
    """
    model = load_legacy(h5)
    length, width = _window(model)
    found = read_scalers(scalers) if scalers else None
    panel = _past(history) if history else None
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


# --- the network --------------------------------------------------------------------------------


def open_keras(store: ArtifactStore, model_id: str) -> keras.Model:
    """The network of a published model, from its `.keras` or else its `.h5`.

    Raises:
        ServiceError: neither is there, or what is there is damaged.
    """
    suffix = ".keras" if store.has(model_id, ".keras") else ".h5"
    with store.local(model_id, suffix) as path:
        return network.load(path) if suffix == ".keras" else load_legacy(path)


def load_legacy(path: Path) -> keras.Model:
    """Open a `.h5` file of Keras 2 or 3; its loss and optimizer are left out.

    Raises:
        DamagedFile: the file is truncated, or no HDF5.
        InvalidInput: it holds no whole model, or one with code of its own.
    """
    with TemporaryDirectory() as folder:
        # A copy, as what Keras 2 wrote is changed to what Keras 3 reads.
        copy = Path(folder) / "model.h5"
        _copy_modernised(path, copy)
        try:
            return _opened(copy)
        except Exception as error:  # Keras' errors share no class of their own
            raise _unusable(path, f"cannot be opened by Keras: {first_line(error)}") from error


def _opened(path: Path) -> keras.Model:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on how models are best written today
        return keras.models.load_model(path, compile=False, safe_mode=True)


def _unusable(path: Path, why: str) -> InvalidInput:
    return InvalidInput.of("model", f"{path.name} {why}", path.name)


def _copy_modernised(path: Path, copy: Path) -> None:
    """Copy a file, its description of the model checked and brought up to date."""
    try:
        shutil.copyfile(path, copy)
        if not h5py.is_hdf5(copy):  # an empty file would be opened, and filled
            raise ValueError("it does not begin as HDF5 does")
        keras_files.check_weights(copy, copy.stat().st_size)
        with h5py.File(copy, "r+") as file:
            stated = file.attrs.get("model_config")
            if stated is None:
                raise _unusable(path, "holds weights only; save the whole model: model.save()")
            config = json.loads(stated)
            _name_input(config)
            keras_files.check_config(config)
            for part in keras_files.parts(config):
                _modernise(path, part)
            del file.attrs["model_config"]
            file.attrs["model_config"] = json.dumps(config).encode()
    except keras_files.Refused as error:
        if isinstance(error, keras_files.Broken):
            raise DamagedFile(f"The file {path.name} {error}.") from error
        raise _unusable(path, str(error)) from error
    except (OSError, LookupError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        raise DamagedFile(
            f"The file {path.name} is truncated or no Keras .h5 file: {first_line(error)}"
        ) from error


def _name_input(config: dict[str, Any]) -> None:
    """Give a Sequential model the input layer that Keras 2 left to its first layer to state."""
    if config.get("class_name") != "Sequential":
        return
    if isinstance(config["config"], list):  # before Keras 2.2.3
        config["config"] = {"name": "sequential", "layers": config["config"]}
    layers = config["config"]["layers"]
    shape = layers[0].get("config", {}).get("batch_input_shape") if layers else None
    if shape and layers[0].get("class_name") != "InputLayer":
        given = {"batch_input_shape": shape, "dtype": "float32", "name": "window"}
        layers.insert(0, {"class_name": "InputLayer", "config": given})


def _modernise(path: Path, part: dict[str, Any]) -> None:
    """Take out of a layer's description what only Keras 2 knew."""
    if part.get("time_major"):
        raise _unusable(path, "has a layer with time before the batch, which is not supported")
    for name, default in _FORGOTTEN.items():
        if part.get(name) == default:
            part.pop(name)
    layers = part.get("layers")
    if isinstance(layers, list) and layers and layers[0].get("class_name") == "InputLayer":
        # Said a second time by the layer behind it.
        for layer in layers[1:]:
            layer.get("config", {}).pop("batch_input_shape", None)


def _window(model: keras.Model) -> tuple[int, int]:
    """Length and width of the windows that a network takes.

    Raises:
        InvalidInput: it does not take one window, or does not say three numbers.
    """
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise InvalidInput.of("model", "must have one input and one output")
    given, said = list(model.input_shape), list(model.output_shape)
    if len(given) != 3 or given[0] is not None or None in given[1:]:
        raise InvalidInput.of("model", "must take windows of [any, length, features]", given)
    if said != [None, len(TARGETS)]:
        raise InvalidInput.of("model", f"must say {len(TARGETS)} numbers: {list(TARGETS)}", said)
    if not len(TARGETS) <= given[2] <= len(FEATURES):
        features = f"{len(TARGETS)} to {len(FEATURES)} features"
        raise InvalidInput.of("model", f"must take {features} of {list(FEATURES)}", given)
    return given[1], given[2]


# --- the encoding -------------------------------------------------------------------------------


def _past(path: Path) -> Panel:
    return cleaning.clean(tables.read_file(path, _MOST_ROWS, _MOST_BYTES)).panel


def _encoding(
    length: int, width: int, found: Scalers | None, panel: Panel | None, notes: list[str]
) -> LegacyEncoding:
    """What is known of how the model was fed, completed by what is usual.

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
        notes.append("No scalers were given: values go into the network and come out unscaled.")
    elif len(found.scaler[0]) < width:
        rest = ", ".join(encoding.features[len(found.scaler[0]) :])
        notes.append(f"The scaler does not know {rest}: they go into the network unscaled.")
    return encoding


def _features(width: int, found: Scalers | None, notes: list[str]) -> tuple[str, ...]:
    """The features' order: as the scaler has kept it, else the usual one."""
    kept = tuple(_plain_name(name) for name in found.features) if found else ()
    if kept and set(kept) <= set(FEATURES) and len(kept) <= width:
        rest = [feature for feature in FEATURES if feature not in kept]
        return (*kept, *rest[: width - len(kept)])
    order = feature_order(width)
    notes.append(f"The features are taken to be, in this order: {', '.join(order)}.")
    return order


def _plain_name(column: str) -> str:
    """The feature that a column of an old table means, as far as it has the name of one."""
    name = column.strip().lower().replace(" ", "_").removesuffix("_encoded")
    usual = {"dayofweek": "day_of_week", "weekday": "day_of_week", "dayofyear": "day_of_year"}
    spelled = {"cycletime": "cycle_time", "panelsize": "panel_size"}
    return (usual | spelled).get(name, name)


def _names(
    found: Scalers | None, panel: Panel | None, notes: list[str]
) -> tuple[tuple[str, ...], ...]:
    """The names by code: the encoders', else the history's, else this service's default ones."""
    names = []
    for k, kind in enumerate(SERIES_FIELDS):
        known = found.encoders.get(kind) if found else None
        if not known:
            # A label encoder numbers its names in their alphabetical order.
            known = sorted({key[k] for key in panel.series_keys} if panel else FACTORS[kind])
            notes.append(f"Without a label encoder of {kind}, it is taken to be {known}.")
        names.append(tuple(known))
    return tuple(names)


def _fitted(encoding: LegacyEncoding, panel: Panel) -> LegacyEncoding:
    """An encoding that scales as scalers fitted on a history would."""
    rows = _known_rows(encoding, panel)
    values, owners = panel.filled()[rows], _owners(encoding, panel)[rows]
    raw = encoding.rows(values, encoding.context_features(panel.time[rows], owners), owners)
    mean, spread = raw.mean(axis=0, dtype=float), raw.std(axis=0, dtype=float)
    # As scikit-learn has it: what is constant is not scaled.
    scale = np.where(spread > 1e-9, spread, 1.0)
    return LegacyEncoding.of(
        encoding.calendar, encoding.length, encoding.names, encoding.features, (mean, scale)
    )


def _owners(encoding: LegacyEncoding, panel: Panel) -> NDArray[np.int64]:
    """Number in the encoding of each row's series; −1 where it does not know the series."""
    numbers = {key: i for i, key in enumerate(encoding.series_keys)}
    return np.array([numbers.get(key, -1) for key in panel.series_keys], np.int64)[panel.series]


def _known_rows(encoding: LegacyEncoding, panel: Panel) -> NDArray[np.int64]:
    return np.flatnonzero(_owners(encoding, panel) >= 0)


# --- the document -------------------------------------------------------------------------------


def _series(encoding: LegacyEncoding, panel: Panel, notes: list[str]) -> list[SeriesEntry]:
    """What a forecast starts from: the end of every series that the model knows."""
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
    """What can be read off the network of how it was configured."""
    lstms = [layer.units for layer in model.layers if isinstance(layer, keras.layers.LSTM)]
    rates = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    config: dict[str, Any] = {"sequence_length": length}
    config |= {f"lstm_units_{i}": int(units) for i, units in enumerate(lstms[:2], 1)}
    return config | ({"dropout_rate": float(rates[0])} if rates else {})
