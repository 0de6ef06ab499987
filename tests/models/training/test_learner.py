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
from models.registry.model_store import model_store
from models.series.calendar import Calendar
from models.series.panel import TARGETS, Panel
from models.training import network, train
from models.training.control import NoControl
from models.training.fit import EpochLoop
from models.training.fused_learner import FusedLearner
from models.training.keras_learner import KerasLearner
from models.training.learner import make_learner
from models.training.prepare import PreparedData, prepare
from tests.support.trainings import targets
from utils.api.architectures import DESIGNS, PLAIN, Architecture, Design

pytestmark = pytest.mark.training

ENHANCED = DESIGNS[Architecture.ENHANCED]
# Less what Keras draws window by window, the fused way batch by batch.
SURE = replace(ENHANCED, recurrent_dropout=0.0)
NAMES = [3, 2, 4]
FEATURES = 14


def tiny(**more: Any) -> Hyperparameters:
    small = Hyperparameters(lstm_units1=6, lstm_units2=5, sequence_length=7, learning_rate=0.01)
    return replace(small, **more)


def task_of(
    hyper: Hyperparameters, blanks: bool = False, days: int = 90, design: Design = PLAIN
) -> PreparedData:
    block = next(generate(PlantSpec(("a", "b"), ("c",), ("s",), days, 100, 50, 0.2, 0.1, 1)))
    values = np.column_stack([block.columns[name].ravel() for name in TARGETS])
    if blanks:
        values[::3, 2] = np.nan
    keys = tuple(block.series_keys)
    panel = Panel(Calendar(), keys, np.array([0, days, 2 * days]), np.zeros(2, int), values)
    return replace(prepare(panel, hyper, design), trial_cut=None)


def network_of(
    hyper: Hyperparameters,
    prepared: PreparedData | None = None,
    seed: int = 3,
    design: Design = PLAIN,
) -> keras.Model:
    names = NAMES if prepared is None else [len(known) for known in prepared.encoding.names]
    design, features = (
        (prepared.design, prepared.encoding.width) if prepared else (design, FEATURES)
    )
    horizon = prepared.horizon if prepared else 2
    built = network.build(hyper, features, names, horizon, seed, design)
    if prepared is None:  # the last layer begins at zero: it would hide the others
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
    hyper = tiny(sequence_length=length, dropout_rate=0)
    rng = np.random.default_rng(0)
    windows = tf.constant(rng.normal(size=(length, batch, FEATURES)), tf.float32)
    names = tf.constant(rng.integers(0, sum(NAMES), (batch, 3)), tf.int32)

    def gradients(kind: Any) -> tuple[Any, list[Any], list[Any]]:
        model = network_of(hyper, design=design)
        learner = kind(model)
        with tf.GradientTape() as tape:
            outputs = learner.output(windows, names, training)
            loss = tf.reduce_mean(tf.square(outputs - 1))
        slopes = [tf.convert_to_tensor(g) for g in tape.gradient(loss, learner.weights)]
        if kind is not plain:  # back in Keras' order, as the weights go back
            for weight, slope in zip(learner.weights, slopes, strict=True):
                weight.assign(slope)
            learner.write_back()
            slopes = [tf.constant(part) for part in model.trainable_weights]
        moving = [part.numpy() for part in model.non_trainable_weights]
        return outputs.numpy(), [slope.numpy() for slope in slopes], moving

    def plain(model: keras.Model) -> KerasLearner:
        return KerasLearner(model, hyper, design)

    (outputs, slopes, moving), (expected, slopes_expected, moving_expected) = (
        gradients(lambda model: FusedLearner(model, hyper, 1, design)),
        gradients(plain),
    )
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    for slope, slope_expected in zip(slopes, slopes_expected, strict=True):
        assert length == 1 or training or np.abs(slope_expected).max() > 0
        np.testing.assert_allclose(slope, slope_expected, atol=1e-4)
    for average, average_expected in zip(moving, moving_expected, strict=True):
        np.testing.assert_allclose(average, average_expected, atol=1e-5)


def squares_of_known(truth: Any, output: Any) -> Any:
    """Mean squared error over the targets that are not NaN."""
    known = tf.logical_not(tf.math.is_nan(truth))
    errors = tf.where(known, output - tf.where(known, truth, 0.0), 0.0)
    return tf.reduce_sum(tf.square(errors)) / tf.reduce_sum(tf.cast(known, tf.float32))


