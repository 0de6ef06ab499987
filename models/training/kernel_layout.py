"""The order of weights in Keras and in TensorFlow's LSTM kernel, and the way between them.

Keras keeps the kernel and the recurrent kernel apart, with the gates in the order input, forget,
cell, output. `BlockLSTM` takes one above the other, in the order input, cell, forget, output.

Example: an LSTM of 2 units on 3 features has a kernel [3, 8] and a recurrent kernel [2, 8] in
Keras, and one matrix [5, 8] here, whose columns 2 and 3 were columns 4 and 5.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.training.network import LSTMS

Arrays = list[NDArray[np.float32]]


def split_layers(weights: list[Any], per_lstm: int) -> tuple[Any, list[list[Any]], list[Any]]:
    """Return the embedding, the weights of each LSTM, and those of the dense layers.

    Args:
        weights: of the whole network, in Keras' order of layers.
        per_lstm: weights of an LSTM and of the normalization after it.
    """
    ends = [1, *(1 + per_lstm * (layer + 1) for layer in range(LSTMS))]
    lstms = [weights[begin:end] for begin, end in pairwise(ends)]
    return weights[0], lstms, weights[ends[-1] :]


def to_kernels(weights: Arrays, per_lstm: int) -> Arrays:
    """Return Keras' weights as the kernels take them: one fewer for each LSTM."""
    names, lstms, dense = split_layers(weights, per_lstm)
    inner = [names]
    for kernel, recurrent, bias, *normal in lstms:
        stacked = np.vstack([kernel, recurrent])
        inner += [_gates_swapped(stacked), _gates_swapped(bias), *normal]
    return inner + dense


def to_keras(weights: Arrays, per_lstm: int) -> Arrays:
    """Return the inverse of `to_kernels`, whose `per_lstm` it takes."""
    names, lstms, dense = split_layers(weights, per_lstm - 1)
    outer = [names]
    for stacked, bias, *normal in lstms:
        inputs = len(stacked) - len(bias) // 4
        outer += [*np.vsplit(_gates_swapped(stacked), [inputs]), _gates_swapped(bias), *normal]
    return outer + dense


def _gates_swapped(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weights with the second and the third gate exchanged: its own inverse."""
    first, second, third, fourth = np.split(weights, 4, axis=-1)
    return np.concatenate([first, third, second, fourth], axis=-1)
