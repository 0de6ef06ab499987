"""Log lines, and that nothing from a request ends one."""

from __future__ import annotations

import json
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from utils import logs

FACTS = {"method": "GET", "path": "/a", "status": 200, "milliseconds": 0.5, "request_id": "x"}


@pytest.fixture(params=["text", "json"])
def form(request: pytest.FixtureRequest) -> Any:
    yield request.param
    logs.configure("text", "INFO")


def without_time(line: str, form: str) -> Any:
    if form == "json":
        parts = json.loads(line)
        assert parts.pop("timestamp").endswith("Z")
        return parts
    time, rest = line.split(" ", 1)
    assert time.endswith("Z")
    return rest


@pytest.mark.parametrize("path", ["/a", "/a b", "/a\nb", '/"', "/ü"])
def test_a_request_s_line_is_the_one_that_any_logger_writes(
    form: str, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(form, "INFO")
    logs.request_line(**FACTS | {"path": path})
    structlog.get_logger("web").info("request", **FACTS | {"path": path})
    ours, theirs = capsys.readouterr().err.splitlines()
    assert without_time(ours, form) == without_time(theirs, form)


@given(path=st.text())
def test_a_request_has_one_line_whatever_its_path(
    form: str, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(form, "INFO")
    logs.request_line(**FACTS | {"path": path})
    written = capsys.readouterr().err
    assert written.endswith("\n") and written.count("\n") == 1


def test_a_level_above_it_keeps_the_line_back(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("text", "WARNING")
    logs.request_line(**FACTS)
    assert capsys.readouterr().err == ""
    logs.configure("text", "INFO")
