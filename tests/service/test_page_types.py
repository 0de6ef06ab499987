"""The page's modules against types made from the OpenAPI document: a renamed field fails here."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.service.test_generated_clients import Tool, openapi, tool
from utils.http.web_files import FOLDER

__all__ = ["openapi", "tool"]  # fixtures
pytestmark = [pytest.mark.service, pytest.mark.long]


@pytest.fixture
def page(tmp_path: Path, openapi: Path, tool: Tool) -> Path:
    """A copy of the page beside the types of the API."""
    folder = tmp_path / "web"
    shutil.copytree(FOLDER, folder)
    tool("openapi-typescript", openapi, "--output", folder / "api.d.ts")
    return folder


def test_the_page_uses_the_api_as_it_is(page: Path, tool: Tool) -> None:
    tool("tsc", "-p", page)


def test_a_field_that_the_api_does_not_have_is_found(page: Path, tool: Tool) -> None:
    view = page / "views" / "home.js"
    view.write_text(view.read_text().replace("health.workers_alive", "health.workers_awake"))
    with pytest.raises(AssertionError, match="'workers_awake' does not exist"):
        tool("tsc", "-p", page)
