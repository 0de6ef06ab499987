"""The law of every parser: any bytes give something valid, or a refusal in a sentence."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import pkgutil
import string
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from app import create_app
from models.conversion.scaler_pickles import read_scalers
from models.data.cleaning import clean
from models.data.reading.tables import read_file, read_rows
from models.series.legacy_encoding import LegacyEncoding
from models.services import master_file
from models.training.keras_files import Refused, check_config, check_keras, check_weights
from tests.support.stores import settings_in
from utils import spreadsheet_text
from utils.api import schemas
from utils.api.parsing import Request
from utils.errors import ServiceError

HEAD = b"date,plant,application,panel_size,wip,throughput,cycle_time\n"
COLUMNS = [*HEAD.decode().strip().split(","), "day", "Date", "panelSize", "releases", "x", ""]
CELLS = [
    *("2024-01-01", "A", "1e400", "-inf", "nan", "1,5", '"', "\x00", "9" * 30, "0000-00-00"),
    *("2024-01-01T00:00:00+99:00", "9999-12-31", "1677-01-01", "true", "0x10", "\ufeff", "'=x"),
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.sampled_from(COLUMNS), inner, max_size=3)
    ),
    max_leaves=8,
)
REQUESTS = [
    kind
    for found in pkgutil.iter_modules(schemas.__path__, f"{schemas.__name__}.")
    for kind in vars(import_module(found.name)).values()
    if isinstance(kind, type) and issubclass(kind, Request) and kind.__module__ == found.name
]
KINDS = [
    *(pa.int8(), pa.uint64(), pa.float16(), pa.float64(), pa.string(), pa.large_string()),
    *(pa.binary(), pa.binary(3), pa.bool_(), pa.date32(), pa.timestamp("ns"), pa.time32("s")),
    *(pa.timestamp("s", "Europe/Berlin"), pa.duration("ms"), pa.decimal128(10, 2), pa.null()),
    *(pa.list_(pa.int32()), pa.struct([("a", pa.int8())]), pa.dictionary(pa.int32(), pa.string())),
]


def holds(parse: Callable[..., Any], *arguments: Any) -> Any:
    """What a parser gives, or None if it refuses in a sentence; anything else fails the test."""
    try:
        return parse(*arguments)
    except (ServiceError, Refused) as error:
        assert str(error)
        return None


def read(folder: Path, content: bytes) -> None:
    (folder / "table").write_bytes(content)
    table = holds(read_file, folder / "table", 1000, 1_000_000)
    if table is not None:
        holds(clean, table)


@st.composite
def csv_files(draw: st.DrawFn) -> bytes:
    """Almost tables, in every separator, end of line and encoding."""
    head = draw(st.just(COLUMNS[:7]) | st.lists(st.sampled_from(COLUMNS), max_size=9))
    cell = st.text(max_size=6) | st.sampled_from(CELLS) | st.floats().map(str)
    row = st.lists(cell, min_size=max(0, len(head) - 1), max_size=len(head) + 1)
    separator, end = draw(st.sampled_from(",;\t")), draw(st.sampled_from(["\n", "\r\n", "\r"]))
    text = end.join(separator.join(cells) for cells in [head, *draw(st.lists(row, max_size=4))])
    return text.encode(draw(st.sampled_from(["utf-8", "cp1252", "utf-16", "utf-8-sig"])), "replace")


@given(
    st.binary(max_size=200)
    | st.binary(max_size=100).map(lambda rest: HEAD + rest)
    | st.binary(max_size=60).map(gzip.compress)
    | st.binary(max_size=60).map(lambda rest: gzip.compress(HEAD)[:-8] + rest)
    | csv_files()
    | VALUES.map(lambda value: json.dumps(value).encode())
)
def test_tables_of_any_bytes(tmp_path: Path, content: bytes) -> None:
    read(tmp_path, content)


@given(
    st.lists(
        st.dictionaries(st.sampled_from(COLUMNS), VALUES, max_size=9)
        | st.fixed_dictionaries({name: VALUES | st.just("2024-01-01") for name in COLUMNS[:7]})
        | VALUES,
        max_size=4,
    ),
    st.booleans(),
)
def test_rows_of_any_values(rows: list[Any], strict: bool) -> None:
    table = holds(read_rows, rows, 100, strict)
    if table is not None:
        holds(clean, table)


@st.composite
def parquet_files(draw: st.DrawFn) -> bytes:
    """Tables of any types, some bytes of which may have changed."""
    names = draw(st.just(COLUMNS[:6]) | st.lists(st.sampled_from(COLUMNS), max_size=8))
    kinds = [draw(st.sampled_from(KINDS)) for _ in names]
    columns = [pa.nulls(3, kind) for kind in kinds]
    for i, kind in enumerate(kinds):
        if draw(st.booleans()) and not pa.types.is_nested(kind):
            texts = pa.array(["1", "1", "1"])
            try:
                columns[i] = texts.cast(kind)
            except pa.ArrowException:
                columns[i] = pa.nulls(3, kind)
    file = io.BytesIO()
    pq.write_table(pa.table(columns, names=names), file)
    content = bytearray(file.getvalue())
    for _ in range(draw(st.integers(0, 3))):
        content[draw(st.integers(4, len(content) - 9))] = draw(st.integers(0, 255))
    return bytes(content)


@given(parquet_files())
def test_parquet_of_any_types_and_bytes(tmp_path: Path, content: bytes) -> None:
    read(tmp_path, content)
    holds(read_file, tmp_path / "table", 1000, 1_000_000, 1)  # which counts the series first


@pytest.mark.parametrize("kind", REQUESTS)
@given(data=st.data())
def test_bodies_of_any_values(kind: type[Request], data: st.DataObject) -> None:
    names = [item.alias or name for name, item in kind.model_fields.items()] + ["unknown"]
    body = data.draw(st.dictionaries(st.sampled_from(names), VALUES, max_size=6) | VALUES)
    holds(kind.parse, body)


@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(str.encode)
    | st.dictionaries(
        st.sampled_from(["plants", "products", "panel_sizes", "regions", "x"]), VALUES
    ).map(lambda value: json.dumps(value).encode())
    | st.sampled_from(
        [
            b"!!python/object/apply:os.system [touch x]",
            b"a: &a [*a]",
            b"plants: " + b"[" * 1500,
            b"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]",
        ]
    ),
    st.sampled_from(["yaml", "csv"]),
)
def test_master_data_of_any_bytes(tmp_path: Path, content: bytes, ending: str) -> None:
    (tmp_path / f"master.{ending}").write_bytes(content)
    holds(master_file.read, tmp_path / f"master.{ending}")


@pytest.fixture(scope="module")
def fitted() -> bytes:
    return pickle.dumps({"scaler": StandardScaler().fit(np.arange(9.0).reshape(3, 3))})


@given(data=st.data())
def test_pickles_of_any_bytes(tmp_path: Path, fitted: bytes, data: st.DataObject) -> None:
    content = bytearray(fitted)
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    given_ = data.draw(st.just(bytes(content)) | st.binary(max_size=100))
    (tmp_path / "scalers.pkl").write_bytes(given_)
    holds(read_scalers, tmp_path / "scalers.pkl")


@pytest.fixture(scope="module")
def network() -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as opened:
        opened["layers/dense/vars/0"] = np.ones((3, 3), np.float32)
    return file.getvalue()


@given(data=st.data())
def test_weights_and_archives_of_any_bytes(
    tmp_path: Path, network: bytes, data: st.DataObject
) -> None:
    content = bytearray(network)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    holds(check_weights, io.BytesIO(bytes(content)), len(content))
    (tmp_path / "m.keras").write_bytes(data.draw(st.binary(max_size=60)))
    holds(check_keras, tmp_path / "m.keras")


@given(VALUES)
def test_descriptions_of_any_values(config: Any) -> None:
    holds(check_config, config)


@given(
    st.dictionaries(
        st.sampled_from(
            ["step", "anchor", "sequence_length", "names", "features", "mean", "scale", "targets"]
        ),
        VALUES,
    )
)
def test_encodings_of_any_values(document: dict[str, Any]) -> None:
    try:
        LegacyEncoding.from_document(document)
    except (KeyError, TypeError, ValueError) as error:  # reported as a damaged document
        assert str(error)


@given(st.text(max_size=20) | st.text(alphabet="'=+-@\t\r\n a＝＋－＠", max_size=6))
def test_formulas_are_escaped_and_come_back(name: str) -> None:
    written = spreadsheet_text.escaped(name)
    assert spreadsheet_text.plain(written) == name
    assert not written or written[0] not in "=+-@\t\r\n＝＋－＠"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    folder = tmp_path_factory.mktemp("parsers")
    return create_app(settings_in(folder, max_rows=1000)).test_client()


TEXTS = st.text(alphabet=string.printable[:95] + "äß€\x01\x7f", max_size=30)


@given(
    key=TEXTS,
    path=st.text(max_size=20)
    | st.sampled_from(["../../etc/passwd", "..%2f..", "%00", "//x", "' OR 1=1 --"]),
    query=st.dictionaries(st.sampled_from(["format", "limit", "offset", "kind", "x"]), TEXTS),
)
def test_headers_paths_and_queries_of_any_text(
    client: FlaskClient, key: str, path: str, query: dict[str, str]
) -> None:
    text = key.encode("utf-8").decode("latin-1").replace("\r", "").replace("\n", "")
    names = ("Idempotency-Key", "Last-Event-ID", "Prefer", "X-Request-ID", "Traceparent")
    headers = dict.fromkeys(names, text)
    place = path.replace("?", "").replace("#", "")
    replies = [
        client.get(f"/api/data/{place}", headers=headers, query_string=query),
        client.get(f"/api/jobs/{place}/events", headers=headers),
        client.delete(f"/api/model/{place}", headers=headers),
        client.get("/api/jobs", headers=headers, query_string=query),
        client.post("/api/data/generate", json={"historicalDays": 0}, headers=headers),
    ]
    for reply in replies:
        assert reply.status_code < 500, reply.text
        assert reply.headers["X-Request-ID"]
        assert reply.status_code < 400 or reply.get_json()["success"] is False
