"""Smaller files of a model: float16 or int8 weights for serving, a LiteRT file for devices.

Only weights are stored smaller, the arithmetic stays float32: they are widened when the file is
opened (float16) or used (int8, symmetric with a scale per channel: Jacob et al., "Quantization and
training of neural networks for efficient integer-arithmetic-only inference", 2018). The change of
the forecasts is measured on the held-back span; no file is published that changes the mean forecast
by more than one per cent.

Example: the weights (0.5, −1.27) are stored in int8 as (50, −127) with the scale 0.01.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
import onnx
import tensorflow as tf
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from models.backtest.plan import make_plan
from models.backtest.trial import Trial
from models.forecast.direct_network import Network
from models.forecast.forecaster import Forecaster
from models.forecast.naive import usual_errors
from models.forecast.onnx_session import open_network
from models.registry.model_document import ModelDocument
from models.registry.model_store import LITERT, SERVED
from models.registry.opening import open_forecaster
from models.series import error_measures
from models.series.panel import TARGETS, Panel
from models.training import network
from utils.api.schemas.models import BacktestRequest
from utils.errors import Conflict
from utils.storage.artifact_store import ArtifactStore, copy_of

Floats = NDArray[np.float64]

SUFFIX_OF = SERVED | {"litert": LITERT}
MOST = 0.01  # relative change of the mean forecast of any target, at most
_ROLL_OUTS = 200  # compared
_ORIGINS = 5
_FEWEST = 16  # weights of an array, below which it stays float32


def compress(
    models: ArtifactStore, model_id: str, keras_model: keras.Model, panel: Panel, serves: str | None
) -> dict[str, Any]:
    """Make the smaller files of a model, measure them, publish those that are accurate enough.

    Args:
        panel: data to measure on, best that of the training.
        serves: the weights to serve from now on, a name of `SERVED`; None: those served now.

    Returns:
        The entry `compression` of the model's document.

    Raises:
        Conflict: the weights to be served would change the forecasts too much. Nothing was
            published.
    """
    document = ModelDocument.read(models, model_id)
    serves = serves or document.serves
    with TemporaryDirectory() as folder:
        files = all_files(keras_model, Path(folder))
        comparison = _Comparison(document, open_network(files["float32"].read_bytes()), panel)
        found = {name: comparison.of(_opened(path)) for name, path in files.items()}
        if found[serves]["mean_change"] > MOST:
            raise _too_far(serves, found[serves]["mean_change"])
        for name, path in files.items():
            published = found[name]["mean_change"] <= MOST
            size = _published(models, model_id, name, path) if published else path.stat().st_size
            found[name] |= {"published": published, "bytes": size}
    entry = {"serves": serves, "forecasts": comparison.count, "files": found}
    # Last, in one write: from here on the new weights are served.
    models.update_document(model_id, lambda _: {"serves": serves, "compression": entry})
    return entry


def _published(models: ArtifactStore, model_id: str, name: str, path: Path) -> int:
    """Publish a file of a model unless it is already there, undamaged; returns its size.

    A file that is there differs only in the names of nodes, which each export chooses anew.
    """
    suffix = SUFFIX_OF[name]
    stated = f"{model_id}{suffix}" in ModelDocument.read(models, model_id).files
    if not (stated and models.is_intact(model_id, suffix)):
        models.attach(model_id, suffix, copy_of(path))
    size: int = ModelDocument.read(models, model_id).files[f"{model_id}{suffix}"]["bytes"]
    return size


def _opened(path: Path) -> Network:
    return interpreted(path) if path.suffix == LITERT else open_network(path.read_bytes())


def _too_far(name: str, change: float) -> Conflict:
    return Conflict(
        f"With {name} weights the mean forecast would change by {change:.2%}, more than the "
        f"{MOST:.0%} that are allowed. The model is served as before."
    )


# --- the files ---------------------------------------------------------------------------------


def all_files(keras_model: keras.Model, folder: Path) -> dict[str, Path]:
    """Write the network in every form; returns the files by name."""
    files = {name: folder / f"{name}.onnx" for name in SERVED}
    network.export_onnx(keras_model, files["float32"])
    for name, shrink in (("float16", _half), ("int8", _quarter)):
        onnx.save(_shrunk(onnx.load(files["float32"]), shrink), files[name])
    files["litert"] = folder / f"model{LITERT}"
    files["litert"].write_bytes(litert(keras_model))
    return files


# (weights, name) → the arrays stored in their place, and the node that restores the weights.
Shrink = Callable[[NDArray[np.float32], str], tuple[list[Any], Any]]


def _shrunk(model: Any, shrink: Shrink) -> Any:
    """An ONNX model whose weights are stored smaller."""
    graph, nodes = model.graph, []
    for weights in list(graph.initializer):
        if weights.data_type != TensorProto.FLOAT or np.prod(weights.dims) < _FEWEST:
            continue
        stored, node = shrink(numpy_helper.to_array(weights), weights.name)
        graph.initializer.remove(weights)
        graph.initializer.extend(stored)
        nodes.append(node)
    for node in reversed(nodes):
        graph.node.insert(0, node)
    onnx.checker.check_model(model)
    return model


def _half(weights: NDArray[np.float32], name: str) -> tuple[list[Any], Any]:
    stored = numpy_helper.from_array(weights.astype(np.float16), f"{name}/float16")
    return [stored], helper.make_node("Cast", [stored.name], [name], to=TensorProto.FLOAT)


def _quarter(weights: NDArray[np.float32], name: str) -> tuple[list[Any], Any]:
    """Weights in eight bits, with a scale for each output of a layer or unit of a gate."""
    axis = min(1, weights.ndim - 1)
    others = tuple(k for k in range(weights.ndim) if k != axis)
    scale = np.maximum(np.abs(weights).max(axis=others, keepdims=True), 1e-12) / 127
    bits = np.round(weights / scale).astype(np.int8)
    stored = [
        numpy_helper.from_array(bits, f"{name}/int8"),
        numpy_helper.from_array(scale.ravel().astype(np.float32), f"{name}/scale"),
    ]
    given = [part.name for part in stored]
    return stored, helper.make_node("DequantizeLinear", given, [name], axis=axis)


def litert(keras_model: keras.Model) -> bytes:
    """Return the network as a LiteRT (TensorFlow Lite) file for one window, with int8 weights.

    Inputs and output are those of the Keras network.
    """
    keras_model = network.for_inference(keras_model)
    inputs = [tf.TensorSpec([1, *i.shape[1:]], i.dtype, i.name) for i in keras_model.inputs]

    @tf.function(input_signature=inputs, autograph=False)
    def output(*given: Any) -> Any:
        return keras_model(list(given) if len(given) > 1 else given[0], training=False)

    frozen = convert_variables_to_constants_v2(output.get_concrete_function())
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    content: bytes = converter.convert()
    return content


def interpreted(path: Path) -> Network:
    """Return the network of a LiteRT file as a function."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorFlow gives its interpreter to a package of its own
        interpreter = tf.lite.Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    [output] = interpreter.get_output_details()
    places = {
        "series" if np.issubdtype(given["dtype"], np.integer) else "window": given["index"]
        for given in interpreter.get_input_details()
    }

    def network(
        windows: NDArray[np.float32], identities: NDArray[np.int32] | None
    ) -> NDArray[np.float32]:
        outputs = []
        for i in range(len(windows)):
            interpreter.set_tensor(places["window"], windows[i : i + 1])
            if identities is not None:
                interpreter.set_tensor(places["series"], identities[i : i + 1])
            interpreter.invoke()
            outputs.append(interpreter.get_tensor(output["index"])[0])
        return np.array(outputs)

    return network


