"""The first step of a training: split by time, scale, fit the autoregression, find the windows.

The network learns the residuals of the autoregression, in units of their usual size: that of
Zhang, "Time series forecasting using a hybrid ARIMA and neural network model", 2003, with the
linear part fitted first.

Example: with `train_test_split` 0.8, the rows of 100 days are divided into 80 to train on and 20
that are held back. Windows of 10 rows before each of the days 11 to 80 are trained on.
"""

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

# Horizons for evaluation and calibration, in steps: four weeks, half a year, a year.
HORIZONS = {Step.DAY: 28, Step.WEEK: 26, Step.MONTH: 12}
_EARLY_STOPPING_SHARE = 0.1  # of the training span: its end
_LEAST_SCALE = 1e-6  # unit of the residuals where all are zero
_LARGEST_RESIDUAL = 4.0  # root mean squares; larger ones are clipped


@dataclass(frozen=True)
class PreparedData:
    """The input of a training.

    Attributes:
        panel: the series that are long enough.
        design: that the network is built with.
        scaled: the panel's values scaled, unknown ones filled in, [rows, 3].
        encoding: scaling and features of the rows.
        windows: rows after a window, by the part of the time that they lie in.
        train_rows: rows [n] whose windows are trained on.
        early_stopping_rows: rows [m] at the end of the training span whose loss decides when to
            stop; empty without early stopping.
        choice: the autoregression, and its errors in trials.
        linear_forecast: one-step forecasts of the autoregression, scaled, [rows, 3]; NaN at the
            beginning of a series.
        residual: `scaled` − `linear_forecast` in units of `residual_scale`, the target of the
            network, [rows, 3]; NaN where the value is unknown.
        residual_scale: usual size of the residuals in the training span, scaled, [3].
        horizon: steps of the roll-outs that the model is evaluated and calibrated on.
        warnings: sentences for the model's document.
    """

    panel: Panel
    design: Design
    scaled: Floats
    encoding: Encoding
    windows: Windows
    train_rows: Ints
    early_stopping_rows: Ints
    choice: Choice
    linear_forecast: Floats
    residual: NDArray[np.float32]
    residual_scale: Floats
    horizon: int
    warnings: list[str]

    @property
    def look_back(self) -> int:
        """Rows before a forecast that it depends on."""
        return max(self.shape.look_back, self.encoding.look_back)

    @property
    def shape(self) -> Shape:
        """The features of the autoregression."""
        return self.choice.train_fit.shape


def prepare(panel: Panel, hyper: Hyperparameters, design: Design = PLAIN) -> PreparedData:
    """Split by time, leave out series too short for a window, scale, fit the autoregression.

    Raises:
        InvalidInput: no series is long enough, or the split leaves nothing to evaluate on.
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
    shape = Shape.of(panel.calendar, length, cut - int(panel.first.min()))
    choice = choose(panel, scaled, shape, cut, newest, horizon)
    linear_forecast = choice.train_fit.one_step(panel, scaled)
    linear_forecast[1:] += scaled[:-1]
    known = np.where(np.isnan(panel.values), np.nan, scaled)
    residual, residual_scale = _in_units(known - linear_forecast, windows)
    train_rows, early_stopping_rows = _split_train_rows(panel, windows, design, warnings)
    return PreparedData(
        panel=panel,
        design=design,
        scaled=scaled,
        encoding=encoding,
        windows=windows,
        train_rows=train_rows,
        early_stopping_rows=early_stopping_rows,
        choice=choice,
        linear_forecast=linear_forecast,
        residual=residual,
        residual_scale=residual_scale,
        horizon=horizon,
        warnings=warnings,
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


def _split_train_rows(
    panel: Panel, windows: Windows, design: Design, warnings: list[str]
) -> tuple[Ints, Ints]:
    """The rows to train on, and those for early stopping: the end of the training span.

    The held-back end is not used for that: it would look better than days to come.
    """
    rows, time = windows.train, panel.time[windows.train]
    if design.patience is None:
        return rows, rows[:0]
    begin, end = int(time.min()), int(time.max()) + 1
    late = time >= end - max(1, round(_EARLY_STOPPING_SHARE * (end - begin)))
    if late.all():
        warnings.append("All epochs are trained: the training span is too short to stop early by.")
        return rows, rows[:0]
    return rows[~late], rows[late]


def _in_units(residual: Floats, windows: Windows) -> tuple[NDArray[np.float32], Floats]:
    """Residuals in units of their root mean square in the training span, and that unit."""
    squares = mean_known(residual[windows.train] ** 2, axis=0)
    scale = np.maximum(np.sqrt(np.nan_to_num(squares, nan=1.0)), _LEAST_SCALE)
    clipped = np.clip(residual / scale, -_LARGEST_RESIDUAL, _LARGEST_RESIDUAL)
    return clipped.astype(np.float32), scale
