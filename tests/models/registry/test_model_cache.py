"""The models that a web process keeps open: bounded by bytes, never one that was deleted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from models.forecast.forecaster import Forecaster, Start
from models.forecast.onnx_session import open_network
from models.registry.model_document import ModelDocument
from models.registry.opening import open_forecaster
from models.registry.registry import Registry, model_store
from models.series.encoding import Encoding
from tests.support.samples import sample_model
from utils.errors import NotFound

MB = 1_000_000


@pytest.fixture(scope="module")
def published() -> tuple[dict[str, Any], bytes]:
    """The document and the network of a model."""
    return sample_model()


def copies(folder: Path, published: tuple[dict[str, Any], bytes], count: int) -> list[str]:
    document, network = published
    ids = [str(uuid4()) for _ in range(count)]
    for id in ids:
        fresh = {k: v for k, v in document.items() if k != "files"} | {"model_id": id}
        model_store(folder).publish(id, fresh, {".onnx": lambda path: path.write_bytes(network)})
    return ids


def test_the_cache_is_bounded_by_bytes_and_the_least_recently_used_goes(
    tmp_path: Path, published: tuple[dict[str, Any], bytes]
) -> None:
    reports: list[tuple[int, int]] = []
    one = Registry(tmp_path, MB, lambda count, size: reports.append((count, size)))
    ids = copies(tmp_path, published, 4)
    one.open(ids[0])
    size = reports[0][1]
    registry = Registry(tmp_path, 3 * size, lambda count, size: reports.append((count, size)))
    opened = {id: registry.open(id) for id in ids[:3]}
    assert reports[-1] == (3, 3 * size)
    assert registry.open(ids[0]) is opened[ids[0]]  # used last
    registry.open(ids[3])
    assert reports[-1] == (3, 3 * size)
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
    assert isinstance(registry.open(second), Forecaster)
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


@pytest.mark.parametrize("count", [1, 5])
def test_a_bound_network_says_what_it_says_when_called(
    count: int, published: tuple[dict[str, Any], bytes]
) -> None:
    document, content = published
    forecaster, network = (
        open_forecaster(ModelDocument.of(document), content),
        open_network(content),
    )
    assert isinstance(forecaster.encoding, Encoding)
    rng, encoding = np.random.default_rng(1), forecaster.encoding
    windows = np.empty((count, encoding.length, encoding.width), np.float32)
    identities = encoding.identities(np.zeros(count, np.int64))
    say = network.bind(windows, identities)
    for _ in range(3):
        windows[:] = rng.standard_normal(windows.shape)
        np.testing.assert_array_equal(say(), network(windows, identities))


def test_threads_that_forecast_at_once_do_not_hear_each_other(
    published: tuple[dict[str, Any], bytes],
) -> None:
    document, content = published
    applied = document | {"network": {"size": [0.1, 0.1, 0.1]}}
    forecaster = open_forecaster(ModelDocument.of(applied), content)
    key = forecaster.encoding.series_keys[0]
    rows, last = forecaster.recent(key) or (np.zeros(0), 0)
    starts = [Start(key, rows * (1 + i / 100), last) for i in range(40)]
    alone = [forecaster.forecast(*start, 30).values for start in starts]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda start: forecaster.forecast(*start, 30).values, starts))
    np.testing.assert_array_equal(together, alone)
