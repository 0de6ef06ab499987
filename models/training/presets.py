"""`"preset": "auto"`: hyperparameters that suit the data, where a request leaves them open.

The choice depends on the data only:

* `learningRate` 0.001: a hundred times the default, at which the network learns the residuals of
  the autoregression within some epochs.
* `epochs` up to 50, of which the best one counts: training stops when the loss on the end of the
  training span, which is then not learned from, has not improved for five epochs.
* `sequenceLength` a day, 21 shifts, two weeks, a quarter, or a year and a month (hours, shifts,
  days, weeks, months), if
  autoregressions with that look-back did at least 2 % better in their trials within the training
  span than with the default, and no series is too short for it; else the default.

The held-back end plays no part in the choice, so that its errors stay an honest measure.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from models.registry.hyperparameters import Hyperparameters
from models.series.calendar import Step
from models.series.panel import Panel
from models.series.windows import split_steps
from models.training.prepare import prepare
from utils.api.architectures import Design

_LEARNING_RATE = 0.001
_MOST_EPOCHS = 50
_PATIENCE = 5
_LONGER = {Step.HOUR: 24, Step.SHIFT: 21, Step.DAY: 14, Step.WEEK: 13, Step.MONTH: 13}
_BETTER = 0.98  # most error, relative to the default's, at which a longer window is taken


def choose(
    panel: Panel,
    hyper: Hyperparameters,
    design: Design,
    left_open: Collection[str],
    most_epochs: int = _MOST_EPOCHS,
) -> tuple[Hyperparameters, Design]:
    """Return the hyperparameters and the design with the open fields chosen.

    Args:
        left_open: names of the fields to choose, of `utils.api.schemas.PRESET_CHOOSES`.
        most_epochs: upper bound of the epochs chosen.

    Raises:
        InvalidInput: no series is long enough to be trained on.
    """
    chosen: dict[str, Any] = {}
    if "learning_rate" in left_open:
        chosen["learning_rate"] = _LEARNING_RATE
    if "epochs" in left_open:
        chosen["epochs"] = min(_MOST_EPOCHS, most_epochs)
        design = replace(design, patience=design.patience or _PATIENCE)
    if "sequence_length" in left_open:
        chosen["sequence_length"] = _sequence_length(panel, hyper)
    return replace(hyper, **chosen), design


def _sequence_length(panel: Panel, hyper: Hyperparameters) -> int:
    """The window length with the smaller error in the trials of the autoregression."""
    longer = replace(hyper, sequence_length=_LONGER[panel.calendar.step])
    usual = prepare(panel, hyper)
    cut, _ = split_steps(panel, hyper.train_test_split)
    if (cut - usual.panel.first).min() <= longer.sequence_length:
        return hyper.sequence_length
    before, after = usual.choice.error_ratio, prepare(panel, longer).choice.error_ratio
    if before is None or after is None or after >= _BETTER * before:
        return hyper.sequence_length
    return longer.sequence_length
