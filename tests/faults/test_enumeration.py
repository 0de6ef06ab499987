"""A crash and a pause at calls of a training: a slice of `python -m benchmarks.enumeration`."""

from __future__ import annotations

import pytest

from benchmarks import enumeration

CALLS = (
    "engine: COMMIT workflow_status #1",  # the worker has taken the job
    "work: os.rename models/.staging/ID/ID.checkpoint #1",
    "work: COMMIT job_decisions #1",
    "work: os.rename models/.staging/ID/ID.json #1",
)


@pytest.mark.long
def test_a_training_is_published_once_whatever_call_it_is_disturbed_at() -> None:
    found = enumeration.run(calls=CALLS)
    assert not found.wrong and not found.not_reached
    assert found.acts == dict.fromkeys(enumeration.ACTS, len(CALLS))
