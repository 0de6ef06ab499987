"""How a network learns on this machine: on a GPU as plain Keras does, on a CPU the fused way.

Both say the same of the same windows and learn from the same gradients. What they learn goes back
into the Keras network that they were made from: only plain Keras layers are ever saved.

The fused way computes the same with fewer and larger operations: time runs along the first axis,
so that nothing is transposed; each LSTM is one kernel of TensorFlow's; Adam (Kingma & Ba, "Adam: a
method for stochastic optimization", 2015) is one operation a weight; all dropout of a batch is
drawn at once. On small networks the arithmetic is the lesser part of the time.
"""

from __future__ import annotations

from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from utils.schemas import Hyperparameters

_LSTMS = ((1, 4), (4, 7))  # places of the two layers' weights among the network's
_RESOLUTION = 1 << 16  # of the dropout's rate


class Learner(Protocol):
    """A network while it learns. Its methods are traced into TensorFlow graphs.

    `weights` are what gradients are taken of; `variables` all that changes while it learns.
    """

    weights: list[Any]
    variables: list[Any]

    def say(self, windows: Any, identities: Any, training: bool) -> Any:
        """What the network says, [n, 3].

        Args:
            windows: rows of n windows, time first, [length, n, features].
            identities: numbers of their series' names, [n, 3].
            training: whether dropout is at work; another one for each step of `learn`.
        """

    def learn(self, gradients: list[Any]) -> None:
        """Take a step of Adam."""

    def settle(self) -> keras.optimizers.Adam:
        """Put what was learned into the network; returns the optimizer as it stands."""


def learner_of(network: keras.Model, hyper: Hyperparameters, seed: int) -> Learner:
    """The quickest learner of a network on this machine: cuDNN's LSTM where there is a GPU.

    Args:
        network: as `network.build` made it.
        seed: of the dropout.
    """
    if tf.config.list_physical_devices("GPU"):
        return PlainLearner(network, hyper)
    return FusedLearner(network, hyper, seed)


class PlainLearner:
    """The network as Keras runs it."""

    def __init__(self, network: keras.Model, hyper: Hyperparameters) -> None:
        self._network = network
        self._optimizer = keras.optimizers.Adam(hyper.learning_rate)
        self._optimizer.build(network.trainable_variables)
        self.weights = network.trainable_variables
        self.variables = [*network.variables, *self._optimizer.variables]

    def say(self, windows: Any, identities: Any, training: bool) -> Any:
        """See `Learner`."""
        return self._network([tf.transpose(windows, [1, 0, 2]), identities], training=training)

    def learn(self, gradients: list[Any]) -> None:
        """See `Learner`."""
        # Dense: of a name that is in a batch several times, Keras 3.15 squares the parts of the
        # gradient, not their sum.
        dense = [tf.convert_to_tensor(gradient) for gradient in gradients]
        self._optimizer.apply(dense, self.weights)

    def settle(self) -> keras.optimizers.Adam:
        """See `Learner`. It is the network itself that learned."""
        return self._optimizer


