"""The pretrained network as a member, and all members that nothing is fitted for.

Example: `PretrainedMember(PretrainedModel.open(), Calendar(), scaling).path(look_back, 30)` returns
the medians of 30 days, scaled, [n, 30, 3].
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.forecast.closed_days import DayGrid
from models.forecast.look_back import LookBack
from models.forecast.members import LastSeason, LastValue, Member, MemberName
from models.forecast.past_stops import without_stops
from models.forecast.pretrained import MEDIAN, PretrainedModel
from models.forecast.pretrained_inputs import shape_of
from models.forecast.weekly_profile import WEEKS, WeeklyProfile
from models.series.calendar import Calendar
from models.series.scaling import Scaling

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class PretrainedMember(Member):
    """The pretrained network, which forecasts any series in its units.

    Attributes:
        model: the network.
        calendar: of the series that it was made for.
        scaling: of the series.
    """

    model: PretrainedModel
    calendar: Calendar
    scaling: Scaling

    @property
    def look_back(self) -> int:
        """Rows that a forecast uses."""
        return rows_used(self.calendar)

    def path(self, look_back: LookBack, steps: int) -> Floats:
        """Return the forecasts after a look-back, [n, steps, 3]."""
        rows = self.scaling.inverse(look_back.last_rows(self.look_back), look_back.series)
        medians = quantiles_of(self.model, rows, look_back.calendar, look_back.last, steps)
        medians = medians[..., MEDIAN]
        path = self.scaling.forward_paths(medians, look_back.series)
        return np.where(np.isnan(path), look_back.scaled[:, -1:], path)

    def with_scaling(self, scaling: Scaling) -> PretrainedMember:
        """Return the member for another scaling of the series."""
        return replace(self, scaling=scaling)


def rows_used(calendar: Calendar) -> int:
    """Return how many rows of a series the pretrained network uses."""
    own = shape_of(calendar.step, calendar.parts).look_back
    return max(own, WEEKS * calendar.week) if calendar.begins else own


def quantiles_of(
    model: PretrainedModel, rows: Floats, calendar: Calendar, last: Ints, steps: int
) -> Floats:
    """Return quantiles of the steps after rows in units, [n, steps, 3, 9], by `LEVELS`.

    After a stop, the line is taken to go on as before it.

    Args:
        rows: WIP, throughput and cycle time of worked days, [n, m, 3].
        last: dated step number of the last row of each series, [n].
    """
    rows, days = without_stops(rows, calendar.season), calendar.days(last)
    if not calendar.working:
        return _every_day(model, rows, calendar, days, steps)
    grid = DayGrid.of(calendar, last, steps, rows_used(calendar))
    future = None if calendar.begins else grid.future(None)
    return grid.worked(_every_day(model, grid.past(rows), calendar, days, grid.days, future))


def _every_day(
    model: PretrainedModel,
    rows: Floats,
    calendar: Calendar,
    last: Ints,
    steps: int,
    future: Floats | None = None,
) -> Floats:
    """Quantiles of the steps after rows of all days, of which the last is of day `last`."""
    if not calendar.begins:
        return model.quantiles(rows, calendar.step, steps, future)
    profile = WeeklyProfile.of(rows, calendar.parts, last)
    found = model.quantiles(profile.past(rows), calendar.step, steps, future, calendar.parts)
    return found * profile.ahead(steps)[..., None]


def untrained_members(calendar: Calendar, scaling: Scaling) -> dict[MemberName, Member]:
    """Return the members that nothing is fitted for, by name."""
    return {
        MemberName.PRETRAINED: PretrainedMember(PretrainedModel.open(), calendar, scaling),
        MemberName.LAST_VALUE: LastValue(),
        MemberName.LAST_SEASON: LastSeason(calendar.season),
    }
