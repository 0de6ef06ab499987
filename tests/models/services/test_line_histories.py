"""The history of a line for its curve: the weekdays on which it is closed."""

from __future__ import annotations

import numpy as np
import pytest

from models.services.line_histories import line_rows
from tests.support.panels import panel_of

_DAYS = np.arange(210)  # from a Monday on


@pytest.mark.parametrize(
    ("output", "closed"),
    [
        (np.where(_DAYS % 7 == 3, 0.0, 50.0), [3]),
        (np.where(_DAYS % 7 == 3, 0.0, np.where(_DAYS == 77, 1e7, 50.0)), [3]),  # a wrong day
        (np.where(_DAYS % 9 == 4, 300.0, 0.0), []),  # lots, on any weekday
        (np.where(_DAYS % 7 == 3, 300.0, 0.0), [0, 1, 2, 4, 5, 6]),  # a lot on Thursdays
        (np.zeros(210), []),
    ],
)
def test_closed_weekdays_are_those_without_output_but_for_lots(
    output: np.ndarray, closed: list[int]
) -> None:
    rows = np.column_stack([np.full(210, 400.0), output, np.full(210, np.nan)])
    assert line_rows(panel_of(rows), (None, None, None)).closed_weekdays == closed
