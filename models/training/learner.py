"""How a network learns on this machine: on a GPU as plain Keras does, on a CPU the fused way.

Both say the same of the same windows and learn from the same gradients. What they learn goes back
into the Keras network that they were made from: only plain Keras layers are ever saved. In one
thing they differ: recurrent dropout (Gal & Ghahramani, "A theoretically grounded application of
dropout in recurrent neural networks", 2016) is one mask a window in Keras; here all windows of a
batch share it, so that it is a mask on the rows of the recurrent weights and the kernel stays one.

The L2 that layers are built with does not go through Adam, which would scale it up: weights that
the error says nothing of yet would be driven to zero at full step, and the network would never say
anything. It shrinks the weights beside Adam's step (Loshchilov & Hutter, "Decoupled weight decay
regularization", 2019).

The fused way computes the same with fewer and larger operations: time runs along the first axis,
so that nothing is transposed; each LSTM is one kernel of TensorFlow's; Adam (Kingma & Ba, "Adam: a
method for stochastic optimization", 2015) is one operation a weight; all dropout of a batch is
drawn at once. On small networks the arithmetic is the lesser part of the time.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.registry.hyperparameters import Hyperparameters
from models.training.network import EPSILON, LSTMS, MOMENTUM
from utils.api.architectures import PLAIN, Design

_RESOLUTION = 1 << 16  # of the dropout's rate


class Learner(Protocol):
    """A network while it learns. Its methods are traced into TensorFlow graphs.

    `weights` are what gradients are taken of; `network` all that what it says depends on;
    `variables` all that changes while it learns.
    """

    weights: list[Any]
    network: list[Any]
    variables: list[Any]

    def say(self, windows: Any, identities: Any, training: bool) -> Any:
        """What the network says, [n, 3].

        Args:
            windows: rows of n windows, time first, [length, n, features].
            identities: numbers of their series' names, [n, 3].
            training: whether dropout is at work; another one for each step of `learn`.
        """

    def learn(self, gradients: list[Any]) -> None:
        """Take a step of Adam, and one of L2's gradient beside it."""

    def settle(self) -> keras.optimizers.Adam:
        """Put what was learned into the network; returns the optimizer as it stands."""


def learner_of(
    network: keras.Model,
    hyper: Hyperparameters,
    seed: int,
    design: Design = PLAIN,
    steps: int = 1,
) -> Learner:
    """The quickest learner of a network on this machine: cuDNN's LSTM where there is a GPU.

    Args:
        network: as `network.build` made it.
        seed: of the dropout.
        design: that the network was built to.
        steps: that it will take at most; where the design has a schedule, it ends there.
    """
    if tf.config.list_physical_devices("GPU"):
        return PlainLearner(network, hyper, design, steps)
    return FusedLearner(network, hyper, seed, design, steps)


def _adam(hyper: Hyperparameters, design: Design, steps: int) -> keras.optimizers.Adam:
    rate = hyper.learning_rate
    if design.cosine_schedule:
        rate = keras.optimizers.schedules.CosineDecay(rate, steps)
    return keras.optimizers.Adam(rate, global_clipnorm=design.clip_norm)


class PlainLearner:
    """The network as Keras runs it."""

    def __init__(
        self,
        network: keras.Model,
        hyper: Hyperparameters,
        design: Design = PLAIN,
        steps: int = 1,
    ) -> None:
        self._network, self._design = network, design
        self._optimizer = _adam(hyper, design, steps)
        self._optimizer.build(network.trainable_variables)
        self.weights, self.network = network.trainable_variables, network.weights
        self.variables = [*network.variables, *self._optimizer.variables]

    def say(self, windows: Any, identities: Any, training: bool) -> Any:
        """See `Learner`."""
        return self._network([tf.transpose(windows, [1, 0, 2]), identities], training=training)

    def learn(self, gradients: list[Any]) -> None:
        """See `Learner`."""
        # Dense: of a name that is in a batch several times, Keras 3.15 squares the parts of the
        # gradient, not their sum.
        dense = [tf.convert_to_tensor(gradient) for gradient in gradients]
        kernels = [weight for weight in self.weights if weight.name.endswith("kernel")]
        _shrink(kernels, self._design, self._optimizer.learning_rate)
        self._optimizer.apply(dense, self.weights)

    def settle(self) -> keras.optimizers.Adam:
        """See `Learner`. It is the network itself that learned."""
        return self._optimizer


