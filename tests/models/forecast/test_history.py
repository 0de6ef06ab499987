"""The history of a request is joined to the end of the training data without gap or overlap."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.forecast.forecast_reply import forecast_reply
from models.forecast.forecaster import Forecaster, History
from models.forecast.history import history_of
from models.registry.model_document import ModelDocument
from models.registry.opening import open_forecaster
from tests.support.samples import sample_model
from utils.api.schemas.forecasting import PredictRequest
from utils.errors import InvalidInput


@pytest.fixture(scope="module")
def forecaster() -> Forecaster:
    document, network = sample_model()
    return open_forecaster(ModelDocument.of(document), network)


def known_history(forecaster: Forecaster) -> History:
    known = forecaster.recent_history(forecaster.encoding.series_keys[0])
    assert known is not None
    return known


def joined(forecaster: Forecaster, count: int, last_step: int) -> History:
    """The history of a request with `count` rows up to a step."""
    plant, application, panel_size = known_history(forecaster).series_key
    dates = forecaster.calendar.dates(np.arange(last_step + 1 - count, last_step + 1))
    rows = [
        {"date": date, "wip": 1000 + i, "throughput": 500, "cycle_time": 2}
        for i, date in enumerate(dates)
    ]
    fields: dict[str, Any] = {"plant": plant, "application": application, "panelSize": panel_size}
    request = PredictRequest.parse(fields | {"model_id": "m", "history": rows})
    return history_of(forecaster, (plant, application, panel_size), request, 1_000)


@pytest.mark.parametrize("beyond", [-3, 0, 1, 4])
def test_rows_that_adjoin_or_overlap_follow_the_known_ones(
    forecaster: Forecaster, beyond: int
) -> None:
    known = known_history(forecaster)
    found = joined(forecaster, 4, known.last_step + beyond)
    assert found.last_step == known.last_step + beyond
    before = len(known.rows) - (4 - beyond)
    np.testing.assert_array_equal(found.rows[:-4], known.rows[:before])
    assert found.rows[-4:, 0].tolist() == [1000, 1001, 1002, 1003]


def test_rows_that_begin_before_the_known_ones_replace_them_all(forecaster: Forecaster) -> None:
    known = known_history(forecaster)
    count = len(known.rows) + 2
    found = joined(forecaster, count, known.last_step)
    assert found.rows[:, 0].tolist() == list(range(1000, 1000 + count))


def test_a_gap_leaves_the_rows_of_the_request_alone(forecaster: Forecaster) -> None:
    known, length = known_history(forecaster), forecaster.encoding.length
    assert len(joined(forecaster, length, known.last_step + length + 1).rows) == length
    with pytest.raises(InvalidInput, match=f"at least {length} rows"):
        joined(forecaster, length - 1, known.last_step + length + 1)


@pytest.mark.parametrize("takes_history", [True, False])
def test_an_unknown_series_is_told_of_a_history_where_one_can_be_sent(
    forecaster: Forecaster, takes_history: bool
) -> None:
    with pytest.raises(InvalidInput, match="must be one that the model was trained on") as refused:
        forecaster.check(("no such plant", "a", "s"), takes_history)
    assert ("send the series' history" in str(refused.value)) is takes_history


@pytest.mark.parametrize(("steps", "warned"), [(0, False), (3, False), (4, True), (200, True)])
def test_a_series_that_ended_before_the_others_has_a_warning(steps: int, warned: bool) -> None:
    document, network = sample_model()
    first, *others = document["series"]
    first = first | {"last_step": first["last_step"] - steps}
    shorter = document | {"series": [first, *others]}
    forecaster = open_forecaster(ModelDocument.of(shorter), network)
    plant, application, panel_size = first["key"]
    fields = {"plant": plant, "application": application, "panelSize": panel_size}
    request = PredictRequest.parse(fields | {"model_id": "m", "predictionDays": 2})
    history = history_of(forecaster, (plant, application, panel_size), request, 1_000)
    reply = forecast_reply(forecaster, history, request, forecaster.forecast(history, 2))
    end = forecaster.calendar.dates(np.array([first["last_step"]]))[0]
    found = [text for text in reply.validation.warnings if f"end on {end}, {steps} steps" in text]
    assert len(found) == warned
