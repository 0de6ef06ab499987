"""The learner that runs the network by Keras' own layers."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from models.registry.hyperparameters import Hyperparameters
from models.training.optimizer import decay_kernels, make_adam
from utils.api.architectures import PLAIN, Design


class KerasLearner:
    """The network as Keras runs it; for the arguments and methods see `models.training.learner`."""

    def __init__(
        self,
        network: keras.Model,
        hyper: Hyperparameters,
        design: Design = PLAIN,
        steps: int = 1,
    ) -> None:
        self._network, self._design = network, design
        self._optimizer = make_adam(hyper, design, steps)
        self._optimizer.build(network.trainable_variables)
        self.weights, self.model_variables = network.trainable_variables, network.weights
        self.variables = [*network.variables, *self._optimizer.variables]

    def output(self, windows: Any, identities: Any, training: bool) -> Any:
        """Return the output of the network, [n, outputs]."""
        return self._network([tf.transpose(windows, [1, 0, 2]), identities], training=training)

    def apply_gradients(self, gradients: list[Any]) -> None:
        """Take a step of Adam, and one on the L2 penalty."""
        # Dense: of a name that is in a batch several times, Keras 3.15 squares the parts of the
        # gradient, not their sum.
        dense = [tf.convert_to_tensor(gradient) for gradient in gradients]
        kernels = [weight for weight in self.weights if weight.name.endswith("kernel")]
        decay_kernels(kernels, self._design, self._optimizer.learning_rate)
        self._optimizer.apply(dense, self.weights)

    def write_back(self) -> keras.optimizers.Adam:
        """Return the optimizer; the network itself was trained."""
        return self._optimizer
