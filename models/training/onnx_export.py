"""The network of two LSTM layers as an ONNX graph, written node by node from its weights.

The exporter of Keras takes any network, by tracing it; for this one that would take longer than a
small training, and leave operations that only reshape tensors. Within the graph, sequences are
[length, batch, width], as ONNX's LSTM takes them.

Sources: the operators LSTM, Gather, MatMul of ONNX (https://onnx.ai/onnx/operators/). Keras keeps
the gates of an LSTM as input, forget, cell, output; ONNX as input, output, forget, cell.

Example: the graph of `network.build(Hyperparameters(), 14, [3, 3, 4])` has the inputs `window`
[batch, 10, 14] and `series` [batch, 3], and the output `output` [batch, 3].
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

_OPSET, _IR_VERSION = 17, 8
_INPUTS = (
    keras.layers.InputLayer,
    keras.layers.Embedding,
    keras.layers.Flatten,
    keras.layers.RepeatVector,
    keras.layers.Concatenate,
)
_OUTPUT = "output"


def graph_of(network: keras.Model) -> onnx.ModelProto:
    """Return the ONNX model of a network that `network.build` made.

    Raises:
        ValueError: it has a layer that such a network does not have.
    """
    graph = GraphBuilder()
    rows = _rows(graph, network)
    for layer in network.layers:
        rows = _after(graph, layer, rows)
    graph.nodes[-1].output[0] = _OUTPUT
    window, series = network.inputs
    inputs = [
        helper.make_tensor_value_info(window.name, TensorProto.FLOAT, ["batch", *window.shape[1:]]),
        helper.make_tensor_value_info(series.name, TensorProto.INT32, ["batch", *series.shape[1:]]),
    ]
    shape = ["batch", network.output_shape[-1]]
    output = helper.make_tensor_value_info(_OUTPUT, TensorProto.FLOAT, shape)
    return model_of(graph, network.name, inputs, output)


def model_of(graph: GraphBuilder, name: str, inputs: list[Any], output: Any) -> onnx.ModelProto:
    """Return the checked ONNX model of a finished graph."""
    made = helper.make_graph(graph.nodes, name, inputs, [output], graph.weights)
    model = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION
    )
    onnx.checker.check_model(model)
    return model


class GraphBuilder:
    """The nodes and constants of a graph under construction."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def constant(self, name: str, values: NDArray[Any]) -> str:
        """Add a constant; return its name."""
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, operator: str, name: str, *inputs: str, outputs: int = 1, **more: Any) -> str:
        """Add a node; return the name of its last output, the others are left out."""
        made = [*[""] * (outputs - 1), name]
        self.nodes.append(helper.make_node(operator, list(inputs), made, name=name, **more))
        return name


def _rows(graph: GraphBuilder, network: keras.Model) -> str:
    """The rows of the windows, each with the embedded names, [length, batch, width]."""
    window, series = network.inputs
    length, names = window.shape[1], network.get_layer("names")
    table = graph.constant("names/table", names.get_weights()[0])
    found = graph.node("Gather", "names", table, series.name)
    width = series.shape[1] * names.output_dim
    flat_shape = graph.constant("names/flat_shape", np.array([1, -1, width], np.int64))
    flat = graph.node("Reshape", "names/flat", found, flat_shape)
    all_rows = graph.constant("names/all_rows", np.array([length, 1, 1], np.int64))
    repeated = graph.node("Expand", "names/repeated", flat, all_rows)
    values = graph.node("Transpose", "values", window.name, perm=[1, 0, 2])
    return graph.node("Concat", "rows", values, repeated, axis=2)


def _after(graph: GraphBuilder, layer: keras.layers.Layer, given: str) -> str:
    """The output of a layer."""
    if isinstance(layer, (*_INPUTS, keras.layers.Dropout)):
        return given
    if isinstance(layer, keras.layers.LSTM):
        return add_lstm(graph, layer, given)
    if isinstance(layer, keras.layers.BatchNormalization):
        gamma, beta, mean, variance = layer.get_weights()
        scale = gamma / np.sqrt(variance + layer.epsilon)
        factor = graph.constant(f"{layer.name}/scale", scale)
        shift = graph.constant(f"{layer.name}/shift", beta - mean * scale)
        scaled = graph.node("Mul", f"{layer.name}/scaled", given, factor)
        return graph.node("Add", layer.name, scaled, shift)
    if isinstance(layer, keras.layers.Dense):
        return add_dense(graph, layer, given)
    raise ValueError(f"{layer.name} is a {type(layer).__name__}, which is none of this network")


def add_dense(graph: GraphBuilder, layer: keras.layers.Dense, given: str) -> str:
    """Add a dense layer, linear or with ReLU; return the name of its output."""
    kernel, bias = layer.get_weights()
    weights = graph.constant(f"{layer.name}/kernel", kernel)
    product = graph.node("MatMul", f"{layer.name}/product", given, weights)
    total = graph.node(
        "Add", f"{layer.name}/total", product, graph.constant(f"{layer.name}/bias", bias)
    )
    return graph.node("Relu", layer.name, total) if layer.activation.__name__ == "relu" else total


def add_lstm(graph: GraphBuilder, layer: keras.layers.LSTM, given: str) -> str:
    """Add an LSTM layer over rows [length, batch, width]; return the name of its output."""
    kernel, recurrent, bias = layer.get_weights()
    names = [
        graph.constant(f"{layer.name}/kernel", _gates(kernel).T[None]),
        graph.constant(f"{layer.name}/recurrent", _gates(recurrent).T[None]),
        graph.constant(f"{layer.name}/bias", np.append(_gates(bias), np.zeros_like(bias))[None]),
    ]
    # Its outputs are all states [length, 1, batch, units], and the last one [1, batch, units].
    outputs, axis = (1, 1) if layer.return_sequences else (2, 0)
    states = graph.node(
        "LSTM", f"{layer.name}/states", given, *names, outputs=outputs, hidden_size=layer.units
    )
    axes = graph.constant(f"{layer.name}/direction", np.array([axis], np.int64))
    return graph.node("Squeeze", layer.name, states, axes)


def _gates(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weights with the gates in ONNX's order, along the last axis."""
    into, forget, cell, out = np.split(weights, 4, axis=-1)
    return np.concatenate([into, out, forget, cell], axis=-1)
