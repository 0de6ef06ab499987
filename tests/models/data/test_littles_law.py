"""Little's Law on finite windows: what is true never fails, what is not is found out in time."""

from __future__ import annotations

from dataclasses import replace
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data import littles_law
from models.data.littles_law import FAIL, INCONCLUSIVE, PASS
from models.data.littles_law_flow import EDGES
from models.data_generator import PlantSpec, generate
from models.series.panel import Panel
from tests.support.panels import panel_of
from tests.support.queue_simulation import Floats, queue, table, units

SEEDS = range(12)
WRONG = {
    "cycle times × 1.3": lambda rows: rows * [1, 1, 1.3],
    "cycle times ÷ 1.3": lambda rows: rows / [1, 1, 1.3],
    "WIP × 1.3": lambda rows: rows * [1.3, 1, 1],
    "WIP + 30 % of its mean": lambda rows: rows + np.array([0.3 * rows[:, 0].mean(), 0, 0]),
}


def verdicts(*series: Floats) -> list[str]:
    return littles_law.judge(panel_of(*series)).verdict.tolist()


@pytest.mark.parametrize("begin", [0, 37, 150])
def test_the_law_is_exact_with_the_ages_at_the_edges(begin: int) -> None:
    """The identity that all rests on, with ages that a table does not tell."""
    arrivals, departures = units(1, 800)
    steps = 100
    rows = table(arrivals, departures, begin, steps, stock=False)

    def ages(time: float) -> float:
        present = (arrivals <= time) & (departures > time)
        return float((time - arrivals[present]).sum())

    service = np.nansum(rows[:, 1] * rows[:, 2])
    assert rows[:, 0].sum() == pytest.approx(service + ages(begin + steps) - ages(begin))


@given(
    seed=st.integers(0, 2**32),
    cycle_times=st.sampled_from([1, 3, 10, 30]),
    stock=st.booleans(),
    servers=st.sampled_from([1, 5]),
)
def test_true_data_never_fails(seed: int, cycle_times: int, stock: bool, servers: int) -> None:
    assert verdicts(queue(seed, cycle_times, stock, servers)) != [FAIL]


def test_true_data_passes_once_it_is_long_enough() -> None:
    assert verdicts(*(queue(seed, 1) for seed in SEEDS)) == [INCONCLUSIVE] * len(SEEDS)
    assert verdicts(*(queue(seed, 100) for seed in SEEDS)) == [PASS] * len(SEEDS)


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_data_fails_once_it_is_long_enough(wrong: str) -> None:
    spoil = WRONG[wrong]
    assert verdicts(*(spoil(queue(seed, 1)) for seed in SEEDS)) == [INCONCLUSIVE] * len(SEEDS)
    assert verdicts(*(spoil(queue(seed, 60)) for seed in SEEDS)) == [FAIL] * len(SEEDS)


@pytest.mark.parametrize("wrong", WRONG)
def test_a_pass_means_that_larger_deviations_do_not_hide(wrong: str) -> None:
    true = [queue(seed, 40) for seed in SEEDS]
    found = littles_law.judge(panel_of(*true))
    spoiled = littles_law.judge(panel_of(*(WRONG[wrong](rows) for rows in true)))
    sharp = found.detectable < 0.2
    assert sharp.sum() > 5 and set(found.verdict[sharp]) == {PASS}
    assert set(spoiled.verdict[sharp]) == {FAIL}


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("base_wip", [20, 100, 1500])
def test_generated_data_never_fails_and_passes_when_long(noise: float, base_wip: float) -> None:
    for days, wanted in ((30, {INCONCLUSIVE}), (1500, {PASS})):
        spec = PlantSpec(("A", "B"), ("C",), ("D",), days, base_wip, 50, 0.2, noise, 3)
        columns = next(generate(spec)).columns
        rows = [np.stack([columns[n][s] for n in ("wip", "throughput", "cycle_time")], axis=1)
                for s in range(2)]  # fmt: skip
        assert set(verdicts(*rows)) == wanted


