"""The splits, origins and runs of the accuracy benchmark; nothing of the peers' libraries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.accuracy import datasets, protocol
from benchmarks.accuracy.protocol import LEVELS, Cache, Forecast
from models.series.calendar import Calendar, Step
from models.series.panel import Panel
from utils.errors import InvalidInput


class LastValue:
    """Repeats the last value, and writes down what it was shown."""

    def __init__(self, settings: dict[str, Any] | None = None) -> None:
        self.settings = settings
        self.shown: list[Panel] = []

    def fit(self, train: Panel, horizon: int) -> None:
        self.shown.append(train)
        self.horizon = horizon

    def forecast(self, past: Panel) -> Forecast:
        self.shown.append(past)
        last = past.values[past.offsets[1:] - 1]
        values = np.repeat(last[:, None], self.horizon, axis=1)
        return Forecast(
            values, {level: values - level for level in LEVELS}, {95: values + 95, 80: values + 80}
        )


def monthly(lengths: list[int], first: list[int]) -> Panel:
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    keys = tuple((f"p{i}", "a", "s") for i in range(len(lengths)))
    values = np.random.default_rng(0).uniform(1, 9, (offsets[-1], 3))
    return Panel(Calendar(Step.MONTH, 1), keys, offsets, np.array(first), values)


def test_default_data_holds_back_a_fifth_and_asks_every_week() -> None:
    data = datasets.generated(1)
    assert len(data.panel.series_keys) == 36 and data.train.lengths.tolist() == [436] * 36
    assert data.truth().shape == (16, 36, 28, 3)
    assert (np.diff(data.origins) == 7).all() and data.origins[0] == data.panel.first[0] + 436
    assert not np.isnan(data.truth()[0]).any()
    # The last origin is four days before the end.
    assert np.isnan(data.truth()[-1, :, :, 0]).sum(axis=1).tolist() == [24] * 36


def test_generated_is_the_same_for_a_seed_and_series_are_added_not_changed() -> None:
    one, other, few = (datasets.generated(*a).panel for a in ((1,), (2,), (1, None, 5)))
    np.testing.assert_array_equal(one.values, datasets.generated(1).panel.values)
    assert not (one.values == other.values).all()
    assert few.series_keys == one.series_keys[:5]
    np.testing.assert_array_equal(few.values, one.values[: len(few.values)])
    assert len(datasets.generated(1, series=40, days=30).panel.series_keys) == 40


@pytest.mark.parametrize(("kind", "naive"), [("noise", "mean"), ("walk", "last")])
def test_artificial_data_leave_nothing_to_learn_but_their_naive(kind: str, naive: str) -> None:
    data = getattr(datasets, kind)(3)
    values = data.panel.values.reshape(12, 545, 3)
    assert (values > 0).all()
    best = values.mean(axis=1, keepdims=True) if naive == "mean" else values[:, :-1]
    change = (values[:, 1:] - best) / values[:, :1]
    now, before = change[:, 1:].ravel(), change[:, :-1].ravel()
    assert abs(np.corrcoef(now, before)[0, 1]) < 0.03


def test_months_are_held_back_by_time_and_late_series_left_out() -> None:
    data = datasets.DataSet.of("m", monthly([40, 40, 10, 20], [600, 600, 630, 600]), 12)
    # One series starts after the cut, one ends before it.
    assert [key[0] for key in data.panel.series_keys] == ["p0", "p1"] and data.cut == 628
    assert data.origins.tolist() == list(range(628, 640)) and data.pace.season == 12
    np.testing.assert_array_equal(data.truth()[3, 1, :9], data.panel.values[40 + 31 : 80])
    with pytest.raises(InvalidInput, match="3 months before 2016-10-01 and one after"):
        datasets.DataSet.of("m", monthly([10], [560]), 9)


def test_table_is_read_as_an_upload(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    rows = [f"2024-{m:02}-{d:02},A,B,C,{d},{m}" for m in (1, 2) for d in range(1, 29)]
    path.write_text("\n".join(["date,plant,application,panel_size,wip,throughput", *rows]))
    data = datasets.table(path, held_back=14)
    assert data.name == "mine" and len(data.origins) == 2
    assert np.isnan(data.truth()[..., 2]).all() and data.truth()[1, 0, :7, 0].tolist() == [
        22, 23, 24, 25, 26, 27, 28
    ]  # fmt: skip


def test_run_shows_a_method_nothing_of_what_it_is_to_forecast() -> None:
    data, method = datasets.generated(1, series=3, days=100), LastValue()
    found = protocol.run(method, data)
    seen = [int((panel.first + panel.lengths).max()) for panel in method.shown]
    assert seen == [data.cut, *data.origins]
    days = data.panel.values.reshape(3, 100, 3)
    np.testing.assert_array_equal(found.values[1, :, 5], days[:, 86])
    np.testing.assert_array_equal(found.lower[80], found.values - 80)
    np.testing.assert_array_equal(found.upper[95], found.values + 95)
    np.testing.assert_array_equal(data.truth()[1, :, :13], days[:, 87:])


def test_run_refuses_forecasts_of_another_shape() -> None:
    class Shorter(LastValue):
        def forecast(self, past: Panel) -> Forecast:
            values = super().forecast(past).values
            return Forecast(values[:, 1:], {}, {})

    with pytest.raises(ValueError, match=r"must have the shape \(3, 28, 3\)"):
        protocol.run(Shorter(), datasets.generated(1, series=3, days=100))


def test_cache_keeps_a_run_of_the_same_data_and_settings_only(tmp_path: Path) -> None:
    data, cache = datasets.generated(1, series=3, days=100), Cache(tmp_path / "new")
    first = cache.run("last value/1", LastValue({"a": 1}), data)
    again = LastValue({"a": 1})
    kept = cache.run("last value/1", again, data)
    assert not again.shown
    np.testing.assert_array_equal(kept.values, first.values)
    for level in LEVELS:
        np.testing.assert_array_equal(kept.lower[level], first.lower[level])
        np.testing.assert_array_equal(kept.upper[level], first.upper[level])
    assert (kept.fit_seconds, kept.forecast_seconds) == (first.fit_seconds, first.forecast_seconds)

    changed = data.panel.values.copy()
    changed[-1, 0] += 1
    others = [
        (LastValue({"a": 2}), data),
        (LastValue({"a": 1}), replace(data, cut=data.cut - 1)),
        (LastValue({"a": 1}), replace(data, panel=replace(data.panel, values=changed))),
        (LastValue(None), data),
    ]
    for method, other in others:
        cache.run("last value/1", method, other)
        assert method.shown
    assert len(list((tmp_path / "new").iterdir())) == 4


def test_stays_are_counted_by_day(tmp_path: Path) -> None:
    path = tmp_path / "stays.csv"
    rows = [f"{i},2024-01-01,2024-02-20,A,{area}" for i, area in enumerate(["X", "Y"])]
    rows += [
        "2,2024-02-01,2024-02-04,A,X",
        "3,2024-02-02 12:00,2024-02-04 06:00,A,X",
        "4,2024-02-10,,A,X",
        "5,2024-02-10,2024-02-10,A,Y",
    ]
    path.write_text("\n".join(["unit,start,finish,kind,area", *rows]))
    data = datasets.stays(path, "W")
    panel = data.panel
    assert panel.series_keys == (("W", "A", "X"), ("W", "A", "Y"))
    # Four weeks are left out; the last day is that of the last finish.
    assert panel.calendar.dates(panel.first) == ["2024-01-29"] * 2
    assert panel.lengths.tolist() == [23, 23]
    x, y = np.split(panel.values, 2)
    assert x[:8, 0].tolist() == [1, 1, 1, 2, 2.5, 3, 1.25, 1]
    assert x[12:, 0].tolist() == [2] * 10 + [1] and x[:, 1].sum() == 3
    assert x[6, 1] == 2 and x[6, 2] == pytest.approx((3 + 1.75) / 2) and x[22, 2] == 50
    assert np.isnan(x[:6, 2]).all() and y[12].tolist() == [1, 1, 0]


def test_origins_can_be_chosen(tmp_path: Path) -> None:
    data, method = datasets.generated(1, series=3, days=100), LastValue()
    chosen = replace(data, steps=(data.cut + 3,))
    found = protocol.run(method, chosen)
    assert found.values.shape == (1, 3, 28, 3) and chosen.truth().shape == (1, 3, 28, 3)
    days = data.panel.values.reshape(3, 100, 3)
    np.testing.assert_array_equal(found.values[0, :, 0], days[:, 82])
    cache = Cache(tmp_path)
    assert len(cache.run("a", LastValue({}), data).values) == 3
    assert len(cache.run("a", LastValue({}), chosen).values) == 1


def test_cache_keeps_totals_and_paths(tmp_path: Path) -> None:
    class Drawing(LastValue):
        def forecast(self, past: Panel) -> Forecast:
            found = super().forecast(past)
            total = found.values.sum(axis=1)
            paths = np.repeat(found.values[:, None], 4, axis=1)
            return replace(found, totals={80: (total - 1, total + 2)}, paths=paths)

    data, cache = datasets.generated(1, series=3, days=100), Cache(tmp_path)
    runs = [cache.run("a", Drawing({}), data) for _ in range(2)]
    for found in runs:
        assert found.paths is not None and found.paths.shape == (3, 3, 4, 28, 3)
        lower, upper = found.totals[80]
        np.testing.assert_array_equal(lower, found.values.sum(axis=2) - 1)
        np.testing.assert_array_equal(upper, found.values.sum(axis=2) + 2)
