"""An exported network without what its exporter has worked out anew at each call.

Of a network as small as these, operations that only shape what others say are half of the time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper, shape_inference

_SERIES = "series"  # the input that holds the numbers of names


def simplify(model: onnx.ModelProto) -> None:
    """Leave out, in place, what changes nothing that the network says."""
    _begin_at_zero(model.graph)
    _count_from_the_start(model.graph)
    _state_shapes(model)
    _take_last_states(model.graph)
    while unused := _unused(model.graph):
        for node in unused:
            model.graph.node.remove(node)


def _begin_at_zero(graph: Any) -> None:
    """LSTMs begin with zeros by default: none need be made."""
    for node in graph.node:
        if node.op_type == "LSTM":
            del node.input[5:]


def _count_from_the_start(graph: Any) -> None:
    """No number of a name is negative: none need be counted from the end."""
    if _SERIES not in {given.name for given in graph.input}:
        return
    for node in graph.node:
        if node.op_type == "Gather" and _comes_from(graph, node.input[1], _SERIES):
            node.input[1] = _SERIES


def _state_shapes(model: onnx.ModelProto) -> None:
    """A shape of which only the batch is open is a constant, and the batch what is left over."""
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
    """The last of an LSTM's sequence is what it says beside it anyway."""
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
    """Whether a value is made of an input of the graph, and of constants."""
    made_by = {output: node for node in graph.node for output in node.output}
    open_names, inputs = [name], {given.name for given in graph.input}
    found = set()
    while open_names:
        each = open_names.pop()
        found |= {each} & inputs
        open_names += made_by[each].input if each in made_by else []
    return found == {source}
