"""Pickles of scalers: what scikit-learn wrote is read, and nothing that a file names is run."""

from __future__ import annotations

import builtins
import os
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.preprocessing import LabelEncoder, MinMaxScaler, StandardScaler

from models.conversion.scaler_pickles import read_scalers
from utils.errors import InvalidInput

TABLE = np.array([[100.0, 10.0, 10.0], [140.0, 12.0, 11.0], [90.0, 15.0, 6.0]])
PLANTS = ["Plant_A", "Wörk/2"]


def scaler(table: Any = TABLE) -> StandardScaler:
    return StandardScaler().fit(table)


def encoder(names: list[str]) -> LabelEncoder:
    return LabelEncoder().fit(np.array(names, object))


def whole() -> dict[str, Any]:
    return {
        "feature_scaler": scaler(),
        "target_scaler": scaler(TABLE * 2),
        "label_encoders": {
            "panelSize": encoder(["Large", "Small"]),
            "plant": LabelEncoder().fit(PLANTS),
            "application": encoder(["TV"]),
        },
    }


def pickled(path: Path, held: Any, protocol: int = 4) -> Path:
    path = path / "scalers.pkl"
    path.write_bytes(pickle.dumps(held, protocol))
    return path


def refusal(path: Path, held: bytes) -> str:
    (path / "bad.pkl").write_bytes(held)
    with pytest.raises(InvalidInput) as caught:
        read_scalers(path / "bad.pkl")
    return caught.value.message


def check_whole(path: Path) -> None:
    found, true = read_scalers(path), scaler()
    np.testing.assert_array_equal(found.scaler, [true.mean_, true.scale_])
    assert found.target_scaler is not None
    np.testing.assert_allclose(found.target_scaler, 2 * np.array([true.mean_, true.scale_]))
    assert found.encoders == {
        "plant": PLANTS,
        "application": ["TV"],
        "panel_size": ["Large", "Small"],
    }
    assert found.features == ()


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol_of_pickle_is_read(tmp_path: Path, protocol: int) -> None:
    check_whole(pickled(tmp_path, whole(), protocol))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_what_joblib_dumped_is_read(tmp_path: Path, protocol: int) -> None:
    joblib.dump(whole(), tmp_path / "s.joblib", protocol=protocol)
    check_whole(tmp_path / "s.joblib")


def test_modules_by_their_old_names_are_read(tmp_path: Path) -> None:
    content = pickle.dumps(whole(), 0)
    for new, old in {
        b"numpy._core": b"numpy.core",
        b"preprocessing._data": b"preprocessing.data",
        b"preprocessing._label": b"preprocessing.label",
    }.items():
        assert new in content
        content = content.replace(new, old)
    (tmp_path / "old.pkl").write_bytes(content)
    check_whole(tmp_path / "old.pkl")


def test_one_scaler_alone_is_read_and_two_in_a_list_are_told_apart(tmp_path: Path) -> None:
    found = read_scalers(pickled(tmp_path, scaler()))
    assert found.target_scaler is None
    assert found.encoders == {}
    encoders = [encoder(["x"]), encoder(["y"]), encoder(["z"])]
    found = read_scalers(pickled(tmp_path, [scaler(), scaler(TABLE + 1), *encoders]))
    assert found.target_scaler is not None
    assert found.target_scaler[0][0] == found.scaler[0][0] + 1
    assert found.encoders == {"plant": ["x"], "application": ["y"], "panel_size": ["z"]}
    found = read_scalers(pickled(tmp_path, {"scaler_y": scaler(TABLE + 1), "scaler_X": scaler()}))
    assert found.target_scaler is not None
    assert found.target_scaler[0][0] == found.scaler[0][0] + 1


