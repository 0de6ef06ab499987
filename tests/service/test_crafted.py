"""Files that were made to harm: each is refused with a sentence, runs nothing, takes no memory."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from onnx import TensorProto, helper

from models.data.reading.tables import Table, read_file
from models.forecast.onnx_session import open_network
from models.training.keras_files import Refused, check_keras, check_weights
from tests.support.running_service import ROOT, Service
from utils.errors import DamagedFile, InvalidInput, ServiceError

HEAD = "date,plant,application,panel_size,wip,throughput\n"
_MB = 1_000_000
# Read a table with no more memory than given beyond what the program itself takes.
_READ = """
import resource, sys
from pathlib import Path
import numpy, pandas, pyarrow.parquet, pyarrow
from models.data.reading import tables
from utils.errors import ServiceError
taken = int(next(l for l in open("/proc/self/status") if l.startswith("VmData")).split()[1]) * 1024
most = taken + int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_DATA, (most, most))
try:
    tables.read_file(Path(sys.argv[1]), 10_000_000, 512_000_000)
except ServiceError as error:
    print(type(error).__name__, error.message)
"""


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.trace}",)


@pytest.fixture
def trace(tmp_path: Path) -> Any:
    """The file that executed code would leave behind."""
    path = tmp_path / "trace"
    yield path
    assert not path.exists()


# --- Keras ------------------------------------------------------------------------------------

DENSE = {
    "class_name": "Dense",
    "module": "keras.layers",
    "config": {"name": "dense", "units": 3},
    "registered_name": None,
}


def described(*layers: dict[str, Any]) -> dict[str, Any]:
    return {"class_name": "Sequential", "module": "keras", "config": {"layers": [*layers]}}


def activated(module: str, function: str) -> dict[str, Any]:
    named = {"module": module, "class_name": "function", "config": function}
    return described(DENSE | {"config": {"units": 3, "activation": named}})


def weights(make: Callable[[h5py.File], Any] = lambda file: None) -> bytes:
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file["layers/dense/vars/0"] = np.ones((3, 3), np.float32)
        make(file)
    return content.getvalue()


def archive(folder: Path, config: Any, held: bytes | None = None, **more: bytes) -> Path:
    path = folder / "model.keras"
    members = {
        "metadata.json": b"{}",
        "config.json": config if isinstance(config, bytes) else json.dumps(config).encode(),
        "model.weights.h5": weights() if held is None else held,
        **more,
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def external(file: h5py.File) -> None:
    file["stolen"] = h5py.ExternalLink("/etc/passwd", "/")


def raw_file(file: h5py.File) -> None:
    file.create_dataset("stolen", (64,), np.uint8, external=[("/etc/passwd", 0, 64)])


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((3,), np.float32)
    layout[:] = h5py.VirtualSource("/tmp/other.h5", "x", (3,))
    file.create_virtual_dataset("stolen", layout)


def huge(file: h5py.File) -> None:
    file.create_dataset("huge", (1 << 40,), np.float32, chunks=(1024,))


def circular(file: h5py.File) -> None:
    file["layers/again"] = file["layers"]


def soft(file: h5py.File) -> None:
    file["soft"] = h5py.SoftLink("/layers/dense/vars/0")


def test_a_keras_file_that_holds_weights_only_is_shown_to_keras(tmp_path: Path) -> None:
    check_keras(archive(tmp_path, described(DENSE)))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (external, "a link in place of weights"),
        (soft, "a link in place of weights"),
        (raw_file, "lie in another file"),
        (virtual, "lie in another file"),
        (huge, "states 4,398,046"),
        (circular, "too many parts"),
    ],
)
def test_weights_that_lead_elsewhere_or_state_too_much_are_refused(
    tmp_path: Path, make: Callable[[h5py.File], Any], sentence: str
) -> None:
    held = weights(make)
    with pytest.raises(Refused, match=sentence):
        check_weights(io.BytesIO(held), len(held))
    with pytest.raises(Refused, match=sentence):
        check_keras(archive(tmp_path, described(DENSE), held))


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (described(DENSE | {"class_name": "Lambda"}), "has a Lambda layer, which holds code"),
        (described({"class_name": "__lambda__", "config": {}}), "which holds code"),
        (described(DENSE | {"module": "os", "class_name": "system"}), "names os.system"),
        (described(DENSE | {"module": "subprocess"}), "is no part of Keras"),
        (described(DENSE | {"class_name": "StringLookup"}), "may read other files"),
        (described({"class_name": "Custom>TFSMLayer", "config": {}}), "may read other files"),
        (described({"class_name": "TorchModuleWrapper", "config": {}}), "may read other files"),
        (activated("keras.utils", "get_file"), "a part of keras.utils, which is no layer"),
        (activated("keras.config", "enable_unsafe_deserialization"), "a part of keras.config"),
        ([[{"module": "kerasx", "class_name": "x"}]], "names kerasx.x"),
        (b"\x80\x04.", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"{nope", "no JSON"),
    ],
)
def test_descriptions_with_code_or_foreign_modules_are_refused(
    tmp_path: Path, config: Any, sentence: str
) -> None:
    with pytest.raises(Refused, match=sentence):
        check_keras(archive(tmp_path, config))


@pytest.mark.parametrize(
    "name", ["../../x", "/etc/cron.d/x", "assets/../../x", "model.pkl", "a" * 5000]
)
def test_archives_with_members_that_keras_does_not_write_are_refused(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(Refused, match="a file that Keras does not write"):
        check_keras(archive(tmp_path, described(DENSE), **{name: b"x"}))


def test_a_zip_bomb_is_refused_by_what_it_states(tmp_path: Path) -> None:
    path = archive(tmp_path, described(DENSE), bytes(200 * _MB))
    assert path.stat().st_size < _MB
    with pytest.raises(Refused, match="states 200,0"):
        check_keras(path)


@pytest.mark.parametrize("cut", [0, 10, 200, -30])
def test_truncated_archives_are_refused(tmp_path: Path, cut: int) -> None:
    path = archive(tmp_path, described(DENSE))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(Refused, match="truncated or no"):
        check_keras(path)


# --- ONNX -------------------------------------------------------------------------------------


def onnx_file(*nodes: Any, **initializers: Any) -> bytes:
    shape = helper.make_tensor_value_info("window", TensorProto.FLOAT, [None, 3])
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, [None, 3])
    graph = helper.make_graph([*nodes], "g", [shape], [output], [*initializers.values()])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("evil", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()


def stolen(location: str) -> Any:
    tensor = onnx.TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[3])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, "offset": "0", "length": "12"}.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


ADD = helper.make_node("Add", ["window", "w"], ["output"])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 1000,
        onnx_file(ADD, w=stolen("/etc/passwd")),
        onnx_file(ADD, w=stolen("../../../../../../../../etc/passwd")),
        onnx_file(helper.make_node("Run", ["window"], ["output"], domain="evil")),
        onnx_file(ADD, w=onnx.TensorProto(name="w", data_type=1, dims=[1 << 40])),
        onnx_file(ADD, w=onnx.TensorProto(name="w", data_type=1, dims=[-3])),
        onnx_file(ADD, w=helper.make_tensor("w", 1, [3], [1, 2, 3]))[:-40],
    ],
    ids=["empty", "zeros", "/etc/passwd", "../", "unknown domain", "huge", "negative", "truncated"],
)
def test_onnx_files_that_are_none_of_ours_are_refused(content: bytes) -> None:
    with pytest.raises(DamagedFile, match="holds no usable network"):
        open_network(content)


# --- tables -----------------------------------------------------------------------------------


def read(folder: Path, content: bytes, rows: int = 1000, most: int = _MB) -> Table:
    (folder / "table").write_bytes(content)
    return read_file(folder / "table", rows, most)


def parquet(columns: dict[str, pa.Array], **more: Any) -> bytes:
    content = io.BytesIO()
    pq.write_table(pa.table(columns), content, **more)
    return content.getvalue()


def plain(rows: int = 2, **more: pa.Array) -> dict[str, pa.Array]:
    texts = {name: pa.array(["x"] * rows) for name in ("plant", "application", "panel_size")}
    numbers = {name: pa.array(np.ones(rows)) for name in ("wip", "throughput")}
    return {"day": pa.array(np.arange(rows)), **texts, **numbers, **more}


def repeated(times: int, text: str) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(times, np.int32)), pa.array([text]))


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pa.array([[1, 2], [3]]), "list"),
        (pa.array([{"a": 1}, {"a": 2}]), "struct"),
        (pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int8())), "map"),
    ],
)
@pytest.mark.parametrize("name", ["wip", "plant", "day"])
def test_nested_columns_of_parquet_are_refused(
    tmp_path: Path, column: pa.Array, kind: str, name: str
) -> None:
    with pytest.raises(InvalidInput, match=f"{name}: must be a column of texts.*") as error:
        read(tmp_path, parquet(plain() | {name: column}))
    assert kind in str(error.value.details[0].received)


def test_parquet_that_is_larger_unpacked_than_allowed_is_refused(tmp_path: Path) -> None:
    content = parquet(plain(1000, note=pa.array([str(i) * 2000 for i in range(1000)])))
    with pytest.raises(ServiceError, match="MAX_UPLOAD_MB"):
        read(tmp_path, content)
    with pytest.raises(ServiceError, match="MAX_ROWS"):
        read(tmp_path, parquet(plain(1001)))


def test_pickles_within_parquet_are_not_read(tmp_path: Path, trace: Path) -> None:
    marked = pa.field("plant", pa.string()).with_metadata(
        {
            b"ARROW:extension:name": b"arrow.py_extension_type",
            b"ARROW:extension:metadata": pickle.dumps(Evil(trace)),
        }
    )
    table = pa.table(plain())
    table = table.cast(table.schema.set(1, marked))
    table = table.replace_schema_metadata({b"pandas": pickle.dumps(Evil(trace))})
    content = io.BytesIO()
    pq.write_table(table, content)
    assert len(read(tmp_path, content.getvalue())) == 2


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (",".join(f"c{i}" for i in range(1_000_000)).encode(), "longer than 1 MB"),
        (b"wip," * 2000 + b"\n", "at most 1,000 columns"),
        (b"wip," + b"x" * 5 * _MB, "longer than 1 MB"),
        (HEAD.encode() + b"\x00" * 50, "binary"),
        (HEAD.encode() + b"2024-01-01,a\x00b,b,c,1,2\n", "binary"),
        (HEAD.encode() + b'"' + b"x" * 3 * _MB, "A line of a CSV file may have at most"),
        (HEAD.encode() + b'"' + b"x\n" * 1000, "broken"),
    ],
    ids=["columns", "names", "line", "NUL", "NUL in a name", "a long line", "quote"],
)
def test_csv_that_is_none_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    with pytest.raises(ServiceError, match=sentence):
        read(tmp_path, content)


def test_names_with_nul_are_refused(tmp_path: Path, service: Service) -> None:
    with pytest.raises(InvalidInput, match="plant: must have no NUL character"):
        read(tmp_path, parquet(plain(plant=pa.array(["a", "a\0b"]))))
    note = service.post("/api/training/logs", {"message": "a\0b", "level": "info"})
    assert (note.status_code, note.json()["error"]) == (
        422,
        "message must have no NUL character. Received: 'a\\x00b'.",
    )


def read_within(folder: Path, content: bytes, most: int) -> str:
    """Return the output of a process that reads a table with limited memory."""
    (folder / "table").write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", _READ, str(folder / "table"), str(most)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory is Linux'")
@pytest.mark.parametrize(
    ("make", "most", "sentence"),
    [
        (lambda: gzip.compress(bytes(100 * _MB), 1) * 6, 300 * _MB, "TooLarge An upload may have"),
        (lambda: b"[" + b"[]," * 30_000_000 + b"[]]", 300 * _MB, "TooLarge A table in JSON"),
        # A text of 100 kB, repeated 50,000 times: 5 GB as plain texts.
        (
            lambda: parquet(
                plain(50_000, plant=repeated(50_000, "x" * 100_000)), store_schema=False
            ),
            900 * _MB,
            "InvalidInput plant: must have at most 200 characters",
        ),
    ],
    ids=["gzip", "JSON", "Parquet"],
)
def test_tables_that_unpack_to_more_than_memory_are_refused_within_little(
    tmp_path: Path, make: Callable[[], bytes], most: int, sentence: str
) -> None:
    assert read_within(tmp_path, make(), most).startswith(sentence)


# --- formulas ---------------------------------------------------------------------------------

NAMES = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "'=x",
    "''@x",
    "'plain",
    "=cmd|' /C calc'!A0",
    "a=b",
    "＝1",
]


def test_no_name_is_a_formula_in_an_export_and_each_comes_back_as_it_was(
    service: Service,
) -> None:
    body = {"plants": NAMES, "applications": ["=A"], "panelSizes": ["S"], "historicalDays": 2}
    made = service.post("/api/data/generate", body | {"seed": 1}).json()["dataset_id"]
    text = service.get(f"/api/data/{made}?format=csv").text
    written = {row["plant"] for row in csv.DictReader(io.StringIO(text))}
    assert len(written) == len(NAMES)
    assert not [name for name in written if name[0] in "=+-@\t\r\n＝＋－＠"]
    kind = {"Content-Type": "text/csv"}
    again = service.post("/api/data/upload", data=text.encode(), headers=kind).json()
    assert again["summary"]["plants"] == sorted(NAMES)
    rows = service.get(f"/api/data/{made}").json()["data"]
    assert {row["plant"] for row in rows} == set(NAMES)
    whole = io.BytesIO(service.get(f"/api/data/{made}?format=parquet").content)
    assert set(pq.read_table(whole)["plant"].to_pylist()) == set(NAMES)
