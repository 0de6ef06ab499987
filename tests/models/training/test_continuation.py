"""Trainings that go on from a published model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.registry.model_document import ModelDocument
from models.series.calendar import Calendar, Step
from models.series.panel import Panel
from models.training import network, train
from models.training.continuation import Continuation
from models.training.member_errors import trial_errors
from models.training.prepare import prepare
from tests.support.panels import FIRST_DAY, generated_panel, panel_of
from tests.support.trainings import TINY
from utils.api.architectures import DESIGNS, PLAIN, Design
from utils.errors import Conflict

pytestmark = pytest.mark.training

DAYS, MORE, CUT = 100, 130, 80  # days of both trainings, and of the first that it trained on


def days_of(panel: Panel, days: int) -> Panel:
    """Return the first days of a panel of two series."""
    return panel_of(
        *(panel.values[begin : begin + days] for begin in panel.offsets[:-1]),
        keys=panel.series_keys,
    )


@pytest.fixture(scope="module")
def grown() -> Panel:
    return generated_panel(MORE)


def continuation_of(panel: Panel, design: Design = PLAIN) -> Continuation:
    """Return the continuation of a model with random weights."""
    prepared = prepare(panel, TINY, design)
    built, rng = train.build(prepared, TINY, 1), np.random.default_rng(0)
    built.set_weights([rng.uniform(0.1, 0.5, w.shape) for w in built.get_weights()])
    share = {"per_target": {"wip": {"members": {"lstm": {"weight": 0.25}}}}}
    document = ModelDocument.of(
        {
            "architecture": design.architecture,
            "metrics": {"combination": share},
            "model_summary": {"design": design.to_config() | {"later": 1}},
            "encoding": prepared.encoding.to_document(),
            "split": {
                "held_back_from": panel.calendar.dates(np.array([prepared.cut]))[0],
                "calibration_from": None,
                "last_date": "",
            },
        }
    )
    return Continuation.of(document, built)


@pytest.mark.parametrize("design", DESIGNS.values())
def test_a_network_begins_with_the_weights_and_names_of_the_other(
    design: Design, grown: Panel
) -> None:
    first = continuation_of(days_of(grown, DAYS), design)
    assert (first.design, first.held_back_from) == (design, FIRST_DAY + CUT)
    assert first.lstm_share.tolist() == [0.25, 0, 0]
    keys = [("o", "a", "s"), *grown.series_keys]  # a new plant, before the others
    more = panel_of(grown.values[:MORE], *np.split(grown.values, 2), keys=keys)
    prepared = prepare(more, TINY, design, first.unseen_from(more.calendar))
    built = train.build(prepared, TINY, 1, first)
    windows = np.random.default_rng(0).normal(size=(2, 5, prepared.encoding.width)).astype("f4")
    before, now = np.array([[0, 2, 3], [1, 2, 3]], "i4"), np.array([[1, 3, 4], [2, 3, 4]], "i4")
    output = built([windows, now]).numpy()
    np.testing.assert_array_equal(output, first.network([windows, before]).numpy())
    assert output.any()
    embedded = built.get_layer(network.NAMES).get_weights()[0]
    np.testing.assert_allclose(embedded[0], embedded[1:3].mean(axis=0), rtol=1e-6)
    assert first.warnings(prepared.encoding.names) == [
        "New to the network, plant: o. For these it begins with the mean of those that it knows."
    ]
    assert first.warnings([["p0"], [], []]) == []


def test_a_model_is_measured_on_rows_that_it_was_never_trained_on(grown: Panel) -> None:
    # Older rows, found later, move the usual split into what it was trained on.
    for unseen_from, cut in ((FIRST_DAY + 90, FIRST_DAY + 104), (FIRST_DAY + 120, FIRST_DAY + 120)):
        prepared = prepare(grown, TINY, unseen_from=unseen_from)
        assert prepared.panel.time[prepared.windows.held_back].min() == cut
        assert prepared.panel.time[prepared.train_rows].max() == cut - 1


def test_only_trials_of_steps_that_are_new_to_the_network_count(grown: Panel) -> None:
    prepared = prepare(grown, TINY, unseen_from=FIRST_DAY + 95)
    origins = prepared.choice.trials.origins  # type: ignore[union-attr]
    assert prepared.trial_cut == origins[origins >= FIRST_DAY + 95].min()
    path = np.zeros((len(origins) * 2, prepared.horizon, 3))
    for given in (path, None):
        errors = trial_errors(prepared, given)
        assert errors is not None
        known = np.isfinite(errors.errors["lstm"]).any(axis=(1, 2, 3))
        assert list(known) == list((origins >= FIRST_DAY + 95) & (given is not None))
    assert prepare(grown, TINY, unseen_from=FIRST_DAY + 104).trial_cut is None


def test_what_no_longer_fits_is_refused(grown: Panel) -> None:
    first = continuation_of(days_of(grown, DAYS))
    with pytest.raises(Conflict, match="by day; the rows of its data set are by week now"):
        first.unseen_from(Calendar(Step.WEEK))
    prepared = prepare(grown, TINY)
    with pytest.raises(Conflict, match="its layer lstm_1 have the shapes"):
        train.build(prepared, replace(TINY, lstm_units1=5), 1, first)
