"""The limits of the service as its settings have them, with what is stored."""

from __future__ import annotations

from utils.api.replies.operation import LimitsReply
from utils.auth.caller import LOCAL, caller
from utils.auth.exposure import is_local
from utils.errors import Unavailable
from utils.settings import Settings
from utils.storage.artifact_store import ArtifactStore

_MB = 1_000_000
_ADDED = {"stored_data_mb", "stored_models_mb", "rate_cheap", "rate_expensive"}


def limits_reply(settings: Settings, datasets: ArtifactStore, models: ArtifactStore) -> LimitsReply:
    """Return the limits, those of requests as they are for the caller."""
    is_counted = settings.rate_limits == "on" or not (
        settings.rate_limits == "off" or (is_local(settings) and caller() == LOCAL)
    )
    names = LimitsReply.model_fields.keys() - {"success"} - _ADDED
    return LimitsReply(
        **{name: getattr(settings, name) for name in names},
        stored_data_mb=_stored(datasets),
        stored_models_mb=_stored(models),
        rate_cheap=settings.rate_cheap if is_counted else None,
        rate_expensive=settings.rate_expensive if is_counted else None,
    )


def _stored(store: ArtifactStore) -> float | None:
    try:
        return store.quota.size() / _MB
    except Unavailable:
        return None