class FusedLearner:
    """The network as a function of its weights, in the order of the kernels that compute it."""

    def __init__(self, network: keras.Model, hyper: Hyperparameters, seed: int) -> None:
        self._network, self._hyper = network, hyper
        self._adam = keras.optimizers.Adam(hyper.learning_rate)  # in name: for its defaults
        self.weights = [tf.Variable(part) for part in _inward(network.get_weights())]
        zeros = [tf.zeros_like(weight) for weight in self.weights]
        self._means, self._squares = ([tf.Variable(z) for z in zeros] for _ in range(2))
        self._step = tf.Variable(0, dtype=tf.int64)
        self._seed = int(np.random.default_rng([seed % 2**64, 1]).integers(2**62))
        self.variables = [*self.weights, *self._means, *self._squares, self._step]

    def say(self, windows: Any, identities: Any, training: bool) -> Any:
        """See `Learner`."""
        names, *lstms = self.weights[:5]
        k1, b1, k2, b2, k3, b3 = self.weights[5:]
        length, n = windows.shape[0], tf.shape(windows)[1]
        at = tf.reshape(tf.gather(names, identities), [1, n, identities.shape[1] * names.shape[1]])
        x = tf.concat([windows, tf.repeat(at, length, axis=0)], axis=2)
        keep = self._dropout(n, length) if training and self._hyper.dropout_rate else _all_of_it
        first, second = self._hyper.lstm_units1, self._hyper.lstm_units2
        x = keep(0, _lstm(x, lstms[0], lstms[1], first))
        x = keep(1, _lstm(x, lstms[2], lstms[3], second)[-1])
        x = keep(2, tf.nn.relu(tf.nn.bias_add(tf.matmul(x, k1), b1)))
        x = tf.nn.relu(tf.nn.bias_add(tf.matmul(x, k2), b2))
        return tf.nn.bias_add(tf.matmul(x, k3), b3)

    def _dropout(self, n: Any, length: int) -> Any:
        """The dropout of one batch: (number of the layer, its output) → what is kept of it."""
        units1, units2 = self._hyper.lstm_units1, self._hyper.lstm_units2
        sizes = [length * n * units1, n * units2, n * self.weights[5].shape[1]]
        # Two numbers of 16 bits from each one that is drawn.
        seed = tf.stack([tf.constant(self._seed, tf.int64), self._step])
        drawn = tf.raw_ops.StatelessRandomUniformFullInt(
            shape=[sum(sizes) // 2 + 1], seed=seed, dtype=tf.uint32
        )
        drawn = tf.reshape(tf.bitcast(drawn, tf.uint16), [-1])[: sum(sizes)]
        dropped = round(self._hyper.dropout_rate * _RESOLUTION)
        kept = tf.cast(drawn >= dropped, tf.float32) * (_RESOLUTION / (_RESOLUTION - dropped))
        masks = tf.split(kept, sizes, num=3)
        return lambda layer, x: x * tf.reshape(masks[layer], tf.shape(x))

    def learn(self, gradients: list[Any]) -> None:
        """See `Learner`."""
        adam, step = self._adam, tf.cast(self._step + 1, tf.float32)
        powers = tf.pow(adam.beta_1, step), tf.pow(adam.beta_2, step)
        states = zip(self.weights, self._means, self._squares, gradients, strict=True)
        for weight, mean, square, gradient in states:
            tf.raw_ops.ResourceApplyAdam(
                var=weight.handle,
                m=mean.handle,
                v=square.handle,
                beta1_power=powers[0],
                beta2_power=powers[1],
                lr=self._hyper.learning_rate,
                beta1=adam.beta_1,
                beta2=adam.beta_2,
                epsilon=adam.epsilon,
                grad=tf.convert_to_tensor(gradient),
            )
        self._step.assign_add(1)

    def settle(self) -> keras.optimizers.Adam:
        """See `Learner`."""
        parts = self.weights, self._means, self._squares
        weights, means, squares = (_outward([v.numpy() for v in part]) for part in parts)
        self._network.set_weights(weights)
        self._adam.build(self._network.trainable_variables)
        states = [state for pair in zip(means, squares, strict=True) for state in pair]
        self._adam.set_weights([self._step.numpy(), np.float32(self._hyper.learning_rate), *states])
        return self._adam


def _all_of_it(_layer: int, x: Any) -> Any:
    return x


def _lstm(x: Any, weights: Any, bias: Any, units: int) -> Any:
    """One LSTM from a state of zeros: [length, n, features] → [length, n, units]."""
    nothing, no_peephole = tf.zeros([tf.shape(x)[1], units]), tf.zeros([units])
    # Not BlockLSTMV2: TensorFlow 2.21 registers this kernel's gradient for it, although its
    # gates lie in another order, so that what it learns from is wrong.
    return tf.raw_ops.BlockLSTM(
        seq_len_max=tf.constant(x.shape[0], tf.int64),
        x=x,
        h_prev=nothing,
        cs_prev=nothing,
        w=weights,
        b=bias,
        wci=no_peephole,
        wcf=no_peephole,
        wco=no_peephole,
        forget_bias=0.0,
        cell_clip=-1.0,
        use_peephole=False,
    ).h


Arrays = list[NDArray[np.float32]]


def _inward(weights: Arrays) -> Arrays:
    """Keras' weights as the kernel takes them: kernel above recurrent kernel, gates reordered."""
    inner = weights[:1]
    for begin, end in _LSTMS:
        kernel, recurrent, bias = weights[begin:end]
        inner += [_swapped(np.vstack([kernel, recurrent])), _swapped(bias)]
    return inner + weights[_LSTMS[-1][1] :]


def _outward(weights: Arrays) -> Arrays:
    """The inverse of `_inward`."""
    outer = weights[:1]
    for joined, bias in zip(weights[1:5:2], weights[2:5:2], strict=True):
        inputs = len(joined) - len(bias) // 4
        outer += [*np.vsplit(_swapped(joined), [inputs]), _swapped(bias)]
    return outer + weights[5:]


def _swapped(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Keras' gates (input, forget, cell, output) in the kernel's order (input, cell, forget,
    output), and the other way round."""
    i, f, c, o = np.split(weights, 4, axis=-1)
    return np.concatenate([i, c, f, o], axis=-1)
