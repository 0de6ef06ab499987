"""The adversarial series: each has its trait, and obeys the flow's laws where that allows."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.accuracy import adversarial
from benchmarks.accuracy.adversarial import KINDS
from benchmarks.accuracy.datasets import DataSet

RECORDED_WRONGLY = {"typo on the last day", "outlier in the middle", "two wrong days"}


def values(data: DataSet) -> np.ndarray:
    return data.panel.values.reshape(len(data.panel.series_keys), -1, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_series_are_seeded_consistent_and_split(kind: str) -> None:
    data = adversarial.build(kind, 1)
    found = values(data)
    assert data.name == f"adversarial: {kind}" and adversarial.is_one(data)
    np.testing.assert_array_equal(found, values(adversarial.build(kind, 1)))
    assert kind == "all zero" or not np.array_equal(found, values(adversarial.build(kind, 2)))
    wip, throughput, cycle_time = np.moveaxis(found, -1, 0)
    assert (found[..., :2] >= 0).all() and not (cycle_time < 0).any()
    truth = data.truth()
    assert np.isfinite(truth[0, ..., :2]).all() and len(data.origins) == len(truth)
    assert data.cut == data.origins[0] == data.train.first[0] + data.train.lengths[0]
    if kind in RECORDED_WRONGLY:
        return
    # What came in is WIP's change and what went out: never less than nothing.
    releases = wip[:, 1:] - wip[:, :-1] + throughput[:, :-1]
    assert (releases >= -1e-9 * wip.max()).all()
    known = ~np.isnan(cycle_time)
    if known.any():
        little = wip.sum(axis=1) / throughput.sum(axis=1)
        usual = [
            np.average(c[k], weights=t[k])
            for c, t, k in zip(cycle_time, throughput, known, strict=True)
            if k.any()
        ]
        np.testing.assert_allclose(usual, little[known.any(axis=1)], rtol=0.3)


def test_one_origin_follows_the_day_of_the_fault() -> None:
    bad, typo, stopped = (
        adversarial.build(kind, 1) for kind in ("bad last day", "typo on the last day", "shutdown")
    )
    for data in (bad, typo, stopped):
        assert data.origins.tolist() == [data.cut] and data.truth().shape[2] == 28
    usual = np.median(values(bad)[..., 1], axis=1)
    assert (values(bad)[:, 639, 1] < 0.5 * usual).all()
    assert (values(bad)[:, 640, 1] > 0.6 * usual).all()
    amounts = values(typo)[..., :2]
    assert ((amounts[:, 639] / np.median(amounts, axis=1)).max(axis=1) > 10).all()
    assert (values(stopped)[:, -49:, :2] == 0).all() and np.isnan(stopped.truth()[..., 2]).all()


def test_closed_days_have_no_throughput_and_keep_their_wip() -> None:
    found = values(adversarial.build("closed weekends", 1))
    saturdays, sundays = found[:, 5::7], found[:, 6::7]
    closed = np.concatenate([saturdays, sundays], axis=1)
    assert (closed[..., 1] == 0).all() and np.isnan(closed[..., 2]).all()
    np.testing.assert_array_equal(saturdays[:, : sundays.shape[1], 0], sundays[..., 0])
    assert (found[:, 0::7, 1] > 0).all()


def test_origins_fall_on_all_weekdays() -> None:
    assert len(set(adversarial.build("closed weekends", 1).origins % 7)) == 7


@pytest.mark.parametrize(
    ("kind", "known"),
    [
        ("no cycle times", 0),
        ("closed weekends, no cycle times", 0),
        ("cycle times of some series", 3),
    ],
)
def test_cycle_times_are_left_out(kind: str, known: int) -> None:
    assert (~np.isnan(values(adversarial.build(kind, 1))[..., 2]).all(axis=1)).sum() == known


@pytest.mark.parametrize(
    ("kind", "series", "rows", "mean_throughput"),
    [
        ("five years of months", 1, 60, 1000),
        ("seven weeks", 5, 49, None),
        ("twenty days", 5, 20, None),
        ("small counts", 5, 640, 3),
        ("tiny values", 5, 640, 4e-7),
    ],
)
def test_sizes(kind: str, series: int, rows: int, mean_throughput: float | None) -> None:
    data = adversarial.build(kind, 1)
    assert data.train.lengths.tolist() == [rows] * series
    if mean_throughput:
        assert values(data)[..., 1].mean() == pytest.approx(mean_throughput, rel=0.1)
