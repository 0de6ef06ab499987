"""Models that a release wrote, committed under `tests/samples`: nothing needs to be trained."""

from __future__ import annotations

from typing import Any

from models.registry.model_store import model_store
from tests.support.running_service import ROOT

SAMPLES = ROOT / "tests" / "samples" / "v1.0.0"
PLAIN_MODEL = "511235ce-525d-44c7-8ba0-7e1bc46ebe5c"  # of two series of plant P 1


def sample_model() -> tuple[dict[str, Any], bytes]:
    """Return the document and the ONNX network of a published model."""
    store = model_store(SAMPLES / "models")
    return store.document(PLAIN_MODEL), store.read(PLAIN_MODEL, ".onnx")
