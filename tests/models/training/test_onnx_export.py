"""The ONNX graph of a network computes what its Keras network computes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest

from models.forecast.onnx_session import open_network
from models.registry.hyperparameters import Hyperparameters
from models.training import network, onnx_export
from utils.api.architectures import DESIGNS, Design

pytestmark = pytest.mark.training

NAMES = [2, 3, 1]


@pytest.mark.parametrize("design", DESIGNS.values(), ids=str)
@pytest.mark.parametrize(("units", "length"), [((5, 3), 7), ((1, 8), 1)])
@pytest.mark.parametrize("count", [1, 6])
def test_outputs_are_those_of_keras(
    tmp_path: Path, design: Design, units: tuple[int, int], length: int, count: int
) -> None:
    hyper = replace(
        Hyperparameters(), lstm_units1=units[0], lstm_units2=units[1], sequence_length=length
    )
    built = network.build(hyper, 4, NAMES, 2, 1, design)
    rng = np.random.default_rng(2)
    built.set_weights([np.abs(rng.normal(0, 0.7, w.shape)) + 0.05 for w in built.get_weights()])
    network.export_onnx(built, tmp_path / "a.onnx")
    windows = rng.normal(0, 1, (count, length, 4)).astype(np.float32)
    series = rng.integers(0, sum(NAMES), (count, 3)).astype(np.int32)
    found = open_network((tmp_path / "a.onnx").read_bytes())(windows, series)
    expected = built.predict([windows, series], verbose=0)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6)
    assert np.abs(expected).max() > 0.1


def test_it_has_no_operation_that_nobody_needs() -> None:
    model = onnx_export.graph_of(network.build(Hyperparameters(), 4, NAMES, 2))
    made = {name for node in model.graph.node for name in node.output if name}
    used = {name for node in model.graph.node for name in node.input}
    assert made - used == {"output"} and len(model.graph.node) <= 20
    assert onnx.checker.check_model(model) is None


def test_a_layer_of_another_network_is_refused() -> None:
    window = keras.Input((3, 4), name="window")
    series = keras.Input((3,), dtype="int32", name="series")
    names = keras.layers.Flatten()(keras.layers.Embedding(6, 2, name="names")(series))
    rows = keras.layers.Concatenate()([window, keras.layers.RepeatVector(3)(names)])
    other = keras.Model([window, series], keras.layers.GRU(2)(rows))
    with pytest.raises(ValueError, match="is a GRU, which is none of this network"):
        onnx_export.graph_of(other)
