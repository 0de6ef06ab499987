"""The examples in the docstrings of the modules that compute give what they state."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest

MODULES = [
    "benchmarks.accuracy.uncertainty",
    "utils.bounded_cache",
    "models.data.reading.event_columns",
    "models.data.events.event_log",
    "models.data.events.flow_figures",
    "models.data_generator",
    "models.forecast.autoregression",
    "models.forecast.intervals",
    "models.forecast.pretrained_inputs",
    "models.forecast.reconciliation",
    "models.forecast.asked_state",
    "models.forecast.error_record",
    "models.forecast.error_size",
    "models.forecast.what_if",
    "models.planning.batched_line",
    "models.planning.clearing_function",
    "models.planning.closed_line",
    "models.planning.finish",
    "models.planning.flow_model",
    "models.planning.flow_paths",
    "models.planning.line_plan",
    "models.planning.queueing",
    "models.planning.residence",
    "models.planning.time_distribution",
    "models.pretraining.demand",
    "models.pretraining.examples",
    "models.pretraining.observation",
    "models.pretraining.simulator",
    "models.pretraining.statistical",
    "models.reports.report_texts",
    "models.series.calendar",
    "models.series.error_measures",
    "models.series.features",
    "models.series.first_passage",
    "models.series.line_clearing",
    "models.series.line_simulation",
    "models.series.panel",
    "models.series.plant_calendars",
    "models.series.scaling",
    "utils.forecast_review",
    "utils.validation",
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_hold(name: str) -> None:
    found = doctest.testmod(import_module(name))
    assert found.attempted and not found.failed
