"""Simplification of an exported ONNX network: operations without effect on its output are removed.

In networks as small as these, operations that only reshape tensors take half of the time.

Example: a `Reshape` to a shape that the exporter computes at each call gets the constant
[-1, 10, 64] instead, and the nodes that computed the shape are removed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper, shape_inference

_SERIES = "series"  # the input that holds the numbers of names


def simplify(model: onnx.ModelProto) -> None:
    """Remove operations, in place, without changing the output of the network."""
    _omit_initial_states(model.graph)
    _omit_negative_indices(model.graph)
    _state_shapes(model)
    _take_last_states(model.graph)
    while unused := _unused(model.graph):
        for node in unused:
            model.graph.node.remove(node)


def _omit_initial_states(graph: Any) -> None:
    """Omit the initial states of LSTMs: zeros are the default."""
    for node in graph.node:
        if node.op_type == "LSTM":
            del node.input[5:]


def _omit_negative_indices(graph: Any) -> None:
    """Look names up by their numbers as they are: none is negative."""
    if _SERIES not in {given.name for given in graph.input}:
        return
    for node in graph.node:
        if node.op_type == "Gather" and _comes_from(graph, node.input[1], _SERIES):
            node.input[1] = _SERIES


def _state_shapes(model: onnx.ModelProto) -> None:
    """Make shapes constant in which only the batch is open, which is then inferred (−1)."""
    inferred = shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {value.name: value.type.tensor_type.shape.dim for value in inferred.value_info}
    constants = {constant.name for constant in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type != "Reshape" or node.input[1] in constants:
            continue
        batch, *others = shapes.get(node.output[0], [None])
        if batch is not None and others and all(size.dim_value for size in others):
            stated = np.array([-1, *(size.dim_value for size in others)], np.int64)
            node.input[1] = f"{node.output[0]}_stated"
            model.graph.initializer.append(numpy_helper.from_array(stated, node.input[1]))


def _take_last_states(graph: Any) -> None:
    """Take the last output of an LSTM from its second output, not from the whole sequence."""
    makers = {output: node for node in graph.node for output in node.output}
    for node in graph.node:
        chain = [node]
        while chain[-1].input and (maker := makers.get(chain[-1].input[0])) is not None:
            chain.append(maker)
        if [each.op_type for each in chain[:4]] != ["Squeeze", "Slice", "Squeeze", "LSTM"]:
            continue
        squeeze, cut, _, lstm = chain[:4]
        begin, _, axis = (_constant(graph, name) for name in cut.input[1:4])
        if begin == [-1] and axis == [0] and len(lstm.output) > 1:
            squeeze.input[0] = lstm.output[1]  # [1, batch, units], as the cut is


def _constant(graph: Any, name: str) -> list[int] | None:
    found = (each for each in graph.initializer if each.name == name)
    return next((numpy_helper.to_array(each).ravel().tolist() for each in found), None)


def _unused(graph: Any) -> list[Any]:
    needed = {name for node in graph.node for name in node.input}
    needed |= {output.name for output in graph.output}
    return [node for node in graph.node if needed.isdisjoint(node.output)]


def _comes_from(graph: Any, name: str, source: str) -> bool:
    """Return True if a value depends on one input of the graph only, and on constants."""
    made_by = {output: node for node in graph.node for output in node.output}
    open_names, inputs = [name], {given.name for given in graph.input}
    found = set()
    while open_names:
        each = open_names.pop()
        found |= {each} & inputs
        open_names += made_by[each].input if each in made_by else []
    return found == {source}
