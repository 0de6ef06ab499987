"""Rounding to significant digits keeps values, order and what is not finite."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.series.rounding import significant

FINITE = st.floats(-1e12, 1e12).filter(lambda value: value == 0 or abs(value) > 1e-12)


@given(FINITE, st.integers(4, 9))
def test_a_number_is_rounded_as_decimal_text_is(value: float, digits: int) -> None:
    found = significant(np.array([value]), digits)[0]
    assert found == pytest.approx(float(f"{value:.{digits - 1}e}"), rel=1.01 * 10.0 ** (1 - digits))
    assert found == pytest.approx(value, rel=0.5001 * 10.0 ** (1 - digits))


@given(st.lists(FINITE, min_size=2, max_size=9))
def test_order_is_kept(values: list[float]) -> None:
    ordered = significant(np.sort(np.array(values)), 7)
    assert (np.diff(ordered) >= 0).all()


def test_what_is_not_finite_stays() -> None:
    found = significant(np.array([np.nan, np.inf, -np.inf, 0.0]), 7)
    assert math.isnan(found[0]) and found[1:].tolist() == [np.inf, -np.inf, 0.0]
