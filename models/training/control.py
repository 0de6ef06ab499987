"""The control of a training: whoever runs it records its epochs, keeps checkpoints, may stop it.

This module imports no TensorFlow, so that a worker can name the types before its first training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Stage(StrEnum):
    """The stages of a training beside its epochs, in their order."""

    DATA = "data"  # is read
    AUTOREGRESSION = "autoregression"  # is fitted
    EXPORT = "export"  # begins
    EVALUATION = "evaluation"  # begins


@dataclass(frozen=True)
class Epoch:
    """The figures at the end of an epoch.

    Attributes:
        epoch: number of the epoch, from 1.
        epochs: most epochs of the training.
        loss: mean squared error of the scaled residuals over the windows trained on.
        val_loss: the same over the held-back end.
        mae: mean absolute error of one-step forecasts of the held-back end, in units of the data,
            the three targets pooled.
        r2_score: mean R² of the three targets of the same forecasts.
        seconds: duration of the epoch.
        eta_seconds: estimated time until the last epoch ends.
        relative_mae: `mae` divided by the mean of the true values; None where that is 0.
    """

    epoch: int
    epochs: int
    loss: float
    val_loss: float
    mae: float
    r2_score: float
    seconds: float
    eta_seconds: float
    relative_mae: float | None = None


class TrainingControl(Protocol):
    """The caller's side of a training."""

    def check(self) -> None:
        """Raise what is to end the training, if anything is; called several times a second."""

    def on_stage(self, stage: Stage) -> None:
        """Take the stage that the training has reached."""

    def on_epoch(self, epoch: Epoch) -> None:
        """Take the figures of an epoch that has ended."""

    def checkpoint(self) -> bytes | None:
        """Return the last checkpoint of this training; None if there is none."""

    def is_checkpoint_due(self) -> bool:
        """Return True if another checkpoint is to be saved now."""

    def save_checkpoint(self, content: bytes) -> None:
        """Save a checkpoint, in place of the one before."""

    def with_retries(self, act: Callable[[], None]) -> None:
        """Call `act`, and again while it raises Unavailable."""

    def publish(self, act: Callable[[], None]) -> None:
        """Publish the model by calling `act`, again if it raises Unavailable.

        Raises whatever ends the training instead, if the model is not wanted any more.
        """


class NoControl:
    """The control of a training that runs to its end unobserved, without checkpoints."""

    def check(self) -> None:
        """Never end the training."""

    def on_stage(self, stage: Stage) -> None:
        """Ignore the stage."""

    def on_epoch(self, epoch: Epoch) -> None:
        """Ignore the figures."""

    def checkpoint(self) -> bytes | None:
        """Return None: there are no checkpoints."""
        return None

    def is_checkpoint_due(self) -> bool:
        """Return False."""
        return False

    def save_checkpoint(self, content: bytes) -> None:
        """Ignore the checkpoint."""

    def with_retries(self, act: Callable[[], None]) -> None:
        """Call `act` once."""
        act()

    def publish(self, act: Callable[[], None]) -> None:
        """Call `act` once."""
        act()
