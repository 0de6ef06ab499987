"""The dual-layer LSTM in Keras: built, run fast on a CPU, saved, and exported for serving.

LSTM 64 (sequences) → dropout → LSTM 32 → dropout → Dense 64 relu → dropout → Dense 32 relu
→ Dense 3
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import keras
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
        ran = tf.raw_ops.BlockLSTMV2(
            seq_len_max=tf.shape(steps, out_type=tf.int64)[0],
            x=steps,
            h_prev=initial_state[0],
            cs_prev=initial_state[1],
            w=tf.concat([self.cell.kernel, self.cell.recurrent_kernel], axis=0),
            b=self.cell.bias,
            wci=no_peephole,
            wcf=no_peephole,
            wco=no_peephole,
            cell_clip=0.0,
            use_peephole=False,
        )
        last = ran.h[-1]
        outputs = tf.transpose(ran.h, [1, 0, 2]) if self.return_sequences else last[:, None, :]
        return last, outputs, [last, ran.cs[-1]]


def lstm_layer() -> type[keras.layers.LSTM]:
    """The layer to train with: the fused one on a CPU; Keras' own on a GPU, where it uses cuDNN."""
    return keras.layers.LSTM if tf.config.list_physical_devices("GPU") else FusedLSTM


def build(
    hyper: Hyperparameters,
    features: int,
    names: list[int],
    lstm: type[keras.layers.LSTM] = keras.layers.LSTM,
) -> keras.Model:
    """The network.

    Args:
        hyper: units, dropout and window length.
        features: width of a row of the window.
        names: how many plants, applications and panel sizes there are. Each is embedded: a
            learned point in space, so that no name ranks above another.
        lstm: the layer class; only plain ones are ever saved.

    Inputs: `window` [batch, length, features] and `series` [batch, 3] (whole numbers).
    Output: [batch, 3], the scaled changes of WIP, throughput and cycle time.
    """
    window = keras.Input((hyper.sequence_length, features), name="window")
    series = keras.Input((len(names),), dtype="int32", name="series")
    embedded = [
        keras.layers.Embedding(count, min(8, (count + 1) // 2), name=f"name_{i}")(series[:, i])
        for i, count in enumerate(names)
    ]
    x = keras.layers.Concatenate()(embedded)
    x = keras.layers.RepeatVector(hyper.sequence_length)(x)
    x = keras.layers.Concatenate(name="rows")([window, x])
    x = lstm(hyper.lstm_units1, return_sequences=True, name="lstm_1")(x)
    x = keras.layers.Dropout(hyper.dropout_rate)(x)
    x = lstm(hyper.lstm_units2, name="lstm_2")(x)
    x = keras.layers.Dropout(hyper.dropout_rate)(x)
    x = keras.layers.Dense(64, activation="relu")(x)
    x = keras.layers.Dropout(hyper.dropout_rate)(x)
    x = keras.layers.Dense(32, activation="relu")(x)
    return keras.Model([window, series], keras.layers.Dense(TARGET_COUNT)(x), name="dual_lstm")


def plain(network: keras.Model, hyper: Hyperparameters, features: int, names: list[int]) -> Any:
    """The same network of plain Keras layers, called once, as an export needs it to be."""
    twin = build(hyper, features, names)
    twin.set_weights(network.get_weights())
    twin([tf.zeros([1, hyper.sequence_length, features]), tf.zeros([1, len(names)], tf.int32)])
    return twin


def export_onnx(network: keras.Model, path: Path) -> None:
    """Write the network as ONNX, for serving without TensorFlow."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf2onnx probes names that NumPy has removed
        network.export(str(path), format="onnx", verbose=False)


def load(path: Path) -> keras.Model:
    """Open a `.keras` file; nothing that it names is executed.

    Raises:
        ValueError: the file is no Keras model.
    """
    return keras.models.load_model(path, compile=False, safe_mode=True)
