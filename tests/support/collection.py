"""The requests of docs/postman_collection.json, sent to a service as Postman's runner does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import requests

from tests.support.running_service import ROOT, Service

COLLECTION = json.loads((ROOT / "docs" / "postman_collection.json").read_text())


def run_collection(
    service: Service, variables: dict[str, str] | None = None
) -> Iterator[tuple[dict[str, Any], requests.Response]]:
    """Yield (item, reply) in order; each request has the variables from the replies before it.

    Args:
        variables: filled with the variables that the requests set; `api_key`, if it is there,
            is sent with each.
    """
    known = {} if variables is None else variables
    known |= {each["key"]: each["value"] for each in COLLECTION["variable"]} | known
    known["base_url"] = service.url
    for item in COLLECTION["item"]:
        reply = _send(item["request"], known)
        yield item, reply
        for line in item["event"][0]["script"]["exec"][1:]:
            name = re.fullmatch(r"pm\.\w+\.set\('(\w+)', pm\.response\.json\(\)\.\1\);", line)
            assert name, line
            if reply.ok:
                known[name[1]] = reply.json()[name[1]]


def _send(request: dict[str, Any], variables: dict[str, str]) -> requests.Response:
    body = _filled(request.get("body", {}).get("raw", ""), variables)
    key = variables["api_key"]
    access = {"Authorization": f"Bearer {key}"} if key else {}
    return requests.request(
        request["method"],
        _filled(request["url"]["raw"], variables),
        data=body.encode() or None,
        headers={header["key"]: header["value"] for header in request["header"]} | access,
        timeout=120,
    )


def _filled(text: str, variables: dict[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda found: variables[found[1]], text)
