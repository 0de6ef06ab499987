"""Training, in reading order: panel → split → scale → windows → epochs → held-back evaluation →
published model."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from models import network
from models.forecasting import CLOSE, Network, open_network, roll_out
from utils import metrics
from utils.errors import InvalidInput
from utils.schemas import Hyperparameters
from utils.series import TARGETS, Encoding, Panel, Windows, split_step
from utils.store import Store

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_JUDGED_AT_ONCE = 4096
_MOST_ROLL_OUTS = 1024  # held-back roll-outs that measure the confidence
_FEWEST_ROLL_OUTS = 8  # behind the share of a horizon


@dataclass(frozen=True)
class Epoch:
    """What is known at the end of an epoch; losses are mean squared errors of scaled changes."""

    epoch: int
    epochs: int
    loss: float
    val_loss: float
    seconds: float


OnEpoch = Callable[[Epoch], None]


@dataclass(frozen=True)
class Task:
    """All that a training works on: what is learned from, how it is scaled, what is left out."""

    panel: Panel
    filled: Floats
    encoding: Encoding
    windows: Windows
    warnings: list[str]


def prepare(panel: Panel, hyper: Hyperparameters) -> Task:
    """Split by time, leave out series too short for a window, fit the scaling, find the windows.

    Raises:
        InvalidInput: no series is long enough, or the split leaves nothing to judge by.
    """
    length = hyper.sequence_length
    cut = split_step(panel, hyper.train_test_split)
    early = np.clip(cut - panel.first, 0, panel.lengths)
    keep = np.flatnonzero(early > length).tolist()
    warnings = [
        f"{' / '.join(panel.keys[s])} is left out: its {early[s]} training steps are too few for "
        f"a window of {length} and the step after it."
        for s in np.flatnonzero(early <= length)
    ]
    if not keep:
        raise InvalidInput.of(
            "sequenceLength",
            f"must be shorter than the training part of at least one series; the longest has "
            f"{int(early.max())} steps",
            length,
        )
    panel = panel.select(keep)
    windows = Windows.of(panel, length, cut)
    if not windows.held_back.size:
        raise InvalidInput.of(
            "trainTestSplit",
            "must leave at least one step to judge the model by",
            hyper.train_test_split,
        )
    return Task(panel, panel.filled(), Encoding.fit(panel, length, cut), windows, warnings)


def train(
    panel: Panel,
    hyper: Hyperparameters,
    seed: int,
    store: Store,
    model_id: str,
    about: dict[str, Any],
    on_epoch: OnEpoch = lambda epoch: None,
) -> dict[str, Any]:
    """Train a network on a panel and publish it; returns the published document.

    Args:
        seed: the same seed and panel give the same model.
        store: where the model is published, whole, as its last act.
        about: entries of the document beyond the training's own, such as the data set's id.
        on_epoch: told of every epoch as it ends.

    Raises:
        InvalidInput: the data cannot be trained on with these hyperparameters.
    """
    began = time.perf_counter()
    task = prepare(panel, hyper)
    features = 3 + task.encoding.calendar.width
    names = [len(known) for known in task.encoding.names]
    fused = network.build(hyper, features, names, seed, network.lstm_layer())
    history = _run_epochs(fused, task, hyper, seed, on_epoch)
    plain = network.plain(fused, hyper, features, names)
    with TemporaryDirectory() as folder:
        onnx = Path(folder) / "model.onnx"
        network.export_onnx(plain, onnx)
        serve = open_network(onnx)
        created = datetime.now(UTC).isoformat()
        config = hyper.to_config() | {"seed": seed}
        document = {
            "model_id": model_id,
            "created_at": created,
            "config": config,
            "metrics": _judge(serve, task),
            "training_history": history,
            "training_time": 0.0,
            "model_summary": {
                "input_shape": [None, hyper.sequence_length, features],
                "output_shape": [None, len(TARGETS)],
                "total_params": int(plain.count_params()),
                "config": config,
                "created_at": created,
            },
            "warnings": task.warnings,
            "confidence": _measure_confidence(serve, task),
            "encoding": task.encoding.to_document(),
            "series": _series(task),
            "versions": {
                "python": sys.version.split()[0],
                **{package: version(package) for package in ("tensorflow", "keras", "numpy")},
            },
            **about,
        }
        document["training_time"] = time.perf_counter() - began
        store.publish(model_id, document, {".keras": plain.save, ".onnx": _copied(onnx)})
    keras.backend.clear_session()
    return document


def _copied(path: Path) -> Callable[[Path], None]:
    def write(target: Path) -> None:
        shutil.copyfile(path, target)

    return write


class _Epochs:
    """The loop over batches as one graph: a whole epoch is a single call into TensorFlow."""

    def __init__(self, fused: keras.Model, task: Task, hyper: Hyperparameters) -> None:
        panel, encoding = task.panel, task.encoding
        series = panel.series
        previous = np.vstack([task.filled[:1], task.filled[:-1]])
        target = encoding.encode(panel.values, previous, series)
        around = encoding.surroundings(panel.time, series)
        self._rows = tf.constant(encoding.rows(task.filled, around, series))
        self._identities = tf.constant(encoding.identities(series))
        self._known = tf.constant(~np.isnan(target), tf.float32)
        self._targets = tf.constant(np.nan_to_num(target))
        self._span = tf.range(-hyper.sequence_length, 0)
        self._network = fused
        self._optimizer = keras.optimizers.Adam(hyper.learning_rate)
        self._optimizer.build(fused.trainable_variables)
        signature = [tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32)]
        self._train = tf.function(self._train_batches, input_signature=signature)
        self._judge = tf.function(self._judge_batches, input_signature=signature)

    def train(self, order: Ints, batch: int) -> float:
        """One epoch over the windows in the order given; returns the mean loss."""
        return float(self._train(tf.constant(order, tf.int32), batch))

    def judge(self, rows: Ints) -> float:
        """The mean loss over windows, nothing being learned."""
        return float(self._judge(tf.constant(rows, tf.int32), _JUDGED_AT_ONCE))

    def _errors(self, rows: Any, training: bool) -> tuple[Any, Any]:
        """Sum of squared errors over the known targets of some windows, and their number."""
        window = tf.gather(self._rows, rows[:, None] + self._span[None, :])
        said = self._network([window, tf.gather(self._identities, rows)], training=training)
        known = tf.gather(self._known, rows)
        squares = known * tf.square(said - tf.gather(self._targets, rows))
        return tf.reduce_sum(squares), tf.reduce_sum(known)

    def _train_batches(self, order: Any, batch: Any) -> Any:
        total, count = tf.constant(0.0), tf.constant(0.0)
        for begin in tf.range(0, tf.size(order), batch):
            with tf.GradientTape() as tape:
                squares, known = self._errors(order[begin : begin + batch], training=True)
                loss = squares / tf.maximum(known, 1.0)
            gradients = tape.gradient(loss, self._network.trainable_variables)
            self._optimizer.apply(gradients, self._network.trainable_variables)
            total, count = total + squares, count + known
        return total / tf.maximum(count, 1.0)

    def _judge_batches(self, rows: Any, batch: Any) -> Any:
        total, count = tf.constant(0.0), tf.constant(0.0)
        for begin in tf.range(0, tf.size(rows), batch):
            squares, known = self._errors(rows[begin : begin + batch], training=False)
            total, count = total + squares, count + known
        return total / tf.maximum(count, 1.0)


def _run_epochs(
    fused: keras.Model, task: Task, hyper: Hyperparameters, seed: int, on_epoch: OnEpoch
) -> dict[str, Any]:
    """Train for all epochs; returns both losses of each."""
    epochs = _Epochs(fused, task, hyper)
    losses: dict[str, list[float]] = {"loss": [], "val_loss": []}
    for epoch in range(1, hyper.epochs + 1):
        began = time.perf_counter()
        # Its own stream for each epoch: the order does not depend on the epochs before it.
        order = np.random.default_rng([seed % 2**64, epoch]).permutation(task.windows.train)
        losses["loss"].append(epochs.train(order, hyper.batch_size))
        losses["val_loss"].append(epochs.judge(task.windows.held_back))
        if not np.isfinite([losses["loss"][-1], losses["val_loss"][-1]]).all():
            raise InvalidInput.of(
                "learningRate",
                f"must be smaller: the training diverged in epoch {epoch}",
                hyper.learning_rate,
            )
        seconds = time.perf_counter() - began
        on_epoch(Epoch(epoch, hyper.epochs, losses["loss"][-1], losses["val_loss"][-1], seconds))
    return {**losses, "epochs": hyper.epochs}


def _one_step_ahead(serve: Network, task: Task) -> Floats:
    """Forecasts of the held-back rows, each from the true rows before it, [n, 3] in units."""
    panel, encoding, rows = task.panel, task.encoding, task.windows.held_back
    series = panel.series
    inputs = encoding.rows(task.filled, encoding.surroundings(panel.time, series), series)
    forecasts = np.empty((len(rows), 3))
    for begin in range(0, len(rows), _JUDGED_AT_ONCE):
        some = rows[begin : begin + _JUDGED_AT_ONCE]
        windows = inputs[some[:, None] + np.arange(-encoding.length, 0)]
        said = serve(windows, encoding.identities(series[some]))
        forecasts[begin : begin + len(some)] = encoding.decode(
            said, task.filled[some - 1], series[some]
        )
    return forecasts


def _judge(serve: Network, task: Task) -> dict[str, Any]:
    """Errors over the held-back end in units, overall and per target, beside the last value's.

    Overall, `rmse` and `mae` pool the three targets; `r2_score` is the mean of theirs.
    """
    rows = task.windows.held_back
    truth, forecast = task.panel.values[rows], _one_step_ahead(serve, task)
    naive = task.filled[rows - 1]
    per_target: dict[str, Any] = {}
    for i, target in enumerate(TARGETS):
        if np.isnan(truth[:, i]).all():
            per_target[target] = dict.fromkeys(("rmse", "mae", "r2_score", "skill"))
            continue
        error = metrics.mae(truth[:, i], forecast[:, i])
        baseline = metrics.mae(truth[:, i], naive[:, i])
        per_target[target] = {
            "rmse": metrics.rmse(truth[:, i], forecast[:, i]),
            "mae": error,
            "r2_score": metrics.r2(truth[:, i], forecast[:, i]),
            "last_value_mae": baseline,
            "skill": metrics.skill(error, baseline),
        }
    scores = [m["r2_score"] for m in per_target.values() if m["r2_score"] is not None]
    return {
        "rmse": metrics.rmse(truth, forecast),
        "mae": metrics.mae(truth, forecast),
        "r2_score": float(np.mean(scores)),
        "per_target": per_target,
        "held_back_rows": len(rows),
    }


def _measure_confidence(serve: Network, task: Task) -> list[float]:
    """Share of held-back roll-outs that landed within 20 % of the truth, by horizon.

    Averaged over the three targets; made to fall with the horizon by isotonic regression, as
    the shares of neighbouring horizons differ by chance.
    """
    panel, rows = task.panel, task.windows.held_back
    ends = panel.offsets[1:][panel.series[rows]]
    steps = int(min(365, (ends - rows).max()))
    stride = -(-len(rows) // _MOST_ROLL_OUTS)
    # Spread over series and time alike, whatever the stride has in common with their lengths.
    starts = np.random.default_rng(0).permutation(rows)[: len(rows) // stride]
    context = task.filled[starts[:, None] + np.arange(-task.encoding.length, 0)]
    forecast = roll_out(
        serve, task.encoding, context, panel.time[starts] - 1, panel.series[starts], steps
    )
    place = starts[:, None] + np.arange(steps)
    inside = place < panel.offsets[1:][panel.series[starts]][:, None]
    truth = panel.values[np.minimum(place, len(panel.values) - 1)]
    truth[~inside] = np.nan
    shares: list[float] = []
    for h in range(steps):
        if h and inside[:, h].sum() < _FEWEST_ROLL_OUTS:
            break
        known = [i for i in range(3) if not np.isnan(truth[:, h, i]).all()]
        landed = [metrics.share_within(truth[:, h, i], forecast[:, h, i], CLOSE) for i in known]
        shares.append(float(np.mean(landed)) if landed else (shares or [0.0])[-1])
    falling = IsotonicRegression(increasing=False, y_min=0, y_max=1)
    return [float(share) for share in falling.fit_transform(range(len(shares)), shares)]


def _series(task: Task) -> list[dict[str, Any]]:
    """What a forecast starts from: the end of every series."""
    panel, length = task.panel, task.encoding.length
    return [
        {
            "key": list(key),
            "last_step": int(panel.first[s] + panel.lengths[s] - 1),
            "recent": task.filled[panel.offsets[s + 1] - length : panel.offsets[s + 1]].tolist(),
            "highest_throughput": float(
                panel.values[panel.offsets[s] : panel.offsets[s + 1], 1].max()
            ),
        }
        for s, key in enumerate(panel.keys)
    ]
