"""What a backtest gives: a reply and a picture, made and published."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from models.backtest import backtest, plot
from models.forecast.forecaster import Forecaster
from models.registry.model_document import ModelDocument
from models.registry.registry import PICTURE, RESULT
from models.series.panel import Panel
from utils.api.replies.backtesting import BacktestReply
from utils.api.schemas import BacktestRequest
from utils.storage.artifact_store import ArtifactStore


class Control(backtest.Control, Protocol):
    """Also has a say before anything is published."""

    def publish(self, act: Callable[[], None]) -> None:
        """Have the result published by `act`, or raise what is to end it before."""


def publish(
    forecaster: Forecaster,
    document: ModelDocument,
    panel: Panel,
    asked: BacktestRequest,
    store: ArtifactStore,
    ids: dict[str, str],
    control: Control,
) -> None:
    """Try a model out on a panel and publish what comes of it, whole, as the last act.

    Args:
        document: the model's.
        ids: of the job, the model and the data set, as replies name them.

    Raises:
        InvalidInput: the data does not fit the model, or holds nothing to judge it by.
    """
    began = time.perf_counter()
    report = backtest.run(forecaster, document, panel, asked, control)
    picture = plot.draw(report, ids["model_id"])
    about = ids | {"created_at": datetime.now(UTC).isoformat()}
    seconds = round(time.perf_counter() - began, 3)
    reply = BacktestReply.model_validate(about | report | {"seconds": seconds})
    contents = {RESULT: reply.model_dump_json().encode(), PICTURE: picture}
    files = {end: _holding(content) for end, content in contents.items()}
    control.publish(lambda: store.publish(ids["job_id"], about, files))


def _holding(content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write
