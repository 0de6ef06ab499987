"""The learner that computes the network with fewer and larger operations, for CPUs.

Time runs along the first axis, so that nothing is transposed; each LSTM is one kernel of
TensorFlow's; Adam is one operation per weight; all dropout of a batch is drawn at once. On small
networks the arithmetic is the smaller part of the time.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.registry.hyperparameters import Hyperparameters
from models.training.kernel_layout import split_layers, to_keras, to_kernels
from models.training.network import EPSILON, MOMENTUM
from models.training.optimizer import decay_kernels, make_adam, make_schedule
from utils.api.architectures import PLAIN, Design

_RATE_STEPS = 1 << 16  # of the dropout rate, which is rounded to them


class FusedLearner:
    """The network as a function of its weights, in the layout of the kernels that compute it.

    For the arguments and methods see `models.training.learner`.
    """

    def __init__(
        self,
        network: keras.Model,
        hyper: Hyperparameters,
        seed: int,
        design: Design = PLAIN,
        steps: int = 1,
    ) -> None:
        self._network, self._hyper, self._design = network, hyper, design
        self._adam = make_adam(hyper, design, steps)  # holds the settings; does not apply them
        self._schedule = make_schedule(hyper, design, steps)
        # Weights of an LSTM and of its normalization in Keras; here two of them are one.
        self._per_lstm = 5 if design.batch_normalization else 3
        trained = [weight.numpy() for weight in network.trainable_weights]
        self.weights = [tf.Variable(part) for part in to_kernels(trained, self._per_lstm)]
        self._moving = [tf.Variable(part) for part in network.non_trainable_weights]
        self._names, self._lstms, self._dense = split_layers(self.weights, self._per_lstm - 1)
        zeros = [tf.zeros_like(weight) for weight in self.weights]
        self._means, self._squares = ([tf.Variable(z) for z in zeros] for _ in range(2))
        self._step = tf.Variable(0, dtype=tf.int64)
        self._seed = int(np.random.default_rng([seed % 2**64, 1]).integers(2**62))
        self.model_variables = [*self.weights, *self._moving]
        self.variables = [*self.model_variables, *self._means, *self._squares, self._step]

    # --- output -------------------------------------------------------------------------------

    def output(self, windows: Any, identities: Any, training: bool) -> Any:
        """Return the output of the network, [n, outputs]."""
        names, (k1, b1, k2, b2, k3, b3) = self._names, self._dense
        length, n = windows.shape[0], tf.shape(windows)[1]
        at = tf.reshape(tf.gather(names, identities), [1, n, identities.shape[1] * names.shape[1]])
        x = tf.concat([windows, tf.repeat(at, length, axis=0)], axis=2)
        drop = self._dropout(n, length) if training and self._hyper.dropout_rate else _unchanged
        x = drop(0, self._lstm(0, x, training))
        x = drop(1, self._lstm(1, x, training))
        x = drop(2, tf.nn.relu(tf.nn.bias_add(tf.matmul(x, k1), b1)))
        x = tf.nn.relu(tf.nn.bias_add(tf.matmul(x, k2), b2))
        return tf.nn.bias_add(tf.matmul(x, k3), b3)

    def _lstm(self, layer: int, x: Any, training: bool) -> Any:
        """Normalized output of an LSTM: the sequence of the first one, the end of the second."""
        units = (self._hyper.lstm_units1, self._hyper.lstm_units2)[layer]
        weights, bias, *normal = self._lstms[layer]
        if training and self._design.recurrent_dropout:
            weights = weights * self._recurrent_mask(layer, x.shape[2], units)
        x = _block_lstm(x, weights, bias, units)
        x = x if layer == 0 else x[-1]
        return self._normalized(layer, x, normal, training) if normal else x

    def _recurrent_mask(self, layer: int, inputs: int, units: int) -> Any:
        """Mask of the rows of an LSTM's weights, [inputs + units, 1]: 1 for the inputs; 0 for
        dropped units of the state, scaled up for the others."""
        share = self._design.recurrent_dropout
        # Step numbers below zero: another stream than that of the other dropout.
        seed = tf.stack([tf.constant(self._seed + layer, tf.int64), -1 - self._step])
        drawn = tf.random.stateless_uniform([units], seed)
        kept = tf.cast(drawn >= share, tf.float32) / (1 - share)
        return tf.concat([tf.ones([inputs]), kept], axis=0)[:, None]

    def _normalized(self, layer: int, x: Any, scale: list[Any], training: bool) -> Any:
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
        """The dropout of one batch: (number of the layer, its output) → output with dropout."""
        units1, units2 = self._hyper.lstm_units1, self._hyper.lstm_units2
        sizes = [length * n * units1, n * units2, n * self._dense[0].shape[1]]
        # Two numbers of 16 bits from each one that is drawn.
        seed = tf.stack([tf.constant(self._seed, tf.int64), self._step])
        drawn = tf.raw_ops.StatelessRandomUniformFullInt(
            shape=[sum(sizes) // 2 + 1], seed=seed, dtype=tf.uint32
        )
        drawn = tf.reshape(tf.bitcast(drawn, tf.uint16), [-1])[: sum(sizes)]
        dropped = round(self._hyper.dropout_rate * _RATE_STEPS)
        kept = tf.cast(drawn >= dropped, tf.float32) * (_RATE_STEPS / (_RATE_STEPS - dropped))
        masks = tf.split(kept, sizes, num=3)
        return lambda layer, x: x * tf.reshape(masks[layer], tf.shape(x))

    # --- gradient steps -----------------------------------------------------------------------

    def apply_gradients(self, gradients: list[Any]) -> None:
        """Take a step of Adam, and one on the L2 penalty."""
        adam, step = self._adam, tf.cast(self._step + 1, tf.float32)
        powers = tf.pow(adam.beta_1, step), tf.pow(adam.beta_2, step)
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        if adam.global_clipnorm is not None:
            gradients, _ = tf.clip_by_global_norm(gradients, adam.global_clipnorm)
        rate = self._learning_rate()
        decay_kernels([lstm[0] for lstm in self._lstms] + self._dense[::2], self._design, rate)
        states = zip(self.weights, self._means, self._squares, gradients, strict=True)
        for weight, mean, square, gradient in states:
            tf.raw_ops.ResourceApplyAdam(
                var=weight.handle,
                m=mean.handle,
                v=square.handle,
                beta1_power=powers[0],
                beta2_power=powers[1],
                lr=rate,
                beta1=adam.beta_1,
                beta2=adam.beta_2,
                epsilon=adam.epsilon,
                grad=gradient,
            )
        self._step.assign_add(1)

    def _learning_rate(self) -> Any:
        """The learning rate of the current step."""
        return self._schedule(self._step) if self._schedule else self._hyper.learning_rate

    def write_back(self) -> keras.optimizers.Adam:
        """Write the weights into the Keras network; returns the optimizer in its state."""
        weights, means, squares = (
            to_keras([variable.numpy() for variable in part], self._per_lstm)
            for part in (self.weights, self._means, self._squares)
        )
        moving = [variable.numpy() for variable in self._moving]
        given = [*self._network.trainable_weights, *self._network.non_trainable_weights]
        for variable, value in zip(given, [*weights, *moving], strict=True):
            variable.assign(value)
        self._adam.build(self._network.trainable_variables)
        states = [state for pair in zip(means, squares, strict=True) for state in pair]
        rate = [] if self._schedule else [np.float32(self._hyper.learning_rate)]
        self._adam.set_weights([self._step.numpy(), *rate, *states])
        return self._adam


def _unchanged(_layer: int, x: Any) -> Any:
    return x


def _block_lstm(x: Any, weights: Any, bias: Any, units: int) -> Any:
    """Output of an LSTM that starts at zeros: [length, n, features] → [length, n, units]."""
    zeros, no_peephole = tf.zeros([tf.shape(x)[1], units]), tf.zeros([units])
    # Not BlockLSTMV2: TensorFlow 2.21 registers the gradient of this kernel for it, although its
    # gates lie in another order, so that its gradients are wrong.
    return tf.raw_ops.BlockLSTM(
        seq_len_max=tf.constant(x.shape[0], tf.int64),
        x=x,
        h_prev=zeros,
        cs_prev=zeros,
        w=weights,
        b=bias,
        wci=no_peephole,
        wcf=no_peephole,
        wco=no_peephole,
        forget_bias=0.0,
        cell_clip=-1.0,
        use_peephole=False,
    ).h
