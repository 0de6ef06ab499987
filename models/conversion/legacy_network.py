"""The Keras network of a legacy model: `.h5` files of Keras 2 or 3, opened without running code.

Example: a layer that Keras 2 wrote with `"time_major": false` is opened without that entry, which
Keras 3 does not know and which has no effect at its default.
"""

from __future__ import annotations

import json
import shutil
import warnings
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import keras

from models.series.panel import TARGETS
from models.training import keras_files, network
from utils.errors import DamagedFile, InvalidInput, first_line
from utils.storage.artifact_store import ArtifactStore

# Written by Keras 2, unknown to Keras 3, and without effect at these values.
_OBSOLETE = {"time_major": False, "ragged": False}


def open_keras(store: ArtifactStore, model_id: str) -> keras.Model:
    """Return the network of a published model, from its `.keras` or else its `.h5` file.

    Raises:
        ServiceError: there is neither, or the file is damaged.
    """
    suffix = ".keras" if store.has(model_id, ".keras") else ".h5"
    with store.local(model_id, suffix) as path:
        return network.load(path) if suffix == ".keras" else load_legacy(path)


def load_legacy(path: Path) -> keras.Model:
    """Return the network of a `.keras` file, or of a `.h5` file of Keras 2 or 3.

    Its loss and its optimizer are left out.

    Raises:
        DamagedFile: the file is truncated, or none of these.
        InvalidInput: it holds no whole model, or one with code of its own.
    """
    if suffix_of(path) == ".keras":
        return network.load(path)
    with TemporaryDirectory() as folder:
        # A copy, in which the description is changed to that of Keras 3.
        copy = Path(folder) / "model.h5"
        _copy_modernised(path, copy)
        try:
            return _opened(copy)
        except Exception as error:  # Keras' errors share no class of their own
            raise _unusable(path, f"cannot be opened by Keras: {first_line(error)}") from error


def suffix_of(path: Path) -> str:
    """Return `.keras` for a file that has this ending, or is a ZIP archive; else `.h5`."""
    is_keras = path.suffix.lower() == ".keras" or zipfile.is_zipfile(path)
    return ".keras" if is_keras else ".h5"


def _opened(path: Path) -> keras.Model:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice on the file format
        return keras.models.load_model(path, compile=False, safe_mode=True)


def _unusable(path: Path, why: str) -> InvalidInput:
    return InvalidInput.of("model", f"{path.name} {why}", path.name)


def _copy_modernised(path: Path, copy: Path) -> None:
    """Copy a file, with the description of the model checked and in the form of Keras 3."""
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
    """Add the input layer to a Sequential model, which Keras 2 described in the first layer."""
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
    """Remove entries from a layer's description that Keras 3 does not know."""
    if part.get("time_major"):
        raise _unusable(path, "has a layer with time before the batch, which is not supported")
    for name, default in _OBSOLETE.items():
        if part.get(name) == default:
            part.pop(name)
    layers = part.get("layers")
    if isinstance(layers, list) and layers and layers[0].get("class_name") == "InputLayer":
        # Repeated by the layer after it.
        for layer in layers[1:]:
            layer.get("config", {}).pop("batch_input_shape", None)


def window_shape(model: keras.Model) -> tuple[int, int]:
    """Return length and width of the windows that a network takes.

    Raises:
        InvalidInput: it does not take one window, or does not output three numbers.
    """
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise InvalidInput.of("model", "must have one input and one output")
    given, output = list(model.input_shape), list(model.output_shape)
    if len(given) != 3 or given[0] is not None or None in given[1:]:
        raise InvalidInput.of("model", "must take windows of [any, length, features]", given)
    if output != [None, len(TARGETS)]:
        rule = f"must output {len(TARGETS)} numbers: {list(TARGETS)}"
        raise InvalidInput.of("model", rule, output)
    return given[1], given[2]
