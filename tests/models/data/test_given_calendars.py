"""Working calendars of requests: read, checked, kept with data sets and used in forecasts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.data.dataset_calendars import calendars_in, change, load_with
from models.data.datasets import Datasets
from models.data.given_calendars import given_calendars
from models.forecast.forecast_reply import reply_days
from models.forecast.history import history_of
from models.series.working_calendar import WorkingCalendar, span_of
from models.services.zero_shot import of_panel
from tests.support.factory_tables import KEYS, factory_table
from utils.api.schemas.calendar import calendars_of
from utils.api.schemas.forecasting import PredictRequest
from utils.errors import InvalidInput

WEEK = WorkingCalendar(weekdays=(1, 2, 3, 4, 5))


@pytest.fixture(name="datasets")
def _datasets(tmp_path: Path) -> Datasets:
    return Datasets(tmp_path, 10**6, 10**9)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"weekday": [1]}, "calendar.weekday is not a known field; did you mean weekdays"),
        ({"weekdays": [0]}, "calendar.weekdays.0 must be at least 1"),
        ({"weekdays": []}, "calendar.weekdays must have at least 1"),
        ({"closed": ["2026-13-01"]}, "calendar.closed.0 must be a date"),
        ({"closed": ["2026-02-01/2026-01-01"]}, "must not end before it begins"),
        ({"closed": ["2026-02-01/2036-01-01"]}, "at most 732 days"),
        ({"closed": [f"{y}-01-01/{y + 1}-12-31" for y in range(2026, 2050)]}, "at most 5,000 days"),
        ({"North": {"country": "Germny"}}, "calendar.North.country: must be .* did you mean DE"),
        ({"Nroth": {"country": "DE"}}, "did you mean North"),
        ({"subdivision": "BY"}, "needs the country"),
    ],
)
def test_a_calendar_that_breaks_a_rule_is_refused_with_its_place(value: Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        given_calendars(calendars_of(value), ["North", "South"])


def test_a_given_calendar_adds_to_the_one_that_is_recognised(datasets: Datasets) -> None:
    made = factory_table(WEEK)
    given = calendars_of({"country": "DE", "closed": ["2022-12-27/2022-12-30"]})
    document = datasets.add_rows(made.rows, calendar=given)
    found = calendars_in(document)["North"]
    assert found["weekdays"] == [1, 2, 3, 4, 5]
    assert found["country"] == "DE"
    assert found["closed"] == ["2022-12-27/2022-12-30"]
    # The holidays that the rows have output on were worked.
    assert found["open"] == ["2022-04-15", "2022-04-18", "2022-05-26", "2022-06-06"]
    [warning] = document["read_as"]["warnings"]
    assert "North has output on 2022-04-15 and 3 more days" in warning


def test_the_calendar_of_a_data_set_can_be_changed(datasets: Datasets) -> None:
    id = datasets.add_rows(factory_table(WEEK).rows)["dataset_id"]
    before = datasets.load(id)
    change(datasets, id, calendars_of({"North": {"closed": ["2022-08-01/2022-08-12"]}}))
    document = datasets.store.document(id)
    assert calendars_in(document)["North"]["closed"] == ["2022-08-01/2022-08-12"]
    assert np.array_equal(datasets.load(id).values, before.values, equal_nan=True)
    monday = span_of("2022-08-01")[0]
    assert not datasets.load(id).calendar.working[0].is_open(np.array([monday])).any()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"weekdays": [1, 2, 3, 4, 5, 6]}, "must have open days with rows only"),
        ({"South": {"country": "DE"}}, "must name plants of the data"),
    ],
)
def test_a_calendar_that_does_not_fit_the_rows_changes_nothing(
    datasets: Datasets, value: Any, words: str
) -> None:
    id = datasets.add_rows(factory_table(WEEK).rows)["dataset_id"]
    before = datasets.store.document(id)
    with pytest.raises(InvalidInput, match=words):
        change(datasets, id, calendars_of(value))
    assert datasets.store.document(id) == before


def test_a_training_may_take_another_calendar(datasets: Datasets) -> None:
    id = datasets.add_rows(factory_table(WEEK).rows)["dataset_id"]
    panel = load_with(datasets, id, calendars_of({"country": "DE"}))
    assert panel.calendar.working[0].country == "DE"
    assert load_with(datasets, id, None).calendar.working[0].country is None


@pytest.mark.parametrize(
    ("fields", "closed"),
    [
        ({}, ["2022-07-23", "2022-07-24", "2022-07-30", "2022-07-31"]),
        ({"working_days_only": True}, []),
        (
            {"calendar": {"closed": ["2022-07-25/2022-07-29"]}},
            [f"2022-07-{day}" for day in (*range(23, 32),)],
        ),
        ({"calendar": {"weekdays": [1, 2, 3, 4, 5, 6]}}, ["2022-07-24", "2022-07-31"]),
        ({"calendar": {"South": {"weekdays": [1]}}}, None),
    ],
)
def test_a_forecast_follows_the_calendar_of_its_request(
    datasets: Datasets, fields: dict[str, Any], closed: list[str] | None
) -> None:
    id = datasets.add_rows(factory_table(WEEK, days=201).rows)["dataset_id"]  # to 2022-07-22
    forecaster = of_panel(datasets.load(id), what_if=False)
    key = dict(zip(("plant", "application", "panelSize"), KEYS[0], strict=True))
    body = {"model_id": "pretrained", "predictionDays": 10, **key, **fields}
    request = PredictRequest.parse(body)
    if closed is None:
        with pytest.raises(InvalidInput, match="must name plants"):
            history_of(forecaster, KEYS[0], request, 1000)
        return
    history = history_of(forecaster, KEYS[0], request, 1000)
    days = reply_days(history, request)
    assert [d for d, shut in zip(days.dates, days.closed, strict=True) if shut] == closed
    assert len(days.dates) == 10
    forecast = forecaster.forecast(history, days.steps, 50)
    spread = days.spread(forecast, history.rows[-1])
    assert (spread.values[0, days.closed, 1] == 0).all()
    assert (spread.values[0, ~days.closed, 1] > 0).all()
    assert spread.paths is not None
    assert spread.paths[0, :, :, 1].sum() == pytest.approx(
        forecast.paths[0, :, : days.steps, 1].sum()
    )
