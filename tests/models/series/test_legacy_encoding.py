"""The encoding of legacy models, against arithmetic written out."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import numpy as np
import pytest

from models.forecast.legacy_model import roll_levels
from models.series.calendar import Calendar, Step, day_number
from models.series.legacy_encoding import LegacyEncoding
from models.series.legacy_features import CALENDAR, ENHANCED, PLAIN, lead
from models.series.panel import SERIES_FIELDS, TARGETS

FEATURES = (*TARGETS, *SERIES_FIELDS, *CALENDAR)
NO_STOCKS = np.full((2, 1, 2), np.nan)
NAMES = (("A", "B"), ("TV",), ("L", "M", "S"))
DAYS = np.array([day_number(date(2024, 1, 1)), day_number(date(2024, 12, 31))])


def encoding(features: tuple[str, ...] = FEATURES, **more: Any) -> LegacyEncoding:
    width = len(features)
    scaling = np.arange(1.0, width + 1), np.arange(2.0, width + 2)
    return LegacyEncoding.of(Calendar(), 4, NAMES, features, scaling, **more)


def test_keys_are_all_combinations_of_the_names() -> None:
    assert encoding().series_keys[:2] == (("A", "TV", "L"), ("A", "TV", "M"))
    assert len(encoding().series_keys) == 6


@pytest.mark.parametrize("order", [FEATURES, FEATURES[::-1], ("month", "wip", "panel_size")])
def test_rows_hold_the_scaled_features_in_the_stated_order(order: tuple[str, ...]) -> None:
    code = encoding(order)
    series = np.array([0, 5])
    values = np.array([[100.0, 10.0, 9.0], [50.0, 5.0, 8.0]])
    rows = code.encode(values[:, None], DAYS[:, None], series, NO_STOCKS)[:, 0]
    first = [100, 10, 9, 0, 0, 0, 0, 1, 1]  # 2024-01-01 was a Monday
    second = [50, 5, 8, 1, 0, 2, 1, 12, 366]
    for got, true in zip(rows, (first, second), strict=True):
        by_name = dict(zip(FEATURES, true, strict=True))
        wanted = [(by_name[f] - (i + 1)) / (i + 2) for i, f in enumerate(order)]
        np.testing.assert_allclose(got, wanted, rtol=1e-6)
    assert rows.dtype == np.float32


def test_monthly_rows_know_their_own_date() -> None:
    code = LegacyEncoding.of(Calendar(Step.MONTH, 1), 4, NAMES, CALENDAR)
    february = code.calendar.index(np.array([[day_number(date(2024, 2, 1))]]))
    row = code.encode(np.ones((1, 1, 3)), february, np.array([0]), NO_STOCKS[:1])
    assert row[0, 0].tolist() == [3, 2, 32]


def test_rows_before_the_window_are_those_that_features_need() -> None:
    assert (lead(FEATURES), lead(("wip_before",)), lead(ENHANCED)) == (0, 1, 6)
    code = LegacyEncoding.of(Calendar(), 4, NAMES, ENHANCED)
    assert (code.window, code.length) == (4, 10)


def test_stocks_that_are_not_known_are_at_their_mean() -> None:
    code = LegacyEncoding.of(Calendar(), 1, NAMES, PLAIN, (np.full(9, 7.0), np.ones(9)))
    row = code.encode(np.full((1, 1, 3), 8.0), DAYS[None, :1], np.array([0]), NO_STOCKS[:1])
    assert row[0, 0, 1:6].tolist() == [1, 1, 1, 0, 0]


def test_decoded_levels_are_unscaled_and_never_negative() -> None:
    output = np.array([[1.0, -9.0, 2.0]], np.float32)
    last = np.full((1, 3), 7.0)
    assert encoding().decode(output, last, np.array([0])).tolist() == [[3.0, 0.0, 11.0]]
    own = encoding(target_scaling=(np.full(3, 10.0), np.full(3, 2.0)))
    assert own.decode(output, last, np.array([0])).tolist() == [[12.0, 0.0, 14.0]]


def test_targets_that_are_not_forecast_follow() -> None:
    one, zero = np.ones(1), np.zeros(1)
    code = LegacyEncoding(
        Calendar(), 4, NAMES, FEATURES, np.zeros(9), np.ones(9), ("wip",), zero, one
    )
    last = np.array([[1.0, 5.0, 9.0], [1.0, 0.0, 9.0]])
    output = np.array([[20.0], [30.0]], np.float32)
    decoded = code.decode(output, last, np.array([0, 1]))
    assert decoded.tolist() == [[20.0, 5.0, 4.0], [30.0, 0.0, 9.0]]
    assert last[0].tolist() == [1.0, 5.0, 9.0]


def test_a_scaler_is_of_all_features() -> None:
    with pytest.raises(ValueError, match="3 features are scaled, but the model takes 9"):
        LegacyEncoding.of(Calendar(), 4, NAMES, FEATURES, (np.full(3, 9.0), np.ones(3)))


def test_the_roll_out_feeds_levels_back() -> None:
    code = LegacyEncoding.of(Calendar(), 2, NAMES, FEATURES)
    seen = []

    def network(windows: Any, identities: Any) -> Any:
        assert identities is None
        seen.append(windows.copy())
        return windows[:, -1, :3] + 1

    time = DAYS[:1, None] + np.arange(-1, 4)
    zeros = np.zeros((1, 2, 3)), np.zeros((1, 5, 2))
    result = roll_levels(network, code, zeros[0], time, np.array([4]), zeros[1])
    assert result[0, :, 0].tolist() == [1, 2, 3]
    assert seen[1][0, -1].tolist() == [1, 1, 1, 1, 0, 1, 1, 1, 2]  # Tuesday, day 2


def test_documents_give_the_same_encoding_back() -> None:
    document = json.loads(json.dumps(encoding().to_document()))
    again = LegacyEncoding.from_document(document)
    assert again.to_document() == encoding().to_document()
    assert again.series_keys == encoding().series_keys


@pytest.mark.parametrize(
    "change",
    [
        {"features": ["wip", "wip"]},
        {"features": ["colour"]},
        {"features": []},
        {"targets": ["month"]},
        {"mean": [1.0]},
        {"scale": [0.0] * 9},
        {"target_mean": [float("nan")] * 3},
        {"names": {"plant": ["A"]}},
        {"names": dict.fromkeys(("plant", "application", "panel_size"), ["x"] * 200)},
        {"sequence_length": 0},
        {"step": "hour"},
    ],
)
def test_documents_that_do_not_fit_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises((KeyError, ValueError)):
        LegacyEncoding.from_document(encoding().to_document() | change)


def test_names_must_be_of_every_kind() -> None:
    with pytest.raises(ValueError, match="each of plant"):
        LegacyEncoding.of(Calendar(), 4, NAMES[:2], FEATURES)
