"""Training that stops early: by what it stops, and what is left of it then."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.series.panel import Panel
from models.training import network
from models.training.control import NoControl
from models.training.fit import EpochLoop
from models.training.prepare import PreparedData, prepare
from tests.support.panels import generated_panel
from tests.support.trainings import TINY, targets
from utils.api.architectures import DESIGNS, PLAIN, Architecture, Design

pytestmark = pytest.mark.training

PATIENT = replace(PLAIN, patience=2)
HASTY = replace(TINY, epochs=300, learning_rate=0.5, dropout_rate=0.0)


class Interrupted(Exception):
    """The training was made to stop."""


class Keeper(NoControl):
    """Keeps every checkpoint, and ends the training after some epochs."""

    def __init__(self, epochs: int = 10**9) -> None:
        self.content: bytes | None = None
        self.left = epochs

    def is_checkpoint_due(self) -> bool:
        return True

    def save_checkpoint(self, content: bytes) -> None:
        self.content = content
        self.left -= 1
        if not self.left:
            raise Interrupted

    def checkpoint(self) -> bytes | None:
        return self.content


def begun(prepared: PreparedData, control: NoControl) -> tuple[EpochLoop, object]:
    names = [len(known) for known in prepared.encoding.names]
    built = network.build(
        HASTY, prepared.encoding.width, names, prepared.horizon, 3, prepared.design
    )
    return EpochLoop(built, prepared, HASTY, 3, control), built


def test_the_end_of_the_training_span_is_watched_and_not_learned_from(panel: Panel) -> None:
    prepared = prepare(panel, TINY, PATIENT)
    time = panel.time
    assert time[prepared.train_rows].max() < time[prepared.early_stopping_rows].min()
    assert time[prepared.early_stopping_rows].max() < time[prepared.windows.held_back].min()
    together = np.concatenate([prepared.train_rows, prepared.early_stopping_rows])
    assert sorted(together) == sorted(prepared.windows.train)
    assert (
        len(np.unique(time[prepared.early_stopping_rows])) == 4
    )  # a tenth of the 43 steps of windows
    plain = prepare(panel, TINY)
    assert (plain.train_rows == prepared.windows.train).all() and not plain.early_stopping_rows.size


def test_training_stops_and_is_what_it_was_after_its_best_epoch(panel: Panel) -> None:
    prepared = prepare(panel, HASTY, PATIENT)
    epochs, built = begun(prepared, NoControl())
    epochs.run()
    watched, best = epochs.history["watched_loss"], epochs.best_epoch
    assert best is not None and watched[best - 1] == min(watched)
    tried = HASTY.epochs // 2  # no training stops before the trials
    assert len(epochs.history["loss"]) == len(watched) == max(best, tried) + 2 < HASTY.epochs
    shown = prepared.encoding.rows(prepared.scaled, prepared.panel.time, prepared.panel.position)
    windows = shown[prepared.early_stopping_rows[:, None] + np.arange(-HASTY.sequence_length, 0)]
    names = prepared.encoding.identities(prepared.panel.series[prepared.early_stopping_rows])
    truth = targets(prepared, prepared.early_stopping_rows)
    wrong = built([windows, names]).numpy() - truth
    assert np.nanmean(wrong**2) == pytest.approx(min(watched), rel=1e-3)


@pytest.mark.parametrize(
    ("after", "design"),
    [
        (1, PATIENT),
        pytest.param(3, PATIENT, marks=pytest.mark.long),
        pytest.param(
            2, replace(DESIGNS[Architecture.ENHANCED], patience=2), marks=pytest.mark.long
        ),
    ],
)
def test_an_interrupted_training_ends_as_one_that_was_not(
    after: int, design: Design, panel: Panel
) -> None:
    prepared = prepare(panel, HASTY, design)
    whole, expected = begun(prepared, NoControl())
    whole.run()
    keeper = Keeper(after)
    with pytest.raises(Interrupted):
        begun(prepared, keeper)[0].run()
    again, built = begun(prepared, keeper)
    again.run()
    assert again.history == whole.history
    for mine, theirs in zip(built.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_span_too_short_to_stop_by_is_trained_to_the_end() -> None:
    prepared = prepare(generated_panel(9), replace(TINY, train_test_split=0.67), PATIENT)
    assert (
        not prepared.early_stopping_rows.size and "All epochs are trained" in prepared.warnings[0]
    )
