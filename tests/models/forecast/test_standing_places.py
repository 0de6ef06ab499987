"""Errors at which a line of hours or shifts stands still: not known to intervals."""

from __future__ import annotations

import numpy as np
import pytest

from models.forecast.standing_places import (
    standing_ahead,
    standing_places,
    without_standing,
    without_standing_errors,
)
from models.series.calendar import Calendar, Step
from models.series.working_calendar import WorkingCalendar
from tests.support.panels import FIRST_DAY, panel_of

WEEK = WorkingCalendar((1, 2, 3, 4, 5))


@pytest.mark.parametrize("working", [(), (WEEK,)])
def test_errors_of_a_shift_without_output_are_not_known(
    working: tuple[WorkingCalendar, ...],
) -> None:
    calendar = Calendar(Step.SHIFT, working=working, origin=FIRST_DAY, begins=(360, 840, 1320))
    rows = np.tile([[9.0, 4.0, 2.0], [9.0, 5.0, 2.0], [9.0, 0.0, 2.0]], (7 * 5, 1))
    rows[-2, 1] = 0.0  # a shift that happens to have no output
    panel = panel_of(rows, rows + 1, calendar=calendar, first=3 * FIRST_DAY)
    origins = 3 * FIRST_DAY + np.array([1, 3])
    found = without_standing_errors(np.ones((2, 2, 6, 3)), origins, np.arange(2), panel)
    for target in range(3):
        unknown = np.isnan(found[:, 0, :, target]).tolist()
        assert unknown == [[False, True, False] * 2, [False, False, True] * 2]
    assert np.isfinite(found[:, 1]).all()
    past = without_standing(rows, calendar, 3 * FIRST_DAY + len(rows) - 1)
    assert np.isnan(past[:, 1]).tolist() == [False, False, True] * 35
    last = np.array([3 * FIRST_DAY + len(rows) - 1])
    ahead = standing_ahead([rows], calendar, last, 4)
    assert ahead.tolist() == [[False, False, True, False]]
    assert without_standing(rows, Calendar(), FIRST_DAY) is rows
    assert not standing_ahead([rows], Calendar(), last, 4).any()


def test_a_line_that_often_has_no_output_stands_still_where_many_rows_show_it() -> None:
    places, output = np.arange(200) % 4, np.ones(200)
    output[(np.arange(200) % 2 == 0) | (places == 3)] = 0.0  # every other row; place 3 always
    output[np.arange(200) % 8 == 0] = 2.0
    assert standing_places(output, places, 4).tolist() == [False, False, True, True]
    assert not standing_places(output[:20], places[:20], 4).any()
