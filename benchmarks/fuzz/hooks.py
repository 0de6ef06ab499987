"""Schemathesis' hooks: ids that exist, short trainings, and rules that a schema cannot express.

Generated requests hold unknown ids, names and tables: the code behind would never be reached. Most
of the valid ones are therefore changed to use what `benchmarks.fuzz.run` has put into the service.
The rest, and all that are generated as invalid, stay as they are.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections import Counter
from typing import Any

import requests
import schemathesis
from schemathesis import Case, CheckContext, HookContext, Response
from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import IgnoredAuth, JsonSchemaError, RejectedPositiveData

from benchmarks.fuzz.costs import Meter

THINGS: dict[str, Any] = json.loads(os.environ["FUZZ_THINGS"])
_KEPT, _SPARE, _ROWS = THINGS["kept"], THINGS["spare"], THINGS["rows"]
_SMALL = {"epochs": 1, "lstmUnits1": 2, "lstmUnits2": 2, "batchSize": 64, "sequenceLength": 3}
_MOST_WAITS: int = THINGS["waits"]  # trainings of each kind whose end is waited for
_waited: Counter[str] = Counter()
_meter = Meter(THINGS["web_process"])
_MADE_UP = 20  # of 100 valid requests, those that stay as Schemathesis makes them

_TRAINS = r"/api/model/train/?[a-z/]*"
_PREDICTS = r"/api/model/(predict|predict/batch|plant/{plant}/predict)"
_PLANS = r"/api/plan/(finish|output|unit|curve|advise|compare|line)"
_TRIES = r"/api/model/{model_id}/(backtest|compress)"
_TAKES_ROWS = rf"/api/data/(upload|validate)|{_TRAINS}|{_PREDICTS}"

# Rules between a request and stored data, or between fields, that JSON Schema cannot express:
# (paths, pattern of the error, why). A valid request may break one.
_BEYOND_SCHEMA = (
    (
        rf"/api/data/generate|{_TAKES_ROWS}|{_TRIES}",
        r"\bMAX_[A-Z_]+\b",
        "series × days, and what is stored, have limits that are settings",
    ),
    (
        _TAKES_ROWS,
        r"^(rows|date|day|plant|application|panel_size|wip|throughput|cycle_time)[.\w]*: |"
        r"The column|Row field|missing steps",
        "tables have rules of their own",
    ),
    (
        r"/api/data/(upload|validate)",
        r"The content is|is broken|is not JSON",
        "any bytes are text/csv to a schema",
    ),
    (r"/api/keys", r"^name: must have printable", "JSON Schema knows no classes of characters"),
    (r"/api/(data|jobs|models|training/logs)", r"^cursor: must be", "a cursor is one of a page"),
    (
        rf"{_PREDICTS}|{_PLANS}|/api/model/predict/scenarios",
        r"must be one that the model was trained on",
        "the names are those of a model",
    ),
    (_PLANS, r"must lie between the first day after the data", "the days follow stored data"),
    (_PLANS, r"\bneeds one of\b|^model_id: or datasetId", "one of several fields is to be given"),
    (_PREDICTS, r"history: must hold rows of", "a history is that of the series asked for"),
    (r"/api/model/plant/{plant}/predict", r"must be that of the path", "the body repeats it"),
    (
        r"/api/model/predict/batch",
        r"\bitems\.\d+\.",
        "each item is judged by itself: one that is right is enough",
    ),
    (
        _TRIES,
        r"^datasetId: (must hold|must have|is required)|must choose a series of the data",
        "what can be judged by it is a matter of the stored data",
    ),
    (_TRAINS, r"must be plants? of the data", "the names are those of stored data"),
    (_TRAINS, r"sequenceLength: must be shorter", "windows and days have to fit each other"),
    (
        rf"/api/data/generate|{_TRAINS}",
        r"must be distinct",
        "names are trimmed before they are compared",
    ),
    (
        rf"/api/data/(generate|upload)|{_TRAINS}|{_TRIES}",
        r"Idempotency-Key: must be a new one",
        "it was used for another request before",
    ),
)


def _share(case: Case) -> int:
    """0..99, always the same for the same request."""
    content = case.path, case.path_parameters, case.query, case.body
    return zlib.crc32(repr(content).encode()) % 100


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """Make a valid request one about things that exist, and a training a small one."""
    _meter.begin()
    meta, operation = case.meta, case.operation
    if meta is None or case.method != operation.method.upper():
        return
    share = _share(case)
    if share >= _MADE_UP and meta.generation.mode.is_positive:
        known = _SPARE if case.method == "DELETE" else _KEPT
        for name in case.path_parameters:
            if name in known:
                case.path_parameters[name] = known[name][share % len(known[name])]
        if "/backtest/" in case.path:
            case.path_parameters["job_id"] = THINGS["backtest"]
        if case.path.startswith("/api/data/") and case.media_type:
            case.body = _table(case)
        elif isinstance(case.body, dict):
            case.body = _about_known(case, share)
    if case.path.startswith("/api/model/train") and isinstance(case.body, dict):
        waits = meta.generation.mode.is_positive and _waited[case.path] < _MOST_WAITS
        _waited[case.path] += waits
        case.body = _small(case.body, waits)


def _small(body: dict[str, Any], waits: bool) -> dict[str, Any]:
    """The body of a training that takes no time, and as valid as it was; few are waited for."""
    body, small = dict(body), dict(_SMALL)
    if not (body.get("datasetId") or body.get("trainingData")):
        small["historicalDays"] = 40
    for name, value in small.items():
        if body.get(name) is None or (type(body[name]) is int and body[name] > value):
            body[name] = value
    if not waits and body.get("background", False) in (None, False):
        body["background"] = True
    return body


def _table(case: Case) -> Any:
    """A table, in the form that the request is to have."""
    if case.media_type == "application/json":
        return _about_known(case, 0) if isinstance(case.body, dict) else _ROWS
    if case.media_type == "multipart/form-data":
        return {"file": THINGS["csv"]}
    return THINGS["csv"]


def _about_known(case: Case, share: int) -> dict[str, Any]:
    """The body, about data, models and series that there are."""
    body = dict(case.body)
    names = {"model_id": "model_id", "datasetId": "dataset_id"}
    body |= {field: _KEPT[kind][0] for field, kind in names.items() if body.get(field)}
    body |= {n: _ROWS for n in ("history", "trainingData", "data", "rows") if body.get(n)}
    of_rows = 0 if body.get("history") else share % len(THINGS["series"])
    series = THINGS["series"][of_rows]
    body |= {name: value for name, value in series.items() if body.get(name)}
    if body.get("plant") and "plant" in case.path_parameters:
        body["plant"] = case.path_parameters["plant"]
    if body.get("plants") and (body.get("datasetId") or body.get("trainingData")):
        body["plants"] = _KEPT["plant"][:1]
    if body.get("items"):
        body["items"] = [series for _ in body["items"]]
    return body


@schemathesis.hook
def after_call(context: HookContext, case: Case, response: Response) -> None:
    """Cancel the jobs that a request has started, so that none has to wait for them."""
    if response.status_code != 202:
        return
    accepted = response.json()
    jobs = [accepted["job_id"]] if "job_id" in accepted else [*accepted["jobs"].values()]
    for job in jobs:
        key = {"Authorization": f"Bearer {THINGS['key']}"}
        requests.delete(f"{THINGS['url']}/api/jobs/{job}", headers=key, timeout=60)


@schemathesis.check
def costs_little(context: CheckContext, response: Response, case: Case) -> None:
    """A refusal takes little processor time and memory."""
    if 400 <= response.status_code < 500:
        request = response.request
        size = len(request.body or b"") + len(request.url or "") + len(str(request.headers))
        excess = _meter.excess(size)
        assert excess is None, excess


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case, response: Response) -> bool:
    """Accept the refusal of a request that is valid as far as a schema can tell, and a ticket."""
    if case.operation.path == "/api/jobs/{job_id}/events":
        if isinstance(failure, IgnoredAuth):
            return "ticket" not in case.query  # it opens the stream whatever the headers are
        if isinstance(failure, JsonSchemaError):
            return False  # the schema is that of the whole stream as text, not of one event
    if not isinstance(failure, RejectedPositiveData):
        return True
    reply = response.json()
    path = case.operation.path
    words = " ".join([reply["error"], *(detail["field"] for detail in reply["details"])])
    return not any(
        re.fullmatch(paths, path) and re.search(sentence, words)
        for paths, sentence, _ in _BEYOND_SCHEMA
    )
