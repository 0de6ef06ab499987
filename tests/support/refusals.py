"""docs/refusals.md, written anew by `python -m tests.support.refusals` from a real service.

To add a row, add a case; the test of the same name compares what comes with the file.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import requests

from tests.support.running_service import ROOT, Service, make_key, start_service

TARGET = ROOT / "docs" / "refusals.md"
SETTINGS = {
    "WORKERS": "0",
    "WEB_PROCESSES": "1",
    "MAX_ROWS": "1000",
    "MAX_JSON_MB": "1",
    "MAX_UPLOAD_MB": "2",
    "MAX_EPOCHS": "100",
    "RATE_LIMITS": "on",
    "RATE_CHEAP": "500/minute",
    "RATE_EXPENSIVE": "60/hour",
}
DAMAGED = "11111111-1111-4111-8111-111111111111"  # a model whose document is cut short
LEGACY = "22222222-2222-4222-8222-222222222222"  # a .h5 file that was not imported
_NONE = "00000000-0000-4000-8000-000000000000"
_HEAD = "date,plant,application,panel_size,wip,throughput\n"
_LINE = "2024-01-01,A,B,C,1,2\n"
_ASK = {"model_id": _NONE, "plant": "A", "application": "B", "panelSize": "C"}
_HEADER = """# Error replies

Each row is a bad request, with the status and the `error` of the reply. Every error reply is
`{"success": false, "error", "details": [{"field", "message", "received"}], "request_id"}`,
whatever the endpoint; 405 has `Allow`, 429 and 503 have `Retry-After`, 401 has `WWW-Authenticate`.

The service that gave these replies has keys, no worker and low limits (1,000 rows, JSON of 1 MB,
tables of 2 MB). `python -m tests.support.refusals` writes this page, and a test compares each row.

Beyond it, `python -m benchmarks.fuzz` has Schemathesis try every operation of the OpenAPI document;
`tests/service/test_crafted.py` uploads files made to do harm; `tests/models/data/test_parsers.py`
checks that any bytes are either read or refused.

