"""Backtests of a network that repeats the last value: origins, series, figures; no server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from models.backtest import backtest, plot
from models.forecast.forecaster import Forecaster
from models.forecast.legacy_model import LegacyModel
from models.forecast.onnx_session import open_network
from models.registry.model_document import ModelDocument
from models.series.calendar import Calendar, Step
from models.series.legacy_encoding import LegacyEncoding
from models.series.panel import TARGETS, Panel, SeriesKey
from utils.api.replies.backtesting import BacktestReply
from utils.api.schemas.models import BacktestRequest
from utils.errors import InvalidInput

LENGTH = 4
NAMES = (("A", "B"), ("TV",), ("L", "S"))
IDS = {"job_id": "j", "model_id": "m", "dataset_id": "d", "created_at": "now", "seconds": 1.0}


class Recorder:
    """A control that records the progress, and ends the backtest after a share of it."""

    def __init__(self, most: float = 2.0) -> None:
        self.most, self.progress = most, [(0, 0, 0.0)]

    def check(self) -> None:
        if self.progress[-1][2] >= self.most:
            raise InterruptedError

    def on_origins(self, done: int, count: int, share: float) -> None:
        self.progress.append((done, count, share))

    def publish(self, act: Callable[[], None]) -> None:
        act()


def legacy(step: Step = Step.DAY) -> Forecaster:
    """A legacy model whose network returns the values of the last row."""
    encoding = LegacyEncoding.of(Calendar(step), LENGTH, NAMES, TARGETS)
    last = numpy_helper.from_array(np.array(LENGTH - 1), "last")
    nodes = [helper.make_node("Gather", ["windows", "last"], ["output"], axis=1)]
    given = helper.make_tensor_value_info("windows", TensorProto.FLOAT, ["n", LENGTH, 3])
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", 3])
    graph = helper.make_graph(nodes, "repeat", [given], [output], [last])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    network = open_network(onnx.ModelProto.SerializeToString(model))
    return Forecaster(LegacyModel(encoding, network), {})


def panel(*lengths: int, step: Step = Step.DAY, keys: tuple[SeriesKey, ...] = ()) -> Panel:
    """Series of whole numbers, which pass a network of 32 bits unharmed."""
    rng, offsets = np.random.default_rng(3), np.concatenate([[0], np.cumsum(lengths)])
    known = (("A", "TV", "L"), ("A", "TV", "S"), ("B", "TV", "L"), ("B", "TV", "S"))
    values = rng.integers(1, 1000, (offsets[-1], 3)).astype(float)
    first = np.full(len(lengths), 19_000)
    return Panel(Calendar(step), keys or known[: len(lengths)], offsets, first, values)


def tried(data: Panel, **fields: Any) -> dict[str, Any]:
    forecaster = legacy(data.calendar.step)
    found = backtest.run(
        forecaster, ModelDocument(), data, BacktestRequest.parse(fields), Recorder()
    )
    return BacktestReply.model_validate(IDS | found).model_dump()


def test_a_legacy_model_is_judged_without_intervals() -> None:
    found = tried(panel(60, 60))
    overall = found["per_target"]["wip"]["overall"]
    assert overall["wape"] == overall["last_value"]["wape"] > 0
    assert overall["skill_over_last_value"] == 0
    assert overall["coverage_80"] is None and overall["winkler_95"] is None
    assert found["confidence"] == []
    assert {each["part"] for each in found["origins"]} == {"unknown"}
    assert found["plot"][0]["forecasts"][0]["per_target"]["wip"]["lo80"] is None
    assert found["warnings"] == []


@pytest.mark.parametrize(
    ("step", "season", "horizon"), [(Step.DAY, 7, 28), (Step.WEEK, 52, 26), (Step.MONTH, 12, 12)]
)
def test_season_and_horizon_follow_the_step(step: Step, season: int, horizon: int) -> None:
    found = tried(panel(120, step=step))
    assert (found["season"], found["horizon"], found["step"]) == (season, horizon, step)
    assert len(found["per_target"]["wip"]["by_horizon"]) == horizon


def test_the_seasonal_naive_repeats_the_last_season() -> None:
    data = panel(60)
    data.values[:, 0] = 100.0 + np.arange(60) % 7
    found = tried(data, horizon=20, origins=30, step=1)["per_target"]["wip"]["overall"]
    assert found["seasonal_naive"]["wape"] == 0 < found["wape"]
    # It never errs: there is no scale.
    assert found["mase"] is None
    assert found["skill_over_seasonal_naive"] == -1


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"origins": 3, "horizon": 10}, [4, 27, 50]),
        ({"origins": 1, "horizon": 10}, [50]),
        ({"origins": 3, "horizon": 10, "step": 7}, [36, 43, 50]),
        ({"origins": 99, "horizon": 10, "step": 20}, [10, 30, 50]),
        ({"origins": 200, "horizon": 50}, list(range(4, 11))),
        ({"origins": 2, "horizon": 300}, [4, 59]),
    ],
)
def test_origins_are_spread_from_the_newest_back(fields: dict[str, Any], wanted: list[int]) -> None:
    found = tried(panel(60), **fields)
    first = Calendar().dates(np.array([19_000 + at - 1 for at in wanted]))
    assert [each["date"] for each in found["origins"]] == first
    steps = min(fields["horizon"], 60)
    assert (found["warnings"] != []) == (wanted[-1] + steps > 60)


def test_unknown_truths_do_not_count() -> None:
    data = panel(60)
    data.values[40:, 2] = np.nan
    data.values[::2, 1] = np.nan
    found = tried(data, horizon=5, origins=200)["per_target"]
    assert found["wip"]["overall"]["count"] == 5 * 52
    assert found["throughput"]["overall"]["count"] == 5 * 26
    assert found["cycle_time"]["overall"]["count"] < 5 * 52
    data.values[:] = np.nan
    with pytest.raises(InvalidInput, match="known values"):
        tried(data)


def test_all_zero_truth_gives_null_and_never_nan() -> None:
    data = panel(60)
    data.values[:, 1] = 0.0
    found = tried(data)["per_target"]["throughput"]["overall"]
    assert found["wape"] is found["mase"] is found["bias"] is None and found["count"] > 0


def test_short_and_unknown_series_are_left_out_and_named() -> None:
    keys = (("A", "TV", "L"), ("A", "TV", "S"), ("C", "TV", "L"))
    found = tried(panel(60, LENGTH, 60, keys=keys))
    assert found["series_count"] == 1 and found["series"][0]["panel_size"] == "L"
    assert "A / TV / S: left out: shorter than a window of 4 steps" in found["warnings"][0]
    assert "C / TV / L: left out: the model was not trained on them" in found["warnings"][1]
    with pytest.raises(InvalidInput, match="more than 4 steps"):
        tried(panel(LENGTH))


def test_series_that_begin_late_or_end_early_are_judged_where_they_are() -> None:
    data = panel(60, 20, 20)
    data.first[2] += 40
    found = tried(data, horizon=5, origins=200)
    counts = {s["plant"] + s["panel_size"]: s["origins"] for s in found["series"]}
    assert counts == {"AL": 52, "AS": 16, "BL": 12}
    chosen = tried(data, plant="B")
    assert [s["plant"] for s in chosen["series"]] == ["B"]


@pytest.mark.parametrize("length", [1, 3])
def test_blocks_make_no_difference(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tried(panel(60, 50, 40))
    monkeypatch.setattr(backtest, "_MOST_ROLL_OUTS", length)
    parts = tried(panel(60, 50, 40))
    for target, found in parts["per_target"].items():
        for name in ("count", "wape", "mase", "bias", "skill_over_seasonal_naive"):
            wanted = whole["per_target"][target]["overall"][name]
            assert found["overall"][name] == pytest.approx(wanted, rel=1e-9)
    assert parts["plot"] == whole["plot"]


def test_progress_is_reported_and_a_backtest_can_be_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtest, "_MOST_ROLL_OUTS", 8)
    request, recorder = BacktestRequest.parse({"origins": 10}), Recorder()
    backtest.run(legacy(), ModelDocument(), panel(60, 60), request, recorder)
    assert recorder.progress[1:] == [(4, 10, 0.4), (8, 10, 0.8), (10, 10, 1.0)]
    stopped = Recorder(most=0.5)
    with pytest.raises(InterruptedError):
        backtest.run(legacy(), ModelDocument(), panel(60, 60), request, stopped)
    assert stopped.progress[-1][2] == 0.8


@pytest.mark.parametrize("name", ["a$b$^", r"\frac{1", "漢字", "x" * 200])
@pytest.mark.filterwarnings("ignore:Glyph:UserWarning")
def test_any_name_is_drawn(name: str) -> None:
    data = panel(60, keys=(("A", "TV", "L"),))
    found = backtest.run(legacy(), ModelDocument(), data, BacktestRequest.parse({}), Recorder())
    found["plot"][0]["plant"] = name
    assert plot.draw(found, "0123456789")[1:4] == b"PNG"
