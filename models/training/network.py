"""The network of two LSTM layers in Keras: built, opened, and exported for serving.

LSTM 64 (sequences) → dropout → LSTM 32 → dropout → Dense 64 relu → dropout → Dense 32 relu
→ Dense, three targets for each step of the horizon. The additions of a design, such as batch
normalization after each LSTM, are listed in
`utils.api.architectures`.

Sources: Hochreiter & Schmidhuber, "Long short-term memory", 1997; embedded names: Guo & Berkhahn,
"Entity embeddings of categorical variables", 2016.

Example: `build(Hyperparameters(), features=14, names=[3, 3, 4], horizon=28)` takes windows
[batch, 10, 14] and name numbers [batch, 3], and returns [batch, 84].
"""

from __future__ import annotations

import warnings
from pathlib import Path

import keras
import numpy as np
import onnx
import tensorflow as tf

from models.registry.hyperparameters import Hyperparameters
from models.training import keras_files, onnx_export
from utils.api.architectures import PLAIN, Design
from utils.errors import DamagedFile, first_line

NAME = "dual_lstm"
NAMES = "names"  # the layer that embeds the names of a series
TARGET_COUNT = 3
LSTMS = 2
# Of batch normalization. Keras' own momentum, 0.99, takes hundreds of batches to leave its initial
# values: a small training has fewer.
MOMENTUM, EPSILON = 0.9, 1e-3


def build(
    hyper: Hyperparameters,
    features: int,
    names: list[int],
    horizon: int,
    seed: int = 0,
    design: Design = PLAIN,
    name_width: int | None = None,
) -> keras.Model:
    """Return an untrained network.

    Its inputs are `window` [batch, length, features] and `series` [batch, 3], the numbers of the
    names: plants first, then applications, then panel sizes, counted through. Its output
    [batch, horizon × 3] are the changes of WIP, throughput and cycle time from the last row to
    each step of the horizon, in units of their usual size. The last layer is initialized with
    zeros, so that training starts at the last value.

    Args:
        hyper: units, dropout and window length.
        features: width of a row of the window.
        names: numbers of plants, applications and panel sizes. Each name is embedded, so that
            none ranks above another.
        horizon: steps that are forecast.
        seed: of the initial weights and of the dropout.
        design: additions to the plain network.
        name_width: width of the embedding of a name; None: as their number suggests.
    """
    layers, draw = keras.layers, _Seeds(seed)
    window = keras.Input((hyper.sequence_length, features), name="window")
    series = keras.Input((len(names),), dtype="int32", name="series")
    names_at = layers.Embedding(
        sum(names),
        name_width or min(8, (max(names) + 1) // 2),
        embeddings_initializer=keras.initializers.RandomUniform(seed=draw()),
        name=NAMES,
    )(series)
    x = layers.RepeatVector(hyper.sequence_length)(layers.Flatten()(names_at))
    x = layers.Concatenate(name="rows")([window, x])
    for number, units in enumerate((hyper.lstm_units1, hyper.lstm_units2), start=1):
        x = _lstm(number, units, draw, design)(x)
        if design.batch_normalization:
            normal = {"momentum": MOMENTUM, "epsilon": EPSILON, "name": f"normal_{number}"}
            x = layers.BatchNormalization(**normal)(x)
        x = layers.Dropout(hyper.dropout_rate, seed=draw())(x)
    x = _dense(64, draw, design)(x)
    x = layers.Dropout(hyper.dropout_rate, seed=draw())(x)
    x = _dense(32, draw, design)(x)
    output = layers.Dense(
        TARGET_COUNT * horizon, kernel_initializer="zeros", kernel_regularizer=_regularizer(design)
    )(x)
    return keras.Model([window, series], output, name=NAME)


class _Seeds:
    """Seeds for layers, drawn from one; Keras' global generator is shared by all threads."""

    def __init__(self, seed: int) -> None:
        self._stream = np.random.default_rng(seed % 2**64)

    def __call__(self) -> int:
        return int(self._stream.integers(2**31))


def _lstm(number: int, units: int, draw: _Seeds, design: Design) -> keras.layers.LSTM:
    """The first or the second LSTM layer; the first returns the whole sequence."""
    return keras.layers.LSTM(
        units,
        return_sequences=number == 1,
        kernel_initializer=keras.initializers.GlorotUniform(seed=draw()),
        recurrent_initializer=keras.initializers.Orthogonal(seed=draw()),
        kernel_regularizer=_regularizer(design),
        recurrent_regularizer=_regularizer(design),
        recurrent_dropout=design.recurrent_dropout,
        seed=draw() if design.recurrent_dropout else None,
        name=f"lstm_{number}",
    )


def _dense(units: int, draw: _Seeds, design: Design) -> keras.layers.Dense:
    initializer = keras.initializers.GlorotUniform(seed=draw())
    return keras.layers.Dense(
        units, "relu", kernel_initializer=initializer, kernel_regularizer=_regularizer(design)
    )


def _regularizer(design: Design) -> keras.regularizers.Regularizer | None:
    """The L2 regularizer of a layer, as Keras saves it; the learners apply it themselves."""
    return keras.regularizers.L2(design.l2) if design.l2 else None


def export_onnx(network: keras.Model, path: Path) -> None:
    """Write the network as ONNX, for serving without TensorFlow.

    Raises:
        OSError: the file cannot be written.
    """
    if network.name == NAME:
        onnx.save(onnx_export.graph_of(network), path)
        return
    network = for_inference(network)  # of an earlier implementation, of any layers
    given = [tf.zeros([1, *part.shape[1:]], part.dtype) for part in network.inputs]
    network(given if len(given) > 1 else given[0])  # Keras exports a network after its first call
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf2onnx probes names that NumPy has removed
        network.export(str(path), format="onnx", verbose=False)
    onnx.checker.check_model(onnx.load(path))


def for_inference(network: keras.Model) -> keras.Model:
    """Return the network without recurrent dropout, whose random numbers an export would keep.

    It is the same object if there is no recurrent dropout.
    """
    if not any(getattr(layer, "recurrent_dropout", 0) for layer in network.layers):
        return network

    def copied(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if "recurrent_dropout" in config:
            config["recurrent_dropout"] = 0.0
        return type(layer).from_config(config)

    twin = keras.models.clone_model(network, clone_function=copied)
    twin.set_weights(network.get_weights())
    return twin


def load(path: Path) -> keras.Model:
    """Return the network of a `.keras` file; nothing that the file names is executed.

    Raises:
        DamagedFile: the file is no Keras model, or one with code of its own.
    """
    try:
        keras_files.check_keras(path)
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except keras_files.Refused as error:
        raise DamagedFile(f"The file {path.name} {error}.") from error
    except Exception as error:  # Keras' errors share no class of their own
        reason = first_line(error)
        raise DamagedFile(f"The file {path.name} cannot be opened by Keras: {reason}") from error
