"""Training, its network and its roll-out, in process and tiny."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import keras
import numpy as np
import pytest

from models.forecast.autoregression import Kind
from models.forecast.forecaster import History
from models.forecast.look_back import LookBack
from models.forecast.members import LinearRollOut, MemberName
from models.forecast.onnx_session import open_network
from models.forecast.published_model import PublishedModel
from models.registry.hyperparameters import Hyperparameters
from models.registry.model_document import ModelDocument
from models.registry.model_store import model_store
from models.registry.opening import open_forecaster
from models.series.calendar import Calendar, Step
from models.series.panel import TARGETS, Panel
from models.series.working_calendar import WorkingCalendar
from models.training import evaluate, network, prepare, train
from models.training.combination_choice import choose_weights, usual_weights
from models.training.control import NoControl
from models.training.fit import EpochLoop
from models.training.held_back_forecasts import roll
from models.training.member_errors import trial_errors
from tests.support.panels import FIRST_DAY, generated_panel, panel_of
from tests.support.trainings import TINY
from utils.api.architectures import DESIGNS, PLAIN, Design
from utils.errors import DamagedFile, InvalidInput

pytestmark = pytest.mark.training

# The enhanced network always, the plain one where there is time.
ONE_DESIGN = [pytest.param(PLAIN, marks=pytest.mark.long), DESIGNS["enhanced"]]


def trained(
    folder: Path, data: Panel, hyper: Hyperparameters = TINY, seed: int = 1, design: Design = PLAIN
) -> Any:
    store, id = model_store(folder), str(uuid4())
    document = train.train(data, hyper, seed, store, id, {}, design=design)
    read = ModelDocument.read(store, id)
    return document.to_json(), open_forecaster(read, store.read(id, ".onnx"))


def as_evaluated(model: PublishedModel, prepared: prepare.PreparedData) -> PublishedModel:
    """A model as it was evaluated: learned from the training span alone, not from all rows."""
    fitted = LinearRollOut(prepared.choice.train_fit)
    members = {**model.paths.members, MemberName.AUTOREGRESSION: fitted}
    regresses = prepared.choice.train_fit.strength.kind is Kind.REGRESSION
    errors, scaling = trial_errors(prepared, None), prepared.encoding.scaling
    weights = usual_weights(list(members), prepared.horizon, regresses)
    weights |= choose_weights(errors, scaling, near_only=False, regresses=regresses)
    return replace(model, paths=replace(model.paths, members=members, weights=weights))


def still(windows: Any, names: Any) -> Any:
    """A network that forecasts the last value."""
    return np.zeros((len(windows), 84), np.float32)


def test_network_is_the_one_that_is_named(tmp_path: Path) -> None:
    model = network.build(Hyperparameters(), 14, [3, 3, 4], horizon=28)
    kinds = [type(layer).__name__ for layer in model.layers]
    tail = kinds[kinds.index("LSTM") :]
    assert tail == ["LSTM", "Dropout", "LSTM", "Dropout", "Dense", "Dropout", "Dense", "Dense"]
    units = [layer.units for layer in model.layers if hasattr(layer, "units")]
    assert units == [64, 32, 64, 32, 84]
    model.save(tmp_path / "m.keras")
    assert type(network.load(tmp_path / "m.keras").get_layer("lstm_1")) is keras.layers.LSTM


@pytest.mark.parametrize("design", ONE_DESIGN)
def test_train_publishes_a_plain_keras_file_that_onnx_equals(
    tmp_path: Path, design: Design, panel: Panel
) -> None:
    document, _ = trained(tmp_path, panel, design=design)
    id = document["model_id"]
    model = keras.models.load_model(tmp_path / f"{id}.keras")
    assert {type(layer).__module__.split(".")[0] for layer in model.layers} == {"keras"}
    width = document["model_summary"]["input_shape"][2]
    assert width == (24 if design.engineered_features else 14)
    windows = np.random.default_rng(0).normal(size=(4, 5, width)).astype("f4")
    names = np.array([[0, 2, 3], [1, 2, 3], [0, 2, 3], [1, 2, 3]], "i4")
    served = open_network((tmp_path / f"{id}.onnx").read_bytes())(windows, names)
    np.testing.assert_allclose(served, model([windows, names]).numpy(), atol=1e-5)
    assert [len(document["training_history"][k]) for k in ("loss", "val_loss")] == [2, 2]


@pytest.mark.parametrize("design", ONE_DESIGN)
def test_train_learns_nothing_from_the_held_back_end(
    tmp_path: Path, design: Design, panel: Panel
) -> None:
    changed = panel.values.copy()
    late = panel.time >= 19_723 + 48
    changed[late] = changed[late] * 3 + 7
    both = panel, replace(panel, values=changed)
    documents = [trained(tmp_path, each, design=design)[0] for each in both]
    for part in ("encoding", "response"):
        assert documents[0][part] == documents[1][part]
    for curve in {"loss", "watched_loss"} & set(documents[0]["training_history"]):
        assert len({str(each["training_history"][curve]) for each in documents}) == 1
    assert documents[0]["metrics"] != documents[1]["metrics"]


@pytest.mark.long  # the contract's test has a seed twice in CI
def test_train_gives_one_model_for_a_seed_and_others_for_others(
    tmp_path: Path, panel: Panel
) -> None:
    losses = [trained(tmp_path, panel, seed=s)[0]["training_history"]["loss"] for s in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize("design", ONE_DESIGN)
def test_metrics_are_those_of_one_step_forecasts_in_units(tmp_path: Path, design: Design) -> None:
    data = generated_panel(80)
    document, forecaster = trained(tmp_path, data, design=design)
    prepared = prepare.prepare(data, TINY, design)
    model = replace(as_evaluated(forecaster.model, prepared), reconciliation=None)
    errors = []
    for s in range(len(data.series_keys)):
        begin = data.offsets[s]
        for row in range(begin + 64, begin + 72):
            rows, last = [data.values[begin:row]], data.time[[row - 1]]
            look_back = model.look_back_of(np.array([s]), rows, last)
            errors.append(np.abs(model.forecast(look_back, 1).values[0, 0] - data.values[row]))
    maes = [document["metrics"]["per_target"][target]["mae"] for target in TARGETS]
    np.testing.assert_allclose(np.mean(errors, axis=0), maes, rtol=1e-3)


def test_mase_is_relative_to_the_seasonal_naive_of_each_series_own_training_span() -> None:
    prepared = prepare.prepare(generated_panel(120), TINY)
    data, rows = prepared.panel, prepared.windows.held_back
    found = evaluate.evaluate(prepared, still, None)
    rolled = roll(as_evaluated(found.model, prepared), prepared, rows, rows)
    scaled: list[list[float]] = [[], [], []]
    for values, truth, s in zip(rolled.values, rolled.truth, data.series[rows], strict=True):
        early = data.values[data.offsets[s] : data.offsets[s] + 96]
        usual = np.abs(early[7:] - early[:-7]).mean(axis=0)
        for step in range(prepared.horizon):
            for i in range(3):
                if not np.isnan(truth[step, i]):
                    scaled[i].append(abs(values[step, i] - truth[step, i]) / usual[i])
    for target, errors in zip(TARGETS, scaled, strict=True):
        assert found.metrics["per_target"][target]["mase"] == pytest.approx(np.mean(errors))
    assert found.metrics["mase"] == pytest.approx(np.mean([np.mean(errors) for errors in scaled]))


def test_blank_cycle_times_are_neither_learned_nor_judged(tmp_path: Path, panel: Panel) -> None:
    values = panel.values.copy()
    values[::3, 2] = np.nan
    document, forecaster = trained(tmp_path, replace(panel, values=values))
    assert np.isfinite(document["training_history"]["loss"]).all()
    assert np.isfinite(forecaster.recent_history(panel.series_keys[0]).rows).all()
    values[:, 2] = np.nan
    document, _ = trained(tmp_path, replace(panel, values=values))
    assert document["metrics"]["per_target"]["cycle_time"]["mae"] is None


def test_shifts_of_a_plant_that_closes_are_learned_by_their_place_in_its_week(
    tmp_path: Path,
) -> None:
    week = (WorkingCalendar((1, 2, 3, 4, 5)),)
    calendar = Calendar(Step.SHIFT, working=week, origin=FIRST_DAY, begins=(360, 840, 1320))
    rng = np.random.default_rng(0)
    usual = rng.uniform(20, 60, 15)  # the shifts of a week
    output = np.tile(usual, 12) * rng.lognormal(0, 0.02, 180)
    rows = np.column_stack([np.full(180, 200.0), output, 200 / output])
    panel = panel_of(rows, calendar=calendar, first=3 * FIRST_DAY)  # a Monday
    forecaster = trained(tmp_path, panel)[1]
    history = History(panel.series_keys[0], rows, 3 * FIRST_DAY + 179, calendar)
    found = forecaster.forecast(history, 15).values[0, :, 1]
    assert np.abs(found - usual).sum() < 0.1 * usual.sum()
    ahead = forecaster.calendar.dates(history.last_step + np.arange(15, 17))
    assert ahead == ["2024-03-29T22:00", "2024-04-01T06:00"]


def test_too_short_series_are_named_and_none_left_is_refused(tmp_path: Path) -> None:
    data = generated_panel(30)
    offsets = np.array([0, 30, 35])
    short = replace(data, offsets=offsets, values=data.values[:35])
    document, _ = trained(tmp_path, short)
    assert "p1 / a / s is left out" in document["warnings"][0]
    with pytest.raises(InvalidInput, match="sequenceLength"):
        trained(tmp_path, generated_panel(6))
    with pytest.raises(InvalidInput, match="trainTestSplit"):
        trained(tmp_path, generated_panel(20), replace(TINY, train_test_split=0.99))


def test_a_diverging_training_is_refused(panel: Panel) -> None:
    prepared = prepare.prepare(panel, TINY)
    fused = network.build(TINY, 14, [2, 1, 1], prepared.horizon)
    fused.set_weights([np.full_like(weights, np.nan) for weights in fused.get_weights()])
    with pytest.raises(InvalidInput, match="diverged in epoch 1"):
        EpochLoop(fused, prepared, TINY, 1, NoControl()).run()


@pytest.mark.parametrize("design", ONE_DESIGN)
@pytest.mark.parametrize("days", [60, 35])
def test_a_forecast_beyond_the_horizon_continues_from_itself(
    tmp_path: Path, design: Design, days: int
) -> None:
    data = generated_panel(days)
    _, forecaster = trained(tmp_path, data, design=design)
    paths = forecaster.model.paths
    alone = replace(paths, weights={MemberName.LSTM: np.ones((28, 3))})
    forecaster.model = replace(forecaster.model, paths=alone, reconciliation=None)
    key = data.series_keys[1]
    rows, last = data.values[data.offsets[1] :], int(data.time[-1])
    whole = forecaster.forecast(History(key, rows, last), 40).values[0]
    first = forecaster.forecast(History(key, rows, last), 28).values[0]
    np.testing.assert_allclose(whole[:28], first, rtol=1e-6)
    rows = np.vstack([rows, first])
    rest = forecaster.forecast(History(key, rows, last + 28), 12).values[0]
    np.testing.assert_allclose(whole[28:], rest, rtol=1e-3)


@pytest.mark.parametrize("design", ONE_DESIGN)
def test_roll_out_of_many_series_equals_that_of_each(
    tmp_path: Path, design: Design, panel: Panel
) -> None:
    _, forecaster = trained(tmp_path, panel, design=design)
    model = forecaster.model
    scaled = model.encoding.scaling.forward(panel.values, panel.series)
    shown = model.encoding.lowest, model.encoding.highest
    end = int(panel.time.max()) + 1
    shape = model.paths.members[MemberName.AUTOREGRESSION].autoregression.shape
    past = LookBack.of(panel, scaled, shape, np.arange(2), end, shown, model.look_back)
    together = model.forecast(past, 4)
    for s, key in enumerate(panel.series_keys):
        alone = forecaster.forecast(forecaster.recent_history(key), 4)
        np.testing.assert_allclose(together.values[s], alone.values[0], rtol=1e-5)
        np.testing.assert_allclose(together.upper[95][s], alone.upper[95][0], rtol=1e-5)
        np.testing.assert_allclose(together.confidence[s], alone.confidence[0], atol=1e-5)


@pytest.mark.parametrize("content", [b"", b"not onnx", b"\x08\x07" * 40])
def test_a_network_that_is_none_is_a_damaged_file(content: bytes) -> None:
    with pytest.raises(DamagedFile, match="holds no usable network"):
        open_network(content)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, panel: Panel) -> tuple[Any, bytes]:
    """The document and the network of a trained model."""
    folder = tmp_path_factory.mktemp("published")
    document, _ = trained(folder, panel)
    return document, (folder / f"{document['model_id']}.onnx").read_bytes()


@pytest.mark.parametrize(
    "entry",
    ["encoding", "series", "anchor", "network", "combination", "coherence", "spread", "response"],
)
def test_a_document_that_lacks_something_is_damaged(
    published: tuple[Any, bytes], entry: str
) -> None:
    document, content = published
    with pytest.raises(DamagedFile, match="lacks"):
        rest = {k: v for k, v in document.items() if k != entry}
        open_forecaster(ModelDocument.of(rest), content)


@pytest.mark.parametrize(
    ("shifts", "follows"),
    [([(day, 8) for day in range(25, 420, 60)], False), ([(395, 25)], True)],
)
def test_shifts_are_followed_unless_held_back_days_tell_that_they_pass(
    tmp_path: Path, shifts: list[tuple[int, int]], follows: bool
) -> None:
    rows = 100 * np.exp(0.03 * np.random.default_rng(1).normal(size=(2, 420, 3)))
    for begin, length in shifts:
        rows[:, begin : begin + length] *= 2
    document, forecaster = trained(tmp_path, panel_of(*rows))
    assert (document["follows_shifts"], forecaster.model.follows_shifts) == (follows, follows)
