"""`"preset": "auto"`: learning settings that suit the data, where a request leaves them open.

What is chosen depends on the data and on nothing else:

* `learningRate` 0.001: a hundred times the default, at which the network learns within some epochs
  what the anchor leaves.
* `epochs` up to 50, of which the best one counts: training stops when the end of the training span,
  which is then not learned from, has not been forecast better for five of them.
* `sequenceLength` two weeks, a quarter, or a year and a month (days, weeks, months), where anchors
  that see so much did at least 2 % better in their trials within the training span than with
  the default, and no series is too short for it; else the default.

The held-back end has no part in it: it judges the result as it judges any.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from models.series.panel import Panel, Step, split_steps
from models.training.prepare import prepare
from utils.api.architectures import Design
from utils.api.schemas import Hyperparameters

_LEARNING_RATE = 0.001
_MOST_EPOCHS = 50
_PATIENCE = 5
_LONGER = {Step.DAY: 14, Step.WEEK: 13, Step.MONTH: 13}
_BETTER = 0.98  # of the error in trials, from which on a longer window is worth it


def settle(
    panel: Panel, hyper: Hyperparameters, design: Design, left_open: Collection[str]
) -> tuple[Hyperparameters, Design]:
    """The settings, with those that are left open (of `schemas.PRESET_CHOOSES`) chosen.

    Raises:
        InvalidInput: no series is long enough to be trained on.
    """
    chosen: dict[str, Any] = {}
    if "learning_rate" in left_open:
        chosen["learning_rate"] = _LEARNING_RATE
    if "epochs" in left_open:
        chosen["epochs"] = _MOST_EPOCHS
        design = replace(design, patience=design.patience or _PATIENCE)
    if "sequence_length" in left_open:
        chosen["sequence_length"] = _length(panel, hyper)
    return hyper.model_copy(update=chosen), design


def _length(panel: Panel, hyper: Hyperparameters) -> int:
    """The window that the anchor's trials speak for."""
    longer = hyper.model_copy(update={"sequence_length": _LONGER[panel.calendar.step]})
    usual = prepare(panel, hyper)
    cut, _ = split_steps(panel, hyper.train_test_split)
    if (cut - usual.panel.first).min() <= longer.sequence_length:
        return hyper.sequence_length
    before, after = usual.choice.error_ratio, prepare(panel, longer).choice.error_ratio
    if before is None or after is None or after >= _BETTER * before:
        return hyper.sequence_length
    return longer.sequence_length
