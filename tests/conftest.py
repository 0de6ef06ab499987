"""What tests share: one running service, and a model that it trained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from live import FAST, SMALL, Service, start


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = start(tmp_path_factory.mktemp("service"))
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def dataset(service: Service) -> dict[str, Any]:
    """A stored data set of four series."""
    return service.post("/api/data/generate", SMALL).json()


@pytest.fixture(scope="session")
def trained(service: Service, dataset: dict[str, Any]) -> dict[str, Any]:
    """The reply of a training on it."""
    reply = service.post("/api/model/train", FAST | {"datasetId": dataset["dataset_id"]})
    assert reply.status_code == 200, reply.text
    return reply.json()


@pytest.fixture(scope="session")
def question(trained: dict[str, Any]) -> dict[str, Any]:
    """A predict request that the model can answer."""
    return {
        "model_id": trained["model_id"],
        "plant": "Wörk/2",
        "application": "TV",
        "panelSize": '15.6"',
    }
