"""Legacy models of Keras 2 and 3: brought in, served as they were, or refused plainly."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from sklearn.preprocessing import LabelEncoder, StandardScaler

from models.conversion import legacy_import, legacy_network
from models.forecast.onnx_session import open_network
from models.registry.registry import Registry
from tests.support.running_service import ROOT
from tests.support.stores import visible_files
from utils.errors import DamagedFile, InvalidInput, ServiceError
from utils.storage.artifact_store import ArtifactStore

# Keras' and TensorFlow's own, with NumPy 2.
pytestmark = pytest.mark.training

LENGTH = 5
NAMES = {"plant": ["P1", "P2"], "application": ["TV"], "panel_size": ["L", "S"]}
SIX = ["wip", "throughput", "cycle_time", "plant", "application", "panel_size"]
# What an old set-up ran, with the Keras of its time; prints the output of the network for WINDOWS.
KERAS_2 = """
import sys, numpy as np, tf_keras as keras
L = keras.layers
if sys.argv[2] == "sequential":
    model = keras.Sequential([
        L.LSTM(4, return_sequences=True, input_shape=(5, 6)), L.Dropout(0.3),
        L.LSTM(3), L.Dropout(0.3), L.Dense(4, activation="relu"), L.Dense(3)])
else:
    given = keras.Input((5, 6))
    model = keras.Model(given, L.Dense(3)(L.Dropout(0.3)(L.LSTM(4)(given))))
