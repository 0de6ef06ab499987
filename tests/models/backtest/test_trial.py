"""Past forecasts of a backtest are those that a request would have got."""

from __future__ import annotations

import numpy as np
import pytest

from models.backtest.plan import make_plan
from models.backtest.trial import Trial
from models.forecast.forecaster import History
from models.registry.model_document import ModelDocument
from models.registry.opening import open_forecaster
from models.series.panel import Panel
from tests.support.samples import sample_model
from utils.api.schemas.models import BacktestRequest


@pytest.mark.parametrize("is_trained", [True, False])
def test_they_are_made_from_rows_without_spikes(is_trained: bool) -> None:
    document, network = sample_model()
    forecaster = open_forecaster(ModelDocument.of(document), network)
    key = forecaster.encoding.series_keys[0] if is_trained else ("New", "TV", "L")
    rows = np.random.default_rng(1).lognormal(0, 0.1, (90, 3)) * [100, 50, 2]
    rows[70, 1] *= 20
    first = np.array([forecaster.last_step - 60])
    panel = Panel(forecaster.calendar, (key,), np.array([0, 90]), first, rows)
    request = BacktestRequest.parse({"horizon": 10})
    plan = make_plan(forecaster, ModelDocument.of(document), panel, request)
    found = Trial(forecaster, plan).block(first + 80, np.array([0])).forecast
    asked = forecaster.forecast(History(key, rows[:80], int(first[0]) + 79), 10)
    np.testing.assert_allclose(found.values, asked.values)
    np.testing.assert_allclose(found.upper[80], asked.upper[80])
