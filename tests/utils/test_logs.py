"""Log lines, and that nothing from a request ends one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils import logs

FACTS = {"method": "GET", "path": "/a", "status": 200, "milliseconds": 0.5, "request_id": "x"}


@pytest.fixture(params=["text", "json"])
def form(request: pytest.FixtureRequest) -> Any:
    yield request.param
    logs.configure("text", "INFO")


@given(path=st.text())
def test_a_request_has_one_line_whatever_its_path(
    form: str, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(form, "INFO")
    logs.logger("web").info("request", **FACTS | {"path": path})
    written = capsys.readouterr().err
    assert written.endswith("\n") and written.count("\n") == 1


def test_a_level_above_it_keeps_the_line_back(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("text", "WARNING")
    logs.logger("web").info("request", **FACTS)
    assert capsys.readouterr().err == ""
    logs.configure("text", "INFO")
