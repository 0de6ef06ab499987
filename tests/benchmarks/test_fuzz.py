"""The API against its own document: a slice of `python -m benchmarks.fuzz`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.fuzz import run
from benchmarks.fuzz.costs import Meter
from tests.support.running_service import start_service

pytestmark = pytest.mark.service


@pytest.mark.long
def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    service = start_service(tmp_path, **run.SETTINGS)
    try:
        only = "^/api/(plan/(?!line)|model/predict)"  # lines with batches are simulated
        found = run.fuzz(service, 1, seed=1, only=(only,), phases="fuzzing", trainings=1)
    finally:
        service.stop()
    assert found.code == 0, found.report[-20_000:]
    assert found.cases > 20


@pytest.mark.parametrize(("size", "is_found"), [(100, True), (20_000_000, False)])
def test_memory_that_was_taken_and_given_back_is_measured(size: int, is_found: bool) -> None:
    meter = Meter(os.getpid())
    meter.begin()
    assert len(b"x" * 150_000_000) == 150_000_000
    assert ("bytes of memory" in str(meter.excess(size))) == is_found
