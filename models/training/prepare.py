"""What a training works on: the series split by time, scaled, anchored, cut into windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.forecast.autoregression import Shape
from models.registry.hyperparameters import Hyperparameters
from models.series.calendar import Step
from models.series.encoding import Encoding
from models.series.error_measures import mean_known
from models.series.panel import Panel
from models.series.windows import Windows, split_steps
from models.training.autoregression_choice import Choice, choose
from utils.api.architectures import PLAIN, Design
from utils.errors import InvalidInput

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Horizons that a model is judged and calibrated on: four weeks, half a year, a year.
HORIZONS = {Step.DAY: 28, Step.WEEK: 26, Step.MONTH: 12}
_WATCHED = 0.1  # of the training span, its end, that tells when to stop
_LEAST = 1e-6  # size of what is left where nothing is
_OUTLYING = 4.0  # root mean squares; what is left beyond counts as that much


@dataclass(frozen=True)
class PreparedData:
    """All that a training works on.

    `scaled` [rows, 3] are the panel's values, unknown ones filled in; `anchored` [rows, 3] what the
    anchor makes of each row from the rows before it, NaN at the beginning of a series. `residual`
    [rows, 3] is what that leaves, in units of `size` [3], float32, NaN where unknown: the network
    learns to say it from the windows of `learned`; those of `watched`, behind them in time but
    within the training span, tell when it has learned enough. None where it trains to the end.
    """

    panel: Panel
    design: Design
    scaled: Floats
    encoding: Encoding
    windows: Windows
    learned: Ints
    watched: Ints
    choice: Choice
    anchored: Floats
    residual: NDArray[np.float32]
    size: Floats
    horizon: int
    warnings: list[str]

    @property
    def memory(self) -> int:
        """Recent rows that a forecast makes use of."""
        return max(self.shape.look_back, self.encoding.look_back)

    @property
    def shape(self) -> Shape:
        """What the anchor looks at."""
        return self.choice.anchor.shape


def prepare(panel: Panel, hyper: Hyperparameters, design: Design = PLAIN) -> PreparedData:
    """Split by time, leave out series too short for a window, scale, anchor, find the windows.

    Raises:
        InvalidInput: no series is long enough, or the split leaves nothing to judge by.
    """
    length = hyper.sequence_length
    cut, newest = split_steps(panel, hyper.train_test_split)
    panel, warnings = _long_enough(panel, length, cut)
    windows = Windows.of(panel, length, cut, newest)
    if not windows.held_back.size:
        raise InvalidInput.of(
            "trainTestSplit",
            "must leave at least one step to judge the model by",
            hyper.train_test_split,
        )
    encoding = Encoding.fit(panel, length, cut, design.engineered_features)
    scaled = encoding.scaling.forward(panel.filled(), panel.series)
    horizon = HORIZONS[panel.calendar.step]
    choice = choose(
        panel,
        scaled,
        Shape.of(panel.calendar, length, cut - int(panel.first.min())),
        cut,
        newest,
        horizon,
    )
    anchored = choice.anchor.one_step(panel, scaled)
    anchored[1:] += scaled[:-1]
    residual, size = _left_over(
        np.where(np.isnan(panel.values), np.nan, scaled) - anchored, windows
    )
    learned, watched = _watched(panel, windows, design, warnings)
    return PreparedData(
        panel,
        design,
        scaled,
        encoding,
        windows,
        learned,
        watched,
        choice,
        anchored,
        residual,
        size,
        horizon,
        warnings,
    )


def _long_enough(panel: Panel, length: int, cut: int) -> tuple[Panel, list[str]]:
    """The series with at least one window to train on, and a warning for each other one."""
    early = np.clip(cut - panel.first, 0, panel.lengths)
    keep = np.flatnonzero(early > length).tolist()
    warnings = [
        f"{' / '.join(panel.series_keys[s])} is left out: its {early[s]} training steps are too "
        f"few for a window of {length} and the step after it."
        for s in np.flatnonzero(early <= length)
    ]
    if not keep:
        raise InvalidInput.of(
            "sequenceLength",
            f"must be shorter than the training part of at least one series; the longest has "
            f"{int(early.max())} steps",
            length,
        )
    return panel.select(keep), warnings


def _watched(
    panel: Panel, windows: Windows, design: Design, warnings: list[str]
) -> tuple[Ints, Ints]:
    """The windows to learn from, and those that tell when to stop: the end of the training span.

    The held-back end has no say in it: what chose the weights would flatter them.
    """
    rows, time = windows.train, panel.time[windows.train]
    if design.patience is None:
        return rows, rows[:0]
    begin, end = int(time.min()), int(time.max()) + 1
    late = time >= end - max(1, round(_WATCHED * (end - begin)))
    if late.all():
        warnings.append("All epochs are trained: the training span is too short to stop early by.")
        return rows, rows[:0]
    return rows[~late], rows[late]


def _left_over(left: Floats, windows: Windows) -> tuple[NDArray[np.float32], Floats]:
    """What the anchor leaves, in units of its usual size in the training span, and that size."""
    squares = mean_known(left[windows.train] ** 2, axis=0)
    size = np.maximum(np.sqrt(np.nan_to_num(squares, nan=1.0)), _LEAST)
    return np.clip(left / size, -_OUTLYING, _OUTLYING).astype(np.float32), size