model.compile(optimizer="adam", loss="mse", metrics=["mae"])
windows = np.random.default_rng(0).normal(size=(7, 5, 6)).astype("float32")
model.fit(windows, np.ones((7, 3)), verbose=0)
model.save(sys.argv[1])
np.save(sys.argv[1] + ".npy", model.predict(windows, verbose=0))
"""


def windows(width: int = 6) -> Any:
    return np.random.default_rng(0).normal(size=(7, LENGTH, width)).astype(np.float32)


def save(folder: Path, *layers: Any, shape: Any = (LENGTH, 6), name: str = "old.h5") -> Path:
    layers = layers or (
        keras.layers.LSTM(4, return_sequences=True),
        keras.layers.Dropout(0.25),
        keras.layers.LSTM(3),
        keras.layers.Dense(3),
    )
    model = keras.Sequential([keras.Input(shape), *layers])
    model.compile(optimizer="adam", loss="mse")
    model.save(folder / name)
    return folder / name


def scalers(folder: Path, width: int = 6, **more: Any) -> Path:
    table = np.random.default_rng(1).uniform(1, 100, (50, width))
    held = {"scaler": StandardScaler().fit(table), **more}
    held |= {f"{kind}_encoder": LabelEncoder().fit(names) for kind, names in NAMES.items()}
    (folder / "scalers.pkl").write_bytes(pickle.dumps(held))
    return folder / "scalers.pkl"


def history(folder: Path, rows: int = 20) -> Path:
    lines = ["date,plant,application,panel_size,wip,throughput,cycle_time"]
    for plant in ("P1", "P9"):
        lines += [
            f"2024-01-{d + 1:02},{plant},TV,S,{100 + d},{10 + d % 3},{9 + d % 2}"
            for d in range(rows)
        ]
    lines.append("2024-01-01,P2,TV,L,100,10,10")
    (folder / "past.csv").write_text("\n".join(lines))
    return folder / "past.csv"


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models", 10_000_000)


@pytest.fixture
def store(registry: Registry) -> ArtifactStore:
    return registry.store


def output_of(store: ArtifactStore, document: dict[str, Any], given: Any) -> Any:
    return open_network(store.read(document["model_id"], ".onnx"))(given, None)


def test_a_model_of_keras_3_says_the_same_when_imported(
    tmp_path: Path, store: ArtifactStore
) -> None:
    path = save(tmp_path)
    document = legacy_import.import_model(store, path, scalers(tmp_path)).to_json()
    true = keras.models.load_model(path, compile=False)(windows())
    np.testing.assert_allclose(output_of(store, document, windows()), true, atol=1e-5)
    id = document["model_id"]
    assert store.read(id, ".h5") == path.read_bytes()
    assert store.document(id)["source"] == "imported"
    assert document["config"] == {
        "sequence_length": LENGTH,
        "lstm_units_1": 4,
        "lstm_units_2": 3,
        "dropout_rate": 0.25,
    }
    assert document["model_summary"]["input_shape"] == [None, LENGTH, 6]
    assert document["model_summary"]["total_params"] > 100
    assert document["encoding"]["features"] == SIX
    assert any("takes 6 features" in note for note in document["warnings"])
    assert document["encoding"]["names"] == NAMES
    assert document["series"] == []


@pytest.mark.long
@pytest.mark.parametrize("kind", ["sequential", "functional"])
def test_a_model_of_keras_2_says_the_same_when_imported(
    tmp_path: Path, store: ArtifactStore, kind: str
) -> None:
    path = tmp_path / "keras2.h5"
    subprocess.run(
        [sys.executable, "-c", KERAS_2, str(path), kind],
        check=True,
        env=os.environ | {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    with h5py.File(path) as file:
        assert file.attrs["keras_version"].startswith("2.")
    document = legacy_import.import_model(store, path, scalers(tmp_path)).to_json()
    true = np.load(f"{path}.npy")
    np.testing.assert_allclose(output_of(store, document, windows()), true, atol=1e-5)
    assert document["config"]["dropout_rate"] == 0.3


def test_imported_models_are_listed_and_forecast(tmp_path: Path, registry: Registry) -> None:
    path = save(tmp_path, shape=(LENGTH, 9))
    document = legacy_import.import_model(
        registry.store, path, scalers(tmp_path, 9), history(tmp_path)
    ).to_json()
    assert [id for id, _ in registry.newest()] == [document["model_id"]]
    forecaster = registry.open(document["model_id"]).forecaster
    forecaster.check(("P2", "TV", "L"))
    recent = forecaster.recent_history(("P1", "TV", "S"))
    assert recent is not None
    assert recent.rows[-1].tolist() == [119, 11, 10]
    assert forecaster.encoding.calendar.dates(np.array([recent.last_step])) == ["2024-01-20"]
    assert forecaster.highest_throughput(("P1", "TV", "S")) == 12
    forecast = forecaster.forecast(recent, 30)
    assert forecast.values.shape == (1, 30, 3) and (forecast.values >= 0).all()
    # Nobody knows how far off it is: it states no intervals, and no confidence.
    assert forecast.lower == forecast.upper == {} and not forecast.confidence.any()
    notes = " ".join(document["warnings"])
    assert "P9 / TV / S is left out: its history has names unknown" in notes
    assert "P2 / TV / L is left out: its history is shorter" in notes


def test_without_scalers_the_history_scales(tmp_path: Path, store: ArtifactStore) -> None:
    document = legacy_import.import_model(store, save(tmp_path), None, history(tmp_path)).to_json()
    code = document["encoding"]
    assert code["names"] == {
        "plant": ["P1", "P2", "P9"],
        "application": ["TV"],
        "panel_size": ["L", "S"],
    }
    wip = [100 + d for d in range(20)] * 2 + [100]
    assert code["mean"][0] == pytest.approx(np.mean(wip))
    assert code["scale"][0] == pytest.approx(np.std(wip))
    assert code["target_mean"] == code["mean"][:3]
    assert code["scale"][4] == 1  # a single application does not vary
    assert any("fitted on the history" in note for note in document["warnings"])


def test_with_nothing_but_the_file_what_is_assumed_is_said(
    tmp_path: Path, store: ArtifactStore
) -> None:
    document = legacy_import.import_model(store, save(tmp_path), None).to_json()
    assert document["encoding"]["scale"] == [1.0] * 6
    assert document["encoding"]["names"]["plant"] == ["Plant_A", "Plant_B", "Plant_C"]
    assert any("not scaled" in note for note in document["warnings"])


def test_the_columns_that_a_scaler_kept_give_the_order(
    tmp_path: Path, store: ArtifactStore
) -> None:
    import pandas as pd

    columns = ["Month", "WIP", "Throughput", "Cycle Time", "plant_encoded", "weekday"]
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(9, 6)), columns=columns)
    path = scalers(tmp_path, scaler=StandardScaler().fit(frame))
    document = legacy_import.import_model(store, save(tmp_path), path).to_json()
    order = ["month", "wip", "throughput", "cycle_time", "plant", "day_of_week"]
    assert document["encoding"]["features"] == order


def test_scalers_that_do_not_fit_are_refused(tmp_path: Path, store: ArtifactStore) -> None:
    path = save(tmp_path)
    with pytest.raises(InvalidInput, match="8 features are scaled"):
        legacy_import.import_model(store, path, scalers(tmp_path, 8))
    two = StandardScaler().fit(np.ones((3, 2)))
    with pytest.raises(InvalidInput, match="needs a mean"):
        legacy_import.import_model(store, path, scalers(tmp_path, target_scaler=two))
    assert store.ids() == []


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_damaged(tmp_path: Path, store: ArtifactStore, share: float) -> None:
    path = save(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DamagedFile, match=r"old\.h5 is truncated or no Keras"):
        legacy_import.import_model(store, path, None)
    assert store.ids() == []


def test_a_file_of_another_kind_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "x.h5").write_text("no HDF5 at all")
    with pytest.raises(DamagedFile):
        legacy_network.load_legacy(tmp_path / "x.h5")
    with pytest.raises(DamagedFile):
        legacy_network.load_legacy(tmp_path / "none.h5")


def test_a_lambda_layer_is_refused_and_not_run(tmp_path: Path, store: ArtifactStore) -> None:
    trace = tmp_path / "trace"

    def evil(x: Any) -> Any:
        trace.touch()
        return x

    path = save(tmp_path, keras.layers.LSTM(3), keras.layers.Lambda(evil, output_shape=(3,)))
    trace.unlink(missing_ok=True)
    with pytest.raises(InvalidInput, match="Lambda layer"):
        legacy_import.import_model(store, path, None)
    assert not trace.exists()


def rewritten(path: Path, change: Any) -> Path:
    """Change the description of the model in a file."""
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        change(config["config"]["layers"])
        del file.attrs["model_config"]
        file.attrs["model_config"] = json.dumps(config)
    return path


def test_the_list_of_layers_that_early_keras_2_wrote_is_read(tmp_path: Path) -> None:
    path = save(tmp_path)
    true = keras.models.load_model(path, compile=False)(windows())
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        _, *config["config"] = config["config"]["layers"]
        config["config"][0]["config"]["batch_input_shape"] = [None, LENGTH, 6]
        config["config"][0]["config"]["implementation"] = 1
        del file.attrs["model_config"]
        file.attrs["model_config"] = json.dumps(config).encode()
    np.testing.assert_allclose(legacy_network.load_legacy(path)(windows()), true, atol=1e-5)


def test_functions_that_are_no_part_of_keras_are_not_called(tmp_path: Path) -> None:
    evil = {"module": "builtins", "class_name": "function", "config": "print"}
    path = rewritten(save(tmp_path), lambda layers: layers[1]["config"].update(activation=evil))
    with pytest.raises(InvalidInput, match="cannot be opened by Keras"):
        legacy_network.load_legacy(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda layers: layers[1].update(module="os", class_name="system"), "os.system"),
        (lambda layers: layers[1]["config"].update(time_major=True), "time before the batch"),
        (lambda layers: layers[1].update(class_name="Unknown"), "cannot be opened by Keras"),
    ],
)
def test_files_that_keras_should_not_open_are_refused(
    tmp_path: Path, change: Any, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        legacy_network.load_legacy(rewritten(save(tmp_path), change))


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory is Linux'")
def test_a_network_that_states_more_than_memory_is_refused_within_the_limit(tmp_path: Path) -> None:
    path = rewritten(save(tmp_path), lambda layers: layers[-1]["config"].update(units=5 * 10**8))
    assert path.stat().st_size < 100_000
    done = subprocess.run(
        [sys.executable, "run.py", "import", str(path)],
        cwd=ROOT,
        env=os.environ | {"MODEL_STORE": str(tmp_path / "models"), "WORKER_MEMORY_MB": "4000"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert "model: old.h5 cannot be opened by Keras" in done.stderr
    assert "OOM" in done.stderr
    assert visible_files(tmp_path / "models") == []


def test_weights_alone_are_refused(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((LENGTH, 6)), keras.layers.LSTM(3)])
    model.save_weights(tmp_path / "only.weights.h5")
    with pytest.raises(InvalidInput, match="weights only"):
        legacy_network.load_legacy(tmp_path / "only.weights.h5")


@pytest.mark.parametrize(
    ("shape", "units", "message"),
    [
        ((LENGTH, 6), 2, "must output 3 numbers"),
        ((None, 6), 3, "must take windows"),
        ((LENGTH, 2), 3, "takes 2 features, whose order is not known"),
        ((LENGTH, 7), 3, "order is not known; 3 orders have so many. State it: --features"),
        ((LENGTH, 9), 3, "day_zero: is required, or a history"),
    ],
)
def test_networks_of_another_shape_are_refused(
    tmp_path: Path, store: ArtifactStore, shape: Any, units: int, message: str
) -> None:
    path = save(tmp_path, keras.layers.LSTM(units), shape=shape)
    with pytest.raises(ServiceError, match=message):
        legacy_import.import_model(store, path, None)


def test_networks_of_two_inputs_are_refused(tmp_path: Path, store: ArtifactStore) -> None:
    inputs = [keras.Input((LENGTH, 3)), keras.Input((LENGTH, 3))]
    output = keras.layers.LSTM(3)(keras.layers.Concatenate()(inputs))
    keras.Model(inputs, output).save(tmp_path / "two.h5")
    with pytest.raises(InvalidInput, match="one input"):
        legacy_import.import_model(store, tmp_path / "two.h5", None)
