"""Docstrings and texts use the field's standard terms; the glossary's old words do not return."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CODE = [
    path
    for pattern in ("*.py", "models/**/*.py", "utils/**/*.py", "benchmarks/**/*.py", "docs/*.py")
    for path in sorted(ROOT.glob(pattern))
]
TEXTS = [*CODE, *sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md"))]

# Words that once stood for standard terms: output, prediction, enabled, submit, repair, caller.
OLD_WORDS = re.compile(
    r"\b(heard|unheard|hears|said|in vain|let go of|handed in|hands? in|mend(?:s|ed|ing)?"
    r"|made to agree|told of|who asks)\b"
)


def name_of(path: Path) -> str:
    """Return a path below the root, for ids of tests."""
    return str(path.relative_to(ROOT))


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of every docstring of a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "lineno", 1), text


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_docstrings_name_the_thing_or_its_result(path: Path) -> None:
    found = [(n, text) for n, text in docstrings(path) if re.match(r"(What|Whether|How)\b", text)]
    assert found == []


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_texts_use_standard_terms(path: Path) -> None:
    lines = enumerate(path.read_text().splitlines(), 1)
    assert [(number, line) for number, line in lines if OLD_WORDS.search(line)] == []


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_public_names_have_docstrings(path: Path) -> None:
    public = [
        node
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    assert [node.name for node in public if not ast.get_docstring(node)] == []
