"""The result of a backtest: a reply and a picture, published whole."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from models.backtest import backtest, plot
from models.backtest.control import BacktestControl
from models.forecast.forecaster import Forecaster
from models.registry.model_document import ModelDocument
from models.registry.model_store import PICTURE, RESULT
from models.series.panel import Panel
from utils.api.replies.backtesting import BacktestReply
from utils.api.schemas.models import BacktestRequest
from utils.storage.artifact_store import ArtifactStore


def publish(
    forecaster: Forecaster,
    document: ModelDocument,
    panel: Panel,
    request: BacktestRequest,
    store: ArtifactStore,
    ids: dict[str, str],
    control: BacktestControl,
) -> None:
    """Backtest a model on a panel and publish the result, whole, as the last act.

    Args:
        document: the model's.
        ids: of the job, the model and the data set, as replies name them.

    Raises:
        InvalidInput: the data does not fit the model, or holds no known values after the origins.
    """
    began = time.perf_counter()
    report = backtest.run(forecaster, document, panel, request, control)
    picture = plot.draw(report, ids["model_id"])
    about = ids | {"created_at": datetime.now(UTC).isoformat(timespec="seconds")}
    seconds = round(time.perf_counter() - began, 3)
    reply = BacktestReply.model_validate(about | report | {"seconds": seconds})
    contents = {RESULT: reply.model_dump_json().encode(), PICTURE: picture}
    files = {suffix: _writer(content) for suffix, content in contents.items()}
    control.publish(lambda: store.publish(ids["job_id"], about, files))


def _writer(content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write
