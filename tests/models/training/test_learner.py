"""The fast way through a training, held against plain Keras."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.data_generator import PlantSpec, generate
from models.registry.hyperparameters import Hyperparameters
from models.registry.registry import model_store
from models.series.calendar import Calendar
from models.series.panel import TARGETS, Panel
from models.training import network, train
from models.training.fit import Alone, Epochs
from models.training.learner import FusedLearner, PlainLearner, learner_of
from models.training.prepare import PreparedData, prepare
from utils.api.architectures import DESIGNS, PLAIN, Architecture, Design

pytestmark = pytest.mark.training

ENHANCED = DESIGNS[Architecture.ENHANCED]
# Less what Keras draws window by window, the fused way batch by batch.
SURE = replace(ENHANCED, recurrent_dropout=0.0)
NAMES = [3, 2, 4]
FEATURES = 14


def hyper(**more: Any) -> Hyperparameters:
    small = Hyperparameters(lstm_units1=6, lstm_units2=5, sequence_length=7, learning_rate=0.01)
    return replace(small, **more)


def task_of(
    asked: Hyperparameters, blanks: bool = False, days: int = 90, design: Design = PLAIN
) -> PreparedData:
    block = next(generate(PlantSpec(("a", "b"), ("c",), ("s",), days, 100, 50, 0.2, 0.1, 1)))
    values = np.column_stack([block.columns[name].ravel() for name in TARGETS])
    if blanks:
        values[::3, 2] = np.nan
    keys = tuple(block.series_keys)
    panel = Panel(Calendar(), keys, np.array([0, days, 2 * days]), np.zeros(2, int), values)
    task = prepare(panel, asked, design)
    # Something to learn: the row before.
    learnable = np.roll(task.scaled, 1, axis=0).astype(np.float32)
    return replace(task, residual=np.where(np.isnan(values), np.float32(np.nan), learnable))


def network_of(
    asked: Hyperparameters, task: PreparedData | None = None, seed: int = 3, design: Design = PLAIN
) -> keras.Model:
    names = NAMES if task is None else [len(known) for known in task.encoding.names]
    design, features = (task.design, task.encoding.width) if task else (design, FEATURES)
    built = network.build(asked, features, names, seed, design)
    if task is None:  # the last layer begins at zero: it would hide the others
        last = built.layers[-1]
        last.set_weights([np.full(part.shape, 0.3, "f4") for part in last.get_weights()])
    return built


@pytest.mark.parametrize("length", [1, 7])
@pytest.mark.parametrize(
    ("batch", "design", "training"),
    [(1, PLAIN, False), (9, PLAIN, True), (9, SURE, False), (9, SURE, True)],
)
def test_fused_learner_equals_keras_in_outputs_and_gradients(
    length: int, batch: int, design: Design, training: bool
) -> None:
    asked = hyper(sequence_length=length, dropout_rate=0)
    rng = np.random.default_rng(0)
    windows = tf.constant(rng.normal(size=(length, batch, FEATURES)), tf.float32)
    names = tf.constant(rng.integers(0, sum(NAMES), (batch, 3)), tf.int32)

    def gradients(kind: Any) -> tuple[Any, list[Any], list[Any]]:
        model = network_of(asked, design=design)
        learner = kind(model)
        with tf.GradientTape() as tape:
            said = learner.say(windows, names, training)
            loss = tf.reduce_mean(tf.square(said - 1))
        slopes = [tf.convert_to_tensor(g) for g in tape.gradient(loss, learner.weights)]
        if kind is not plain:  # back in Keras' order, as the weights go back
            for weight, slope in zip(learner.weights, slopes, strict=True):
                weight.assign(slope)
            learner.settle()
            slopes = [tf.constant(part) for part in model.trainable_weights]
        moving = [part.numpy() for part in model.non_trainable_weights]
        return said.numpy(), [slope.numpy() for slope in slopes], moving

    def plain(model: keras.Model) -> PlainLearner:
        return PlainLearner(model, asked, design)

    (said, slopes, moving), (expected, slopes_expected, moving_expected) = (
        gradients(lambda model: FusedLearner(model, asked, 1, design)),
        gradients(plain),
    )
    np.testing.assert_allclose(said, expected, atol=1e-5)
    for slope, slope_expected in zip(slopes, slopes_expected, strict=True):
        assert length == 1 or training or np.abs(slope_expected).max() > 0
        np.testing.assert_allclose(slope, slope_expected, atol=1e-4)
    for average, average_expected in zip(moving, moving_expected, strict=True):
        np.testing.assert_allclose(average, average_expected, atol=1e-5)


def fitted(asked: Hyperparameters, task: PreparedData) -> list[float]:
    """The losses of Keras' own `fit` on the windows, in the order in which `Epochs` takes them."""
    model, encoding, panel = network_of(asked, task), task.encoding, task.panel
    shown, names = (
        encoding.rows(task.scaled, panel.time, panel.position),
        encoding.identities(panel.series),
    )
    model.compile(keras.optimizers.Adam(asked.learning_rate), "mse")
    losses = []
    for epoch in range(1, asked.epochs + 1):
        rows = np.random.default_rng([3, epoch]).permutation(task.windows.train)
        given = [shown[rows[:, None] + np.arange(-asked.sequence_length, 0)], names[rows]]
        batch = asked.batch_size
        ran = model.fit(given, task.residual[rows], batch, shuffle=False, verbose=0)
        losses.append(ran.history["loss"][0])
    return losses


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_loss_curve_is_that_of_fit(dropout: float) -> None:
    asked = hyper(dropout_rate=dropout, epochs=3, learning_rate=0.0005)
    task = task_of(asked, days=600)
    epochs = Epochs(network_of(asked, task), task, asked, 3, Alone())
    epochs.run()
    losses = fitted(asked, task)
    np.testing.assert_allclose(epochs.history["loss"], losses, rtol=0.01)
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("design", [PLAIN, SURE])
def test_fused_and_plain_learners_end_with_the_same_weights_and_optimizer(
    design: Design, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = hyper(dropout_rate=0, epochs=2)
    task = task_of(asked, blanks=True, design=design)
    found = []
    for gpus in ([], ["one"]):
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda _kind, g=gpus: g)
        model = network_of(asked, task)
        epochs = Epochs(model, task, asked, 3, Alone())
        optimizer = epochs.run()
        losses = epochs.history["loss"] + epochs.history["val_loss"]
        states = [variable.numpy() for variable in optimizer.variables]
        found.append([np.array(losses), *model.get_weights(), *states])
    for fused, plain in zip(*found, strict=True):
        np.testing.assert_allclose(fused, plain, atol=1e-4)