def test_the_worst_window_is_where_the_error_is() -> None:
    rows = np.tile([40.0, 20.0, 2.0], (400, 1))
    rows[200:250, 0] = 60
    found = littles_law.judge(panel_of(rows, np.tile([40.0, 20.0, 2.0], (400, 1))))
    assert found.verdict.tolist() == [FAIL, PASS]
    begin, end = found.worst[0]
    assert 185 <= begin <= 215 and 235 <= end <= 265
    assert found.worst_deviation[0] == pytest.approx(1 / 3, abs=0.1)
    assert found.worst_deviation[0] > found.worst_allowance[0] > 0


def test_what_piles_up_may_be_as_old_as_the_data() -> None:
    """One unit more stays each step, for good: cycle times of what leaves say nothing of it."""
    rows = np.tile([40.0, 20.0, 2.0], (400, 1))
    rows[:, 0] += np.arange(400)
    assert verdicts(rows) == [INCONCLUSIVE]


@pytest.mark.parametrize(
    ("known", "verdict"), [(400, PASS), (395, PASS), (200, INCONCLUSIVE), (9, INCONCLUSIVE)]
)
def test_unknown_cycle_times_widen_what_is_allowed(known: int, verdict: str) -> None:
    rows = np.tile([40.0, 20.0, 2.0], (400, 1))
    rows[np.random.default_rng(0).permutation(400)[known:], 2] = np.nan
    found = littles_law.judge(panel_of(rows))
    assert found.verdict.tolist() == [verdict] and found.known.tolist() == [known]


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((50, 3)),
        np.tile([5.0, 0.0, np.nan], (50, 1)),
        np.tile([0.0, 5.0, 0.0], (50, 1)),
        np.array([[1.0, 1.0, 1.0]]),
        np.tile([1.0, 1.0, np.nan], (50, 1)),
    ],
)
def test_series_without_a_law_to_judge_are_inconclusive_beside_others(rows: Floats) -> None:
    good = queue(5, 100)
    together, alone = (
        littles_law.judge(panel_of(rows, good, rows)),
        littles_law.judge(panel_of(good)),
    )
    assert together.verdict.tolist() == [INCONCLUSIVE, PASS, INCONCLUSIVE]
    assert together.detectable[1] == pytest.approx(alone.detectable[0])


def test_verdicts_do_not_depend_on_units_nor_on_other_series() -> None:
    series = [queue(seed, 30) * [10.0**seed, 10.0**seed, 1] for seed in range(9)]
    together = littles_law.judge(panel_of(*series))
    for seed, rows in enumerate(series):
        alone = littles_law.judge(panel_of(rows / [10.0**seed, 10.0**seed, 1]))
        assert together.verdict[seed] == alone.verdict[0]
        assert together.deviation[seed] == pytest.approx(alone.deviation[0], abs=1e-6)


def test_blocks_of_series_are_judged_alike() -> None:
    count = 2 * littles_law.SERIES_PER_BLOCK + 3
    found = littles_law.judge(panel_of(*[queue(1, 30)] * count))
    assert len(found.verdict) == count and np.ptp(found.detectable) < 1e-9


def test_all_windows_between_the_spans_of_a_series_are_judged() -> None:
    lengths = (11, 32, 1, 33, 34, 2, 100)
    found = littles_law.judge(panel_of(*(np.tile([1, 2, 0.5], (length, 1)) for length in lengths)))
    spans = [min(length - 1, EDGES) if length > 10 else 0 for length in lengths]
    assert found.windows.tolist() == [comb(span, 2) for span in spans]


def test_any_panel_is_judged_without_a_warning() -> None:
    rng = np.random.default_rng(0)
    series = [rng.exponential(1, (rng.integers(1, 60), 3)) for _ in range(40)]
    mixed: Panel = panel_of(*series)
    values = np.where(rng.random(mixed.values.shape) < [0, 0, 0.3], np.nan, mixed.values)
    assert len(littles_law.judge(replace(mixed, values=values)).verdict) == 40