"""


@dataclass(frozen=True)
class Case:
    """One bad request. `caller` is the key that it comes with: read, write, or another text."""

    what: str
    status: int
    method: str
    path: str
    body: Any = None  # JSON, or bytes as they are
    kind: str = "application/json"
    caller: str = "write"
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1


def _parquet(**columns: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def _upload(what: str, status: int, body: bytes, kind: str = "text/csv") -> Case:
    return Case(what, status, "POST", "/api/data/upload", body, kind)


CASES = [
    Case("no key", 401, "GET", "/api/models", caller=""),
    Case("a text that is not a key", 401, "GET", "/api/models", caller="nonsense"),
    Case("a key that may only read", 403, "POST", "/api/data/generate", {}, caller="read"),
    Case("a key without the role admin", 403, "POST", "/api/masterdata/reload", {}),
    Case("two keys", 401, "GET", "/api/models", headers={"X-API-Key": "lstm_another"}),
    Case("a forged ticket", 401, "GET", f"/api/jobs/{_NONE}/events?ticket=forged", caller=""),
    Case("broken JSON", 400, "POST", "/api/model/validate", b"{nope"),
    Case("JSON that is not an object", 400, "POST", "/api/model/predict", b"[1]"),
    Case("a number that is not finite", 400, "POST", "/api/model/validate", b'{"wip": NaN}'),
    Case("a body of another content type", 415, "POST", "/api/model/train", b"<x/>", "text/xml"),
    Case("a field that is not known", 422, "POST", "/api/model/train", {"epoch": 3}),
    Case("a field out of its range", 422, "POST", "/api/data/generate", {"historicalDays": 0}),
    Case("a seed that 64 bits cannot hold", 422, "POST", "/api/data/generate",
         b'{"seed": -9223372036854775809}'),
    Case("a field of another type", 422, "POST", "/api/model/validate", {"wip": "a"}),
    Case("too few fields", 422, "POST", "/api/model/validate", {"wip": 5}),
    Case(
        "two sources of data", 422, "POST", "/api/model/train", {"datasetId": "x", "plants": ["a"]}
    ),
    Case("more epochs than allowed", 422, "POST", "/api/model/train", {"epochs": 101}),
    Case("a level that is not known", 422, "POST", "/api/training/logs",
         {"message": "x", "level": "loud"}),
    Case("a batch without items", 422, "POST", "/api/model/predict/batch",
         {"model_id": _NONE, "items": []}),
    Case("a backtest of no origins", 422, "POST", f"/api/model/{_NONE}/backtest", {"origins": 0}),
    Case("an empty list of plants", 422, "POST", "/api/model/train/parallel/plants",
         {"plants": []}),
    Case("more LSTM units than allowed", 422, "POST", "/api/model/train/enhanced",
         {"lstmUnits1": 100_000}),
    Case("a list of no jobs", 422, "GET", "/api/jobs?limit=0"),
    Case("a model format that is not known", 422, "GET",
         f"/api/model/{_NONE}/download?format=exe"),
    Case("a name twice", 422, "POST", "/api/data/generate", {"plants": ["a", "a"]}),
    Case("a name with NUL", 422, "POST", "/api/data/generate", {"plants": ["a\0b"]}),
    Case("a required field left out", 422, "POST", "/api/model/predict", {}),
    Case("a query field that is not known", 422, "GET", "/api/jobs?state=failed"),
    Case("a format that is not known", 422, "GET", f"/api/data/{_NONE}?format=xlsx"),
    Case(
        "an empty Idempotency-Key",
        422,
        "POST",
        "/api/data/generate",
        {},
        headers={"Idempotency-Key": ""},
    ),
    Case("more rows than allowed", 413, "POST", "/api/data/generate", {}),
    Case(
        "JSON larger than allowed", 413, "POST", "/api/model/predict", b'{"a": "' + b"x" * 1_100_000
    ),
    Case("no such model", 404, "POST", "/api/model/predict", _ASK),
    Case("no such data set", 404, "GET", f"/api/data/{_NONE}"),
    Case("no such job", 404, "GET", f"/api/jobs/{_NONE}/events"),
    Case("no such plant", 404, "GET", "/api/model/plant/Nowhere/best"),
    Case("a picture of a model that does not exist", 404, "GET", f"/visualizations/{_NONE}.png"),
    Case("a file path in place of a picture", 404, "GET", "/visualizations/..%2F..%2Fetc%2Fpasswd"),
    Case("a file path in place of an id", 404, "DELETE", "/api/model/..%2F..%2Fetc%2Fpasswd"),
    Case("no such route", 404, "GET", "/api/nothing"),
    Case("a method that is not allowed", 405, "GET", "/api/model/train"),
    Case("a legacy model that was not imported", 409, "POST", "/api/model/predict",
         _ASK | {"model_id": LEGACY}),
    Case("a model whose document is damaged", 500, "GET", f"/api/model/{DAMAGED}"),
    Case("work without a worker", 503, "POST", "/api/model/train", {"historicalDays": 20}),
    _upload("an empty upload", 400, b""),
    _upload("text that is not a table", 415, b"one,two\n1,2\n"),
    _upload("an executable file", 415, b"\x7fELF\x00\x00"),
    _upload("a form without a file", 415, b"a=1", "application/x-www-form-urlencoded"),
    _upload("a column left out", 422, b"date,plant,application,panel_size,wip,thruput\n"),
    _upload("a table without rows", 422, _HEAD.encode()),
    _upload("a cell that is not a number", 422, (_HEAD + "2024-01-01,A,B,C,two,2\n").encode()),
    _upload("a date in another format", 422, (_HEAD + "03/04/2024,A,B,C,1,2\n").encode()),
    _upload("a long gap", 422, (_HEAD + _LINE + "2024-01-02,A,B,C,1,2\n"
                                "2024-01-03,A,B,C,1,2\n2024-02-01,A,B,C,1,2\n").encode()),
    _upload("rows that are not objects", 422, b"[1, 2]", "application/json"),
    _upload("more rows than allowed", 413, (_HEAD + _LINE * 1001).encode()),
    _upload("more columns than allowed", 413, b"wip," * 2000 + b"\n"),
    _upload("a line without an end", 400, b"wip," + b"x" * 1_500_000),
    _upload("a gzip bomb", 413, gzip.compress(bytes(5_000_000))),
    _upload("broken gzip", 400, b"\x1f\x8b broken"),
    _upload("broken Parquet", 400, b"PAR1 but not really"),
    _upload("lists within Parquet", 422, _parquet(wip=[[1, 2]])),
    _upload("Parquet larger unpacked than allowed", 413,
            _parquet(wip=[1.0] * 900, x=[str(i) * 2000 for i in range(900)])),
    Case("a request that is not HTTP", 400, "NO SENSE", ""),
    Case("too many requests", 429, "POST", "/api/data/generate", {"historicalDays": 0},
         caller="hasty", times=61),
]  # fmt: skip


@contextmanager
def closed_service(folder: Path) -> Iterator[tuple[Service, dict[str, str]]]:
    """A service with keys, and the keys by the name of their caller."""
    settings = SETTINGS | {"DATABASE_URL": f"sqlite:///{folder / 'jobs.sqlite'}"}
    roles = {"read": "read", "write": "write", "hasty": "write"}
    keys = {name: make_key(folder, name, role, **settings) for name, role in roles.items()}
    (folder / "models").mkdir(exist_ok=True)
    (folder / "models" / f"{DAMAGED}.json").write_text('{"model_id": ')
    (folder / "models" / f"{LEGACY}.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    service = start_service(folder, **settings)
    try:
        yield service, keys
    finally:
        service.stop()


def answer(service: Service, keys: dict[str, str], case: Case) -> tuple[int, str]:
    """The status and the sentence that a case gets."""
    if not case.path:
        return _raw(int(service.environment["PORT"]), case.method)
    reply = _reply(service, keys, case)
    body = reply.json()
    assert body["success"] is False
    return reply.status_code, body["error"]


def refusal_of(service: Service, keys: dict[str, str], case: Case) -> dict[str, Any]:
    """The body of the reply that a case gets."""
    reply = _reply(service, keys, case)
    assert reply.status_code == case.status, reply.text
    body: dict[str, Any] = reply.json()
    return body


def _reply(service: Service, keys: dict[str, str], case: Case) -> requests.Response:
    key = keys.get(case.caller, case.caller)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    content = case.body if isinstance(case.body, bytes) else json.dumps(case.body)
    if case.body is not None:
        headers |= {"Content-Type": case.kind}
    for _ in range(case.times):
        reply = service.call(
            case.method,
            case.path,
            headers=headers | case.headers,
            data=None if case.body is None else content,
        )
    return reply


def _raw(port: int, line: str) -> tuple[int, str]:
    with socket.create_connection(("127.0.0.1", port), 20) as client:
        client.sendall(f"{line}\r\n\r\n".encode())
        received = b"".join(iter(lambda: client.recv(1 << 16), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["error"]


def row(case: Case, status: int, sentence: str) -> str:
    """The row of the table."""
    lasting = re.sub(r"in \d+ s\.", "in … s.", sentence)
    shown = (f"{case.method} {case.path}".strip(), lasting)
    request, message = (text.replace("|", "\\|").replace("\n", " ") for text in shown)
    return f"| {case.what} | `{request}` | {status} | {message} |"


def table(rows: list[str]) -> str:
    """The whole file."""
    return (
        _HEADER
        + "| bad request | method and path | status | error |\n|---|---|---|---|\n"
        + "\n".join(rows)
    )


def main() -> None:
    """Write the file."""
    with TemporaryDirectory() as folder, closed_service(Path(folder)) as (service, keys):
        rows = [row(case, *answer(service, keys, case)) for case in CASES]
    TARGET.write_text(table(rows) + "\n")


if __name__ == "__main__":
    main()
