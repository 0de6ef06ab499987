"""The document of a model: its names on disk, unknown fields, damage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from models.registry.model_document import (
    FORECAST_FIELDS,
    ModelDocument,
    NetworkEntry,
    SeriesEntry,
    names_on_disk,
)
from models.registry.opening import open_forecaster
from utils.errors import DamagedFile
from utils.storage.checksums import document_from_bytes

RELEASED = sorted((Path(__file__).parents[2] / "samples/v1.0.0/models").glob("*.json"))


def released(path: Path) -> dict[str, Any]:
    return document_from_bytes(path.read_bytes())


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.stem[:8])
def test_a_released_document_survives_a_round_trip(path: Path) -> None:
    fields = released(path)
    assert json.loads(json.dumps(ModelDocument.of(fields).to_json())) == fields


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.stem[:8])
def test_a_released_document_is_read_by_attribute(path: Path) -> None:
    fields, document = released(path), ModelDocument.of(released(path))
    assert document.model_id == path.stem
    assert document.autoregression == fields["anchor"]
    assert document.intervals == fields["spread"]
    assert document.what_if == fields["response"]
    assert document.network and document.network.residual_scale == fields["network"]["size"]
    assert document.metrics.mase == fields["metrics"]["mase"]
    assert document.split and document.split.last_date == "2024-04-29"
    assert document.series_keys == [tuple(entry["key"]) for entry in fields["series"]]
    assert document.engineered_features == (document.architecture == "enhanced")


def test_names_on_disk_are_those_of_the_first_release() -> None:
    expected = {"encoding", "anchor", "coherence", "spread", "response"}
    assert names_on_disk(FORECAST_FIELDS) == expected
    written = ModelDocument(
        autoregression={},
        reconciliation=None,
        network=NetworkEntry(residual_scale=[0.0, 0.1, 0.2]),
        series=[SeriesEntry(series_key=("p", "a", "s"), last_step=3, recent=[[1, 2, 3]])],
    ).to_json()
    assert json.loads(json.dumps(written)) == {
        "anchor": {},
        "coherence": None,
        "network": {"size": [0.0, 0.1, 0.2]},
        "series": [{"key": ["p", "a", "s"], "last_step": 3, "recent": [[1, 2, 3]]}],
    }


def test_unknown_fields_are_kept_at_every_depth() -> None:
    fields = {
        "model_id": "m",
        "later": {"a": 1},
        "metrics": {"rmse": 1.0, "crps": 2.0},
        "series": [{"key": ["p", "a", "s"], "weight": 3}],
        "split": {
            "held_back_from": "2024-01-01",
            "calibration_from": None,
            "last_date": "2024-02-01",
            "folds": 2,
        },
    }
    assert json.loads(json.dumps(ModelDocument.of(fields).to_json())) == fields


@pytest.mark.parametrize(
    ("field", "value"),
    [("series", [{"key": ["p", "a"]}]), ("metrics", 3), ("created_at", []), ("warnings", "none")],
)
def test_a_field_of_a_wrong_type_is_named(field: str, value: Any) -> None:
    with pytest.raises(DamagedFile, match=f"model m is damaged: {field}"):
        ModelDocument.of({"model_id": "m", field: value})


@pytest.mark.parametrize("name", ["encoding", "anchor", "network", "coherence", "spread", "series"])
def test_a_document_that_lacks_a_part_cannot_be_opened(name: str) -> None:
    fields = released(RELEASED[0])
    fields.pop(name)
    with pytest.raises(DamagedFile, match="lacks what a forecast needs"):
        open_forecaster(ModelDocument.of(fields), lambda windows, identities: windows)