@pytest.mark.parametrize(("gpus", "kind"), [([], FusedLearner), (["GPU:0"], PlainLearner)])
def test_a_gpu_is_left_to_plain_keras(
    gpus: list[str], kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _kind: gpus)
    assert type(learner_of(network_of(hyper()), hyper(), 1)) is kind


@pytest.mark.parametrize("rate", [0.05, 0.5, 0.9])
def test_dropout_keeps_its_share_and_the_mean_and_differs_from_step_to_step(rate: float) -> None:
    asked = hyper(dropout_rate=rate, lstm_units1=1, lstm_units2=1)
    model = network_of(asked)
    # Only the last dropout shows: what comes before is a constant, the sum after it of 64 ones.
    weights = [np.zeros_like(part) for part in model.get_weights()]
    weights[8][:] = 1.0
    weights[9][:, 0] = 1 / 64
    weights[11][0, :] = 1.0
    model.set_weights(weights)
    learner = FusedLearner(model, asked, 1)
    given = tf.zeros([7, 4000, FEATURES]), tf.zeros([4000, 3], tf.int32)
    said = learner.say(*given, training=True).numpy()[:, 0]
    deviation = np.sqrt(rate / (1 - rate) / 64)
    assert said.mean() == pytest.approx(1, abs=5 * deviation / np.sqrt(4000))
    assert said.std() == pytest.approx(deviation, rel=0.1)
    assert np.unique(np.round(said * 64 * (1 - rate), 3)).size > 5
    learner.learn([tf.zeros_like(weight) for weight in learner.weights])
    assert (learner.say(*given, training=True).numpy()[:, 0] != said).any()
    assert (learner.say(*given, training=False).numpy()[:, 0] == 1).all()


