"""Adam and the decoupled L2 penalty, as both learners apply them.

The L2 of a design does not go through Adam, which would scale it up: weights whose gradient is
still small would be driven to zero at full step. It shrinks the kernels beside Adam's step.

Sources: Kingma & Ba, "Adam: a method for stochastic optimization", 2015; Loshchilov & Hutter,
"Decoupled weight decay regularization", 2019.

Example: at a learning rate of 0.1 and an L2 of 0.25, a kernel without a gradient is multiplied by
1 - 0.1 × 2 × 0.25 = 0.95 in each step.
"""

from __future__ import annotations

from typing import Any

import keras

from models.registry.hyperparameters import Hyperparameters
from utils.api.architectures import Design


def make_schedule(
    hyper: Hyperparameters, design: Design, steps: int
) -> keras.optimizers.schedules.LearningRateSchedule | None:
    """Return the cosine schedule of the learning rate over `steps`; None if it is constant."""
    if not design.cosine_schedule:
        return None
    return keras.optimizers.schedules.CosineDecay(hyper.learning_rate, steps)


def make_adam(hyper: Hyperparameters, design: Design, steps: int) -> keras.optimizers.Adam:
    """Return the optimizer of a training of at most `steps` gradient steps."""
    rate = make_schedule(hyper, design, steps) or hyper.learning_rate
    return keras.optimizers.Adam(rate, global_clipnorm=design.clip_norm)


def decay_kernels(kernels: list[Any], design: Design, learning_rate: Any) -> None:
    """Take a gradient step on l2 × Σ kernel², in place."""
    if design.l2:
        for kernel in kernels:
            kernel.assign_sub(learning_rate * 2 * design.l2 * kernel)
