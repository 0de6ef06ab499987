"""Models that a released version published forecast the same numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from models.lstm_service import LSTMService
from utils.api.schemas.forecasting import PredictRequest
from utils.settings import Settings

SAMPLES = Path(__file__).parents[2] / "samples"
REPLIES = sorted(SAMPLES.glob("*/predict-*.json"))


def flat(predictions: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the entries of all days, each by the day and its name."""
    return {f"{p['day']} {name}": value for p in predictions for name, value in p.items()}


@pytest.mark.parametrize("path", REPLIES, ids=lambda path: f"{path.parent.name}-{path.stem[8:16]}")
def test_a_released_model_forecasts_the_released_numbers(path: Path, tmp_path: Path) -> None:
    released = json.loads(path.read_text())
    settings = Settings(model_store=str(path.parent / "models"), data_store=str(tmp_path))
    request = PredictRequest.parse(
        {
            "model_id": released["model_id"],
            "plant": "P 1",
            "application": "TV",
            "panelSize": "L",
            "predictionDays": len(released["predictions"]),
        }
    )
    reply = json.loads(LSTMService(settings).predict(request).model_dump_json())
    expected, found = flat(released["predictions"]), flat(reply["predictions"])
    assert expected.keys() <= found.keys() and len(expected) == 10 * 18
    for name, value in expected.items():
        assert found[name] == (
            pytest.approx(value, rel=1e-6) if isinstance(value, float) else value
        )
    analysis, expected_analysis = (each["little_law_analysis"] for each in (reply, released))
    assert analysis["average_compliance"] == pytest.approx(expected_analysis["average_compliance"])
    assert analysis["analysis"] == expected_analysis["analysis"]


def test_the_samples_hold_both_architectures() -> None:
    documents = [json.loads(p.read_text()) for p in SAMPLES.glob("*/models/*.json")]
    assert {each["architecture"] for each in documents} == {"plain", "enhanced"}
    assert len(REPLIES) == len(documents)
