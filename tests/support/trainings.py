"""Trainings that take a moment: their hyperparameters, and what their networks are to learn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.registry.hyperparameters import Hyperparameters
from models.training.prepare import PreparedData

TINY = Hyperparameters(
    lstm_units1=4, lstm_units2=3, epochs=2, sequence_length=5, learning_rate=0.01
)


def targets(prepared: PreparedData, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the targets of the network for rows, row by row, [n, H × 3]; NaN where unknown."""
    panel, ends = prepared.panel, prepared.target_ends(False)
    found = np.full((len(rows), prepared.horizon, 3), np.nan, np.float32)
    for i, row in enumerate(rows):
        for step in range(min(prepared.horizon, ends[row] - row)):
            change = prepared.scaled[row + step] - prepared.scaled[row - 1]
            unit = np.clip(change / prepared.change_scale[step], -4, 4)
            found[i, step] = np.where(np.isnan(panel.values[row + step]), np.nan, unit)
    return found.reshape(len(rows), -1)