def test_switched_off_parts_and_names_of_columns_are_kept(tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame(TABLE, columns=["wip", "throughput", "cycle_time"])
    found = read_scalers(pickled(tmp_path, StandardScaler(with_mean=False).fit(frame)))
    assert found.features == ("wip", "throughput", "cycle_time")
    assert found.scaler[0].tolist() == [0, 0, 0]
    found = read_scalers(pickled(tmp_path, StandardScaler(with_std=False).fit(TABLE)))
    assert found.scaler[1].tolist() == [1, 1, 1]


class Calls:
    """Pickles as a call of anything."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def nested(evil: Any) -> list[Any]:
    poisoned = scaler()
    poisoned.mean_ = evil
    array = np.empty(1, object)
    array[0] = evil
    names = LabelEncoder()
    names.classes_ = array
    return [evil, {"scaler": scaler(), "x": [evil]}, poisoned, [scaler(), names]]


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize(
    ("name", "function", "code"),
    [
        ("system", os.system, "touch {}"),
        ("eval", builtins.eval, "open('{}', 'w')"),
        ("exec", builtins.exec, "open('{}', 'w')"),
        ("getattr", builtins.getattr, "{}"),
    ],
)
def test_code_is_refused_by_name_and_not_executed(
    tmp_path: Path, name: str, function: Any, code: str, protocol: int, place: int
) -> None:
    trace = tmp_path / "trace"
    evil = nested(Calls(function, code.format(trace)))[place]
    for dump in (pickle.dumps(evil, protocol), _by_joblib(tmp_path, evil, max(protocol, 2))):
        message = refusal(tmp_path, dump)
        assert f".{name}, which is not accepted" in message
        assert not trace.exists()


def _by_joblib(folder: Path, held: Any, protocol: int) -> bytes:
    joblib.dump(held, folder / "dumped", protocol=protocol)
    return (folder / "dumped").read_bytes()


def test_other_scalers_are_refused_by_name(tmp_path: Path) -> None:
    content = pickle.dumps(MinMaxScaler().fit(TABLE))
    assert "MinMaxScaler, which is not accepted" in refusal(tmp_path, content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a pickle",
        pickle.dumps(whole())[:200],
        b"cnumpy\ndtype\n(S'V8'\ntR.",  # a kind of array that is not accepted
        b"cnumpy\nndarray\n}(S'restore'\nS'x'\nub.",  # state for a class itself
        b"cnumpy\ndtype\n(S'f8'\ntR(I3\nS'x'\nt" + b"b.",
        b"c__builtin__\nobject\n(tR.",
        b"cnumpy.core.multiarray\n_reconstruct\n(c__builtin__\nobject\ntR.",
        b"c_codecs\nencode\n(S'x'\nS'zip'\ntR.",
        b"\x82\x01.",  # from the registry of extensions
        b"(I1\nI2\nt}b.",  # state for a tuple
        pickle.dumps(scaler()).replace(b"mean_", b"meen_").replace(b"scale_", b"skale_"),
        pickle.dumps(StandardScaler()),
        pickle.dumps([scaler(), scaler(), scaler()]),
        pickle.dumps(encoder(["x"])),
        pickle.dumps({"scaler_y": scaler()}),
        pickle.dumps([[[[[[[scaler()]]]]]]]),
        pickle.dumps([0] * 20_000),
        pickle.dumps(5),
    ],
)
def test_what_is_broken_or_holds_no_scaler_is_refused(tmp_path: Path, content: bytes) -> None:
    assert refusal(tmp_path, content).startswith("scalers: ")


def changed(**attributes: Any) -> bytes:
    held = scaler()
    vars(held).update(attributes)
    return pickle.dumps(held)


def test_scalings_that_cannot_be_are_refused(tmp_path: Path) -> None:
    assert "zero" in refusal(tmp_path, changed(scale_=np.array([1.0, 0.0, 1.0])))
    assert "do not fit" in refusal(tmp_path, changed(scale_=np.ones(2)))
    assert "do not fit" in refusal(tmp_path, changed(mean_=np.full(3, np.nan)))
    assert "objects" in refusal(tmp_path, changed(mean_=np.array([None], object)))
    assert "kind" in refusal(tmp_path, changed(mean_=np.zeros(1, "M8[D]")))


def test_compressed_large_and_missing_files_say_so(tmp_path: Path) -> None:
    joblib.dump(whole(), tmp_path / "s.gz", compress=("gzip", 3))
    joblib.dump(whole(), tmp_path / "s.z", compress=3)
    for name in ("s.gz", "s.z"):
        with pytest.raises(InvalidInput, match="compressed"):
            read_scalers(tmp_path / name)
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_scalers(tmp_path / "none")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(64_000_001)
    with pytest.raises(InvalidInput, match="larger"):
        read_scalers(tmp_path / "large")
