"""A minute's share of `python -m benchmarks.faults`: processes are killed while jobs run."""

from __future__ import annotations

from benchmarks import faults


def test_every_job_ends_once_although_processes_are_killed_at_random() -> None:
    found = faults.run(minutes=0.15, jobs=3, every=2.5, seed=3, workers=1)
    assert not found.wrong
    assert found.kills.total() >= 2 and found.models == 4
