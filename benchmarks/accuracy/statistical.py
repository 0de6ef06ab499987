"""Naive forecasts, AutoETS and AutoTheta, each series by itself (statsforecast)."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray
from statsforecast.models import AutoETS, AutoTheta, HistoricAverage, Naive, SeasonalNaive

from benchmarks.accuracy.protocol import LEVELS, Forecast
from models.series.panel import TARGETS, Panel

Floats = NDArray[np.float64]

# Where series have fewer rows before the cut, AutoETS is estimated anew at each origin. With more,
# only its states are carried on: on the generator's default data estimating anew takes 20 times as
# long and moves the WAPEs by -3 % to +4 %, down as often as up.
REFIT_BELOW = 200


class Statistical:
    """One of statsforecast's models for each series and target, intervals included."""

    def __init__(self, model: str, season: int, refit_below: int = REFIT_BELOW) -> None:
        self._model, self._season, self._refit_below = model, season, refit_below
        self._fitted: list[Any] = []

    @property
    def settings(self) -> dict[str, Any]:
        """Return the settings that the forecasts depend on."""
        found = {"model": self._model, "season": self._season}
        found["version"] = version("statsforecast")
        return found | ({"refit_below": self._refit_below} if self._model == "AutoETS" else {})

    def fit(self, train: Panel, horizon: int) -> None:
        """Choose a model and its parameters, where they are to be kept."""
        self._horizon = horizon
        self._fitted = []
        if self._model == "AutoETS" and train.lengths.min() >= self._refit_below:
            self._fitted = [self._new(column).fit(column) for column in _columns(train)]

    def forecast(self, past: Panel) -> Forecast:
        """Forecast with the kept parameters, or estimate them on the whole past."""
        columns, levels = _columns(past), list(LEVELS)
        if self._fitted:
            results = [
                model.forward(column, h=self._horizon, level=levels)
                for model, column in zip(self._fitted, columns, strict=True)
            ]
        else:
            results = [
                self._new(column).forecast(y=column, h=self._horizon, level=levels)
                for column in columns
            ]

        def stacked(name: str) -> Floats:
            each = np.stack([one[name] for one in results]).reshape(-1, len(TARGETS), self._horizon)
            return each.transpose(0, 2, 1).astype(float)

        return Forecast(
            stacked("mean"),
            {level: stacked(f"lo-{level}") for level in LEVELS},
            {level: stacked(f"hi-{level}") for level in LEVELS},
        )

    def _new(self, column: Floats) -> Any:
        season = self._season if len(column) > 2 * self._season else 1
        return {
            "last-value": Naive,
            "seasonal-naive": lambda: SeasonalNaive(season) if season > 1 else Naive(),
            "mean": HistoricAverage,
            "AutoETS": lambda: AutoETS(season_length=season),
            "AutoTheta": lambda: AutoTheta(season_length=season),
        }[self._model]()


def _columns(panel: Panel) -> list[Floats]:
    """WIP, throughput, cycle time of the first series, then of the next, blanks filled."""
    parts = np.split(panel.filled(), panel.offsets[1:-1])
    return [np.ascontiguousarray(part[:, i]) for part in parts for i in range(len(TARGETS))]
