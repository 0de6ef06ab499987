"""Models of the earlier implementation, imported: next-day forecasts as its own code makes them.

The tables, features and windows are computed here with pandas and Keras alone.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import LabelEncoder, StandardScaler

from models.conversion import feature_order, legacy_import
from models.registry.registry import Registry
from models.series.legacy_features import ENHANCED, PLAIN
from utils.errors import InvalidInput

pytestmark = pytest.mark.training

WINDOW, TARGETS, NAMES = (
    6,
    ["wip", "throughput", "cycle_time"],
    ["plant", "application", "panel_size"],
)


def table(days: int = 60) -> pd.DataFrame:
    """A table of two series, as the earlier implementation had it."""
    rng, parts = np.random.default_rng(3), []
    for plant, level in (("Werk A", 66.0), ("Werk B", 30.0)):
        throughput = level / 3 + rng.normal(0, 2, days)
        wip = level + 8 * np.sin(np.arange(days) / 5) + rng.normal(0, 3, days)
        parts.append(pd.DataFrame({
            "day": np.arange(days), "date": pd.date_range("2023-03-05", periods=days),
            "plant": plant, "application": "TV", "panel_size": '27"',
            "wip": wip, "throughput": throughput, "cycle_time": wip / throughput * 1.1,
            "finished_goods": rng.uniform(5, 9, days),
            "semi_finished_goods": rng.uniform(1, 3, days),
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def plain(frame: pd.DataFrame, lacking: tuple[str, ...] = ()) -> pd.DataFrame:
    columns = ["day", *TARGETS, "finished_goods", "semi_finished_goods", *NAMES]
    return frame[[name for name in columns if name not in lacking]].astype(float)


def enhanced(frame: pd.DataFrame) -> pd.DataFrame:
    made = pd.DataFrame({"day": frame.day.astype(float)})
    for name, period in (("yearly", 365.25), ("monthly", 30.44), ("weekly", 7)):
        made[f"day_sin_{name}"] = np.sin(2 * np.pi * frame.day / period)
        made[f"day_cos_{name}"] = np.cos(2 * np.pi * frame.day / period)
    for name in (*NAMES, "finished_goods", "semi_finished_goods"):
        made[name] = frame[name].astype(float)
    expected = frame.throughput * frame.cycle_time
    larger = np.maximum(frame.wip, expected)
    made["littles_law_compliance"] = 1 - (frame.wip - expected).abs() / larger
    for name in TARGETS:
        own = frame.groupby("plant")[name]
        made[f"{name}_ma_3"] = own.transform(lambda s: s.rolling(3).mean())
        made[f"{name}_ma_7"] = own.transform(lambda s: s.rolling(7).mean())
        made[f"{name}_lag_1"] = own.transform(lambda s: s.shift(1))
    made["wip_throughput_ratio"] = frame.wip / (frame.throughput + 1e-8)
    made["throughput_wip_ratio"] = frame.throughput / (frame.wip + 1e-8)
    return made


def saved(
    folder: Path, frame: pd.DataFrame, features: Any, form: str, named: bool
) -> tuple[Path, Path, np.ndarray[Any, Any]]:
    """A network, its pickles, and its own forecast of the day after the table, by series."""
    encoders = {name: LabelEncoder().fit(frame[name]) for name in NAMES}
    coded = frame.assign(**{name: one.transform(frame[name]) for name, one in encoders.items()})
    rows = features(coded).dropna()
    scaler = StandardScaler().fit(rows if named else rows.to_numpy())
    targets = StandardScaler().fit(frame[TARGETS].to_numpy())
    network = keras.Sequential([
        keras.Input((WINDOW, rows.shape[1])), keras.layers.LSTM(5, return_sequences=True),
        keras.layers.BatchNormalization(), keras.layers.LSTM(4), keras.layers.Dense(3),
    ])  # fmt: skip
    network.save(folder / f"model.{form}")
    held = {"feature_scaler": scaler, "target_scaler": targets, "label_encoders": encoders}
    (folder / "scalers.pkl").write_bytes(pickle.dumps(held))
    scaled = scaler.transform(rows if named else rows.to_numpy())
    ends = [scaled[coded.plant.loc[rows.index] == code][-WINDOW:] for code in (0, 1)]
    output = network.predict(np.stack(ends), verbose=0)
    return folder / f"model.{form}", folder / "scalers.pkl", targets.inverse_transform(output)


@pytest.mark.parametrize(
    ("features", "form", "named"),
    [
        (plain, "h5", False),
        (plain, "keras", True),
        (enhanced, "keras", True),
        (enhanced, "h5", False),
    ],
)
def test_the_next_day_is_that_of_the_reference(
    tmp_path: Path, features: Any, form: str, named: bool
) -> None:
    frame = table()
    model, scalers, wanted = saved(tmp_path, frame, features, form, named)
    frame.iloc[20:].to_csv(tmp_path / "past.csv", index=False)  # the table numbers its days
    registry = Registry(tmp_path / "models", 10_000_000)
    document = legacy_import.import_model(registry.store, model, scalers, tmp_path / "past.csv")
    assert document.encoding["features"] == list(PLAIN if features is plain else ENHANCED)
    assert registry.store.has(document.model_id, f".{form}")
    forecaster = registry.open(document.model_id).forecaster
    for plant, expected in zip(("Werk A", "Werk B"), wanted, strict=True):
        history = forecaster.recent_history((plant, "TV", '27"'))
        assert history is not None
        forecast = forecaster.forecast(history, 5).values[0]
        np.testing.assert_allclose(forecast[0], np.maximum(expected, 0), rtol=1e-4)
        assert np.isfinite(forecast).all() and len(np.unique(forecast[:, 0])) == 5


def test_columns_that_the_table_lacked(tmp_path: Path) -> None:
    frame, registry = table(), Registry(tmp_path / "models", 10_000_000)
    lacking = ("finished_goods", "semi_finished_goods")
    frame.to_csv(tmp_path / "past.csv", index=False)

    def brought_in(named: bool, features: tuple[str, ...] = ()) -> list[str]:
        model, scalers, _ = saved(tmp_path, frame, lambda f: plain(f, lacking), "keras", named)
        store, past = registry.store, tmp_path / "past.csv"
        document = legacy_import.import_model(store, model, scalers, past, features)
        return list(document.encoding["features"])

    order = [name for name in PLAIN if name not in lacking]
    assert brought_in(named=True) == order
    assert brought_in(named=False, features=tuple(order)) == order
    with pytest.raises(InvalidInput, match="order is not known; 3 orders"):
        brought_in(named=False)
    with pytest.raises(InvalidInput, match="names 'colour'"):
        brought_in(named=False, features=("colour", *order[1:]))


@pytest.mark.parametrize(
    ("columns", "order"),
    [
        ([f"x{n}" for n in range(24)], ENHANCED),  # of one layout alone
        (["day", *(f"x{n}" for n in range(23))], ENHANCED),
        ([*(f"x{n}" for n in range(23)), "day"], None),
        (["wip"] * 9, None),
    ],
)
def test_names_that_are_not_known(columns: list[str], order: tuple[str, ...] | None) -> None:
    def found() -> tuple[str, ...]:
        return feature_order.order_of(len(columns), (), columns, tuple(NAMES))

    if order:
        assert found() == order
        return
    with pytest.raises(InvalidInput, match="order of the features is not known"):
        found()
