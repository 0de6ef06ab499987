"""Refused requests and their replies, over the app's test client."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from models.data.reading.table_columns import WrongCells
from tests.support.stores import settings_in
from utils.errors import InternalError, ServiceError
from utils.http import error_handler
from utils.http.views import ENDPOINTS
from utils.settings import Settings

TRAIN, PREDICT = "/api/model/train", "/api/model/predict"
GENERATE, VALIDATE = "/api/data/generate", "/api/model/validate"
ASK = {"model_id": "x", "plant": "a", "application": "b", "panelSize": "c"}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings_in(tmp_path_factory.mktemp("refusals"), max_rows=1000)


@pytest.fixture(scope="module")
def app(settings: Settings) -> Flask:
    """One for all tests of this module: what is refused changes nothing."""
    return create_app(settings)


@pytest.fixture(scope="module")
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def refused(reply: Any, status: int) -> dict[str, Any]:
    assert reply.status_code == status, reply.text
    assert reply.mimetype == "application/json"
    body = json.loads(reply.text, parse_constant=lambda c: pytest.fail(c))
    assert body["success"] is False and isinstance(body["error"], str) and body["error"]
    assert body["request_id"] == reply.headers["X-Request-ID"]
    return body


@pytest.mark.parametrize("path", [GENERATE, TRAIN, PREDICT, VALIDATE])
@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{nope", "application/json", 400),
        (b"[1]", "application/json", 400),
        (b"null", "application/json", 400),
        (b'"text"', "application/json", 400),
        (b'{"wip": NaN}', "application/json", 400),
        (b'{"wip": Infinity}', "application/json", 400),
        (b'{"wip": "\xff"}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"a=1", "application/x-www-form-urlencoded", 415),
        (b"<x/>", "text/xml", 415),
    ],
)
def test_bodies_that_are_no_json_object(
    client: FlaskClient, path: str, content: bytes, kind: str, status: int
) -> None:
    refused(client.post(path, data=content, content_type=kind), status)


@pytest.mark.parametrize(
    ("path", "body", "field", "part"),
    [
        (GENERATE, {"historicalDays": -5}, "historicalDays", "at least 1"),
        (GENERATE, {"historicalDays": "many"}, "historicalDays", "whole number"),
        (GENERATE, {"historicalDays": 36_501}, "historicalDays", "at most 36500"),
        (GENERATE, {"baseWIP": 0}, "baseWIP", "greater than 0"),
        (GENERATE, {"baseWIP": 1e-300}, "baseWIP", "at least 1e-09"),
        (GENERATE, {"noiseLevel": 9}, "noiseLevel", "at most 1"),
        (GENERATE, {"plants": []}, "plants", "at least 1"),
        (GENERATE, {"plants": ["a", "a"]}, "plants", "distinct"),
        (GENERATE, {"plants": ["  "]}, "plants.0", "not be empty"),
        (GENERATE, {"plant": ["a"]}, "plant", "did you mean plants?"),
        (GENERATE, {"baseWIP": 1, "base_wip": 2}, "base_wip", "given twice"),
        (TRAIN, {"epochs": 0}, "epochs", "at least 1"),
        (TRAIN, {"epoch": 3}, "epoch", "did you mean epochs?"),
        (TRAIN, {"learningRate": "fast"}, "learningRate", "number"),
        (TRAIN, {"dropoutRate": 1.5}, "dropoutRate", "at most"),
        (TRAIN, {"trainTestSplit": 1}, "trainTestSplit", "at most"),
        (TRAIN, {"lstmUnits1": 2.5}, "lstmUnits1", "whole number"),
        (TRAIN, {"lstmUnits1": True}, "lstmUnits1", "whole number"),
        (TRAIN, {"sequenceLength": 100_000}, "sequenceLength", "at most"),
        (TRAIN, {"datasetId": "x", "plants": ["a"]}, "body", "one source"),
        (PREDICT, {}, "model_id", "required"),
        (PREDICT, ASK | {"model_id": None}, "model_id", "text"),
        (PREDICT, ASK | {"predictionDays": 366}, "predictionDays", "at most 365"),
        (PREDICT, ASK | {"currentWIP": -1}, "currentWIP", "greater than 0"),
        (PREDICT, ASK | {"currentWIP": "NaN"}, "currentWIP", "number"),
        (PREDICT, ASK | {"panelSize": 5}, "panelSize", "text"),
        (PREDICT, ASK | {"history": []}, "history", "at least 1"),
        (VALIDATE, {}, "body", "at least two"),
        (VALIDATE, {"wip": 5}, "body", "at least two"),
        (VALIDATE, {"wip": 0, "throughput": 5}, "wip", "greater than 0"),
        (VALIDATE, {"wip": -5, "throughput": 5}, "wip", "greater than 0"),
        (VALIDATE, {"wip": "a", "throughput": 5}, "wip", "number"),
        (VALIDATE, {"wip": 1e300, "throughput": 5}, "wip", "at most"),
        (VALIDATE, {"wip": 1e-300, "throughput": 5}, "wip", "at least 1e-09"),
    ],
)
def test_fields_that_break_a_rule(
    client: FlaskClient, path: str, body: dict[str, Any], field: str, part: str
) -> None:
    details = refused(client.post(path, json=body), 422)["details"]
    assert any(d["field"] == field and part in d["message"] for d in details), details


@pytest.mark.parametrize("name", ["model_id", "modelId"])
@pytest.mark.parametrize("path", [PREDICT, "/api/model/predict/batch"])
def test_the_model_is_named_in_either_spelling(client: FlaskClient, path: str, name: str) -> None:
    fields = {"items": [{}]} if path.endswith("batch") else ASK
    body = {each: value for each, value in fields.items() if each != "model_id"}
    assert "unknown" in refused(client.post(path, json=body | {name: "unknown"}), 404)["error"]


def test_the_model_is_named_once(client: FlaskClient) -> None:
    details = refused(client.post(PREDICT, json=ASK | {"modelId": "x"}), 422)["details"]
    assert "is given twice" in details[0]["message"]


def test_every_operation_and_field_of_the_document_is_described(client: FlaskClient) -> None:
    document = client.get("/api/openapi.json").get_json()
    tags = {tag["name"] for tag in document["tags"]}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert set(operation["tags"]) <= tags, path
            assert len(operation["summary"]) >= 10 and len(operation["description"]) > 60, path
    for name, schema in document["components"]["schemas"].items():
        for field, rule in schema.get("properties", {}).items():
            assert rule.get("description"), (name, field)
            assert {"type", "anyOf", "$ref", "const", "enum"} & set(rule), (name, field)


def test_examples_are_replies_that_their_schemas_allow(client: FlaskClient) -> None:
    from jsonschema import Draft202012Validator  # takes seconds to import

    document = client.get("/api/openapi.json").get_json()
    examples = 0
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for response in operation["responses"].values():
                for media in response.get("content", {}).values():
                    if "example" in media:
                        examples += 1
                        schema = media["schema"] | {"components": document["components"]}
                        errors = Draft202012Validator(schema).iter_errors(media["example"])
                        assert not [error.message for error in errors], path
    assert examples >= len(ENDPOINTS) - 4  # files and pictures have none


def test_the_extremes_that_are_allowed_give_finite_figures(client: FlaskClient) -> None:
    extremes = {"baseWIP": 1e-9, "baseThroughput": 1e12, "plants": ["a"], "historicalDays": 3}
    assert client.post(GENERATE, json=extremes).status_code == 200
    state = {"wip": 1e-9, "throughput": 1e12, "targetProduction": 1e12, "capacity": 1e-9}
    assert client.post(VALIDATE, json=state).status_code == 200


@pytest.mark.parametrize("names", [["../x"], ['"; DROP'], ["😀"], ["a/b"], ["-" * 200], ["\u202e"]])
def test_odd_names_are_names(client: FlaskClient, names: list[str]) -> None:
    reply = client.post(GENERATE, json={"plants": names, "historicalDays": 2, "seed": 1})
    assert reply.status_code == 200
    assert reply.get_json()["data"][0]["plant"] == names[0]


def test_too_many_rows_name_the_limit_before_anything_is_made(client: FlaskClient) -> None:
    body = refused(client.post(GENERATE, json={}), 413)
    assert "19,620" in body["error"] and "1,000" in body["error"]
    rows = [{"day": i, "plant": "a", "application": "b", "panel_size": "c", "wip": 1,
             "throughput": 1} for i in range(1001)]  # fmt: skip
    reply = client.post("/api/data/upload", json=rows)
    assert "1,000" in refused(reply, 413)["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nothing", 404),
        ("GET", "/api/model/none", 404),
        ("DELETE", "/api/model/..%2F..%2Fetc%2Fpasswd", 404),
        ("DELETE", "/api/data/..", 404),
        ("GET", "/api/data/none", 404),
        ("DELETE", "/api/model/none", 404),
        ("GET", TRAIN, 405),
        ("GET", PREDICT, 405),
        ("GET", VALIDATE, 405),
        ("GET", GENERATE, 405),
        ("DELETE", "/health", 405),
        ("PUT", "/api/models", 405),
    ],
)
def test_routes_that_are_not_there(
    client: FlaskClient, method: str, path: str, status: int
) -> None:
    reply = client.open(path, method=method)
    refused(reply, status)
    assert ("Allow" in reply.headers) is (status == 405)


@pytest.mark.long
def test_train_without_a_worker_says_how_to_start_one(client: FlaskClient) -> None:
    reply = client.post(TRAIN, json={"historicalDays": 20})
    assert "python run.py worker" in refused(reply, 503)["error"]
    assert int(reply.headers["Retry-After"]) > 0


def test_uploads_without_a_table(client: FlaskClient) -> None:
    path = "/api/data/upload"
    refused(client.post(path, data=b""), 400)
    refused(client.post(path, data=b"a=1", content_type="application/x-www-form-urlencoded"), 415)
    refused(client.post(path, data={"text": "x"}, content_type="multipart/form-data"), 400)
    refused(client.post(path, data=b"\x00\x01\x02", content_type="text/csv"), 415)


def reply_after(error: Exception, settings: Settings) -> Any:
    """The reply to a request whose view raises an error."""

    def broken() -> None:
        raise error

    app = create_app(settings)
    app.add_url_rule("/broken", "broken", broken)
    return app.test_client().get("/broken")


@pytest.mark.parametrize("error", [*error_handler.STATUS, WrongCells])
def test_every_error_has_its_status(settings: Settings, error: type[ServiceError]) -> None:
    reply = reply_after(error("A sentence."), settings)
    assert refused(reply, error_handler.STATUS[error.kind()])["error"] == "A sentence."


def test_a_defect_is_a_sentence_never_a_traceback(settings: Settings) -> None:
    reply = reply_after(ZeroDivisionError("secret"), settings)
    body = refused(reply, error_handler.STATUS[InternalError])
    assert "secret" not in json.dumps(body) and "Traceback" not in json.dumps(body)


def test_every_endpoint_is_documented(app: Flask, client: FlaskClient) -> None:
    document = client.get("/api/openapi.json").get_json()
    assert document["openapi"].startswith("3.1")
    served = {
        (method, re.sub(r"<\w+:", "<", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith(("/api/", "/health", "/metrics", "/visualizations"))
        and "docs" not in rule.rule
    }
    assert served - {("GET", "/api/openapi.json")} == {(e.method, e.path) for e in ENDPOINTS}


def test_the_docs_page_needs_no_internet(client: FlaskClient) -> None:
    page = client.get("/api/docs/")
    assert page.status_code == 200
    assert "https://" not in page.text.replace("https://www.w3.org", "")
    with client.get("/api/docs/swagger-ui-bundle.js") as script:
        assert script.status_code == 200
    assert client.get("/").get_json()["docs"] == "/api/docs/"


@pytest.mark.long
def test_a_form_of_too_many_parts_is_refused_for_its_parts(client: FlaskClient) -> None:
    fields = {f"f{number}": "x" for number in range(2000)}
    reply = client.post("/api/data/upload", data=fields, content_type="multipart/form-data")
    assert "at most 1,000 parts" in refused(reply, 413)["error"]
