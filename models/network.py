"""The dual-layer LSTM in Keras: built, run fast on a CPU, saved, and exported for serving.

LSTM 64 (sequences) → dropout → LSTM 32 → dropout → Dense 64 relu → dropout → Dense 32 relu
→ Dense 3
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from utils.schemas import Hyperparameters

TARGET_COUNT = 3


class FusedLSTM(keras.layers.LSTM):
    """Keras' LSTM, its loop over time as one kernel of TensorFlow's on the CPU.

    The weights are the plain layer's, in the same order: they are copied into one to be saved.
    """

    def inner_loop(
        self, sequences: Any, initial_state: Any, mask: Any, training: bool = False
    ) -> Any:
        """Run the sequence; [batch, time, features] → last output, outputs, states."""
        if mask is not None or self.recurrent_dropout or self.dropout:
            return super().inner_loop(sequences, initial_state, mask, training)
        no_peephole = tf.zeros([self.units])
        steps = tf.transpose(sequences, [1, 0, 2])
        weights = tf.concat([self.cell.kernel, self.cell.recurrent_kernel], axis=0)
        # Not BlockLSTMV2: TensorFlow 2.21 registers this kernel's gradient for it, although its
        # gates lie in another order, so that what it learns from is wrong.
        ran = tf.raw_ops.BlockLSTM(
            seq_len_max=tf.shape(steps, out_type=tf.int64)[0],
            x=steps,
            h_prev=initial_state[0],
            cs_prev=initial_state[1],
            w=_gates_in_order(weights),
            b=_gates_in_order(self.cell.bias),
            wci=no_peephole,
            wcf=no_peephole,
            wco=no_peephole,
            forget_bias=0.0,
            cell_clip=-1.0,
            use_peephole=False,
        )
        last = ran.h[-1]
        outputs = tf.transpose(ran.h, [1, 0, 2]) if self.return_sequences else last[:, None, :]
        return last, outputs, [last, ran.cs[-1]]


def _gates_in_order(weights: Any) -> Any:
    """Keras' gates (input, forget, cell, output) in the kernel's order: input, cell, forget."""
    i, f, c, o = tf.split(weights, 4, axis=-1)
    return tf.concat([i, c, f, o], axis=-1)


def lstm_layer() -> type[keras.layers.LSTM]:
    """The layer to train with: the fused one on a CPU; Keras' own on a GPU, where it uses cuDNN."""
    return keras.layers.LSTM if tf.config.list_physical_devices("GPU") else FusedLSTM


def build(
    hyper: Hyperparameters,
    features: int,
    names: list[int],
    seed: int = 0,
    lstm: type[keras.layers.LSTM] = keras.layers.LSTM,
) -> keras.Model:
    """The network.

    Args:
        hyper: units, dropout and window length.
        features: width of a row of the window.
        names: how many plants, applications and panel sizes there are. Each is embedded: a
            learned point in space, so that no name ranks above another.
        seed: of the first weights and of the dropout.
        lstm: the layer class; only plain ones are ever saved.

    Inputs: `window` [batch, length, features] and `series` [batch, 3], the numbers of the names:
    plants first, then applications, then panel sizes, counted through.
    Output: [batch, 3], what the anchor leaves of the changes of WIP, throughput and cycle time,
    in units of its usual size. The last layer begins at zero: training sets out from the anchor.
    """
    layers, draw = keras.layers, _Seeds(seed)
    window = keras.Input((hyper.sequence_length, features), name="window")
    series = keras.Input((len(names),), dtype="int32", name="series")
    names_at = layers.Embedding(
        sum(names),
        min(8, (max(names) + 1) // 2),
        embeddings_initializer=keras.initializers.RandomUniform(seed=draw()),
        name="names",
    )(series)
    x = layers.RepeatVector(hyper.sequence_length)(layers.Flatten()(names_at))
    x = layers.Concatenate(name="rows")([window, x])
    for number, units in enumerate((hyper.lstm_units1, hyper.lstm_units2), start=1):
        x = lstm(
            units,
            return_sequences=number == 1,
            kernel_initializer=keras.initializers.GlorotUniform(seed=draw()),
            recurrent_initializer=keras.initializers.Orthogonal(seed=draw()),
            name=f"lstm_{number}",
        )(x)
        x = layers.Dropout(hyper.dropout_rate, seed=draw())(x)
    x = _dense(64, draw)(x)
    x = layers.Dropout(hyper.dropout_rate, seed=draw())(x)
    x = _dense(32, draw)(x)
    said = layers.Dense(TARGET_COUNT, kernel_initializer="zeros")(x)
    return keras.Model([window, series], said, name="dual_lstm")


class _Seeds:
    """Seeds for layers, drawn from one. Keras' own global stream is every thread's."""

    def __init__(self, seed: int) -> None:
        self._stream = np.random.default_rng(seed % 2**64)

    def __call__(self) -> int:
        return int(self._stream.integers(2**31))


def _dense(units: int, draw: _Seeds) -> keras.layers.Dense:
    initializer = keras.initializers.GlorotUniform(seed=draw())
    return keras.layers.Dense(units, "relu", kernel_initializer=initializer)


def plain(network: keras.Model, hyper: Hyperparameters, features: int, names: list[int]) -> Any:
    """The same network of plain Keras layers: any Keras 3 opens its file."""
    twin = build(hyper, features, names)
    twin.set_weights(network.get_weights())
    return twin


def export_onnx(network: keras.Model, path: Path) -> None:
    """Write the network as ONNX, for serving without TensorFlow."""
    given = [tf.zeros([1, *part.shape[1:]], part.dtype) for part in network.inputs]
    network(given if len(given) > 1 else given[0])  # Keras exports what was called once
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf2onnx probes names that NumPy has removed
        network.export(str(path), format="onnx", verbose=False)


def load(path: Path) -> keras.Model:
    """Open a `.keras` file; nothing that it names is executed.

    Raises:
        ValueError: the file is no Keras model.
    """
    return keras.models.load_model(path, compile=False, safe_mode=True)
