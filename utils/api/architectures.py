"""The architectures of networks: the one place where they are named, and what each is made of."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Architecture(StrEnum):
    """What a network is built and trained like; the name that models and jobs keep."""

    PLAIN = "plain"
    ENHANCED = "enhanced"


@dataclass(frozen=True)
class Design:
    """What an architecture has beside the hyperparameters that a request sets.

    Args:
        architecture: its name.
        batch_normalization: after each LSTM layer.
        l2: times the sum of squares of the kernels of LSTM and Dense layers, which is kept small
            beside the error; see `models.training.learner`.
        recurrent_dropout: share of an LSTM's state that is dropped between two steps.
        cosine_schedule: the learning rate falls to zero along a half cosine over all epochs.
        patience: epochs without a better loss on the end of the training span, which is then not
            learned from, after which training stops; the weights of the best epoch are kept.
            None: all epochs are trained on all of the span, the last one counts.
        clip_norm: the most that the global norm of a gradient may be; None: no bound.
        engineered_features: calendar and moving averages beside the values of a row.
    """

    architecture: Architecture = Architecture.PLAIN
    batch_normalization: bool = False
    l2: float = 0.0
    recurrent_dropout: float = 0.0
    cosine_schedule: bool = False
    patience: int | None = None
    clip_norm: float | None = None
    engineered_features: bool = False

    def to_config(self) -> dict[str, Any]:
        """The figures as replies and models state them."""
        return asdict(self)


PLAIN = Design()
DESIGNS = {
    Architecture.PLAIN: PLAIN,
    Architecture.ENHANCED: Design(
        Architecture.ENHANCED,
        batch_normalization=True,
        l2=0.001,
        recurrent_dropout=0.15,
        cosine_schedule=True,
        patience=5,
        clip_norm=1.0,
        engineered_features=True,
    ),
}