class FusedLearner:
    """The network as a function of its weights, in the order of the kernels that compute it."""

    def __init__(
        self,
        network: keras.Model,
        hyper: Hyperparameters,
        seed: int,
        design: Design = PLAIN,
        steps: int = 1,
    ) -> None:
        self._network, self._hyper, self._design = network, hyper, design
        self._adam = _adam(hyper, design, steps)  # in name: for its defaults
        # Trained weights of an LSTM and of what normalises it, in Keras; here two of them are one.
        self._own = 5 if design.batch_normalization else 3
        trained = [weight.numpy() for weight in network.trainable_weights]
        self.weights = [tf.Variable(part) for part in _inward(trained, self._own)]
        self._moving = [tf.Variable(part) for part in network.non_trainable_weights]
        self._names, self._lstms, self._dense = _parts(self.weights, self._own - 1)
        zeros = [tf.zeros_like(weight) for weight in self.weights]
        self._means, self._squares = ([tf.Variable(z) for z in zeros] for _ in range(2))
        self._step = tf.Variable(0, dtype=tf.int64)
        self._seed = int(np.random.default_rng([seed % 2**64, 1]).integers(2**62))
        self.network = [*self.weights, *self._moving]
        self.variables = [*self.network, *self._means, *self._squares, self._step]

    def say(self, windows: Any, identities: Any, training: bool) -> Any:
        """See `Learner`."""
        names, (k1, b1, k2, b2, k3, b3) = self._names, self._dense
        length, n = windows.shape[0], tf.shape(windows)[1]
        at = tf.reshape(tf.gather(names, identities), [1, n, identities.shape[1] * names.shape[1]])
        x = tf.concat([windows, tf.repeat(at, length, axis=0)], axis=2)
        keep = self._dropout(n, length) if training and self._hyper.dropout_rate else _all_of_it
        x = keep(0, self._lstm(0, x, training))
        x = keep(1, self._lstm(1, x, training))
        x = keep(2, tf.nn.relu(tf.nn.bias_add(tf.matmul(x, k1), b1)))
        x = tf.nn.relu(tf.nn.bias_add(tf.matmul(x, k2), b2))
        return tf.nn.bias_add(tf.matmul(x, k3), b3)

    def _lstm(self, layer: int, x: Any, training: bool) -> Any:
        """An LSTM and what normalises it: the first one's whole sequence, the second one's end."""
        units = (self._hyper.lstm_units1, self._hyper.lstm_units2)[layer]
        weights, bias, *normal = self._lstms[layer]
        if training and self._design.recurrent_dropout:
            weights = weights * self._recurrent_mask(layer, x.shape[2], units)
        x = _lstm(x, weights, bias, units)
        x = x if layer == 0 else x[-1]
        return self._normalised(layer, x, normal, training) if normal else x

    def _recurrent_mask(self, layer: int, inputs: int, units: int) -> Any:
        """Which rows of an LSTM's weights a batch works with: all of the inputs', some of the
        state's, made up for the others, [inputs + units, 1]."""
        share = self._design.recurrent_dropout
        # Numbers of steps below zero: another stream than that of the other dropout.
        seed = tf.stack([tf.constant(self._seed + layer, tf.int64), -1 - self._step])
        drawn = tf.random.stateless_uniform([units], seed)
        kept = tf.cast(drawn >= share, tf.float32) / (1 - share)
        return tf.concat([tf.ones([inputs]), kept], axis=0)[:, None]

    def _normalised(self, layer: int, x: Any, scale: list[Any], training: bool) -> Any:
        """Batch normalization, as Keras' layer does it; `scale` are its gamma and beta."""
        gamma, beta = scale
        mean, variance = self._moving[2 * layer : 2 * layer + 2]
        if training:
            moving = mean, variance
            mean, variance = tf.nn.moments(x, list(range(len(x.shape) - 1)))
            for old, new in zip(moving, (mean, variance), strict=True):
                old.assign(MOMENTUM * old + (1 - MOMENTUM) * new)
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, EPSILON)

    def _dropout(self, n: Any, length: int) -> Any:
        """The dropout of one batch: (number of the layer, its output) → what is kept of it."""
        units1, units2 = self._hyper.lstm_units1, self._hyper.lstm_units2
        sizes = [length * n * units1, n * units2, n * self._dense[0].shape[1]]
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
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        if adam.global_clipnorm is not None:
            gradients, _ = tf.clip_by_global_norm(gradients, adam.global_clipnorm)
        _shrink([lstm[0] for lstm in self._lstms] + self._dense[::2], self._design, self._rate())
        states = zip(self.weights, self._means, self._squares, gradients, strict=True)
        for weight, mean, square, gradient in states:
            tf.raw_ops.ResourceApplyAdam(
                var=weight.handle,
                m=mean.handle,
                v=square.handle,
                beta1_power=powers[0],
                beta2_power=powers[1],
                lr=self._rate(),
                beta1=adam.beta_1,
                beta2=adam.beta_2,
                epsilon=adam.epsilon,
                grad=gradient,
            )
        self._step.assign_add(1)

    def _rate(self) -> Any:
        """The learning rate of the step that is being taken."""
        schedule = self._adam._learning_rate
        return schedule(self._step) if self._design.cosine_schedule else self._hyper.learning_rate

    def settle(self) -> keras.optimizers.Adam:
        """See `Learner`."""
        parts = self.weights, self._means, self._squares
        weights, means, squares = (_outward([v.numpy() for v in part], self._own) for part in parts)
        moving = [variable.numpy() for variable in self._moving]
        given = [*self._network.trainable_weights, *self._network.non_trainable_weights]
        for variable, value in zip(given, [*weights, *moving], strict=True):
            variable.assign(value)
        self._adam.build(self._network.trainable_variables)
        states = [state for pair in zip(means, squares, strict=True) for state in pair]
        rate = [] if self._design.cosine_schedule else [np.float32(self._hyper.learning_rate)]
        self._adam.set_weights([self._step.numpy(), *rate, *states])
        return self._adam


