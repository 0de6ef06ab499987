"""Plans of orders by the pretrained network: dates, probabilities, refusals."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from models.series.calendar import Calendar, Step
from models.services.order_plans import finish_fields, finish_orders, output_fields
from models.services.sample_futures import SampleFutures
from models.services.zero_shot import of_panel
from tests.support.panels import generated_panel, panel_of
from utils.api.schemas.orders import OrderFields, OutputRequest
from utils.errors import InvalidInput

SERIES = {"plant": "p0", "application": "a", "panelSize": "s"}


@pytest.fixture(scope="module")
def futures() -> SampleFutures:
    return SampleFutures(of_panel(generated_panel(days=200), what_if=False), 400, 365)


def answer(futures: SampleFutures, *orders: dict[str, Any]) -> dict[str, Any]:
    parsed = [OrderFields.parse(SERIES | order) for order in orders]
    return finish_fields(finish_orders(futures, parsed), parsed)


def test_a_later_quantile_is_a_later_date(futures: SampleFutures) -> None:
    found = answer(futures, {"quantity": 900, "due": "2024-08-10"})["orders"][0]
    days = [date.fromisoformat(found["finish"][name]) for name in ("p50", "p80", "p90", "p95")]
    assert days == sorted(days) and days[0] > date(2024, 7, 18)
    assert 0 <= found["on_time_probability"] <= 1
    assert found["beyond_horizon_probability"] == 0


def test_on_time_agrees_with_the_quantiles(futures: SampleFutures) -> None:
    p80 = answer(futures, {"quantity": 900})["orders"][0]["finish"]["p80"]
    found = answer(futures, {"quantity": 900, "due": p80})["orders"][0]
    assert found["on_time_probability"] >= 0.8


def test_units_on_top_of_wip_take_longer_and_so_does_a_second_order(futures: SampleFutures) -> None:
    one, on_top = (
        answer(futures, {"quantity": 300} | extra)["orders"][0]["finish"]["p50"]
        for extra in ({}, {"after": "wip"})
    )
    second = answer(futures, {"quantity": 300}, {"quantity": 300})["orders"][1]["finish"]["p50"]
    assert one < on_top and one < second


def test_all_orders_are_out_when_the_last_is(futures: SampleFutures) -> None:
    found = answer(futures, {"quantity": 300}, {"quantity": 400, "plant": "p1"})
    last = max(order["finish"]["p90"] for order in found["orders"])
    assert found["all"]["finish"]["p90"] >= last and found["all"]["correlation"] is not None


def test_paths_of_several_series_are_those_of_each_alone(futures: SampleFutures) -> None:
    several = [futures.history((plant, "a", "s")) for plant in ("p0", "p1")]
    for history, line in zip(several, futures.paths(several, 30), strict=True):
        alone = next(futures.paths([history], 30))
        assert line.throughput == pytest.approx(alone.throughput, rel=1e-5)
        assert line.wip == pytest.approx(alone.wip, rel=1e-5)


def test_what_is_not_finished_within_a_year_has_no_date(futures: SampleFutures) -> None:
    found = answer(futures, {"quantity": 1e6})["orders"][0]
    assert found["beyond_horizon_probability"] == 1 and found["finish"]["p50"] is None


@pytest.mark.parametrize(
    ("order", "field"),
    [
        ({"plant": "p9", "quantity": 5}, "plant"),
        ({"quantity": 5, "due": "2024-07-18"}, "orders.0.due"),  # the last day of the data
        ({"quantity": 5, "startAfter": "2029-01-01"}, "orders.0.startAfter"),
    ],
)
def test_what_cannot_be_answered_is_named(
    futures: SampleFutures, order: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        answer(futures, order)
    assert refused.value.details[0].field == field


def test_output_by_dates_grows_and_adds_up(futures: SampleFutures) -> None:
    dates = ["2024-07-25", "2024-08-25"]
    keys = list(futures.forecaster.encoding.series_keys)
    whole, single = (
        output_fields(futures, OutputRequest(dates=dates, quantity=500, by=by), keys)["outputs"]
        for by in ("all", "series")
    )
    assert whole[0]["mean"] < whole[1]["mean"]
    assert whole[1]["mean"] == pytest.approx(single[1]["mean"] + single[3]["mean"])
    assert whole[0]["probability"] <= whole[1]["probability"] <= 1


def test_a_series_that_ended_before_others_is_named() -> None:
    panel = generated_panel(days=200)
    lengths = panel.lengths - np.array([30, *[0] * (len(panel.lengths) - 1)])
    keep = np.concatenate([np.arange(200) < own for own in lengths])
    early = replace(panel, offsets=np.append(0, lengths.cumsum()), values=panel.values[keep])
    futures = SampleFutures(of_panel(early, what_if=False), 100, 60)
    found = answer(futures, {"quantity": 10}, {"quantity": 10, "plant": "p1"})
    assert len(found["warnings"]) == 1 and "30 steps before" in found["warnings"][0]
    request = OutputRequest.parse({"dates": ["2024-07-25"]})
    assert output_fields(futures, request, [("p1", "a", "s")])["warnings"] == []


def test_months_are_steps_of_months() -> None:
    rows = np.tile([100.0, 50.0, 2.0], (40, 1))
    month = Calendar(Step.MONTH, offset=1)
    panel = panel_of(rows, calendar=month, keys=[("p0", "a", "s")], first=600)
    futures = SampleFutures(of_panel(panel, what_if=False), 100, 36)
    found = answer(futures, {"quantity": 149})["orders"][0]
    assert found["finish"]["p50"] == "2023-07-01"  # the third month after April