def test_recurrent_dropout_differs_from_step_to_step_and_only_while_training() -> None:
    asked, design = hyper(dropout_rate=0), replace(PLAIN, recurrent_dropout=0.5)
    model = network_of(asked, design=design)
    learner = FusedLearner(model, asked, 1, design)
    given = tf.ones([7, 3, FEATURES]), tf.zeros([3, 3], tf.int32)

    def say(training: bool) -> Any:
        return learner.say(*given, training=training).numpy()

    sure, first, again = say(False), say(True), say(True)
    learner.learn([tf.zeros_like(weight) for weight in learner.weights])
    assert (first == again).all() and (say(True) != first).any()
    assert (say(False) == sure).all() and (first != sure).any()
    whole = model([tf.transpose(given[0], [1, 0, 2]), given[1]], training=False)
    np.testing.assert_allclose(whole, sure, atol=1e-5)


def test_the_schedule_ends_at_zero_with_the_last_batch() -> None:
    asked = hyper(epochs=2, dropout_rate=0)
    design = replace(PLAIN, cosine_schedule=True)
    task = task_of(asked, design=design)
    epochs = Epochs(network_of(asked, task), task, asked, 3, Alone())
    optimizer = epochs.run()
    assert float(optimizer.learning_rate) == pytest.approx(0, abs=1e-9)
    assert int(optimizer.iterations) == 2 * -(-len(task.learned) // asked.batch_size)


def test_gradients_are_clipped_together() -> None:
    asked, design = hyper(), replace(PLAIN, clip_norm=1.0)
    learner = FusedLearner(network_of(asked), asked, 1, design)
    steep = [tf.fill(weight.shape, 100.0) for weight in learner.weights]
    learner.learn(steep)
    means = [variable.numpy() for variable in learner.settle().variables[2::2]]
    norm = np.sqrt(sum((mean**2).sum() for mean in means))
    assert norm == pytest.approx(0.1, rel=1e-3)  # Adam's first mean is a tenth of the gradient


@pytest.mark.parametrize("kind", [PlainLearner, FusedLearner])
def test_l2_shrinks_kernels_beside_adam_and_nothing_else(kind: Any) -> None:
    asked, design = hyper(learning_rate=0.1), replace(PLAIN, l2=0.25)
    model = network_of(asked, design=design)
    before = {weight.path: weight.numpy() for weight in model.trainable_weights}
    others = (1, design) if kind is FusedLearner else (design,)
    learner = kind(model, asked, *others)
    learner.learn([tf.zeros_like(weight) for weight in learner.weights])
    learner.settle()
    for weight in model.trainable_weights:
        share = 1 - 0.1 * 2 * 0.25 if weight.name.endswith("kernel") else 1
        np.testing.assert_allclose(weight.numpy(), share * before[weight.path], rtol=1e-6)
    assert sum(weight.name.endswith("kernel") for weight in model.trainable_weights) == 7
    kept = [layer.kernel_regularizer for layer in model.layers if hasattr(layer, "units")]
    assert [float(each.l2) for each in kept] == [0.25] * 5


@pytest.mark.parametrize("keep", [False, True])
def test_keras_file_holds_the_optimizer_only_if_asked(keep: bool, tmp_path: Path) -> None:
    asked, store, id = hyper(epochs=2), model_store(tmp_path), str(uuid4())
    train.train(task_of(asked).panel, asked, 1, store, id, {}, keep_optimizer=keep)
    model = keras.models.load_model(tmp_path / f"{id}.keras")
    assert (getattr(model, "optimizer", None) is not None) is keep
    if keep:
        assert int(model.optimizer.iterations) == 2 * -(-len(task_of(asked).windows.train) // 32)