def _shrink(kernels: list[Any], design: Design, rate: Any) -> None:
    """Take a step down the slope of l2 × Σ kernel²."""
    if design.l2:
        for kernel in kernels:
            kernel.assign_sub(rate * 2 * design.l2 * kernel)


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


def _parts(weights: list[Any], own: int) -> tuple[Any, list[list[Any]], list[Any]]:
    """Weights, `own` of each LSTM and what follows it: the names', the LSTMs', the dense ones."""
    ends = [1, *(1 + own * (layer + 1) for layer in range(LSTMS))]
    lstms = [weights[begin:end] for begin, end in pairwise(ends)]
    return weights[0], lstms, weights[ends[-1] :]


def _inward(weights: Arrays, own: int) -> Arrays:
    """Keras' weights as the kernel takes them: kernel above recurrent kernel, gates reordered."""
    names, lstms, dense = _parts(weights, own)
    inner = [names]
    for kernel, recurrent, bias, *normal in lstms:
        inner += [_swapped(np.vstack([kernel, recurrent])), _swapped(bias), *normal]
    return inner + dense


def _outward(weights: Arrays, own: int) -> Arrays:
    """The inverse of `_inward`."""
    names, lstms, dense = _parts(weights, own - 1)
    outer = [names]
    for joined, bias, *normal in lstms:
        inputs = len(joined) - len(bias) // 4
        outer += [*np.vsplit(_swapped(joined), [inputs]), _swapped(bias), *normal]
    return outer + dense


def _swapped(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Keras' gates (input, forget, cell, output) in the kernel's order (input, cell, forget,
    output), and the other way round."""
    i, f, c, o = np.split(weights, 4, axis=-1)
    return np.concatenate([i, c, f, o], axis=-1)
