"""Forecasts without a training: the pretrained network alone, from the rows of any series.

model = ZeroShotModel(Calendar(), keys, PretrainedModel.open())
forecast = model.forecast(rows, calendar, last_steps, steps=30)  # rows in units, by series

Its intervals are the quantiles of the network, up to one and a half times the highest value seen,
as those of a trained model; those of lumpy lines have more steps without output, and those of lines
that seldom put out anything are of what they did put out (`models.forecast.idle_steps`). Of hours
and shifts they are as much wider or narrower as its forecasts from up to three past days of the
same rows ask for. As for a trained model, last values far beyond the usual moves are moved back
first, and shifts of the level are followed. Its sample paths have errors that last as long as those
of these past forecasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.forecast.error_persistence import by_distance, extended
from models.forecast.error_record import OUTLYING, shrunk_ratio
from models.forecast.forecast import Forecast
from models.forecast.idle_steps import (
    RareOutput,
    idle_share,
    is_lumpy,
    rare_output,
    with_idle_steps,
)
from models.forecast.intervals import CLOSE, MOST_OF_RECORD
from models.forecast.level_shifts import ROWS, UsualLevel, at_usual_level
from models.forecast.look_back import LookBack
from models.forecast.past_forecasts import PastForecasts
from models.forecast.pretrained import BOUNDS, LEVELS, MEDIAN, PretrainedModel
from models.forecast.pretrained_inputs import HORIZON, with_cycle_times
from models.forecast.pretrained_member import quantiles_of, rows_used
from models.forecast.quantile_distribution import share_below, values_at
from models.forecast.sample_paths import ErrorPaths
from models.forecast.standing_places import without_standing
from models.series.calendar import Calendar, Step
from models.series.error_measures import mean_known
from models.series.panel import SeriesKey
from models.series.scaling import Scaling

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PRETRAINED_ID = "pretrained"  # in place of the id of a model
FEWEST_ROWS = 10  # of a history
_ORIGINS = 3  # past forecasts whose errors are measured
_USUAL_ROWS = 84  # that tell the usual changes from one step to the next


@dataclass(frozen=True)
class ZeroShotSeries:
    """The series that can be forecast.

    Attributes:
        calendar: step of the series.
        series_keys: the series, by number.
        length: rows that a history has at least.
        lanes: number of the working calendar of each series, [S]; None: there is one at most.
    """

    calendar: Calendar
    series_keys: tuple[SeriesKey, ...]
    length: int = FEWEST_ROWS
    lanes: Ints | None = None

    def calendar_of(self, number: int) -> Calendar:
        """Return the calendar of one series alone."""
        return self.calendar.of_lane(0 if self.lanes is None else int(self.lanes[number]))


@dataclass(frozen=True)
class ZeroShotModel:
    """The pretrained network for the series of some data.

    Attributes:
        encoding: the series.
        pretrained: the network.
    """

    encoding: ZeroShotSeries
    pretrained: PretrainedModel

    @property
    def look_back(self) -> int:
        """Rows that a forecast uses."""
        return rows_used(self.encoding.calendar)

    def forecast(
        self,
        rows: Sequence[Floats],
        calendar: Calendar,
        last: Ints,
        steps: int,
        paths: int = 0,
    ) -> Forecast:
        """Return the forecasts of n series.

        Args:
            rows: recent rows of each in units, oldest first, [m, 3]; NaN where unknown.
            calendar: of the series.
            last: dated step number of the last row of each, [n].
            paths: number of sample paths.
        """
        start = _believed_ends(rows, calendar, last)
        rows = [np.vstack([own[:-2], end]) for own, end in zip(rows, start, strict=True)]
        records, level = _records(rows), _levels(rows, calendar)
        if level is not None:
            rows = [
                np.vstack([own[:-ROWS], usual[-len(own) :]])
                for own, usual in zip(rows, level.rows, strict=True)
            ]
        quantiles = _with_known(self._quantiles(rows, calendar, last, steps), rows)
        lumpy = np.array([is_lumpy(own) for own in rows])
        past = None
        if paths or calendar.begins or lumpy.any():
            past = self._past(rows, calendar, last)
            quantiles = _as_past_rows_ask(quantiles, past, lumpy, calendar)
        if level is not None:
            quantiles *= level.ratios[:, None, :, None]
        rare = _rare_outputs(rows, level, calendar)
        for i, output in rare.items():
            quantiles[i, :, 1] = output.at(np.array(LEVELS))
        values = quantiles[..., MEDIAN]
        most = np.fmax(MOST_OF_RECORD * records[:, None], values)
        quantiles = np.minimum(quantiles, most[..., None])
        lower, upper = (
            {nominal: quantiles[..., places[side]] for nominal, places in BOUNDS.items()}
            for side in (0, 1)
        )
        drawn = None
        if paths and past is not None:
            drawn = _paths(quantiles, by_distance(past.errors), paths)
            for i, output in rare.items():
                drawn[i, ..., 1] = output.drawn(paths, steps)
            drawn = np.minimum(drawn, most[:, None])
        confidence = _confidence(quantiles)
        return Forecast(values, values, lower, upper, confidence, start, drawn, level)

    def _quantiles(
        self, rows: Sequence[Floats], calendar: Calendar, last: Ints, steps: int
    ) -> Floats:
        """Quantiles of the steps after the rows, [n, steps, 3, levels]."""
        length = self.look_back
        recent = np.full((len(rows), length, 3), np.nan)
        for i, own in enumerate(rows):
            recent[i, length - len(own[-length:]) :] = own[-length:]
        return quantiles_of(self.pretrained, recent, calendar, last, steps)

    def _past(self, rows: Sequence[Floats], calendar: Calendar, last: Ints) -> PastForecasts:
        """The forecasts from past origins, and what came."""
        shape = (_ORIGINS, len(rows), HORIZON, 3)
        found = PastForecasts(np.full((*shape, len(LEVELS)), np.nan), np.full(shape, np.nan))
        came = [without_standing(own, calendar, end) for own, end in zip(rows, last, strict=True)]
        for origin, after in enumerate(range(HORIZON, (_ORIGINS + 1) * HORIZON, HORIZON)):
            kept = [i for i, own in enumerate(rows) if len(own) - after >= FEWEST_ROWS]
            if not kept:
                break
            past = [own[: max(len(own) - after, 0)] for own in rows]
            quantiles = self._quantiles(past, calendar, last - after, HORIZON)
            found.quantiles[origin, kept] = quantiles[kept]
            truth = [came[i][len(rows[i]) - after :][:HORIZON] for i in kept]
            found.came[origin, kept] = truth
        return found


def _believed_ends(rows: Sequence[Floats], calendar: Calendar, last: Ints) -> Floats:
    """The last two rows of each series, [n, 2, 3], with values moved back that moved too far."""
    every = np.arange(len(rows))
    recent = [own[-_USUAL_ROWS:] for own in rows]
    scaling = Scaling.fit(np.concatenate(recent), np.cumsum([0, *map(len, recent)]))
    whole = np.full((len(rows), _USUAL_ROWS, 3), np.nan)
    for own, part in zip(whole, recent, strict=True):
        own[_USUAL_ROWS - len(part) :] = part
    lengths = np.array([len(part) for part in recent])
    known = np.arange(_USUAL_ROWS, 0, -1) <= lengths[:, None]
    scaled = np.nan_to_num(scaling.forward_paths(whole, every))
    believed = LookBack.of_rows(scaled, known, last, every, calendar=calendar).scaled[:, -2:]
    ends = whole[:, -2:]
    is_moved = ~np.isnan(ends) & (believed != scaled[:, -2:])
    return np.where(is_moved, scaling.inverse(believed, every), ends)


def _levels(rows: Sequence[Floats], calendar: Calendar) -> UsualLevel | None:
    """The latest rows of each series without the shifts of their level; None: not of days."""
    if calendar.step is not Step.DAY:
        return None
    recent = np.full((len(rows), ROWS, 3), np.nan)
    for own, part in zip(recent, rows, strict=True):
        own[ROWS - len(part[-ROWS:]) :] = part[-ROWS:]
    lengths = np.array([len(part) for part in rows])
    return at_usual_level(recent, np.arange(ROWS, 0, -1) <= lengths[:, None], calendar.season)


def _with_known(quantiles: Floats, rows: Sequence[Floats]) -> Floats:
    """The quantiles, with those of all known values for a target that the network knows none of.

    That is a cycle time, where a line has put out nothing for long; 0 where it never had one.
    """
    found = quantiles.copy()
    for i, target in np.argwhere(np.isnan(quantiles).any(axis=(1, 3))):
        column = rows[i][:, target]
        known = column[~np.isnan(column)]
        found[i, :, target] = np.quantile(known, LEVELS) if known.size else 0.0
    return found


def _as_past_rows_ask(
    quantiles: Floats, past: PastForecasts, lumpy: NDArray[np.bool_], calendar: Calendar
) -> Floats:
    """The quantiles, with steps without output where lines are lumpy; of hours also of other width.

    Args:
        lumpy: true for the series that are lumpy, [n].
    """
    found, idle = quantiles.copy(), np.where(lumpy, idle_share(past), 0.0)
    found[idle > 0, :, 1] = with_idle_steps(found[idle > 0, :, 1], idle[idle > 0])
    return _widened(found, past) if calendar.begins else found


def _rare_outputs(
    rows: Sequence[Floats], level: UsualLevel | None, calendar: Calendar
) -> dict[int, RareOutput]:
    """The output of the series where it is rare, at its present level, by number."""
    ratios = np.ones((len(rows), 3)) if level is None else level.ratios
    found = {}
    for i, own in enumerate(rows):
        if (output := rare_output(own * ratios[i], calendar.season)) is not None:
            found[i] = output
    return found


def _widened(quantiles: Floats, past: PastForecasts) -> Floats:
    """The quantiles, as far from the median as past errors ask for; what is zero stays zero.

    The network has learned from days, weeks and months alone: of hours and shifts, the rows
    themselves tell how large errors are.
    """
    relative = np.minimum(np.abs(past.errors), OUTLYING) / past.sizes
    mean = mean_known(relative, axis=(0, 2))
    blocks = (~np.isnan(relative)).any(axis=2).sum(axis=0)
    ratio = np.stack([shrunk_ratio(mean[:, i], blocks[:, i]) for i in range(3)], axis=1)
    middle = quantiles[..., MEDIAN, None]
    moved = middle + (quantiles - middle) * ratio[:, None, :, None]
    return np.where(quantiles > 0, np.maximum(moved, 0.0), 0.0)


def _records(rows: Sequence[Floats]) -> Floats:
    """The highest values of each series in units, [n, 3].

    Cycle times that were never known are derived.
    """
    return np.stack([np.fmax.reduce(with_cycle_times(own[None])[0]) for own in rows])


def _confidence(quantiles: Floats) -> Floats:
    """Expected share of the three targets within 20 % of the truth, [n, steps].

    |truth − forecast| ≤ 0.2 × truth if the truth lies between forecast ÷ 1.2 and forecast ÷ 0.8.
    It never rises with the horizon.
    """
    middle = quantiles[..., MEDIAN]
    inside = share_below(quantiles, middle / (1 - CLOSE)) - share_below(
        quantiles, middle / (1 + CLOSE)
    )
    certain = quantiles[..., 0] == quantiles[..., -1]
    return np.minimum.accumulate(np.where(certain, 1.0, inside).mean(axis=2), axis=1)


def _paths(quantiles: Floats, correlation: Floats, count: int) -> Floats:
    """Sample paths from the quantiles of n series, [n, count, steps, 3].

    Args:
        correlation: of the errors of each series by their distance in steps, [n, 3, H].
    """
    return np.stack([_paths_of(*each, count) for each in zip(quantiles, correlation, strict=True)])


def _paths_of(quantiles: Floats, correlation: Floats, count: int) -> Floats:
    steps = len(quantiles)
    shares = ErrorPaths.of_distances(extended(correlation, steps)).draw(count, steps)
    return values_at(quantiles, shares)
