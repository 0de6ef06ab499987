"""The pictures of the README and of the pages in docs, from a running service.

`python -m docs.pictures http://127.0.0.1:5000` generates data, trains two models on it and writes
docs/images/*.png. With the same release the pictures show the same figures.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from docs import calendar_figures, line_log, step_figures

IMAGES = Path(__file__).with_name("images")
PLANT = {"plants": ["Plant_A"], "applications": ["Automotive"], "historicalDays": 730, "seed": 1}
SERIES = {"plant": "Plant_A", "application": "Automotive", "panelSize": "Small"}


class Service:
    """A running service, called over HTTP.

    Args:
        url: its address without a path.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def get(self, path: str) -> bytes:
        """Return the body of a reply."""
        with urlopen(self._url + path) as reply:  # noqa: S310  # nosec B310  # the caller chose it
            content: bytes = reply.read()
        return content

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send a JSON body; return the reply."""
        headers = {"Content-Type": "application/json"}
        request = Request(self._url + path, json.dumps(body).encode(), headers)  # noqa: S310
        with urlopen(request) as reply:  # noqa: S310  # nosec B310
            content: dict[str, Any] = json.load(reply)
        return content

    def upload(self, table: str, options: str) -> dict[str, Any]:
        """Upload a table with options as a query string; return the reply."""
        path, headers = f"{self._url}/api/data/upload?{options}", {"Content-Type": "text/csv"}
        request = Request(path, table.encode(), headers)  # noqa: S310
        with urlopen(request) as reply:  # noqa: S310  # nosec B310
            content: dict[str, Any] = json.load(reply)
        return content

    def backtest_picture(self, model_id: str, body: dict[str, Any]) -> bytes:
        """Run a backtest; return its picture as PNG."""
        job_id = self.post(f"/api/model/{model_id}/backtest", body)["job_id"]
        return self.get(f"/api/model/{model_id}/backtest/{job_id}?format=png")


def main(url: str) -> None:
    """Draw all pictures by the service at an address."""
    service = Service(url)
    IMAGES.mkdir(exist_ok=True)
    dataset = service.post("/api/data/generate", PLANT)["dataset_id"]
    plain = service.post("/api/model/train", {"datasetId": dataset, "epochs": 10, "seed": 1})
    auto = service.post("/api/model/train", {"datasetId": dataset, "preset": "auto", "seed": 1})
    one = SERIES | {"horizon": 30, "origins": 1}
    forecast = service.backtest_picture(plain["model_id"], one)
    (IMAGES / "forecast.png").write_bytes(forecast)
    several = SERIES | {"horizon": 14, "origins": 4}
    backtest = service.backtest_picture(auto["model_id"], several)
    (IMAGES / "backtest.png").write_bytes(backtest)
    drawn = json.loads(service.get(f"/api/model/{auto['model_id']}/visualize"))
    picture = service.get("/" + drawn["visualization_path"].lstrip("/"))
    (IMAGES / "model.png").write_bytes(picture)
    _draw_steps(service, dataset, plain["model_id"], auto)
    _draw_closed_days(service)
    log = service.upload(line_log.line_log(), "finishSteps=test")["dataset_id"]
    (IMAGES / "flow.png").write_bytes(service.get(f"/api/data/{log}/flow?format=png"))


def _draw_closed_days(service: Service) -> None:
    """Draw the figure of docs/calendars.md."""
    week = {"weekdays": [1, 2, 3, 4, 5]}
    dataset = service.post("/api/data/generate", PLANT | {"calendar": week})["dataset_id"]
    trained = service.post("/api/model/train", {"datasetId": dataset, "epochs": 10, "seed": 1})
    asked = SERIES | {"model_id": trained["model_id"], "predictionDays": 42}
    spans = {
        "A closed week": "2026-01-12/2026-01-16",
        "A shutdown of two weeks": "2026-01-12/2026-01-23",
    }
    forecasts = {
        title: service.post("/api/model/predict", asked | {"calendar": {"closed": [span]}})
        for title, span in spans.items()
    }
    table = service.get(f"/api/data/{dataset}?format=csv")
    history = {name: step_figures.column(table, SERIES, name) for name in calendar_figures.TARGETS}
    calendar_figures.closed_days(history, forecasts, IMAGES / "closed-days.png")


def _draw_steps(service: Service, dataset: str, plain: str, auto: dict[str, Any]) -> None:
    """Draw the figures of docs/forecasts.md."""
    history = step_figures.columns(service.get(f"/api/data/{dataset}?format=csv"), SERIES)
    asked = SERIES | {"model_id": auto["model_id"]}
    forecast = service.post("/api/model/predict", asked)
    raw = service.post("/api/model/predict", asked | {"raw": True})
    scored = service.post(f"/api/model/{plain}/backtest", {"horizon": 28})
    step_figures.scale(history, IMAGES / "step-1-scale.png")
    step_figures.by_horizon(scored, IMAGES / "step-2-horizon.png")
    step_figures.members(auto["metrics"], IMAGES / "step-3-members.png")
    step_figures.forecast_path(history, forecast, IMAGES / "step-4-path.png")
    step_figures.reconciliation(forecast, raw, IMAGES / "step-5-reconciliation.png")
    step_figures.intervals(forecast, IMAGES / "intervals.png")
    states = {"a WIP of 80": 80, "a WIP of 120": 120, "a WIP of 200": 200}
    what_if = {
        label: service.post("/api/model/predict", asked | {"currentWIP": wip})
        for label, wip in states.items()
    }
    step_figures.what_if(what_if, IMAGES / "what-if.png")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:5000")
