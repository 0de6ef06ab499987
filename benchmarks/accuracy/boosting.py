"""LightGBM on lags and the calendar, one model over all series of a target (mlforecast)."""

from __future__ import annotations

import copy
from importlib.metadata import version
from typing import Any

import pandas as pd
from lightgbm import LGBMRegressor
from mlforecast import MLForecast
from mlforecast.lag_transforms import RollingMean
from mlforecast.target_transforms import LocalStandardScaler
from mlforecast.utils import PredictionIntervals

from benchmarks.accuracy.frames import FREQUENCIES, from_frames, long_frame
from benchmarks.accuracy.protocol import LEVELS, Forecast
from models.series.calendar import Step
from models.series.panel import TARGETS, Panel

# Lags, windows of rolling means, features of the date.
FEATURES: dict[Step, tuple[int, tuple[int, ...], tuple[str, ...]]] = {
    Step.DAY: (14, (7, 28), ("dayofweek", "month", "dayofyear")),
    Step.WEEK: (12, (4, 12), ("week", "month")),
    Step.MONTH: (12, (3, 6, 12), ("month", "year")),
}
MOST_WINDOWS = 10  # of the calibration of the intervals


class Boosting:
    """Recursive multi-step forecasts; intervals are conformal, from windows before the cut.

    Args:
        objective: "l2" or "l1".
    """

    def __init__(self, objective: str, seed: int) -> None:
        self._objective, self._seed = objective, seed

    @property
    def settings(self) -> dict[str, Any]:
        """Return the settings that the forecasts depend on."""
        return {
            "objective": self._objective,
            "seed": self._seed,
            "features": FEATURES,
            "versions": [version("lightgbm"), version("mlforecast")],
        }

    def fit(self, train: Panel, horizon: int) -> None:
        """Fit a model per target."""
        self._horizon, self._levels = horizon, list(LEVELS)
        lags, rolling, _ = FEATURES[train.calendar.step]
        shortest = int(train.lengths.min())
        # The first calibration window must leave rows that have all of their lags.
        windows = min(MOST_WINDOWS, (shortest - 2 * max(lags, *rolling)) // horizon)
        intervals = PredictionIntervals(n_windows=windows, h=horizon) if windows >= 2 else None
        if intervals is None:
            self._levels = []
        self._fitted = []
        for target in range(len(TARGETS)):
            model = self._new(train, shortest)
            model.fit(long_frame(train, target), prediction_intervals=intervals)
            self._fitted.append(model)

    def forecast(self, past: Panel) -> Forecast:
        """Tell the models of what came since they were fitted, then roll them out."""
        frames = []
        for target, fitted in enumerate(self._fitted):
            model = copy.deepcopy(fitted)
            frame = long_frame(past, target)
            known = pd.Series(model.ts.last_dates, index=model.ts.uids)
            news = frame[frame["ds"] > frame["unique_id"].map(known)]
            if len(news):
                model.update(news)
            frames.append(model.predict(self._horizon, level=self._levels or None))
        return from_frames(frames, "LightGBM", "", self._horizon)

    def _new(self, train: Panel, shortest: int) -> MLForecast:
        step = train.calendar.step
        lags, rolling, date_features = FEATURES[step]
        return MLForecast(
            {
                "LightGBM": LGBMRegressor(
                    objective=self._objective,
                    random_state=self._seed,
                    n_jobs=1,
                    deterministic=True,
                    force_row_wise=True,
                    verbosity=-1,
                )
            },
            freq=FREQUENCIES[step],
            lags=[lag for lag in range(1, lags + 1) if lag < shortest],
            lag_transforms={1: [RollingMean(w, min_samples=1) for w in rolling]},
            date_features=list(date_features),
            target_transforms=[LocalStandardScaler()],
            num_threads=1,
        )
