"""docs/threat-model.md names tests that there are."""

from __future__ import annotations

import ast
import re

from tests.support.running_service import ROOT

TEXT = (ROOT / "docs" / "threat-model.md").read_text()
NAMED = re.findall(r"`([\w/]*test_\w+\.py)::(\w+)`", TEXT)
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ")][1:]


def test_named_tests_are_there() -> None:
    functions = {
        file: {
            node.name
            for node in ast.walk(ast.parse((ROOT / "tests" / file).read_text()))
            if isinstance(node, ast.FunctionDef)
        }
        for file in {file for file, _ in NAMED}
    }
    assert NAMED and [each for each in NAMED if each[1] not in functions[each[0]]] == []


def test_every_attack_has_a_test_or_a_check() -> None:
    proof = re.compile(r"`[\w/]*test_\w+\.py::\w+`|`\.ci/run`")
    assert ROWS and [row for row in ROWS if not proof.search(row.split("|")[3])] == []


def test_no_name_is_written_in_another_way() -> None:
    assert len(NAMED) == TEXT.count(".py::")
