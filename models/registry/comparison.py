"""Comparison of a model with models of other architectures on the same held-back data."""

from __future__ import annotations

from typing import Any

import orjson

from models.registry.model_document import ModelDocument
from utils.api.architectures import Architecture
from utils.api.replies.training import OtherModel


def comparable(document: ModelDocument) -> dict[str, Any] | None:
    """Return what is shown of a model beside others, JSON-ready; None: it cannot be compared."""
    metrics = document.metrics
    if metrics.r2_score is None:
        return None
    shown = OtherModel(
        model_id=document.model_id,
        architecture=str(document.architecture),
        created_at=document.created_at,
        mase=metrics.mase,
        r2_score=metrics.r2_score,
        skill={target: each["skill"] for target, each in metrics.per_target.items()},
        skill_over_seasonal_naive={
            target: each["skill_over_seasonal_naive"] for target, each in metrics.per_target.items()
        },
    )
    return shown.model_dump()


def others(architecture: str | None) -> list[str]:
    """Return the names of the architectures that are not the given one, sorted."""
    return sorted(str(each) for each in Architecture if each != architecture)


def evaluation_key(document: ModelDocument, architecture: str | None) -> str | None:
    """Return a text that models of an architecture with the same held-back end have in common.

    They were trained on the same version of a data set, the same plant of it, and the same share
    of its time.
    None: the model was not trained here.
    """
    if document.architecture is None or document.dataset_id is None:
        return None
    split = document.config["train_test_split"]
    data = document.dataset_id, document.dataset_version
    parts = [*data, document.plant, split, architecture]
    return orjson.dumps(parts).decode()
