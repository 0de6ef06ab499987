"""Sample paths for plans: of the series of an opened model, on its calendar."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from models.data.series_rows import MAX_GAP
from models.forecast.forecaster import Forecaster, History
from models.planning.finish import LinePaths, correlation
from models.series.panel import SeriesKey
from utils.errors import DamagedFile, InvalidInput

_STRETCH, _MARGIN = 1.6, 14  # of the expected finish: steps that are looked at first
_MOST_VALUES = 2_000_000  # of paths that are drawn together; each takes some 60 bytes meanwhile

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class SampleFutures:
    """The possible courses of the series of a model.

    Args:
        forecaster: the model.
        count: number of sample paths.
        horizon: most steps to look ahead.
        with_plan: gives the history of a series what is known of the steps ahead.
    """

    def __init__(
        self,
        forecaster: Forecaster,
        count: int,
        horizon: int,
        with_plan: Callable[[History], History] = lambda history: history,
    ) -> None:
        self.forecaster, self.count, self.horizon = forecaster, count, horizon
        self._with_plan = with_plan

    def history(self, key: SeriesKey) -> History:
        """Return the end of the data of a series.

        Raises:
            InvalidInput: the model does not know the series, or keeps no rows of it.
        """
        self.forecaster.check(key, takes_history=False)
        found = self.forecaster.recent_history(key)
        if found is None:
            raise InvalidInput.of(
                "model_id",
                "must be a model that keeps the last rows of its series, or `pretrained` with a "
                "datasetId: there is no history to start from",
                " / ".join(key),
            )
        return self._with_plan(found)

    def days(self, history: History, steps: int) -> Ints:
        """Return the days of the steps after a history, [steps]."""
        return history.calendar.days(history.last_step + 1 + np.arange(steps))

    def steps_until(self, history: History, day: str, field: str) -> int:
        """Return the steps ahead whose date is not after a day.

        Raises:
            InvalidInput: it is before the first step ahead, or beyond the horizon.
        """
        days = self.days(history, self.horizon + 1)
        asked = history.calendar.day(day, field, is_last=True)
        steps = int(np.searchsorted(days, asked, side="right"))
        if not 1 <= steps <= self.horizon:
            first, last = self.dates(history, 1)[0], self.dates(history, self.horizon)[-1]
            raise InvalidInput.of(
                field,
                f"must lie between the first day after the data, {first}, and {last}, "
                f"{self.horizon} steps ahead",
                day,
            )
        return steps

    def dates(self, history: History, steps: int) -> list[str]:
        """Return the ISO dates of the steps after a history."""
        return history.calendar.dates(history.last_step + 1 + np.arange(steps))

    def steps_for(self, history: History, quantity: float) -> int:
        """Return the steps within which a quantity is expected to be out, with a margin."""
        output = self.expected([history], self.horizon)[0]
        reached = int(np.searchsorted(np.cumsum(output), quantity))
        return self.with_margin(reached)

    def with_margin(self, steps: int) -> int:
        """Return the steps to look ahead at first, where so many are expected to be enough."""
        return min(self.horizon, math.ceil(_STRETCH * steps) + _MARGIN)

    def expected(self, histories: Sequence[History], steps: int) -> Floats:
        """Return the point forecasts of throughput over some steps, [n, steps]."""
        found = np.empty((len(histories), steps))
        for planned in (True, False):  # those with a plan are forecast by themselves
            places = [i for i, h in enumerate(histories) if h.ahead.is_empty is not planned]
            if places:
                some = [histories[i] for i in places]
                forecast = self.forecaster.forecast_all(some, steps)
                found[places] = forecast.values[..., 1]
        return found

    def paths(self, histories: Sequence[History], steps: int) -> Iterator[LinePaths]:
        """Yield the sample paths of several series, in the order given.

        Series are forecast together as far as memory allows.

        Raises:
            InvalidInput: the errors of the model were never measured.
            DamagedFile: the forecast has values that are not numbers.
        """
        most = max(1, _MOST_VALUES // (self.count * steps))
        for _, group in groupby(histories, lambda history: history.has_plan):
            alike = list(group)
            for first in range(0, len(alike), most):
                yield from self._paths(alike[first : first + most], steps)

    def _paths(self, histories: Sequence[History], steps: int) -> Iterator[LinePaths]:
        forecast = self.forecaster.forecast_all(histories, steps, self.count)
        if forecast.paths is None:
            raise InvalidInput.of(
                "model_id",
                "must be a model whose errors were measured: an imported one has no sample paths. "
                "Train one, or use `pretrained` with a datasetId",
            )
        if not forecast.is_finite or not np.isfinite(forecast.paths).all():
            raise DamagedFile("The model is damaged: its forecast has values that are not numbers.")
        for history, drawn in zip(histories, forecast.paths, strict=True):
            now = np.full((self.count, 1), history.rows[-1, 0])
            yield LinePaths(drawn[..., 1], np.concatenate([now, drawn[..., 0]], axis=1))

    def ended_early(self, histories: Sequence[History]) -> list[str]:
        """Return a warning for each series whose rows end before those of others."""
        newest = self.forecaster.last_step
        found = []
        for history in histories:
            missing = newest - history.last_step
            if missing > MAX_GAP:
                own, last = history.calendar.dates(np.array([history.last_step, newest]))
                found.append(
                    f"The rows of {' / '.join(history.series_key)} end on {own}, {missing} steps "
                    f"before the newest rows of the data ({last}): output counts from there on."
                )
        return found

    def correlation(self, histories: Sequence[History]) -> float | None:
        """Return how alike the output of several series moves; None: there is one series."""
        if len(histories) < 2:
            return None
        return correlation([history.rows[:, 1] for history in histories])