# --- comparison --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Forecasts:
    """Forecasts of the held-back span, [n, H, 3], and their MASE."""

    values: Floats
    mase: float | None


class _Comparison:
    """Forecasts of a model with different networks, from origins in the held-back span."""

    def __init__(self, document: ModelDocument, network: Network, panel: Panel) -> None:
        self._document = document
        forecaster = open_forecaster(document, network)
        request = BacktestRequest.parse({"origins": _ORIGINS})
        self._plan = make_plan(forecaster, document, panel, request)
        origin, series = self._plan.pairs()
        some = np.random.default_rng(0).permutation(len(origin))[:_ROLL_OUTS]
        self._origins, self._series = self._plan.origins[origin[some]], series[some]
        self.count = len(some)
        self._before = self._forecasts(forecaster)

    def _forecasts(self, forecaster: Forecaster) -> _Forecasts:
        plan = self._plan
        block = Trial(forecaster, plan).block(self._origins, self._series)
        scale = usual_errors(plan.panel, plan.trained)[self._series]
        errors = np.abs(block.truth - block.forecast.values) / scale[:, None]
        return _Forecasts(block.forecast.values, error_measures.mean_or_none(errors))

    def of(self, network: Network) -> dict[str, Any]:
        """Return the change of the forecasts with another network, relative to their means."""
        before, after = self._before, self._forecasts(open_forecaster(self._document, network))
        off = np.abs(after.values - before.values)
        usual = np.maximum(before.values.mean(axis=(0, 1)), 1e-12)
        mean = off.mean(axis=(0, 1)) / usual
        return {
            "mean_change": float(mean.max()),
            "largest_change": float((off.max(axis=(0, 1)) / usual).max()),
            "per_target": dict(zip(TARGETS, mean.tolist(), strict=True)),
            "mase": after.mase,
            "mase_change": None
            if after.mase is None or before.mase is None
            else after.mase - before.mase,
        }
