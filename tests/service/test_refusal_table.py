"""docs/refusals.md says what a real service answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.refusals import CASES, TARGET, Case, answer, closed_service, row, table
from utils.http import error_handler


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with closed_service(tmp_path_factory.mktemp("closed")) as running:
        yield running


@pytest.fixture(scope="module")
def text() -> str:
    return TARGET.read_text()


@pytest.mark.parametrize("case", CASES, ids=[case.what for case in CASES])
def test_a_row_is_what_the_service_answers(closed: Any, text: str, case: Case) -> None:
    status, sentence = answer(*closed, case)
    assert status == case.status, sentence
    assert row(case, status, sentence) in text.splitlines()


def test_the_table_has_these_rows_and_no_others(text: str) -> None:
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == len(CASES) + 1
    assert text.startswith(table([]))


def test_every_status_of_the_service_has_a_row() -> None:
    assert {case.status for case in CASES} >= {*error_handler.STATUS.values(), 405, 429}
