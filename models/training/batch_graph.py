"""Training and prediction of many batches as one TensorFlow graph.

One call from Python trains on a slice of batches: on small networks the calls would cost more than
the arithmetic. Windows are gathered batch by batch from the rows, which are held once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.registry.hyperparameters import Hyperparameters
from models.series.calendar import dated
from models.training.learner import make_learner
from models.training.prepare import PreparedData

_LARGEST_CHANGE = 4.0  # root mean squares; larger targets are clipped


def as_graph(function: Callable[..., Any], signature: list[tf.TensorSpec]) -> Any:
    """Return a function as a TensorFlow graph.

    AutoGraph is not used: it writes a file for each function, and where the temporary disk is full
    the process cannot train any more.
    """
    return tf.function(function, input_signature=signature, autograph=False)


class BatchGraph:
    """The graph of one training.

    Args:
        steps: gradient steps at most; a learning rate schedule ends there.

    Attributes:
        train: (order [n] int32, batch size) → [batches, 2]: squared errors and known targets,
            summed by batch; trains on the windows before the rows in this order.
        predict: rows [n] int32 → (outputs [n, H × 3], [2]: squared errors and known targets,
            summed).
        learner: the learner of the network.
    """

    def __init__(
        self,
        network: keras.Model,
        prepared: PreparedData,
        hyper: Hyperparameters,
        seed: int,
        steps: int,
    ) -> None:
        panel, encoding = prepared.panel, prepared.encoding
        calendar, place = _calendar_rows(prepared)
        self._rows = tf.constant(encoding.value_features(prepared.scaled, panel.position))
        self._ahead = tf.constant(calendar)
        self._time = tf.constant(place, tf.int32)
        self._series = tf.constant(panel.series, tf.int32)
        self._names = tf.constant(encoding.identities(np.arange(len(panel.series_keys))))
        self._scaled = tf.constant(prepared.scaled, tf.float32)
        self._known = tf.constant(~np.isnan(panel.values))
        self._scale = tf.constant(prepared.change_scale, tf.float32)
        self._ends = tf.Variable(np.repeat(panel.offsets[1:], panel.lengths).astype(np.int32))
        self._span = tf.range(-hyper.sequence_length, 0)
        self.learner = make_learner(network, hyper, seed, prepared.design, steps)
        indices = tf.TensorSpec([None], tf.int32)
        signature = [indices, tf.TensorSpec([], tf.int32)]
        self.train = as_graph(self._train, signature)
        self.predict = as_graph(self._predict, [indices])
        window = [None, hyper.sequence_length, encoding.width]
        given = [tf.TensorSpec(window), tf.TensorSpec([None, 3], tf.int32)]
        self._network = as_graph(self._of_windows, given)

    def end_targets_at(self, ends: NDArray[np.int64]) -> None:
        """Set the first row after those that the targets of each row may reach, [rows]."""
        self._ends.assign(ends.astype(np.int32))

    def network(
        self, windows: NDArray[np.float32], identities: NDArray[np.int32] | None
    ) -> NDArray[np.float32]:
        """Return the outputs of the network as it is now, [n, H × 3].

        Args:
            windows: [n, length, features].
            identities: numbers of the names of their series, [n, 3].
        """
        outputs: NDArray[np.float32] = self._network(windows, identities).numpy()
        return outputs

    def _of_windows(self, windows: Any, identities: Any) -> Any:
        return self.learner.output(tf.transpose(windows, [1, 0, 2]), identities, training=False)

    def _train(self, order: Any, batch: Any) -> Any:
        count = -(-tf.size(order) // batch)

        def step(i: Any, sums: Any) -> tuple[Any, Any]:
            rows = order[i * batch : (i + 1) * batch]
            with tf.GradientTape() as tape:
                squares, known = self._squared_errors(self._outputs(rows, training=True), rows)
                loss = squares / tf.maximum(known, 1.0)
            self.learner.apply_gradients(tape.gradient(loss, self.learner.weights))
            return i + 1, sums.write(i, tf.stack([squares, known]))

        begin = [tf.constant(0), tf.TensorArray(tf.float32, count)]
        _, sums = tf.while_loop(lambda i, _: i < count, step, begin)
        return sums.stack()

    def _predict(self, rows: Any) -> Any:
        outputs = self._outputs(rows, training=False)
        return outputs, tf.stack(self._squared_errors(outputs, rows))

    def _outputs(self, rows: Any, training: bool) -> Any:
        """Outputs of the network for the windows before rows, [n, H × 3]."""
        place = self._span[:, None] + rows[None, :]  # time first
        ahead = tf.gather(self._ahead, self._span[:, None] + tf.gather(self._time, rows)[None, :])
        windows = tf.concat([tf.gather(self._rows, place), ahead], axis=2)
        names = tf.gather(self._names, tf.gather(self._series, rows))
        return self.learner.output(windows, names, training)

    def _squared_errors(self, outputs: Any, rows: Any) -> tuple[Any, Any]:
        """Sum of squared errors over the known targets of some rows, and their number."""
        place = rows[:, None] + tf.range(self._scale.shape[0])  # [n, H]
        inside = place < tf.gather(self._ends, rows)[:, None]
        place = tf.minimum(place, self._scaled.shape[0] - 1)
        known = tf.logical_and(inside[..., None], tf.gather(self._known, place))
        change = tf.gather(self._scaled, place) - tf.gather(self._scaled, rows - 1)[:, None]
        truth = tf.clip_by_value(change / self._scale, -_LARGEST_CHANGE, _LARGEST_CHANGE)
        errors = tf.where(known, tf.reshape(outputs, tf.shape(truth)) - truth, 0.0)
        return tf.reduce_sum(tf.square(errors)), tf.reduce_sum(tf.cast(known, tf.float32))


def _calendar_rows(prepared: PreparedData) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Calendar features of all steps of every lane, and the place of each row's among them."""
    panel = prepared.panel
    steps = np.arange(int(panel.first.min()), int(panel.time.max()) + 1)
    lanes = np.zeros(len(panel.first), np.int64) if panel.lanes is None else panel.lanes
    used, number = np.unique(lanes, return_inverse=True)
    features = [prepared.encoding.ahead(dated(steps, int(lane))) for lane in used]
    place = panel.time - steps[0] + number[panel.series] * len(steps)
    return np.concatenate(features), place
