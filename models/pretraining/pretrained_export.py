"""The pretrained network as an ONNX graph with half-precision weights, and what is written of it.

Weights are stored as float16, which halves the file, and cast to float32 where the graph begins; it
computes in float32. The Keras file holds the same rounded weights.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from models.forecast.pretrained import INPUTS, LEVELS
from models.forecast.pretrained_inputs import CANDIDATES, HORIZON
from models.pretraining import pretrained_network
from models.training.onnx_export import GraphBuilder, add_dense, add_lstm, model_of

NAME = "pretrained"
LICENCE = (
    "MIT, as the service. Trained on data that models/pretraining/simulator.py made, on no other."
)


class HalfGraph(GraphBuilder):
    """A graph that keeps its real constants as float16 and casts them."""

    def constant(self, name: str, values: NDArray[Any]) -> str:
        """Add a constant; return the name of its float32 form."""
        if values.dtype != np.float32:
            return super().constant(name, values)
        stored = super().constant(f"{name}/half", values.astype(np.float16))
        return self.node("Cast", name, stored, to=TensorProto.FLOAT)


def rounded(network: keras.Model) -> None:
    """Round the weights of a network to half precision, in place."""
    halves = [weights.astype(np.float16) for weights in network.get_weights()]
    network.set_weights([weights.astype(np.float32) for weights in halves])


def graph_of(network: keras.Model) -> onnx.ModelProto:
    """Return the ONNX model of a network that `pretrained_network.build` made."""
    graph, layer = HalfGraph(), network.get_layer
    patches, context, steps, candidates, reach = INPUTS
    rows = graph.node("Transpose", "rows", patches, perm=[1, 0, 2])
    state = add_lstm(graph, layer("lstm_2"), add_lstm(graph, layer("lstm_1"), rows))
    window = graph.node("Concat", "window", state, context, axis=1)
    of_window = add_dense(graph, layer("of_window"), window)
    one = graph.constant("one", np.array([1], np.int64))
    shared = graph.node("Unsqueeze", "shared", of_window, one)
    own = add_dense(graph, layer("of_step"), steps)
    hidden = graph.node("Relu", "hidden", graph.node("Add", "sum", shared, own))
    outputs = add_dense(graph, layer("outputs"), add_dense(graph, layer("deeper"), hidden))
    count = len(CANDIDATES)
    shape = graph.constant("shape", np.array([0, HORIZON, 3, pretrained_network.OUTPUTS], np.int64))
    shaped = graph.node("Reshape", "shaped", outputs, shape)

    def part(name: str, begin: int, end: int) -> str:
        places = np.arange(begin, end, dtype=np.int64)
        return graph.node("Gather", name, shaped, graph.constant(f"{name}/at", places), axis=3)

    weights = graph.node("Softmax", "weights", part("logits", 0, count), axis=3)
    weighted = graph.node("Mul", "weighted", weights, candidates)
    last = graph.constant("last", np.array([3], np.int64))
    blended = graph.node("ReduceSum", "blended", weighted, last, keepdims=1)
    correction = part("correction", count, count + 1)
    bias, *limits = (
        graph.constant(name, np.array(value, np.float32))
        for name, value in (
            ("bias", pretrained_network.BIAS),
            ("lowest", pretrained_network.LOWEST),
            ("highest", pretrained_network.HIGHEST),
        )
    )
    raw = part("raw", count + 1, pretrained_network.OUTPUTS)
    logarithms = graph.node("Clip", "logarithms", graph.node("Add", "biased", raw, bias), *limits)
    gaps = graph.node("Exp", "gaps", logarithms)
    matrix = graph.constant("matrix", pretrained_network.summing_matrix())
    distances = graph.node("MatMul", "distances", gaps, matrix)
    moved = graph.node("Add", "moved", correction, distances)
    unit = graph.node("Unsqueeze", "unit", reach, last)
    graph.node("Add", "quantiles", blended, graph.node("Mul", "changes", moved, unit))
    inputs = [
        helper.make_tensor_value_info(given.name, TensorProto.FLOAT, ["batch", *given.shape[1:]])
        for given in network.inputs
    ]
    output = helper.make_tensor_value_info(
        "quantiles", TensorProto.FLOAT, ["batch", HORIZON, 3, len(LEVELS)]
    )
    return model_of(graph, NAME, inputs, output)


def write(network: keras.Model, folder: Path, document: dict[str, Any]) -> dict[str, Any]:
    """Write the Keras file, the ONNX file and last the document with their SHA-256; return it."""
    rounded(network)
    keras_file, onnx_file = folder / f"{NAME}.keras", folder / f"{NAME}.onnx"
    network.save(keras_file)
    onnx_file.write_bytes(graph_of(network).SerializeToString())
    files = {
        path.name: {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in (keras_file, onnx_file)
    }
    whole = {"licence": LICENCE, "files": files} | document
    (folder / f"{NAME}.json").write_text(json.dumps(whole, indent=1) + "\n")
    return whole
