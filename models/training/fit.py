"""The loop over epochs: slices of batches in one graph, checkpoints, a stop at any slice."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any, Protocol
from zipfile import BadZipFile

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.registry.hyperparameters import Hyperparameters
from models.series import error_measures
from models.series.panel import TARGETS
from models.training.learner import learner_of
from models.training.prepare import PreparedData
from utils.errors import InvalidInput

Ints = NDArray[np.int64]

_SLICE_SECONDS = 0.2  # between two looks at whether to go on
_FIRST_SLICE = 8  # batches of the first slice, before it is known how long one takes
_MOST_FLOATS = 1 << 22  # of one array while windows are judged
_AT_ONCE = 1024  # windows that are judged in one call
_LATELY = 5  # epochs that the time left is reckoned from


@dataclass(frozen=True)
class Epoch:
    """What is known at the end of an epoch.

    `loss` and `val_loss` are mean squared errors of what the anchor leaves, scaled; `mae` (units
    of the data, the three targets pooled) and `r2_score` (their mean) are of one-step forecasts
    of the held-back end.
    """

    epoch: int
    epochs: int
    loss: float
    val_loss: float
    mae: float
    r2_score: float
    seconds: float
    eta_seconds: float


class Control(Protocol):
    """Who runs a training: hears of its epochs, may stop it, keeps its checkpoints."""

    def check(self) -> None:
        """Called several times a second; raises whatever is to end the training."""

    def on_epoch(self, epoch: Epoch) -> None:
        """Hear of an epoch that has ended."""

    def checkpoint(self) -> bytes | None:
        """The last checkpoint of this training, if it was begun before."""

    def is_due(self) -> bool:
        """Whether it is time for another checkpoint."""

    def keep(self, content: bytes) -> None:
        """Keep a checkpoint, in place of the one before."""

    def patiently(self, act: Callable[[], None]) -> None:
        """Call `act`, perhaps again and again while it raises Unavailable."""

    def publish(self, act: Callable[[], None]) -> None:
        """Have the model, which is ready, published by `act`; raises if it is not wanted any more.

        `act` may be called again after it raised Unavailable.
        """


class Alone:
    """The control of a training that nobody watches."""

    def check(self) -> None:
        """Go on."""

    def on_epoch(self, epoch: Epoch) -> None:
        """Nobody to tell."""

    def checkpoint(self) -> bytes | None:
        """None was kept."""
        return None

    def is_due(self) -> bool:
        """Nobody would take it up again."""
        return False

    def keep(self, content: bytes) -> None:
        """Nothing is kept."""

    def patiently(self, act: Callable[[], None]) -> None:
        """Call it."""
        act()

    def publish(self, act: Callable[[], None]) -> None:
        """Publish it."""
        act()


class _Graph:
    """Batches as one graph: many of them are a single call into TensorFlow.

    Windows are gathered batch by batch from the rows, which are held once.
    """

    def __init__(
        self, network: keras.Model, task: PreparedData, hyper: Hyperparameters, seed: int
    ) -> None:
        panel, encoding = task.panel, task.encoding
        first, time = int(panel.first.min()), panel.time
        self._rows = tf.constant(encoding.value_features(task.scaled, panel.position))
        self._ahead = tf.constant(encoding.ahead(np.arange(first, time.max() + 1)))
        self._time = tf.constant(time - first, tf.int32)
        self._series = tf.constant(panel.series, tf.int32)
        self._names = tf.constant(encoding.identities(np.arange(len(panel.series_keys))))
        self._residual = tf.constant(task.residual)
        self._span = tf.range(-hyper.sequence_length, 0)
        steps = hyper.epochs * -(-len(task.learned) // hyper.batch_size)
        self._learner = learner_of(network, hyper, seed, task.design, steps)
        self.variables, self.settle = self._learner.variables, self._learner.settle
        self.network = self._learner.network
        indices = tf.TensorSpec([None], tf.int32)
        signature = [indices, tf.TensorSpec([], tf.int32)]
        self.train = tf.function(self._train, input_signature=signature)
        self.judge = tf.function(self._judge, input_signature=[indices])

    def _said(self, rows: Any, training: bool) -> Any:
        place = self._span[:, None] + rows[None, :]  # time first
        ahead = tf.gather(self._ahead, self._span[:, None] + tf.gather(self._time, rows)[None, :])
        windows = tf.concat([tf.gather(self._rows, place), ahead], axis=2)
        names = tf.gather(self._names, tf.gather(self._series, rows))
        return self._learner.say(windows, names, training)

    def _squares(self, said: Any, rows: Any) -> tuple[Any, Any]:
        """Sum of squared errors over the known targets of some windows, and their number."""
        truth = tf.gather(self._residual, rows)
        known = tf.logical_not(tf.math.is_nan(truth))
        errors = tf.where(known, said - truth, 0.0)
        return tf.reduce_sum(tf.square(errors)), tf.reduce_sum(tf.cast(known, tf.float32))

    def _train(self, order: Any, batch: Any) -> Any:
        """Learn from windows in the order given; [batches, 2] squares and known targets."""
        count = -(-tf.size(order) // batch)
        sums = tf.TensorArray(tf.float32, count)
        for i in tf.range(count):
            rows = order[i * batch : (i + 1) * batch]
            with tf.GradientTape() as tape:
                squares, known = self._squares(self._said(rows, training=True), rows)
                loss = squares / tf.maximum(known, 1.0)
            self._learner.learn(tape.gradient(loss, self._learner.weights))
            sums = sums.write(i, tf.stack([squares, known]))
        return sums.stack()

    def _judge(self, rows: Any) -> Any:
        """What the network says of some windows [n, 3], and squares and known targets [2]."""
        said = self._said(rows, training=False)
        return said, tf.stack(self._squares(said, rows))


class Epochs:
    """A training, epoch by epoch; `run` takes up an earlier one where its checkpoint left it."""

    def __init__(
        self,
        network: keras.Model,
        task: PreparedData,
        hyper: Hyperparameters,
        seed: int,
        control: Control,
    ) -> None:
        self._task, self._hyper, self._seed, self._control = task, hyper, seed, control
        self._graph = _Graph(network, task, hyper, seed)
        self._slice = _FIRST_SLICE
        widest = max(hyper.lstm_units1, hyper.lstm_units2) * 4
        self._judged = int(np.clip(_MOST_FLOATS // (hyper.sequence_length * widest), 16, _AT_ONCE))
        self.spent_before = 0.0  # seconds, by the run that left the checkpoint
        self.history: dict[str, list[float]] = {"loss": [], "val_loss": []}
        self._best: list[Any] = []  # what the network was after its best epoch
        if task.watched.size:
            self.history["watched_loss"] = []

    def run(self) -> keras.optimizers.Adam:
        """Train the network; returns the optimizer as it stands then.

        For all epochs; or, by the design, until the loss of the windows that are watched has not
        fallen for some: the network is then what it was after the best of them.

        Raises:
            InvalidInput: the training diverged.
        """
        self._began = time.perf_counter()
        self._resume()
        seconds: list[float] = []
        for number in range(len(self.history["loss"]) + 1, self._hyper.epochs + 1):
            if self._is_stale():
                break
            start = time.perf_counter()
            epoch = self.epoch(number)
            self.history["loss"].append(epoch.loss)
            self.history["val_loss"].append(epoch.val_loss)
            self._watch(number)
            seconds.append(time.perf_counter() - start)
            # The first epoch also builds the graph: it says little of the next ones.
            usual = float(np.median(seconds[1:][-_LATELY:] or seconds))
            left = (self._hyper.epochs - number) * usual
            self._control.on_epoch(replace(epoch, seconds=seconds[-1], eta_seconds=left))
            if self._control.is_due() and number < self._hyper.epochs:
                self._control.keep(self._state())
        if self._best:
            for variable, value in zip(self._graph.network, self._best, strict=True):
                variable.assign(value)
        return self._graph.settle()

    @property
    def best_epoch(self) -> int | None:
        """The epoch that the network is of; None where that is the last one."""
        losses = self.history.get("watched_loss")
        return 1 + int(np.argmin(losses)) if losses else None

    def _is_stale(self) -> bool:
        """Whether as many epochs as the design has patience for have not been better."""
        patience, best = self._task.design.patience, self.best_epoch
        if patience is None or best is None:
            return False
        return len(self.history["loss"]) - best >= patience

    def _watch(self, number: int) -> None:
        """Judge by the windows that are watched; keep what the network is if it is the best yet."""
        if not self._task.watched.size:
            return
        loss = self._judge(self._task.watched)[1]
        if not np.isfinite(loss):
            raise self._diverged(number)
        self.history["watched_loss"].append(loss)
        if self.best_epoch == number:
            self._best = [variable.numpy() for variable in self._graph.network]

    def epoch(self, number: int) -> Epoch:
        """One epoch: learn from all windows once, then look at the held-back end.

        Raises:
            InvalidInput: the training diverged.
        """
        # Its own stream for each epoch: the order does not depend on the epochs before it.
        order = np.random.default_rng([self._seed % 2**64, number]).permutation(self._task.learned)
        loss = self.learn(order)
        val_loss, mae, r2 = self._look_back()
        if not np.isfinite([loss, val_loss, mae, r2]).all():
            raise self._diverged(number)
        return Epoch(number, self._hyper.epochs, loss, val_loss, mae, r2, 0.0, 0.0)

    def _diverged(self, number: int) -> InvalidInput:
        said = f"must be smaller: the training diverged in epoch {number}"
        return InvalidInput.of("learningRate", said, self._hyper.learning_rate)

    def learn(self, order: Ints) -> float:
        """One epoch, a slice of batches at a time; the mean loss, whatever the slices were."""
        batch, sums, done = self._hyper.batch_size, [], 0
        while done < len(order):
            self._control.check()
            start = time.perf_counter()
            some = order[done : done + self._slice * batch]
            sums.append(self._graph.train(tf.constant(some, tf.int32), batch).numpy())
            done += len(some)
            if len(some) == self._slice * batch:
                rate = self._slice / (time.perf_counter() - start)
                wanted = max(1, int(rate * _SLICE_SECONDS))
                self._slice = min(wanted, 8 * self._slice)  # the first one also builds the graph
        return _mean(np.concatenate(sums))

    def _look_back(self) -> tuple[float, float, float]:
        """Mean loss, mean absolute error and R² of one-step forecasts of the held-back end."""
        panel, rows = self._task.panel, self._task.windows.held_back
        said, loss = self._judge(rows)
        scaled = self._task.anchored[rows] + said * self._task.size
        forecast = self._task.encoding.scaling.inverse(scaled, panel.series[rows])
        truth = panel.values[rows]
        known = [i for i in range(len(TARGETS)) if not np.isnan(truth[:, i]).all()]
        scores = [error_measures.r2(truth[:, i], forecast[:, i]) for i in known]
        return loss, error_measures.mae(truth, forecast), float(np.mean(scores))

    def _judge(self, rows: Ints) -> tuple[NDArray[np.float32], float]:
        """What the network says of windows, [n, 3], and their mean loss."""
        said, sums = [], []
        for begin in range(0, len(rows), self._judged):
            self._control.check()
            some = self._graph.judge(tf.constant(rows[begin : begin + self._judged], tf.int32))
            said.append(some[0].numpy())
            sums.append(some[1].numpy())
        return np.concatenate(said), _mean(np.array(sums))

    # --- checkpoints --------------------------------------------------------------------------

    def _about(self) -> str:
        """What a checkpoint must agree on to be taken up."""
        shapes = [list(variable.shape) for variable in self._graph.variables]
        task = self._task
        windows = [len(task.learned), len(task.watched), len(task.windows.held_back)]
        design = task.design.to_config()
        return json.dumps([self._hyper.to_config(), design, self._seed, windows, shapes])

    def _state(self) -> bytes:
        """The whole state of the training, as NumPy's archive without any pickle."""
        content = BytesIO()
        arrays = {f"v{i}": v.numpy() for i, v in enumerate(self._graph.variables)}
        arrays |= {f"best{i}": value for i, value in enumerate(self._best)}
        arrays |= {name: np.array(values) for name, values in self.history.items()}
        elapsed = self.spent_before + time.perf_counter() - self._began
        np.savez(content, about=self._about(), elapsed=elapsed, **arrays)
        return content.getvalue()

    def _resume(self) -> None:
        """Take up a checkpoint, if there is one of this very training."""
        content = self._control.checkpoint()
        if content is None:
            return
        try:
            with np.load(BytesIO(content), allow_pickle=False) as archive:
                kept = dict(archive)
        except (ValueError, OSError, EOFError, BadZipFile):
            return  # cut short by a power cut, say: the training starts over
        if str(kept.get("about")) != self._about():
            return
        for i, variable in enumerate(self._graph.variables):
            variable.assign(kept[f"v{i}"])
        self.history = {name: kept[name].tolist() for name in self.history}
        best = (f"best{i}" for i in range(len(self._graph.network)))
        self._best = [kept[name] for name in best if name in kept]
        self.spent_before = float(kept["elapsed"])


def _mean(sums: NDArray[np.float32]) -> float:
    """Mean of squares from their [n, 2] sums and counts."""
    total, count = sums.sum(axis=0, dtype=np.float64)
    return float(total / max(count, 1.0))
