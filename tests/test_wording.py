"""Docstrings and texts use the field's standard terms; the glossary's old words do not return."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

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


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of every docstring of a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "lineno", 1), text


def test_docstrings_name_the_thing_or_its_result() -> None:
    found = [
        f"{path}:{line}: {text}"
        for path in CODE
        for line, text in docstrings(path)
        if re.match(r"(What|Whether|How)\b", text)
    ]
    assert found == []


def test_texts_use_standard_terms() -> None:
    found = [
        f"{path}:{number}: {line}"
        for path in TEXTS
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if OLD_WORDS.search(line)
    ]
    assert found == []


def test_public_names_have_docstrings() -> None:
    found = [
        f"{path}: {node.name}"
        for path in CODE
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert found == []