def fitted(hyper: Hyperparameters, prepared: PreparedData) -> list[float]:
    """The losses of Keras' own `fit` on the windows, in the order of `EpochLoop`."""
    model, encoding, panel = network_of(hyper, prepared), prepared.encoding, prepared.panel
    shown, names = (
        encoding.rows(prepared.scaled, panel.time, panel.position),
        encoding.identities(panel.series),
    )
    model.compile(keras.optimizers.Adam(hyper.learning_rate), squares_of_known)
    losses = []
    for epoch in range(1, hyper.epochs + 1):
        rows = np.random.default_rng([3, epoch]).permutation(prepared.windows.train)
        given = [shown[rows[:, None] + np.arange(-hyper.sequence_length, 0)], names[rows]]
        batch = hyper.batch_size
        ran = model.fit(given, targets(prepared, rows), batch, shuffle=False, verbose=0)
        losses.append(ran.history["loss"][0])
    return losses


@pytest.mark.long
@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_loss_curve_is_that_of_fit(dropout: float) -> None:
    hyper = tiny(dropout_rate=dropout, epochs=3, learning_rate=0.0005)
    prepared = task_of(hyper, days=600)
    epochs = EpochLoop(network_of(hyper, prepared), prepared, hyper, 3, NoControl())
    epochs.run()
    losses = fitted(hyper, prepared)
    np.testing.assert_allclose(epochs.history["loss"], losses, rtol=0.01)
    assert losses[-1] < 0.97 * losses[0]


@pytest.mark.parametrize("design", [PLAIN, pytest.param(SURE, marks=pytest.mark.long)])
def test_fused_and_plain_learners_end_with_the_same_weights_and_optimizer(
    design: Design, monkeypatch: pytest.MonkeyPatch
) -> None:
    hyper = tiny(dropout_rate=0, epochs=2)
    prepared = task_of(hyper, blanks=True, design=design)
    found = []
    for gpus in ([], ["one"]):
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda _kind, g=gpus: g)
        model = network_of(hyper, prepared)
        epochs = EpochLoop(model, prepared, hyper, 3, NoControl())
        optimizer = epochs.run()
        losses = epochs.history["loss"] + epochs.history["val_loss"]
        states = [variable.numpy() for variable in optimizer.variables]
        found.append([np.array(losses), *model.get_weights(), *states])
    for fused, plain in zip(*found, strict=True):
        np.testing.assert_allclose(fused, plain, atol=1e-4)


@pytest.mark.parametrize(("gpus", "kind"), [([], FusedLearner), (["GPU:0"], KerasLearner)])
def test_a_gpu_is_left_to_plain_keras(
    gpus: list[str], kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _kind: gpus)
    assert type(make_learner(network_of(tiny()), tiny(), 1)) is kind


@pytest.mark.parametrize("rate", [0.05, 0.5, 0.9])
def test_dropout_keeps_its_share_and_the_mean_and_differs_from_step_to_step(rate: float) -> None:
    hyper = tiny(dropout_rate=rate, lstm_units1=1, lstm_units2=1)
    model = network_of(hyper)
    # Only the last dropout shows: what comes before is a constant, the sum after it of 64 ones.
    weights = [np.zeros_like(part) for part in model.get_weights()]
    weights[8][:] = 1.0
    weights[9][:, 0] = 1 / 64
    weights[11][0, :] = 1.0
    model.set_weights(weights)
    learner = FusedLearner(model, hyper, 1)
    given = tf.zeros([7, 4000, FEATURES]), tf.zeros([4000, 3], tf.int32)
    outputs = learner.output(*given, training=True).numpy()[:, 0]
    deviation = np.sqrt(rate / (1 - rate) / 64)
    assert outputs.mean() == pytest.approx(1, abs=5 * deviation / np.sqrt(4000))
    assert outputs.std() == pytest.approx(deviation, rel=0.1)
    assert np.unique(np.round(outputs * 64 * (1 - rate), 3)).size > 5
    learner.apply_gradients([tf.zeros_like(weight) for weight in learner.weights])
    assert (learner.output(*given, training=True).numpy()[:, 0] != outputs).any()
    assert (learner.output(*given, training=False).numpy()[:, 0] == 1).all()


