"""A network while it is trained: plain Keras on a GPU, fused operations on a CPU.

Both compute the same outputs from the same windows and take the same gradient steps. Afterwards
the weights are written back into the Keras network that they came from: only plain Keras layers
are ever saved. They differ in one thing: recurrent dropout (Gal & Ghahramani, "A theoretically
grounded application of dropout in recurrent neural networks", 2016) draws one mask per window in
Keras, and one mask per batch in the fused learner, where it masks rows of the recurrent weights.
"""

from __future__ import annotations

from typing import Any, Protocol

import keras
import tensorflow as tf

from models.registry.hyperparameters import Hyperparameters
from models.training.fused_learner import FusedLearner
from models.training.keras_learner import KerasLearner
from utils.api.architectures import PLAIN, Design


class Learner(Protocol):
    """A network while it is trained. Its methods are traced into TensorFlow graphs.

    Attributes:
        weights: the variables that gradients are taken of.
        model_variables: all variables that the output depends on.
        variables: all variables that change during training, the optimizer's included.
    """

    weights: list[Any]
    model_variables: list[Any]
    variables: list[Any]

    def output(self, windows: Any, identities: Any, training: bool) -> Any:
        """Return the output of the network, [n, outputs].

        Args:
            windows: rows of n windows, time first, [length, n, features].
            identities: numbers of the names of their series, [n, 3].
            training: True to apply dropout; it is drawn anew after each gradient step.
        """

    def apply_gradients(self, gradients: list[Any]) -> None:
        """Take a step of Adam, and one on the L2 penalty.

        Args:
            gradients: one for each of `weights`.
        """

    def write_back(self) -> keras.optimizers.Adam:
        """Write the weights into the Keras network; returns the optimizer in its state."""


def make_learner(
    network: keras.Model,
    hyper: Hyperparameters,
    seed: int,
    design: Design = PLAIN,
    steps: int = 1,
) -> Learner:
    """Return the fastest learner of a network on this machine.

    Args:
        network: as `network.build` made it.
        seed: of the dropout.
        design: that the network was built with.
        steps: gradient steps at most; a learning rate schedule ends there.
    """
    if tf.config.list_physical_devices("GPU"):  # Keras then uses cuDNN's LSTM
        return KerasLearner(network, hyper, design, steps)
    return FusedLearner(network, hyper, seed, design, steps)
