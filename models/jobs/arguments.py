"""Arguments of jobs, by kind of work: typed here, JSON in the job engine's database.

Fields that this version does not know are kept, and fields that an earlier version did not write
have defaults, so that jobs which another version queued are read and run.

    >>> parse("train", {"dataset_id": "d", "seed": 1}).to_json()
    {'dataset_id': 'd', 'seed': 1}
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from utils.api.architectures import Architecture


class JobArguments(BaseModel):
    """Arguments that every kind of work has.

    Attributes:
        queued_at: Unix time at which the job was submitted.
        fingerprint: hash of the request that submitted it.
    """

    model_config = ConfigDict(extra="allow", protected_namespaces=(), frozen=True)

    queued_at: float | None = None
    fingerprint: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the arguments that are set, as the database holds them."""
        return self.model_dump(exclude_unset=True)


class TrainArguments(JobArguments):
    """Arguments of a training.

    Attributes:
        dataset_id: data set to train on.
        owns_data: True if the data set was stored for this job, or its group, alone.
        newest_data: True if the request named no data, so that the newest was taken.
        config: hyperparameters, in snake_case.
        left_open: hyperparameters that the preset may choose.
        architecture: name of the network's design.
        seed: seed of the initial weights and the shuffling.
        keep_optimizer: True if the `.keras` file is to hold the optimizer's state.
        calendar: working calendars in place of those of the data set, by plant, as the request
            has them; None: those of the data set.
        plant: the one plant to train on; None: all of the data.
        continues: id of the model that the training goes on from; None: it begins anew.
        group_id: id of the request for one model per plant that it belongs to.
        group_size: number of jobs in that group.
    """

    dataset_id: str = ""
    owns_data: bool = False
    newest_data: bool = False
    config: dict[str, Any] = {}
    left_open: list[str] = []
    architecture: str = Architecture.PLAIN
    seed: int = 0
    keep_optimizer: bool = False
    calendar: dict[str, Any] | None = None
    plant: str | None = None
    continues: str | None = None
    group_id: str | None = None
    group_size: int = 0


class BacktestArguments(JobArguments):
    """Arguments of a backtest: the model, the data to judge it by, the request's options."""

    model_id: str = ""
    dataset_id: str = ""
    config: dict[str, Any] = {}


class ModelArguments(JobArguments):
    """Arguments of work on the files of a model."""

    model_id: str = ""


class CompressArguments(ModelArguments):
    """Arguments of a compression.

    Attributes:
        dataset_id: data to measure the smaller networks by.
        serves: type of weights to serve from now on; None: as before.
    """

    dataset_id: str = ""
    serves: str | None = None


_TYPES: dict[str, type[JobArguments]] = {
    "train": TrainArguments,
    "backtest": BacktestArguments,
    "compress": CompressArguments,
}


def parse(work: str, fields: dict[str, Any]) -> JobArguments:
    """Return the arguments of a job.

    Args:
        work: the kind of work, as the database names it.
        fields: the arguments as the database holds them.
    """
    return _TYPES.get(work, ModelArguments).model_validate(fields)
