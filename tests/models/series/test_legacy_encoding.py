"""The encoding of legacy models, against arithmetic written out."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import numpy as np
import pytest

from models.forecast.legacy_model import roll_levels
from models.series.calendar import Calendar, Step, day_number
from models.series.legacy_encoding import FEATURES, LegacyEncoding, feature_order

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
    rows = code.rows(values, code.context_features(DAYS, series), series)
    first = [100, 10, 9, 0, 0, 0, 0, 1, 1]  # 2024-01-01 was a Monday
    second = [50, 5, 8, 1, 0, 2, 1, 12, 366]
    for got, true in zip(rows, (first, second), strict=True):
        by_name = dict(zip(FEATURES, true, strict=True))
        wanted = [(by_name[f] - (i + 1)) / (i + 2) for i, f in enumerate(order)]
        np.testing.assert_allclose(got, wanted, rtol=1e-6)
    assert rows.dtype == np.float32


def test_monthly_rows_know_their_own_date() -> None:
    code = LegacyEncoding.of(Calendar(Step.MONTH, 1), 4, NAMES, feature_order(9))
    february = code.calendar.index(np.array([day_number(date(2024, 2, 1))]))
    assert code.context_features(february, np.array([0]))[0].tolist() == [0, 0, 0, 3, 2, 32]


def test_rows_without_names_and_dates_are_the_values_alone() -> None:
    code = encoding(feature_order(3))
    around = code.context_features(DAYS, np.array([0, 1]))
    assert around.shape == (2, 0)
    assert code.rows(np.ones((2, 3)), around, np.array([0, 1])).shape == (2, 3)


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


def test_a_scaler_of_some_features_leaves_the_others_as_they_are() -> None:
    code = LegacyEncoding.of(Calendar(), 4, NAMES, feature_order(6), (np.full(3, 9.0), np.ones(3)))
    assert code.mean.tolist() == [9, 9, 9, 0, 0, 0]
    assert code.target_mean.tolist() == [9, 9, 9]
    with pytest.raises(ValueError, match="9 features are scaled"):
        LegacyEncoding.of(Calendar(), 4, NAMES, feature_order(6), (np.zeros(9), np.ones(9)))


def test_the_roll_out_feeds_levels_back() -> None:
    code = LegacyEncoding.of(Calendar(), 2, NAMES, feature_order(9))
    seen = []

    def network(windows: Any, identities: Any) -> Any:
        assert identities is None
        seen.append(windows.copy())
        return windows[:, -1, :3] + 1

    context = np.zeros((1, 2, 3))
    result = roll_levels(network, code, context, DAYS[:1], np.array([4]), 3)
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


def test_names_must_be_of_every_kind_and_widths_usual() -> None:
    with pytest.raises(ValueError, match="each of plant"):
        LegacyEncoding.of(Calendar(), 4, NAMES[:2], FEATURES)
    assert feature_order(9) == FEATURES
    for width in (2, 10):
        with pytest.raises(ValueError, match="3 to 9"):
            feature_order(width)
