"""docs/threat-model.md names tests that there are."""

from __future__ import annotations

import ast
import re

import pytest

from tests.support.running_service import ROOT

TEXT = (ROOT / "docs" / "threat-model.md").read_text()
NAMED = re.findall(r"`([\w/]*test_\w+\.py)::(\w+)`", TEXT)
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ")][1:]


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_named_test_is_there(file: str, name: str) -> None:
    tree = ast.parse((ROOT / "tests" / file).read_text())
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=[row.split("|")[1].strip() for row in ROWS])
def test_every_attack_has_a_test_or_a_check(row: str) -> None:
    assert re.search(r"`[\w/]*test_\w+\.py::\w+`|`\.ci/run`", row.split("|")[3])


def test_no_name_is_written_in_another_way() -> None:
    assert len(NAMED) == TEXT.count(".py::")
