"""The models that a web process keeps open: bounded by bytes, never one that was deleted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from models.forecast.forecaster import Forecaster
from models.registry.model_document import ModelDocument
from models.registry.model_store import model_store
from models.registry.opening import open_forecaster
from models.registry.registry import Registry
from tests.support.running_service import wait_until
from tests.support.samples import sample_model
from utils.errors import NotFound, Unavailable
from utils.storage import quick_looks

MB = 1_000_000


@pytest.fixture(scope="module")
def published() -> tuple[dict[str, Any], bytes]:
    """The document and the network of a model."""
    return sample_model()


def copies(folder: Path | str, published: tuple[dict[str, Any], bytes], count: int) -> list[str]:
    document, network = published
    ids = [str(uuid4()) for _ in range(count)]
    for id in ids:
        fresh = {k: v for k, v in document.items() if k != "files"} | {"model_id": id}
        model_store(folder).publish(id, fresh, {".onnx": lambda path: path.write_bytes(network)})
    return ids


def test_the_cache_is_bounded_by_bytes_and_the_least_recently_used_goes(
    tmp_path: Path, published: tuple[dict[str, Any], bytes]
) -> None:
    reported: list[tuple[int, int]] = []
    one = Registry(tmp_path, MB, lambda count, size: reported.append((count, size)))
    ids = copies(tmp_path, published, 4)
    one.open(ids[0])
    size = reported[0][1]
    registry = Registry(tmp_path, 3 * size, lambda count, size: reported.append((count, size)))
    opened = {id: registry.open(id) for id in ids[:3]}
    assert reported[-1] == (3, 3 * size)
    assert registry.open(ids[0]) is opened[ids[0]]  # used last
    registry.open(ids[3])
    assert reported[-1] == (3, 3 * size)
    assert registry.open(ids[0]) is opened[ids[0]]
    assert registry.open(ids[2]) is opened[ids[2]]
    assert registry.open(ids[1]) is not opened[ids[1]]


def test_a_model_larger_than_the_cache_is_served_all_the_same(
    tmp_path: Path, published: tuple[dict[str, Any], bytes]
) -> None:
    registry = Registry(tmp_path, 1)
    first, second = copies(tmp_path, published, 2)
    opened = registry.open(first)
    assert registry.open(first) is opened
    assert isinstance(registry.open(second).forecaster, Forecaster)
    assert registry.open(first) is not opened


@pytest.mark.parametrize("elsewhere", [False, True])
def test_what_is_deleted_is_not_served_again(
    elsewhere: bool, tmp_path: Path, published: tuple[dict[str, Any], bytes]
) -> None:
    registry = Registry(tmp_path, MB)
    [id] = copies(tmp_path, published, 1)
    registry.open(id)
    (Registry(tmp_path, MB) if elsewhere else registry).delete(id)
    with pytest.raises(NotFound):
        registry.open(id)


def test_what_was_found_deleted_is_not_served_while_its_store_is_away(
    tmp_path: Path, published: tuple[dict[str, Any], bytes]
) -> None:
    folder = tmp_path / "models"
    [id] = copies(folder, published, 1)
    registry = Registry(folder, MB)
    registry.open(id)
    model_store(folder).delete(id)
    with pytest.raises(NotFound):
        registry.open(id)
    folder.rename(tmp_path / "away")
    with pytest.raises(Unavailable):
        registry.open(id)


def test_a_look_that_takes_long_still_finds_what_was_deleted(
    tmp_path: Path, published: tuple[dict[str, Any], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forecasts do not wait for it, so they are of the state of before until it has ended."""
    location = f"memory://{tmp_path}"
    [id] = copies(location, published, 1)
    registry = Registry(location, MB)
    opened = registry.open(id)
    monkeypatch.setattr(quick_looks, "_LOOK_SECONDS", 0.0)
    assert registry.open(id) is opened
    model_store(location).delete(id)

    def is_gone() -> bool:
        try:
            return registry.open(id) is not opened
        except NotFound:
            return True

    wait_until(is_gone)


def test_threads_that_forecast_at_once_do_not_influence_each_other(
    published: tuple[dict[str, Any], bytes],
) -> None:
    document, content = published
    of_lstm = document | {"combination": {"lstm": [[1.0, 1.0, 1.0]]}}
    forecaster = open_forecaster(ModelDocument.of(of_lstm), content)
    recent = forecaster.recent_history(forecaster.encoding.series_keys[0])
    assert recent is not None
    histories = [recent._replace(rows=recent.rows * (1 + i / 100)) for i in range(40)]
    alone = [forecaster.forecast(history, 30).values for history in histories]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda each: forecaster.forecast(each, 30).values, histories))
    np.testing.assert_array_equal(together, alone)
