"""Comparison of a model with models of other architectures on the same held-back data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from models.registry.model_document import ModelDocument
from utils.api import replies


def others_of(
    document: ModelDocument, documents: Iterable[ModelDocument]
) -> list[replies.OtherModel]:
    """Return the newest model of each other architecture, by name of the architecture.

    Only models with the same held-back end count: trained on the same data set, the same plant
    of it, and the same share of its time.
    """
    newest: dict[str, ModelDocument] = {}
    own = _held_back(document)
    for other in documents:
        if own is None or _held_back(other) != own or other.metrics.r2_score is None:
            continue
        name = str(other.architecture)
        if name == document.architecture:
            continue
        if name not in newest or newest[name].created_at < other.created_at:
            newest[name] = other
    return [_shown(newest[name]) for name in sorted(newest)]


def _held_back(document: ModelDocument) -> tuple[Any, ...] | None:
    """Return what decides on which data a model was evaluated; None if it was not trained here."""
    if document.architecture is None or document.dataset_id is None:
        return None
    return document.dataset_id, document.plant, document.config["train_test_split"]


def _shown(document: ModelDocument) -> replies.OtherModel:
    metrics = document.metrics
    return replies.OtherModel(
        model_id=document.model_id,
        architecture=str(document.architecture),
        created_at=document.created_at,
        mase=metrics.mase,
        r2_score=metrics.r2_score or 0.0,
        skill={target: each["skill"] for target, each in metrics.per_target.items()},
        skill_over_seasonal_naive={
            target: each["skill_over_seasonal_naive"] for target, each in metrics.per_target.items()
        },
    )
