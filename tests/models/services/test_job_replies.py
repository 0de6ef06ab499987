"""Jobs as replies describe them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from models.jobs.arguments import BacktestArguments, TrainArguments
from models.jobs.states import Job, JobState, Work
from models.services.job_replies import job_fields
from utils.api.replies.jobs import JobInfo
from utils.auth.caller import LOCAL
from utils.errors import InvalidInput

TRAINING = Job(
    job_id="j",
    work=Work.TRAIN,
    state=JobState.SUCCEEDED,
    arguments=TrainArguments(dataset_id="d", config={"epochs": 2}, plant="P", group_id="g"),
    queued_at=0.0,
    started_at=1.5,
    ended_at=None,
    tries=1,
    error=None,
    progress=None,
    waiting=None,
    owner=LOCAL.id,
)
BACKTEST = replace(
    TRAINING, work=Work.BACKTEST, arguments=BacktestArguments(model_id="m", dataset_id="d")
)


@pytest.mark.parametrize(
    ("job", "model_id", "url"),
    [
        (TRAINING, "j", "/api/model/j"),
        (replace(TRAINING, state=JobState.RUNNING), None, None),
        (BACKTEST, "m", "/api/model/m/backtest/j"),
        (replace(BACKTEST, state=JobState.FAILED), "m", None),
    ],
)
def test_a_job_that_succeeded_has_the_path_of_its_result(
    job: Job, model_id: str | None, url: str | None
) -> None:
    info = JobInfo(**job_fields(job))
    assert (info.model_id, info.result_url) == (model_id, url)


def test_fields_repeat_the_request_where_the_work_has_them() -> None:
    names = ("kind", "dataset_id", "plant", "group_id", "architecture", "config")
    shown = [{name: job_fields(job)[name] for name in names} for job in (TRAINING, BACKTEST)]
    assert shown[0] == {
        "kind": "train",
        "dataset_id": "d",
        "plant": "P",
        "group_id": "g",
        "architecture": "plain",
        "config": {"epochs": 2},
    }
    nothing: dict[str, Any] = dict.fromkeys(("plant", "group_id", "architecture"))
    assert shown[1] == nothing | {"kind": "backtest", "dataset_id": "d", "config": {}}


def test_times_errors_and_owners_are_shown() -> None:
    failed = replace(
        TRAINING,
        state=JobState.FAILED,
        ended_at=3.0,
        error=InvalidInput.of("epochs", "must be less", 7),
        owner="k1",
    )
    fields = job_fields(failed)
    assert fields["started_at"] == "1970-01-01T00:00:01.500000+00:00"
    assert fields["ended_at"] == "1970-01-01T00:00:03+00:00"
    assert fields["error"] == "epochs: must be less"
    assert (fields["owner"], job_fields(TRAINING)["owner"]) == ("k1", None)
