"""Inputs of the pretrained network: scaled windows, simple forecasts and features of rows.

Each window is scaled by its own centre and spread, target by target, so that series of any size and
unit look alike: rows times 1000 have equal inputs, and forecasts times 1000. The window is cut
into 12 patches that end at the origin: 14 days, 13 weeks or 12 months each, so that a step of the
season has the same place in every patch. (Patches: Nie et al., "A time series is worth 64 words",
2023.)

The network does not forecast from nothing: it weighs simple forecasts (`CANDIDATES`), such as the
last value and the last season, and adds a correction, in units of the usual change by that step
(`reach`). The yearly season of days is beyond the
window; it enters by the rows of last year, as one of those simple forecasts.

    >>> days = Inputs.of(np.full((1, 40, 3), 5.0), Step.DAY)
    >>> days.units(days.candidates[..., 0])[0, 0].tolist()
    [5.0, 5.0, 5.0]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.series.calendar import Step

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HORIZON = 28  # steps that the network forecasts at once
PATCHES, PATCH_ROWS = 12, 14  # of the window; patches of weeks and months leave slots empty
CANDIDATES = (
    "last value",
    "mean of the recent rows",
    "mean of the longer past",
    "mean of the window",
    "last season",
    "mean of the last seasons",
    "mean of the last seasons at the present level",
    "last year at the present level",
)
CONSTANT = 4  # of these, the first are the same for all steps ahead
FUTURE = ("releases", "capacity_share", "closed")  # what may be known of steps ahead

CONTEXT_WIDTH = 34  # features of a window
STEP_WIDTH = 3 * (len(CANDIDATES) - CONSTANT) + 2 * len(FUTURE) + 5  # features of a step ahead

_LEAST_SPREAD = 0.02  # of a series, relative to its centre
_TAIL = 0.05  # share of the values on each side that count as possible outliers
_REACH = 3.0  # distances between the tails, beyond which outliers are cut before scaling
_RATIO = 4.0  # largest change of level that a simple forecast follows
_LARGEST = 10.0  # of an input
_LEAST_REACH = 0.02


class StepShape(NamedTuple):
    """The settings of a step, all in rows."""

    patch: int
    season: int
    seasons: int  # whose mean is a simple forecast
    year: int
    recent: int
    longer: int
    smoothing: int  # of last year's rows, on each side
    kind: Step  # that the network takes it for
    repeated: int  # rows at the end of the first 28 whose distances of quantiles later ones repeat
    is_daily: bool = False  # parts of days: `year` is a week, whose rows are taken as they are

    @property
    def look_back(self) -> int:
        """Rows before the origin that the inputs depend on."""
        return max(PATCHES * self.patch, self.year + self.longer)


SHAPES = {
    Step.DAY: StepShape(14, 7, 4, 364, 7, 28, 3, Step.DAY, 14),
    Step.WEEK: StepShape(13, 52, 2, 52, 4, 13, 1, Step.WEEK, 14),
    Step.MONTH: StepShape(12, 12, 3, 12, 3, 12, 0, Step.MONTH, 12),
}


def shape_of(step: Step, parts: int = 1) -> StepShape:
    """Return the settings of a step.

    Hours and shifts are taken for days whose season is a day, and whose year is a week.

    Args:
        parts: of a day.
    """
    if step in SHAPES:
        return SHAPES[step]
    repeated = HORIZON // parts * parts or HORIZON
    week = 7 * parts
    return StepShape(14, parts, 7, week, parts, week, 0, Step.DAY, repeated, True)


@dataclass(frozen=True)
class Inputs:
    """Inputs of n windows, and their scale.

    Attributes:
        patches: scaled rows and marks of the known ones, [n, 12, 84].
        context: features of each window, [n, CONTEXT_WIDTH].
        steps: features of each step ahead, [n, 28, STEP_WIDTH].
        candidates: simple forecasts, scaled, [n, 28, 3, 8].
        reach: usual change from the origin to a step ahead, scaled, at most 1, [n, 28, 3].
        centre, spread: of each window and target, [n, 3]; the spread of zeros alone is 0. NaN
            where no value is known.
    """

    patches: NDArray[np.float32]
    context: NDArray[np.float32]
    steps: NDArray[np.float32]
    candidates: NDArray[np.float32]
    reach: NDArray[np.float32]
    centre: Floats
    spread: Floats

    @classmethod
    def of(cls, rows: Floats, step: Step, future: Floats | None = None, parts: int = 1) -> Inputs:
        """Return the inputs of rows in units.

        Args:
            rows: WIP, throughput and cycle time before the origin, oldest first, [n, length, 3];
                NaN where unknown. A cycle time of which no value is known is derived by Little's
                Law from WIP and throughput.
            step: between the rows.
            parts: of a day, of hours and shifts.
            future: `FUTURE` of the 28 steps ahead, [n, 28, 3]: releases in the unit of the
                throughput, the capacity as a share of the usual one, and 1 for closed steps, else
                0; NaN where unknown.
        """
        shape = shape_of(step, parts)
        values = np.ascontiguousarray(with_cycle_times(rows[:, -shape.look_back :]).swapaxes(1, 2))
        values = _of_length(values, shape.look_back)
        window = values[..., -PATCHES * shape.patch :]
        centre, spread = scale_of(window)
        unit = np.where(spread > 0, spread, 1.0)
        scaled = (window - centre[..., None]) / unit[..., None]
        simple = _candidates(values, centre, shape)
        if future is None:
            future = np.full((len(rows), HORIZON, len(FUTURE)), np.nan)
        _close(simple, future)
        candidates = np.nan_to_num((simple - centre[:, None, :, None]) / unit[:, None, :, None])
        return cls(
            _patches(scaled, shape),
            _context(values, scaled, candidates, centre, unit, shape).astype(np.float32),
            _step_features(candidates, future, simple[:, 2, 1], centre, unit).astype(np.float32),
            candidates.transpose(0, 3, 2, 1).astype(np.float32),
            _reach(scaled, shape).astype(np.float32),
            centre,
            spread,
        )

    def units(self, scaled: NDArray[np.floating]) -> Floats:
        """Return scaled values [n, ..., 3] in units, never negative."""
        shape = (len(self.centre), *[1] * (scaled.ndim - 2), 3)
        values = scaled * self.spread.reshape(shape) + self.centre.reshape(shape)
        return np.maximum(values, 0.0)


def with_cycle_times(rows: Floats) -> Floats:
    """Return rows in which a cycle time without any known value is WIP ÷ throughput.

    Both are summed over the rows so far, at most 28: Little's Law holds over spans.
    """
    missing = np.isnan(rows[..., 2]).all(axis=1)
    if not missing.any():
        return rows
    flows = np.nan_to_num(rows[missing][..., :2]).cumsum(axis=1)
    flows[:, HORIZON:] -= flows[:, :-HORIZON].copy()
    times = np.full(flows.shape[:2], np.nan)
    np.divide(flows[..., 0], flows[..., 1], out=times, where=flows[..., 1] > 0)
    rows = rows.copy()
    rows[missing, :, 2] = times
    return rows


def scale_of(window: Floats) -> tuple[Floats, Floats]:
    """Return centre and spread of windows [n, 3, length], both [n, 3].

    Outliers are cut first: values further from the 90 % in the middle than three times their
    range.
    """
    ordered = np.sort(window, axis=-1)
    last = np.maximum((~np.isnan(window)).sum(axis=-1) - 1, 0)
    low = _taken(ordered, np.floor(last * _TAIL))
    high = _taken(ordered, np.ceil(last * (1 - _TAIL)))
    reach = np.where(high > low, _REACH * (high - low), np.inf)[..., None]
    cut = np.clip(window, low[..., None] - reach, high[..., None] + reach)
    centre = _mean(cut)
    spread = np.sqrt(_mean((cut - centre[..., None]) ** 2))
    return centre, np.maximum(spread, _LEAST_SPREAD * np.abs(centre))


def _taken(values: Floats, place: NDArray[np.floating]) -> Floats:
    found: Floats = np.take_along_axis(values, place[..., None].astype(np.intp), axis=-1)[..., 0]
    return found


def _of_length(values: Floats, length: int) -> Floats:
    """The values, or as many unknown ones before them as are lacking."""
    lacking = length - values.shape[-1]
    return np.pad(values, ((0, 0), (0, 0), (lacking, 0)), constant_values=np.nan)


def _mean(values: Floats) -> Floats:
    """Mean of the known values along the last axis; NaN where there is none."""
    known = ~np.isnan(values)
    count = known.sum(axis=-1)
    total = np.where(known, values, 0.0).sum(axis=-1)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _mean_of(parts: list[Floats]) -> Floats:
    """Mean of the known values over arrays of one shape; NaN where there is none."""
    total, count = np.zeros_like(parts[0]), np.zeros(parts[0].shape)
    for part in parts:
        known = ~np.isnan(part)
        np.add(total, part, out=total, where=known)
        count += known
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _or(values: Floats, other: Floats) -> Floats:
    return np.where(np.isnan(values), other, values)


def _ratio(level: Floats, before: Floats) -> Floats:
    """Change of level within limits; 1 where it is not known."""
    found = np.ones(np.broadcast_shapes(level.shape, before.shape))
    np.divide(level, before, out=found, where=(before > 0) & (level >= 0))
    return np.clip(found, 1 / _RATIO, _RATIO)


def _last_known(values: Floats) -> Floats:
    back = np.argmax(~np.isnan(values[..., ::-1]), axis=-1)
    return _taken(values, values.shape[-1] - 1 - back)


def _candidates(values: Floats, centre: Floats, shape: StepShape) -> Floats:
    """The simple forecasts in units, [n, 8, 3, 28]; NaN where no value is known at all."""
    length, ahead = values.shape[-1], np.arange(HORIZON)
    last = _or(_last_known(values[..., -PATCHES * shape.patch :]), centre)
    recent = _or(_mean(values[..., -shape.recent :]), last)
    longer = _or(_mean(values[..., -shape.longer :]), recent)
    in_season = length - shape.season + ahead % shape.season
    seasons = [values[..., in_season - k * shape.season] for k in range(shape.seasons)]
    mean_season = _or(_mean_of(seasons), recent[..., None])
    last_season = _or(seasons[0], mean_season)
    present = _mean(values[..., -shape.season :])
    before = _mean(values[..., -shape.season * shape.seasons :])
    at_level = mean_season * _ratio(present, before)[..., None]
    place = length - shape.year + ahead % shape.year
    around = range(-shape.smoothing, shape.smoothing + 1)
    year = _mean_of([values[..., np.minimum(place + k, length - 1)] for k in around])
    reference = _mean(values[..., length - shape.year - shape.longer : length - shape.year])
    if shape.year > shape.season and not shape.is_daily:
        last_year = mean_season * _ratio(year, reference[..., None])
    else:
        last_year = _or(year * _ratio(longer, reference)[..., None], mean_season)
    constant = (np.repeat(v[..., None], HORIZON, -1) for v in (last, recent, longer, centre))
    return np.stack([*constant, last_season, mean_season, at_level, last_year], axis=1)


def _close(simple: Floats, future: Floats) -> None:
    """Set the throughput of steps that are known to be closed to zero, in place."""
    np.copyto(simple[:, :, 1], 0.0, where=future[:, None, :, 2] == 1)


def _squashed(scaled: NDArray[Any]) -> NDArray[Any]:
    """Inputs without very large numbers; unknown ones are 0."""
    return np.clip(np.nan_to_num(np.arcsinh(scaled)), -_LARGEST, _LARGEST)


def _patches(scaled: Floats, shape: StepShape) -> NDArray[np.float32]:
    """Values and marks of the known ones by patch, [n, 12, 84]."""
    values, empty = scaled.astype(np.float32), PATCH_ROWS - shape.patch
    both = np.concatenate([_squashed(values), ~np.isnan(values)], axis=1, dtype=np.float32)
    cut = both.reshape(len(both), 6, PATCHES, shape.patch)
    cut = np.pad(cut, ((0, 0), (0, 0), (0, 0), (empty, 0)))
    return cut.swapaxes(1, 2).reshape(len(both), PATCHES, 6 * PATCH_ROWS)


def _change(scaled: Floats, lag: int) -> Floats:
    """Logarithm of the mean change over some rows, [n, 3]; 0 where it is not known."""
    change = _mean(np.abs(scaled[..., lag:] - scaled[..., :-lag]))
    return np.nan_to_num(np.log(np.maximum(change, 1e-3)))


def _reach(scaled: Floats, shape: StepShape) -> Floats:
    """Usual change from the origin to each step ahead, [n, 28, 3].

    That of one step (geometric mean of the window's and of its end's) times the root of the steps,
    as in a random walk; but no more than the spread of the window.
    """
    parts = (scaled, scaled[..., -4 * shape.recent :])
    whole, end = (_or(_mean(np.abs(np.diff(part))), np.ones(1)) for part in parts)
    usual = np.sqrt(np.maximum(whole, _LEAST_REACH) * np.maximum(end, _LEAST_REACH))
    ahead = np.sqrt(np.arange(1, HORIZON + 1))[:, None]
    return np.clip(usual[:, None] * ahead, _LEAST_REACH, 1.0)


def _logarithm(ratio: Floats) -> Floats:
    """Logarithm of a ratio within limits, divided by two; 0 where it is not known."""
    return np.nan_to_num(np.log(np.clip(ratio, 1e-4, 1e4))) / 2


def _context(
    values: Floats,
    scaled: Floats,
    candidates: Floats,
    centre: Floats,
    unit: Floats,
    shape: StepShape,
) -> Floats:
    """Features of each window, [n, CONTEXT_WIDTH]."""
    count = len(values)
    known, length = ~np.isnan(scaled), scaled.shape[-1]
    zeros = (values[..., -length:] == 0).sum(axis=-1) / np.maximum(known.sum(axis=-1), 1)
    recent = scaled[..., -4 * shape.recent :]
    flow = centre[:, 0] / np.where(centre[:, 1] > 0, centre[:, 1], np.nan)
    past_year = ~np.isnan(values[:, 1, : -shape.year]).all(axis=-1)
    about = [
        np.log1p(known.any(axis=1).sum(axis=-1)) / 5,
        past_year,
        _logarithm(flow),
        _logarithm(unit[:, 1] / unit[:, 0]),
        *[np.full(count, shape.kind is kind) for kind in SHAPES],
    ]
    parts = [
        _squashed(candidates[:, :3, :, 0]).reshape(count, 9),
        _squashed(-centre / unit),
        zeros,
        known.mean(axis=-1),
        _change(scaled, 1),
        _change(scaled, min(shape.season, length // 2)),
        _change(recent, 1),
        np.stack(about, axis=1),
    ]
    return np.hstack(parts)


def _step_features(
    candidates: Floats, future: Floats, usual: Floats, centre: Floats, unit: Floats
) -> Floats:
    """Features of each step ahead, [n, 28, STEP_WIDTH].

    Args:
        usual: throughput of the longer past, [n, 28]. Known releases beyond it raise WIP, step by
            step.
    """
    count, given = len(future), ~np.isnan(future)
    releases = (future[..., 0] - centre[:, 1:2]) / unit[:, 1:2]
    surplus = np.nan_to_num(future[..., 0] - usual).cumsum(axis=1) / unit[:, :1]
    ahead = np.arange(1, HORIZON + 1) / HORIZON
    places = np.stack([ahead, np.log(ahead), ahead == ahead[0], ahead > 0.5], axis=1)
    paths = _squashed(candidates[:, CONSTANT:]).reshape(count, -1, HORIZON).swapaxes(1, 2)
    parts = [
        paths,
        _squashed(np.stack([releases, future[..., 1] - 1, future[..., 2]], axis=-1)),
        given,
        _squashed(surplus)[..., None],
        np.broadcast_to(places, (count, *places.shape)),
    ]
    return np.concatenate(parts, axis=-1)
