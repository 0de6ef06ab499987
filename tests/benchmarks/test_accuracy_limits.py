"""The limits of the accuracy benchmark, and the tables that show them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from benchmarks.accuracy import adversarial, datasets, limits, report, scores
from benchmarks.accuracy.protocol import Run


def score(wape: dict[str, float], coverage: dict[str, float], winkler: float) -> dict[str, Any]:
    interval = {"coverage": coverage, "width": 0.1, "winkler": winkler}
    blocks = {  # two of time, of one series; all errors, and values inside, are in the first
        "known": {band: [[50], [50]] for band in wape},
        "errors": {band: [[value], [0]] for band, value in wape.items()},
        "inside": {"80": {band: [[100 * share - 50], [50]] for band, share in coverage.items()}},
        "winkler": {"80": [[winkler], [0]]},
    }
    found = {"wape": {"wip": wape}, "intervals": {"wip": {"80": interval}}}
    return found | {"blocks": {"wip": blocks}}


SCORES = {
    "last-value": score({"1": 0.10, "all": 0.30}, {"1": 0.5, "all": 0.5}, 0.9),
    "seasonal-naive": score({"1": 0.20, "all": 0.20}, {"1": 0.5, "all": 0.5}, 0.8),
    "AutoETS": score({"1": 0.12, "all": 0.18}, {"1": 0.5, "all": 0.5}, 0.4),
    "service": score({"1": 0.104, "all": 0.185}, {"1": 0.87, "all": 0.82}, 0.3),
}


def test_errors_are_held_against_the_best_peer_and_the_better_naive() -> None:
    first, overall = limits.errors(SCORES)
    assert (first.band, first.peer, first.naive) == ("1", "last-value", "last-value")
    assert first.to_peer == (pytest.approx(1.04), 1.05, pytest.approx(0)) and first.to_peer.met
    assert first.to_naive == (pytest.approx(1.04), 1.0, pytest.approx(0)) and not first.to_naive.met
    assert (overall.band, overall.peer, overall.naive) == ("all", "AutoETS", "seasonal-naive")
    assert (
        overall.to_peer == (pytest.approx(0.185 / 0.18), 1.0, pytest.approx(0))
        and not overall.to_peer.met
    )
    assert overall.to_naive is not None and overall.to_naive.met


def test_intervals_are_held_against_their_level_where_rows_are_enough() -> None:
    (found,) = limits.intervals(SCORES, 200)
    assert found.overall == (pytest.approx(2), 3.0, pytest.approx(18)) and found.overall.met
    assert found.worst == (pytest.approx(7), 6.0, pytest.approx(13)) and not found.worst.met
    assert found.worst.may_be_chance
    assert found.peer == "AutoETS" and found.to_peer == (pytest.approx(0.75), 1.0, pytest.approx(0))
    (short,) = limits.intervals(SCORES, 199)
    assert short.overall is None and short.worst is None and short.to_peer is not None


def test_without_peers_there_is_nothing_to_check() -> None:
    alone = {"service": SCORES["service"]}
    assert [(one.to_peer, one.to_naive) for one in limits.errors(alone)] == [(None, None)] * 2
    assert limits.intervals(alone, 200)[0].to_peer is None


@pytest.mark.parametrize(
    ("value", "other", "expected"),
    [(1, 2, 0.5), (0, 0, 1), (1e-7, 1e-8, 1), (0.02, 0, 2000), (0, 0.1, 1e-4)],
)
def test_ratio(value: float, other: float, expected: float) -> None:
    assert limits.ratio(value, other) == pytest.approx(expected)


def repeated(data: datasets.DataSet, factor: float) -> Run:
    """The last values times a factor, with bounds, totals and paths."""
    last = np.stack([datasets.until(data.panel, int(o)).filled() for o in data.origins[:1]])
    ends = data.train.offsets[1:] - 1
    shape = data.truth().shape
    values = np.broadcast_to(factor * last[0][ends][None, :, None], shape).copy()
    total = values.sum(axis=2)
    bounds = {level: values * (1 - level / 200) for level in (80, 95)}
    upper = {level: values * (1 + level / 200) for level in (80, 95)}
    paths = np.stack([values * 0.9, values * 1.1], axis=2)
    totals = {80: (total * 0.8, total * 1.2)}
    weights = {"one": np.full((28, 3), 0.25), "other": np.full((28, 3), 0.75)}
    return Run(values, bounds, upper, 1.0, 0.1, totals, paths, weights)


def test_document_shows_errors_intervals_totals_and_limits() -> None:
    data = datasets.generated(1, series=2, days=240)
    judged = {
        name: scores.judge(data, repeated(data, factor))
        for name, factor in {"last-value": 1.2, "seasonal-naive": 1.1, "service": 1.0}.items()
    }
    text = report.document(data, judged)
    for part in ("| WIP all |", "sum TH", "80: sum covered", "best peer", "best Winkler"):
        assert part in text
    assert re.search(r"\| WIP +\| 15–28 \| +25 \| +75 \|", text)
    assert "Limits kept: " in text and " of 48. Missed by at most two standard errors: " in text
    assert "best peer" not in report.document(data, {"service": judged["service"]})


def test_adversarial_series_have_a_row_each() -> None:
    by_kind = {}
    for kind in ("constant", "all zero", "no cycle times"):
        data = adversarial.build(kind, 1)
        by_kind[data.name] = {
            name: scores.judge(data, repeated(data, factor))
            for name, factor in {"last-value": 1.0, "service": 4.0}.items()
        }
    by_kind["adversarial: twenty days"] = {
        "last-value": by_kind["adversarial: constant"]["last-value"],
        "service": {"failed": "too few rows"},
    }
    lines = report.adversarial(by_kind).splitlines()[4:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0][:4] == ["constant", "0.00", "300.00", "300000.00"]
    assert cells[0][-1].startswith("service: above 3 × the largest (")
    assert cells[1] == ["all zero", "0.00", "0.00", "1.00", "0.00", "0.00", "1.00", *"–––", "–"]
    assert cells[2][7:10] == ["–", "–", "–"]
    assert cells[3][2:4] == ["–", "–"] and cells[3][-1] == "service: too few rows"
