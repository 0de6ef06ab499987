"""A tiny pretraining: the files it writes, equal networks in both of them, one seed one result."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.forecast.pretrained import INPUTS, LEVELS, PretrainedModel
from models.pretraining import examples
from models.pretraining.train import PretrainingPlan, pinball, train

pytestmark = pytest.mark.training

TINY = PretrainingPlan(
    steps=4, every=2, batch=16, units=8, decoder_units=8, lines=20, windows=2, validation_lines=20
)


def quiet(_: str) -> None:
    pass


def test_a_tiny_pretraining_writes_equal_networks(tmp_path: Path) -> None:
    document = train(TINY, tmp_path, quiet)
    assert [entry["step"] for entry in document["curve"]] == [2, 4]
    stored = json.loads((tmp_path / "pretrained.json").read_text())
    for name, about in stored["files"].items():
        assert about["sha256"] == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
    some = examples.draw(np.random.default_rng(3), 20, 2)
    network = keras.models.load_model(tmp_path / "pretrained.keras")
    expected = network(some.inputs).numpy()
    model = PretrainedModel.open(tmp_path / "pretrained.onnx")
    found = model.network(dict(zip(INPUTS, some.inputs, strict=True)))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert (np.diff(found, axis=-1) >= 0).all()
    assert sum(isinstance(layer, keras.layers.LSTM) for layer in network.layers) == 2


@pytest.mark.long
def test_a_seed_decides_and_a_training_can_go_on(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("first", "again", "further")]
    for folder in folders:
        folder.mkdir()
    first, again = (train(TINY, folder, quiet) for folder in folders[:2])
    losses = [[entry["loss"] for entry in document["curve"]] for document in (first, again)]
    assert losses[0] == losses[1]
    further = train(TINY, folders[2], quiet, start=folders[0] / "pretrained.keras")
    assert further["earlier"] == [{"plan": first["plan"], "curve": first["curve"]}]
    assert further["plan"]["start"] == first["files"]["pretrained.keras"]["sha256"]


def test_the_pinball_loss_counts_known_targets_alone() -> None:
    quantiles = np.zeros((1, 2, 1, len(LEVELS)), np.float32)
    targets = np.array([[[3.0], [np.nan]]], np.float32)
    expected = np.mean(LEVELS) * 3 * np.arcsinh(1.0) / np.sqrt(0.25)
    reach = tf.fill((1, 2, 1), 0.25)
    found = float(pinball(tf.constant(targets), tf.constant(quantiles), reach))
    assert found == pytest.approx(expected, rel=1e-5)
