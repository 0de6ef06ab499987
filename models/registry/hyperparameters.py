"""The hyperparameters of a network and its training, as jobs and model documents keep them.

Example:
    >>> Hyperparameters.from_config({"lstm_units_1": 8, "epochs": 2, "seed": 7}).to_config()
    ... # {"lstm_units_1": 8, "lstm_units_2": 32, ..., "epochs": 2, ..., "seed": 7}
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Self

# Fields whose name in a config differs from the one here.
_IN_CONFIG = {"lstm_units1": "lstm_units_1", "lstm_units2": "lstm_units_2"}


@dataclass(frozen=True)
class Hyperparameters:
    """The settings of a network and its training; the defaults are those of the HTTP API.

    Args:
        lstm_units1: units of the first LSTM layer.
        lstm_units2: units of the second LSTM layer.
        dropout_rate: share of activations dropped after each layer but the last, in [0, 1).
        sequence_length: steps of a window (the look-back).
        epochs: most passes over the windows of the training span.
        batch_size: windows per gradient step.
        learning_rate: of Adam.
        train_test_split: share of the time span to train on; the rest is held back.
        unknown: entries of a config that this release does not know, kept as they are.
    """

    lstm_units1: int = 64
    lstm_units2: int = 32
    dropout_rate: float = 0.2
    sequence_length: int = 10
    epochs: int = 50
    batch_size: int = 32
    learning_rate: float = 0.00001
    train_test_split: float = 0.8
    unknown: dict[str, Any] = field(default_factory=dict, hash=False)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return the hyperparameters of a config, as `to_config` or an earlier release wrote it.

        Args:
            config: entries in snake_case; those that are absent take the default.
        """
        here = {_IN_CONFIG.get(name, name): name for name in _names()}
        here |= {name: name for name in _names()}
        known = {here[name]: value for name, value in config.items() if name in here}
        return cls(**known, unknown={k: v for k, v in config.items() if k not in here})

    def to_config(self) -> dict[str, Any]:
        """Return the config that jobs, replies and model documents state, in snake_case."""
        known = {_IN_CONFIG.get(name, name): getattr(self, name) for name in _names()}
        return known | self.unknown


def _names() -> list[str]:
    return [item.name for item in fields(Hyperparameters) if item.name != "unknown"]
