"""Models as replies describe them."""

from __future__ import annotations

from typing import cast

from models.forecast.zero_shot import PRETRAINED_ID
from models.registry.registry import Registry
from models.series.panel import SERIES_FIELDS
from models.services.selection import selection
from models.services.zero_shot import DESCRIPTION
from utils.api.replies.models import KnownSeries, ModelInfo, ModelReply, ModelsReply
from utils.api.replies.training import LossHistory, NetworkSummary
from utils.api.schemas.models import ModelsQuery


def models_reply(registry: Registry, query: ModelsQuery) -> ModelsReply:
    """Return a page of the models on disk."""
    page = registry.page(selection(query))
    models = [{"model_id": id, "info": info} for id, info in page.shown.items()]
    fields = {"total": page.total, "next_cursor": query.cursor_after(page.last)}
    built_in = [{"model_id": PRETRAINED_ID, "info": DESCRIPTION}]
    return ModelsReply.model_validate({"models": models, "built_in": built_in, **fields})


def model_reply(registry: Registry, id: str) -> ModelReply:
    """Return one model in full. Raises as `Registry.details`."""
    info, document = registry.details(id)
    return ModelReply(
        model_id=id,
        info=cast("ModelInfo", info),
        training_history=cast("LossHistory | None", document.training_history),
        model_summary=cast("NetworkSummary | None", document.model_summary),
        beside=registry.others_of(document),
        step=document.encoding.get("step", "day"),
        series=[
            KnownSeries(**dict(zip(SERIES_FIELDS, key, strict=True)))
            for key in document.series_keys
        ],
    )
