"""docs/postman_collection.json, from the OpenAPI document: `python -m docs.postman [--check]`.

The requests stand in an order in which they work, one after the other, with variables that each
takes from the replies before it; what deletes comes last.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from models.lstm_service import VERSION
from utils.api import openapi
from utils.api.endpoint import Endpoint
from utils.http.views import ENDPOINTS
from utils.http.views.documentation import TITLE

TARGET = Path(__file__).with_name("postman_collection.json")
_SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_ROWS = "date,plant,application,panel_size,wip,throughput\n" + "".join(
    f"2024-01-0{day},Plant_A,Automotive,Small,{100 + day},{50 - day}\n" for day in range(1, 8)
)
_VARIABLES = {
    "base_url": "http://127.0.0.1:5000",
    "api_key": "",  # of `python run.py keys create NAME --role admin`, where keys are needed
    "dataset_id": "",
    "model_id": "",
    "job_id": "",
    "key_id": "none",
    "plant": "Plant_A",
}
# What stands in paths and bodies. A model has the id of the job that trained it.
_PLACES = {"job_id": "{{model_id}}", "name": "{{model_id}}.png"}
_FIELDS = {"datasetId": "{{dataset_id}}", "model_id": "{{model_id}}"}
_ROWS_OF_DATA, _CONTINUE = "/api/data/<dataset_id>/rows", "/api/model/<model_id>/continue"
_QUERIES = {
    "/api/plan/curve": {"datasetId": "{{dataset_id}}", "plant": "{{plant}}"},
    _ROWS_OF_DATA: {"replace": "true"},  # its rows are of stored dates
}
_BACKTEST = "/api/model/<model_id>/backtest"
_MAKES = {
    "data.generate",
    "data.upload",
    "model.train",
    "key.create",
}  # actions whose ids later calls use
# What may also be refused, by status: its job has ended by then, and no key is needed yet.
_MAY_FAIL = {
    ("DELETE", "/api/jobs/<job_id>"): ("has ended", [200, 409]),
    ("POST", "/api/keys"): ("makes a key where keys are needed", [200, 409]),
    ("DELETE", "/api/keys/<key_id>"): ("revokes that key", [200, 404]),
}


def collection() -> dict[str, Any]:
    """The collection, in Postman's format 2.1."""
    document = openapi.document(ENDPOINTS, TITLE, VERSION)
    return {
        "info": {"name": TITLE, "schema": _SCHEMA, "version": VERSION},
        "auth": {
            "type": "bearer",
            "bearer": [{"key": "token", "value": "{{api_key}}", "type": "string"}],
        },
        "item": [_item(endpoint, document) for endpoint in _ordered()],
        "variable": [{"key": key, "value": value} for key, value in _VARIABLES.items()],
    }


def _ordered() -> list[Endpoint]:
    """The endpoints in an order in which they work: rows are added before a model goes on."""
    rows = next(each for each in ENDPOINTS if each.path == _ROWS_OF_DATA)
    others = [each for each in ENDPOINTS if each != rows]
    place = next(i for i, each in enumerate(others) if each.path == _CONTINUE)
    return sorted(
        [*others[:place], rows, *others[place:]], key=lambda endpoint: endpoint.method == "DELETE"
    )


def _item(endpoint: Endpoint, document: dict[str, Any]) -> dict[str, Any]:
    places = {} if endpoint.path.startswith(_BACKTEST) else _PLACES
    path = re.sub(
        r"<(\w+)>", lambda found: places.get(found[1], f"{{{{{found[1]}}}}}"), endpoint.path
    )
    query = _QUERIES.get(endpoint.path, {})
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    url: dict[str, Any] = {
        "raw": f"{{{{base_url}}}}{path}{'?' * bool(asked)}{asked}",
        "host": ["{{base_url}}"],
        "path": path.strip("/").split("/"),
    }
    if query:
        url["query"] = [{"key": name, "value": value} for name, value in query.items()]
    request: dict[str, Any] = {"method": endpoint.method, "header": [], "url": url}
    body = _body(endpoint, document)
    if body is not None:
        kind = "text/csv" if endpoint.table else "application/json"
        request["header"] = [{"key": "Content-Type", "value": kind}]
        request["body"] = {"mode": "raw", "raw": body}
    test = {"type": "text/javascript", "exec": _checks(endpoint, document)}
    return {
        "name": f"{endpoint.summary}: {endpoint.method} {endpoint.template}",
        "request": request,
        "event": [{"listen": "test", "script": test}],
    }


def _body(endpoint: Endpoint, document: dict[str, Any]) -> str | None:
    if endpoint.table:
        return _ROWS
    if endpoint.request is None:
        return None
    schema = document["components"]["schemas"][endpoint.request.__name__]
    return json.dumps(schema["examples"][0] | _known(schema["examples"][0]), indent=2)


def _known(example: dict[str, Any]) -> dict[str, str]:
    return {name: place for name, place in _FIELDS.items() if name in example}


def _checks(endpoint: Endpoint, document: dict[str, Any]) -> list[str]:
    """Return the script that Postman runs on a reply: a test, and the variables to take from it."""
    lines = ["pm.test('succeeds', () => pm.response.to.be.success);"]
    if may_fail := _MAY_FAIL.get((endpoint.method, endpoint.path)):
        name, statuses = may_fail
        lines = [f"pm.test('{name}', () => pm.expect(pm.response.code).to.be.oneOf({statuses}));"]
    if endpoint.reply and endpoint.request:
        known = document["components"]["schemas"][endpoint.reply.__name__]["properties"]
        lines += [
            f"pm.collectionVariables.set('{name}', pm.response.json().{name});"
            for name in ("dataset_id", "model_id", "key_id")
            if name in known and endpoint.action in _MAKES
        ]
    if (endpoint.method, endpoint.path) == ("POST", _BACKTEST):
        lines.append("pm.collectionVariables.set('job_id', pm.response.json().job_id);")
    return lines


def main(arguments: list[str]) -> int:
    """Write the file, or check that it is what would be written."""
    text = json.dumps(collection(), indent=1, ensure_ascii=False) + "\n"
    if "--check" in arguments:
        if TARGET.read_text() == text:
            return 0
        print(f"{TARGET.name} is not current: python -m docs.postman", file=sys.stderr)
        return 1
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