def test_recurrent_dropout_differs_from_step_to_step_and_only_while_training() -> None:
    hyper, design = tiny(dropout_rate=0), replace(PLAIN, recurrent_dropout=0.5)
    model = network_of(hyper, design=design)
    learner = FusedLearner(model, hyper, 1, design)
    given = tf.ones([7, 3, FEATURES]), tf.zeros([3, 3], tf.int32)

    def output(training: bool) -> Any:
        return learner.output(*given, training=training).numpy()

    sure, first, again = output(False), output(True), output(True)
    learner.apply_gradients([tf.zeros_like(weight) for weight in learner.weights])
    assert (first == again).all() and (output(True) != first).any()
    assert (output(False) == sure).all() and (first != sure).any()
    whole = model([tf.transpose(given[0], [1, 0, 2]), given[1]], training=False)
    np.testing.assert_allclose(whole, sure, atol=1e-5)


def test_the_schedule_ends_at_zero_with_the_last_batch() -> None:
    hyper = tiny(epochs=2, dropout_rate=0)
    design = replace(PLAIN, cosine_schedule=True)
    prepared = task_of(hyper, design=design)
    epochs = EpochLoop(network_of(hyper, prepared), prepared, hyper, 3, NoControl())
    optimizer = epochs.run()
    assert float(optimizer.learning_rate) == pytest.approx(0, abs=1e-9)
    assert int(optimizer.iterations) == 2 * -(-len(prepared.train_rows) // hyper.batch_size)


def test_an_epoch_trains_on_a_part_of_very_many_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.training.fit._MOST_TRAINED", 64)
    monkeypatch.setattr("models.training.fit._MOST_MEASURED", 5)
    hyper = tiny(epochs=3, batch_size=32)
    prepared = task_of(hyper)
    epochs = EpochLoop(network_of(hyper, prepared), prepared, hyper, 3, NoControl())
    assert len(prepared.train_rows) > 64
    assert int(epochs.run().iterations) == 3 * 2
    assert np.isfinite(epochs.history["loss"] + epochs.history["val_loss"]).all()


def test_gradients_are_clipped_together() -> None:
    hyper, design = tiny(), replace(PLAIN, clip_norm=1.0)
    learner = FusedLearner(network_of(hyper), hyper, 1, design)
    steep = [tf.fill(weight.shape, 100.0) for weight in learner.weights]
    learner.apply_gradients(steep)
    means = [variable.numpy() for variable in learner.write_back().variables[2::2]]
    norm = np.sqrt(sum((mean**2).sum() for mean in means))
    assert norm == pytest.approx(0.1, rel=1e-3)  # Adam's first mean is a tenth of the gradient


@pytest.mark.parametrize("kind", [KerasLearner, FusedLearner])
def test_l2_shrinks_kernels_beside_adam_and_nothing_else(kind: Any) -> None:
    hyper, design = tiny(learning_rate=0.1), replace(PLAIN, l2=0.25)
    model = network_of(hyper, design=design)
    before = {weight.path: weight.numpy() for weight in model.trainable_weights}
    others = (1, design) if kind is FusedLearner else (design,)
    learner = kind(model, hyper, *others)
    learner.apply_gradients([tf.zeros_like(weight) for weight in learner.weights])
    learner.write_back()
    for weight in model.trainable_weights:
        share = 1 - 0.1 * 2 * 0.25 if weight.name.endswith("kernel") else 1
        np.testing.assert_allclose(weight.numpy(), share * before[weight.path], rtol=1e-6)
    assert sum(weight.name.endswith("kernel") for weight in model.trainable_weights) == 7
    kept = [layer.kernel_regularizer for layer in model.layers if hasattr(layer, "units")]
    assert [float(each.l2) for each in kept] == [0.25] * 5


@pytest.mark.parametrize("keep", [pytest.param(False, marks=pytest.mark.long), True])
def test_keras_file_holds_the_optimizer_only_if_asked(keep: bool, tmp_path: Path) -> None:
    hyper, store, id = tiny(epochs=2), model_store(tmp_path), str(uuid4())
    train.train(task_of(hyper).panel, hyper, 1, store, id, {}, keep_optimizer=keep)
    model = keras.models.load_model(tmp_path / f"{id}.keras")
    assert (getattr(model, "optimizer", None) is not None) is keep
    if keep:
        prepared = task_of(hyper)
        rows = prepared.windows.train
        assert prepare(prepared.panel, hyper).trial_cut is not None
        before = prepared.panel.time[rows] < prepare(prepared.panel, hyper).trial_cut
        batches = -(-int(before.sum()) // 32) + -(-len(rows) // 32)  # of the two epochs
        assert int(model.optimizer.iterations) == batches
