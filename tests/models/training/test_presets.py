"""`"preset": "auto"`: what it chooses, and that the held-back end is none the worse for it."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from models.data_generator import PlantSpec, generate
from models.registry.hyperparameters import Hyperparameters
from models.registry.model_store import model_store
from models.series.calendar import Calendar, Step
from models.series.panel import TARGETS, Panel
from models.training import presets, train
from utils.api.architectures import PLAIN
from utils.api.schemas.training import TrainRequest

pytestmark = pytest.mark.training

EVERYTHING = ["learning_rate", "epochs", "sequence_length"]


def plants(days: int, noise: float) -> Panel:
    block = next(generate(PlantSpec(("p", "q", "r"), ("a",), ("s",), days, 100, 50, 0.2, noise, 1)))
    values = np.column_stack([block.columns[name].ravel() for name in TARGETS])
    return Panel(
        Calendar(), tuple(block.series_keys), np.arange(4) * days, np.full(3, 19_723), values
    )


def repeating(season: int) -> Panel:
    """A line whose pattern repeats after more rows than a default window has."""
    rng = np.random.default_rng(0)
    pattern = rng.lognormal(0, 0.5, season)
    flow = 50 * np.tile(pattern, 30)[: 28 * season] * rng.lognormal(0, 0.02, 28 * season)
    values = np.column_stack([2 * flow, flow, np.full(len(flow), 2.0)])
    key = (("p", "a", "s"),)
    return Panel(Calendar(Step.WEEK), key, np.array([0, len(flow)]), np.array([2800]), values)


def test_it_chooses_what_is_left_open_and_only_that() -> None:
    hyper = Hyperparameters()
    panel = plants(120, 0.1)
    chosen, design = presets.choose(panel, hyper, PLAIN, EVERYTHING)
    assert (chosen.learning_rate, chosen.epochs, design.patience) == (0.001, 50, 5)
    assert chosen.sequence_length in (10, 14)
    assert presets.choose(panel, hyper, PLAIN, []) == (hyper, PLAIN)
    again = presets.choose(panel, hyper, PLAIN, EVERYTHING)
    assert again == (chosen, design)


def test_it_chooses_no_more_epochs_than_are_allowed() -> None:
    chosen, _ = presets.choose(plants(60, 0.1), Hyperparameters(), PLAIN, ["epochs"], 7)
    assert chosen.epochs == 7


def test_a_longer_window_is_chosen_where_it_sees_more() -> None:
    chosen, _ = presets.choose(repeating(12), Hyperparameters(), PLAIN, ["sequence_length"])
    assert chosen.sequence_length == 13
    # Noise has nothing more to show.
    noise = repeating(12)
    noise.values[:, :2] = np.random.default_rng(1).lognormal(3, 0.2, (len(noise.values), 1))
    chosen, _ = presets.choose(noise, Hyperparameters(), PLAIN, ["sequence_length"])
    assert chosen.sequence_length == 10


def test_a_series_too_short_for_the_longer_window_keeps_the_default() -> None:
    chosen, _ = presets.choose(plants(17, 0.1), Hyperparameters(), PLAIN, ["sequence_length"])
    assert chosen.sequence_length == 10


@pytest.mark.long
@pytest.mark.parametrize("noise", [0.05, 0.4])
def test_the_held_back_end_is_none_the_worse_for_it(tmp_path: Path, noise: float) -> None:
    panel, store = plants(150, noise), model_store(tmp_path)
    tiny = Hyperparameters(lstm_units1=8, lstm_units2=4, batch_size=16, epochs=3)
    chosen = presets.choose(panel, tiny, PLAIN, ["learning_rate", "sequence_length"])
    wapes = []
    for hyper, design in ((tiny, PLAIN), chosen):
        document = train.train(panel, hyper, 1, store, str(uuid4()), {}, design=design)
        figures = document.to_json()["metrics"]["combination"]["per_target"].values()
        wapes.append(np.mean([target["wape"] for target in figures]))
    assert wapes[1] < 1.02 * wapes[0]


def test_requests_say_what_they_leave_open() -> None:
    request = TrainRequest.parse({"preset": "auto", "epochs": 7})
    assert request.left_open == ["learning_rate", "sequence_length"]
    assert TrainRequest.parse({"epochs": 7}).left_open == []
