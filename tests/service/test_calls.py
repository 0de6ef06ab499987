"""docs/curl.md and the Postman collection: every endpoint is in them, and all of them works."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.collection import COLLECTION, run_collection
from tests.support.running_service import ROOT, Service
from utils.http.views import ENDPOINTS

GUIDE = (ROOT / "docs" / "curl.md").read_text()
BASE = "http://127.0.0.1:5000"
IDS = {"dataset_id": "DATASET_ID", "model_id": "MODEL_ID", "job_id": "JOB_ID"}
# The job has ended, and no key is needed yet.
REFUSED = {
    ("DELETE", "/api/jobs/JOB_ID"),
    ("POST", "/api/keys"),
    ("DELETE", "/api/keys/KEY_ID"),
}


def pattern(path: str) -> str:
    return re.sub(r"<\w+>", r"[^/]+", path)


def commands() -> list[str]:
    """The commands of the guide, in order."""
    blocks = "".join(re.findall(r"```sh\n(.*?)```", GUIDE, re.S)).replace("\\\n", " ")
    lines = re.findall(r"(?:'[^']*'|[^'\n])+", re.sub(r"(?m)^#.*", "", blocks))  # bodies of several
    return [line for line in lines if line.strip()]


def called(command: str) -> tuple[str, str]:
    """The method and the path of a curl command."""
    method = re.search(r"-X (\w+)", command)
    path = re.search(rf"{BASE}(/[^\s'?]*)", command)
    assert path is not None, command
    return method[1] if method else "POST" if " -F " in command else "GET", path[1]


def test_the_guide_calls_every_endpoint() -> None:
    calls = [called(command) for command in commands() if command.startswith("curl")]
    for endpoint in ENDPOINTS:
        known = [p for m, p in calls if m == endpoint.method]
        assert any(re.fullmatch(pattern(endpoint.path), p) for p in known), endpoint


@pytest.mark.long
def test_the_guide_works(service: Service, tmp_path: Path) -> None:
    service.wait_for_worker()
    ids: dict[str, str] = {}
    for command in commands():
        ready = command.replace(BASE, service.url)
        for name, placeholder in IDS.items():
            ready = ready.replace(placeholder, ids.get(name, placeholder))
        done = subprocess.run(
            ["bash", "-c", ready], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        if done.stdout.startswith("{"):
            reply = json.loads(done.stdout)
            assert reply["success"] is (called(command) not in REFUSED), (command, reply)
            own = {name: reply[name] for name in IDS if reply.get(name)}
            ids |= {name: id for name, id in own.items() if id != "pretrained"}
    for picture in ("model.png", "backtest.png"):
        assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG")
    assert "Forecast against actuals" in (tmp_path / "report.html").read_text()


def test_the_collection_is_what_the_script_makes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "docs.postman", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert len(COLLECTION["item"]) == len(ENDPOINTS)


@pytest.mark.long
def test_the_collection_works(service: Service) -> None:
    """As Postman's runner goes through it: in order, each with the variables from before.

    `pytest -rP` shows the table of the endpoints and what they answered.
    """
    service.wait_for_worker()
    for item, reply in run_collection(service):
        check = item["event"][0]["script"]["exec"][0]
        print(reply.status_code, item["name"])
        if "to.be.success" in check:
            assert reply.ok, (item["name"], reply.text)
        else:
            codes = re.search(r"oneOf\((\[.*?\])\)", check)
            assert codes and reply.status_code in json.loads(codes[1]), (item["name"], reply.text)


@pytest.mark.parametrize("item", COLLECTION["item"], ids=lambda item: item["name"])
def test_requests_of_the_collection_are_in_postmans_form(item: dict[str, Any]) -> None:
    url = item["request"]["url"]
    assert url["raw"].partition("?")[0] == "/".join([*url["host"], *url["path"]])
    assert item["event"][0]["listen"] == "test"
