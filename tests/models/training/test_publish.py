"""Publishing a model where something outside of it does not allow it."""

from __future__ import annotations

import time
from pathlib import Path
from uuid import uuid4

import keras
import pytest

from models.registry.model_document import ModelDocument
from models.registry.model_store import model_store
from models.training.publish import publish
from utils.errors import Unavailable

pytestmark = pytest.mark.training

NINETEEN_SEVENTY = time.struct_time((1970, 1, 1, 0, 0, 0, 3, 1, 0))


@pytest.mark.parametrize("is_put_right", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_clock_before_1980_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_put_right: bool
) -> None:
    """Also where the clock is put right just after the file could not be written."""
    store, onnx = model_store(tmp_path / "models"), tmp_path / "network.onnx"
    onnx.write_bytes(b"network")
    document = ModelDocument(model_id=str(uuid4()))
    trained = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    now = time.localtime()
    with monkeypatch.context() as patched:
        # ZIP archives are dated by `localtime(time())`.
        patched.setattr(
            time, "localtime", lambda *at: NINETEEN_SEVENTY if at or not is_put_right else now
        )
        with pytest.raises(Unavailable, match="before 1980"):
            publish(store, document, trained, onnx)
    assert store.ids() == []
    publish(store, document, trained, onnx)
    assert store.ids() == [document.model_id]
