"""Members of a combination, and the weighted mean of their forecasts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from models.forecast.combination import Combination
from models.forecast.look_back import LookBack
from models.forecast.members import LastSeason, LastValue, Member, MemberName, continued

Floats = NDArray[np.float64]


def look_back_of(*series: list[float], known: list[int] | None = None) -> LookBack:
    rows = np.repeat(np.array(series)[..., None], 3, axis=2)
    count, length = rows.shape[:2]
    marks = np.arange(length, 0, -1) <= np.array(known or [length] * count)[:, None]
    return LookBack.of_rows(rows, marks, np.arange(count), np.arange(count))


@dataclass(frozen=True)
class Fixed(Member):
    """A member that forecasts one number, of trained series only or of all."""

    value: float
    trained_only: bool = False
    draws_back: bool = False

    @property
    def reverts(self) -> bool:
        return self.draws_back

    @property
    def look_back(self) -> int:
        return 2

    @property
    def needs_training(self) -> bool:
        return self.trained_only

    def path(self, look_back: LookBack, steps: int) -> Floats:
        return np.full((len(look_back.last), steps, 3), self.value)


def test_naive_members_repeat_the_last_value_and_the_last_season() -> None:
    start = look_back_of([1.0, 2.0, 3.0], [4.0, 4.5, 5.0])
    assert LastValue().path(start, 2)[:, :, 0].tolist() == [[3.0, 3.0], [5.0, 5.0]]
    assert LastSeason(2).path(start, 5)[0, :, 1].tolist() == [2.0, 3.0, 2.0, 3.0, 2.0]


def test_a_series_shorter_than_a_season_repeats_its_last_value() -> None:
    start = look_back_of([9.0, 2.0, 3.0], [4.0, 4.5, 5.0], known=[2, 3])
    assert LastSeason(3).path(start, 3)[..., 0].tolist() == [[3.0] * 3, [4.0, 4.5, 5.0]]


@pytest.mark.parametrize("steps", [1, 4, 5, 11])
def test_a_member_of_few_steps_continues_from_its_own_forecasts(steps: int) -> None:
    def counting(look_back: LookBack, some: int) -> Floats:
        ahead = np.arange(1, some + 1)[:, None] / 100
        return look_back.scaled[:, -1:] + ahead

    start = look_back_of([0.0, 10.0, 1.0])
    found = continued(counting, start, steps, most=4)
    np.testing.assert_allclose(found[0, :, 0], 1 + np.arange(1, steps + 1) / 100)


def test_weights_are_those_of_the_step_and_the_target_and_the_last_ones_hold_beyond() -> None:
    weight = np.array([[1.0, 0.5, 0.0], [0.25, 0.5, 0.0]])
    names = MemberName.AUTOREGRESSION, MemberName.LAST_VALUE
    both = Combination(
        dict(zip(names, (Fixed(2.0), Fixed(4.0)), strict=True)),
        dict(zip(names, (weight, 1 - weight), strict=True)),
    )
    start = look_back_of([0.0, 9.0, 3.0])
    expected = [[2.0, 3.0, 4.0], [3.5, 3.0, 4.0], [3.5, 3.0, 4.0]]
    np.testing.assert_allclose(both.path(start, 3, trained=True)[0], expected)


def test_a_new_series_is_forecast_by_the_members_that_need_no_training() -> None:
    half = np.full((2, 3), 0.5)
    names = MemberName.AUTOREGRESSION, MemberName.LSTM
    both = Combination(
        {names[0]: Fixed(2.0), names[1]: Fixed(4.0, trained_only=True)}, dict.fromkeys(names, half)
    )
    start = look_back_of([0.0, 9.0, 3.0])
    assert both.path(start, 1, trained=True)[0, 0, 0] == 3
    assert both.path(start, 1, trained=False)[0, 0, 0] == 2


def test_a_member_without_weight_is_not_asked() -> None:
    class Unusable(Fixed):
        def path(self, look_back: LookBack, steps: int) -> Floats:
            raise AssertionError("asked")

    members = {MemberName.LSTM: Unusable(0.0), MemberName.LAST_VALUE: LastValue()}
    weights = {MemberName.LSTM: np.zeros((1, 3)), MemberName.LAST_VALUE: np.ones((1, 3))}
    combination = Combination(members, weights)
    assert combination.used == [MemberName.LAST_VALUE] and combination.look_back == 1
    assert combination.path(look_back_of([1.0, 2.0]), 1, trained=True)[0, 0, 0] == 2


@pytest.mark.parametrize("reverts", [True, False])
@pytest.mark.parametrize(("by", "is_new"), [(0.0, False), (0.9, False), (9.0, True), (-9.0, True)])
def test_a_new_level_is_forecast_by_the_pretrained_network_where_others_would_draw_it_back(
    by: float, is_new: bool, reverts: bool
) -> None:
    rows, one = np.zeros((1, 40, 3)), np.zeros(1, int)
    rows[:, -20:, 0] = 1.0 + by if by > 0 else by
    rows[:, ::3] += 0.01  # it does not stand still
    ranges = -np.ones((1, 3)), np.ones((1, 3))
    start = LookBack.of_rows(rows, np.ones((1, 40), bool), one, one, ranges)
    regression = Fixed(0.25, draws_back=reverts)
    members = {MemberName.AUTOREGRESSION: regression, MemberName.PRETRAINED: Fixed(0.75)}
    weights = {MemberName.AUTOREGRESSION: np.ones((1, 3))}
    path = Combination(members, weights).path(start, 2, trained=True)
    assert path[0, 1].tolist() == [0.75 if is_new and reverts else 0.25, 0.25, 0.25]


class Neighbour(Fixed):
    """A member that forecasts the highest WIP, which is an input of an autoregression, too."""

    def path(self, look_back: LookBack, steps: int) -> Floats:
        return np.tile(look_back.scaled[..., :1].max(axis=1, keepdims=True), (steps, 3))


def test_other_targets_of_a_line_at_a_new_level_are_forecast_from_values_that_were_trained_on() -> (
    None
):
    rows, two = np.zeros((2, 40, 3)), np.arange(2)
    rows[0, -20:, 0] = 9.0
    rows[:, ::3] += 0.01  # they do not stand still
    rows[1, -5, 0] = 2.5  # one day only: no new level
    widest = np.tile([1.0, 5.0, 5.0], (2, 1))
    start = LookBack.of_rows(rows, np.ones((2, 40), bool), two, two, (-widest, widest))
    regression = Neighbour(0.0, draws_back=True)
    members = {MemberName.AUTOREGRESSION: regression, MemberName.PRETRAINED: Fixed(0.75)}
    path = Combination(members, {MemberName.AUTOREGRESSION: np.ones((1, 3))}).path(start, 2, True)
    assert path[0, 1].tolist() == [0.75, 2.0, 2.0]  # of 9, a deviation above the range
    assert path[1, 1].tolist() == [2.5] * 3


def test_a_line_that_stands_still_is_forecast_to_stand_still() -> None:
    member = {MemberName.AUTOREGRESSION: Fixed(0.25)}
    combination = Combination(member, {MemberName.AUTOREGRESSION: np.ones((1, 3))})
    still, moving = [0.5] * 6 + [0.0] * 14, [0.5] * 7 + [0.0] * 13
    start = look_back_of(still, moving)
    assert combination.path(start, 2, trained=True)[:, 1, 0].tolist() == [0.0, 0.25]
