"""Processes are killed while jobs run: a slice of `python -m benchmarks.faults`."""

from __future__ import annotations

import pytest

from benchmarks import faults


@pytest.mark.long
def test_every_job_ends_once_although_processes_are_killed_at_random() -> None:
    found = faults.run(minutes=0.05, jobs=1, every=2.0, seed=3, workers=1)
    assert not found.wrong
    assert found.kills.total() >= 1 and found.models == 2
