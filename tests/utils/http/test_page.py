"""The service's own page: who gets it, its files, their caching, its policy."""

from __future__ import annotations

import ast
import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.utils.http.test_headers import expect_protected
from utils import palette
from utils.http.views.documentation import TITLE
from utils.http.web_files import FOLDER, WebFiles

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
FILES = WebFiles()
SOURCES = [path for room in ("models", "utils") for path in (FOLDER.parent / room).rglob("*.py")]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [(BROWSER["Accept"], "text/html"), ("*/*", "application/json"),
     ("application/json", "application/json"), ("", "application/json")],
)  # fmt: skip
def test_browsers_get_the_page_and_others_the_index(
    client: FlaskClient, accept: str, kind: str
) -> None:
    reply = client.get("/", headers={"Accept": accept})
    assert (reply.status_code, reply.mimetype) == (200, kind)
    assert "Accept" in reply.headers["Vary"] and TITLE in reply.text


def test_the_page_names_files_that_exist_and_runs_no_inline_script(client: FlaskClient) -> None:
    reply = client.get("/", headers=BROWSER)
    expect_protected(reply.headers)
    policy = reply.headers["Content-Security-Policy"]
    assert "unsafe" not in policy and "script-src 'self';" in policy
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", reply.text)
    named = re.findall(r'(?:href|src)="(web/[^"]+)"', reply.text)
    assert len(named) >= 5
    for name in named:
        found = client.get("/" + name)
        assert found.status_code == 200, name
        expect_protected(found.headers)
        assert "immutable" in found.headers["Cache-Control"]


def test_modules_import_files_that_exist() -> None:
    for path in FOLDER.rglob("*.js"):
        for name in re.findall(r'(?:from|import\()\s*"(\.[^"]+\.js)"', path.read_text()):
            assert (path.parent / name).is_file(), f"{path}: {name}"


def test_files_are_compressed_where_that_is_understood(client: FlaskClient) -> None:
    path = f"/web/{FILES.version}/style.css"
    plain = client.get(path, headers={"Accept-Encoding": "identity"})
    packed = client.get(path, headers={"Accept-Encoding": "gzip, br"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data == (FOLDER / "style.css").read_bytes()
    refused = client.get(path, headers={"Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in refused.headers


def test_plotly_is_served_from_its_package(client: FlaskClient) -> None:
    reply = client.get(f"/web/{FILES.version}/plotly.min.js")
    assert reply.mimetype == "text/javascript" and b"plotly.js v" in reply.data[:200]


def test_a_page_of_before_an_update_gets_present_files_which_it_does_not_keep(
    client: FlaskClient,
) -> None:
    reply = client.get("/web/0123456789ab/main.js")
    assert reply.status_code == 200 and reply.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    "name", ["nothing.js", "../app.py", "..%2fapp.py", "types.d.ts", "tsconfig.json", "index.html"]
)
def test_nothing_else_is_served(client: FlaskClient, name: str) -> None:
    reply = client.get(f"/web/{FILES.version}/{name}")
    assert reply.status_code == 404 and reply.is_json


def test_each_target_has_one_colour_in_the_page_and_the_pictures(client: FlaskClient) -> None:
    text = client.get(f"/web/{FILES.version}/palette.css").text
    for colours in (palette.TARGETS, palette.TARGETS_ON_DARK):
        for target, colour in colours.items():
            assert f"--{target.replace('_', '-')}: {colour};" in text


def test_the_german_sentences_are_those_that_the_service_writes() -> None:
    text = (FOLDER / "texts" / "service_de.js").read_text()
    lines = re.findall(r'^  (\["[^\n]+),$', text, re.M)
    pairs = [json.loads(line) for line in lines]
    known = [pattern for path in SOURCES for pattern in sentences_in(path, text)]
    assert len(pairs) > 40
    for english, german in pairs:
        written = english.replace("{}", "x")
        rule = written.removeprefix("x: ")  # of a field
        forms = written, rule, rule.removesuffix("x")
        assert any(pattern.fullmatch(form) for pattern in known for form in forms), english
        places = {int(place) for place in re.findall(r"{(\d)}", german)}
        assert places <= set(range(english.count("{}"))), german


def sentences_in(path: Path, wanted: str) -> Iterator[re.Pattern[str]]:
    """Yield the sentences of a module of which a part is wanted, with anything for their values."""
    for node in ast.walk(ast.parse(path.read_text())):
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        texts = [part.value if isinstance(part, ast.Constant) else None for part in parts]
        if any(isinstance(text, str) and len(text) > 10 and text in wanted for text in texts):
            yield re.compile(".*".join(re.escape(str(text)) if text else "" for text in texts))
