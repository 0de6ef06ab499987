"""The API against its own document: a slice of `python -m benchmarks.fuzz`."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.fuzz import run
from tests.support.running_service import start_service

pytestmark = pytest.mark.service


def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    service = start_service(tmp_path, **run.SETTINGS)
    try:
        found = run.fuzz(service, examples=1, seed=1, phases="fuzzing", trainings=1)
    finally:
        service.stop()
    assert found.code == 0, found.report[-20_000:]
    assert found.cases > 50
