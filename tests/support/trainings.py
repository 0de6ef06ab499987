"""Hyperparameters of trainings that take a moment."""

from __future__ import annotations

from models.registry.hyperparameters import Hyperparameters

TINY = Hyperparameters(
    lstm_units1=4, lstm_units2=3, epochs=2, sequence_length=5, learning_rate=0.01
)
