"""Reports and pictures of a model escape names that users chose."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from models.registry.model_document import ModelDocument
from models.reports import report_texts
from models.reports.html_report import write
from models.reports.pictures import HeldBack, Layer, draw_forecasts
from models.series.panel import TARGETS

NAME = "<script>alert(1)</script> $\\frac{$"


def test_names_are_text_in_reports_and_pictures(tmp_path: Path) -> None:
    values = np.ones((3, len(TARGETS)))
    dates = ["2024-01-01", "2024-01-02", "2024-01-03"]
    shown = HeldBack(NAME, dates, values, values, {}, {})
    document = {"model_id": NAME, "plant": NAME, "warnings": [NAME], "config": {NAME: NAME}}
    write(
        ModelDocument.of(document),
        [Layer(NAME, "LSTM", (None, 5, 4), 3)],
        [shown],
        tmp_path / "report.html",
    )
    text = (tmp_path / "report.html").read_text()
    assert "<script" not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 7
    assert io.BytesIO(draw_forecasts([shown])).read(4) == b"\x89PNG"


@pytest.mark.parametrize(
    ("last", "season", "kind", "words"),
    [(0.3, 0.1, "good", "10 % less error"), (0.3, -0.2, "bad", "20 % more error"),
     (0.01, None, "even", "about as good"), (None, None, "even", "was not measured")],
)  # fmt: skip
def test_a_target_is_held_against_the_better_naive_forecast(
    last: float | None, season: float | None, kind: str, words: str
) -> None:
    errors = {
        "skill_over_last_value": last,
        "skill_over_seasonal_naive": season,
        "coverage": {"80": 0.75},
    }
    document = ModelDocument.of({"metrics": {"per_target": {"wip": errors}}})
    [(target, found, sentence)] = report_texts.verdicts(document)
    assert (target, found) == ("wip", kind) and words in sentence


def test_intervals_that_are_too_narrow_or_wide_are_named() -> None:
    coverages = zip(TARGETS, (0.6, 0.95, 0.8), strict=True)
    per_target = {target: {"coverage": {"80": share}} for target, share in coverages}
    found = report_texts.verdicts(ModelDocument.of({"metrics": {"per_target": per_target}}))
    assert [sentence for _, kind, sentence in found if kind == "bad"] == [
        "WIP: 60 % of the values lay within the 80 % interval, which is too narrow.",
        "Throughput: 95 % of the values lay within the 80 % interval, which is wider than needed.",
    ]
