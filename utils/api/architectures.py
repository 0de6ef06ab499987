"""The architectures of networks, by name, and the design of each."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Architecture(StrEnum):
    """The name of an architecture, as models and jobs keep it."""

    PLAIN = "plain"
    ENHANCED = "enhanced"


@dataclass(frozen=True)
class Design:
    """The settings of an architecture that a request cannot change.

    Args:
        architecture: its name.
        batch_normalization: True to normalize the output of each LSTM layer.
        l2: factor of the sum of squares of the kernels of LSTM and Dense layers, which is
            minimized beside the loss; see `models.training.optimizer`.
        recurrent_dropout: share of an LSTM's state that is dropped between two steps.
        cosine_schedule: True to let the learning rate fall to zero along a half cosine over all
            epochs.
        patience: epochs without a better loss on the end of the training span, which is then not
            trained on, after which training stops; the weights of the best epoch are kept.
            None: all epochs are trained on the whole span, and the last weights are kept.
        clip_norm: largest global norm of a gradient; None: no bound.
        engineered_features: True to add calendar features and moving averages to the rows.
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
        """Return the settings as replies and models state them."""
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
