"""The pretrained network in Keras: two LSTM layers over patches, and a decoder of each step ahead.

patches → LSTM → LSTM ┐
               context┴→ decoder, the same for each step ahead ← features of that step
                                 ↓
  per step and target: weights of the simple forecasts, a correction, distances of the quantiles

Corrections and distances are in units of `reach`. The median is the weighted mean of the simple
forecasts plus the correction; the other quantiles
lie at positive distances from it, so that they never cross. Sources: Hochreiter & Schmidhuber,
"Long short-term memory", 1997; Wen et al., "A multi-horizon quantile recurrent forecaster", 2017.

Example: `build(units=8)` takes patches [n, 12, 84], context [n, 34], steps [n, 28, 23] and
candidates [n, 28, 3, 8] and reach [n, 28, 3], and returns scaled quantiles [n, 28, 3, 9].
"""

from __future__ import annotations

import keras
import numpy as np
from keras import layers, ops

from models.forecast.pretrained import LEVELS, MEDIAN
from models.forecast.pretrained_inputs import (
    CANDIDATES,
    CONTEXT_WIDTH,
    HORIZON,
    PATCH_ROWS,
    PATCHES,
    STEP_WIDTH,
)

OUTPUTS = len(CANDIDATES) + len(LEVELS)  # of the decoder, for each step and target
BIAS, LOWEST, HIGHEST = -1.5, -7.0, 4.0  # of the logarithms of distances between quantiles


def build(units: int = 160, decoder_units: int = 128, seed: int = 0) -> keras.Model:
    """Return an untrained network, whose first forecasts are means of the simple ones.

    Args:
        units: of each LSTM layer.
        decoder_units: of the two layers that decode a step ahead.
        seed: of the initial weights.
    """
    patches = keras.Input((PATCHES, 6 * PATCH_ROWS), name="patches")
    context = keras.Input((CONTEXT_WIDTH,), name="context")
    steps = keras.Input((HORIZON, STEP_WIDTH), name="steps")
    candidates = keras.Input((HORIZON, 3, len(CANDIDATES)), name="candidates")
    reach = keras.Input((HORIZON, 3), name="reach")
    draw = np.random.default_rng(seed)

    def dense(width: int, name: str, activation: str | None = None) -> layers.Dense:
        kernel = keras.initializers.GlorotUniform(seed=int(draw.integers(2**31)))
        return layers.Dense(width, activation, kernel_initializer=kernel, name=name)

    def lstm(number: int) -> layers.LSTM:
        kernel = keras.initializers.GlorotUniform(seed=int(draw.integers(2**31)))
        recurrent = keras.initializers.Orthogonal(seed=int(draw.integers(2**31)))
        return layers.LSTM(
            units,
            return_sequences=number == 1,
            unroll=True,  # 12 steps: quicker than a loop
            kernel_initializer=kernel,
            recurrent_initializer=recurrent,
            name=f"lstm_{number}",
        )

    state = lstm(2)(lstm(1)(patches))
    of_window = dense(decoder_units, "of_window")(layers.Concatenate()([state, context]))
    of_step = dense(decoder_units, "of_step")(steps)
    hidden = ops.relu(ops.expand_dims(of_window, 1) + of_step)
    hidden = dense(decoder_units, "deeper", "relu")(hidden)
    outputs = dense(3 * OUTPUTS, "outputs")(hidden)
    return keras.Model(
        [patches, context, steps, candidates, reach],
        _quantiles(outputs, candidates, ops.expand_dims(reach, -1)),
        name="pretrained",
    )


def _quantiles(
    outputs: keras.KerasTensor, candidates: keras.KerasTensor, reach: keras.KerasTensor
) -> keras.KerasTensor:
    """Quantiles from the outputs of the decoder, by step and target."""
    shaped = ops.reshape(outputs, (-1, HORIZON, 3, OUTPUTS))
    weights = ops.softmax(shaped[..., : len(CANDIDATES)], axis=-1)
    blended = ops.sum(weights * candidates, axis=-1, keepdims=True)
    correction = shaped[..., len(CANDIDATES) : len(CANDIDATES) + 1]
    logarithms = ops.clip(shaped[..., len(CANDIDATES) + 1 :] + BIAS, LOWEST, HIGHEST)
    distances = ops.matmul(ops.exp(logarithms), ops.convert_to_tensor(summing_matrix()))
    return blended + reach * (correction + distances)


def summing_matrix() -> np.ndarray:
    """Return the matrix from distances of neighbouring quantiles to those from the median, [8, 9].

    The distances are ordered from the lowest quantile to the highest.
    """
    count = len(LEVELS)
    found = np.zeros((count - 1, count), np.float32)
    for gap in range(count - 1):
        if gap < MEDIAN:
            found[gap, : gap + 1] = -1.0
        else:
            found[gap, gap + 1 :] = 1.0
    return found
