"""A model beside the newest ones of other architectures that were judged on the same data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from utils.api import replies

Document = dict[str, Any]


def others_of(document: Document, documents: Mapping[str, Document]) -> list[replies.OtherModel]:
    """The newest model of each other architecture with the same held-back end, by name.

    That is: trained on the same data set, the same plant of it, and the same share of its time.
    """
    newest: dict[str, Document] = {}
    mine = _held_back(document)
    for other in documents.values():
        if mine is None or _held_back(other) != mine:
            continue
        name = other["architecture"]
        if name == document["architecture"]:
            continue
        if name not in newest or newest[name]["created_at"] < other["created_at"]:
            newest[name] = other
    return [_shown(newest[name]) for name in sorted(newest)]


def _held_back(document: Document) -> tuple[Any, ...] | None:
    """What decides which data a model was judged on; None where it was not trained here."""
    if "architecture" not in document or document.get("dataset_id") is None:
        return None
    share = document["config"]["train_test_split"]
    return document["dataset_id"], document.get("plant"), share


def _shown(document: Document) -> replies.OtherModel:
    metrics = document["metrics"]
    return replies.OtherModel(
        model_id=document["model_id"],
        architecture=document["architecture"],
        created_at=document["created_at"],
        mase=metrics["mase"],
        r2_score=metrics["r2_score"],
        skill={target: each["skill"] for target, each in metrics["per_target"].items()},
        skill_over_seasonal_naive={
            target: each["skill_over_seasonal_naive"]
            for target, each in metrics["per_target"].items()
        },
    )
