"""What a training works on: the series split by time, scaled, cut into windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from utils.errors import InvalidInput
from utils.schemas import Hyperparameters
from utils.series import Encoding, Panel, Windows, split_step

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """All that a training works on: what is learned from, how it is scaled, what is left out."""

    panel: Panel
    filled: Floats
    encoding: Encoding
    windows: Windows
    warnings: list[str]


def prepare(panel: Panel, hyper: Hyperparameters) -> Task:
    """Split by time, leave out series too short for a window, fit the scaling, find the windows.

    Raises:
        InvalidInput: no series is long enough, or the split leaves nothing to judge by.
    """
    length = hyper.sequence_length
    cut = split_step(panel, hyper.train_test_split)
    early = np.clip(cut - panel.first, 0, panel.lengths)
    keep = np.flatnonzero(early > length).tolist()
    warnings = [
        f"{' / '.join(panel.keys[s])} is left out: its {early[s]} training steps are too few for "
        f"a window of {length} and the step after it."
        for s in np.flatnonzero(early <= length)
    ]
    if not keep:
        raise InvalidInput.of(
            "sequenceLength",
            f"must be shorter than the training part of at least one series; the longest has "
            f"{int(early.max())} steps",
            length,
        )
    panel = panel.select(keep)
    windows = Windows.of(panel, length, cut)
    if not windows.held_back.size:
        raise InvalidInput.of(
            "trainTestSplit",
            "must leave at least one step to judge the model by",
            hyper.train_test_split,
        )
    return Task(panel, panel.filled(), Encoding.fit(panel, length, cut), windows, warnings)
