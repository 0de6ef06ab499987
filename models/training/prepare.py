"""The first step of a training: split by time, scale, fit the autoregression, find the windows.

The network learns the changes from the last value of a window to each of the steps that follow,
in units of their usual size (direct forecasts of several steps: Ben Taieb et al., "A review and
comparison of strategies for multi-step ahead time series forecasting", 2012).

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
from models.training.autoregression_choice import Choice, Trials, choose
from utils.api.architectures import PLAIN, Design
from utils.errors import InvalidInput

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Horizons for evaluation and calibration, in steps: two days of hours, one or two weeks of shifts,
# four weeks, half a year, a year.
HORIZONS = {Step.HOUR: 48, Step.SHIFT: 28, Step.DAY: 28, Step.WEEK: 26, Step.MONTH: 12}
_EARLY_STOPPING_SHARE = 0.1  # of the training span: its end
_LEAST_SCALE = 1e-6  # unit of the changes where there are none


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
        residual: truth − one-step forecast of the autoregression, scaled, [rows, 3]; NaN where
            unknown.
        change_scale: usual size of the changes up to each step of the horizon in the training
            span, scaled, [H, 3]; the unit of the network's outputs.
        trial_cut: first step of the trials, in which members forecast a part of the training
            span from the part before it; None where there are none for the network.
        horizon: steps that the network forecasts and the model is evaluated on.
        unseen_from: first step that the network was not trained on before; None: it is new.
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
    residual: Floats
    change_scale: Floats
    trial_cut: int | None
    horizon: int
    warnings: list[str]
    unseen_from: int | None = None

    @property
    def look_back(self) -> int:
        """Rows before a forecast that the autoregression and the network depend on."""
        return max(self.shape.look_back, self.encoding.look_back)

    def target_ends(self, in_trials: bool) -> Ints:
        """Return the first row after those that the targets of each row may reach, [rows].

        The targets of a row lie in the same span of time as the row itself.

        Args:
            in_trials: True while the network is trained on the rows before the trials only.
        """
        panel, windows = self.panel, self.windows
        spans = (self.early_stopping_rows, windows.held_back, windows.calibration)
        bounds = [int(panel.time[rows].min()) for rows in spans if rows.size]
        if in_trials and self.trial_cut is not None:
            bounds.append(self.trial_cut)
        after = np.sort([*bounds, np.iinfo(np.int64).max])
        bound = after[np.searchsorted(after, panel.time, side="right")]
        length = np.minimum(panel.lengths[panel.series], bound - panel.first[panel.series])
        return panel.offsets[:-1][panel.series] + length

    @property
    def cut(self) -> int:
        """The first step that is held back."""
        return int(self.panel.time[self.windows.held_back].min())

    @property
    def shape(self) -> Shape:
        """The features of the autoregression."""
        return self.choice.train_fit.shape


def prepare(
    panel: Panel,
    hyper: Hyperparameters,
    design: Design = PLAIN,
    unseen_from: int | None = None,
) -> PreparedData:
    """Split by time, leave out series too short for a window, scale, fit the autoregression.

    Args:
        unseen_from: first step that the network was not trained on before; None: it is new.

    Raises:
        InvalidInput: no series is long enough, or the split leaves nothing to evaluate on.
    """
    length = hyper.sequence_length
    cut, newest = split_steps(panel, hyper.train_test_split, unseen_from)
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
    forecast = choice.train_fit.one_step(panel, scaled)
    forecast[1:] += scaled[:-1]
    known = np.where(np.isnan(panel.values), np.nan, scaled)
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
        residual=known - forecast,
        change_scale=_change_scale(known, panel, windows.train, cut, horizon),
        trial_cut=None if choice.trials is None else _trial_cut(choice.trials, unseen_from),
        horizon=horizon,
        warnings=warnings,
        unseen_from=unseen_from,
    )


def _trial_cut(trials: Trials, unseen_from: int | None) -> int | None:
    """The first origin of the trials that the network may be tried from, if there is one."""
    origins = (
        trials.origins if unseen_from is None else trials.origins[trials.origins >= unseen_from]
    )
    return int(origins.min()) if origins.size else None


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


def _change_scale(known: Floats, panel: Panel, rows: Ints, cut: int, horizon: int) -> Floats:
    """Root mean square of the changes to each step of the horizon, [H, 3].

    Args:
        known: scaled values, NaN where unknown, [all rows, 3].
        rows: first rows of the horizons.
        cut: first step that is not used.
    """
    ends = np.minimum(panel.offsets[1:], panel.offsets[:-1] + np.maximum(cut - panel.first, 0))
    ends, found = ends[panel.series[rows]], np.full((horizon, 3), np.nan)
    for h in range(horizon):
        inside = rows + h < ends
        change = known[rows[inside] + h] - known[rows[inside] - 1]
        found[h] = np.sqrt(mean_known(change**2, axis=0)) if inside.any() else np.nan
    # Steps beyond a short training span take the scale of the last step that is known.
    last = np.maximum.accumulate(np.where(np.isnan(found), 0, np.arange(horizon)[:, None]), axis=0)
    filled = np.nan_to_num(np.take_along_axis(found, last, axis=0), nan=1.0)
    return np.maximum(filled, _LEAST_SCALE)
