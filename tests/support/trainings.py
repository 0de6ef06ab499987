"""Hyperparameters of trainings that take a moment."""

from __future__ import annotations

from utils.api.schemas import Hyperparameters

TINY = Hyperparameters.parse(
    {"lstmUnits1": 4, "lstmUnits2": 3, "epochs": 2, "sequenceLength": 5, "learningRate": 0.01}
)
