"""Times of lists with many models: `python -m benchmarks.lists [models]`, by default 50,000.

The models are copies of one: documents of their own with other ids and times, and links to the
same network. Times are medians and the worst of one run on one machine; as a yardstick of the same
run, GET /health of the same service.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from rich.console import Console
from rich.table import Table

from tests.support.running_service import Service, child_processes, start_service
from tests.support.samples import SAMPLES, sample_model
from utils.storage.checksums import document_to_bytes

_REPEATS = 50
_FIRST = datetime(2025, 1, 1, tzinfo=UTC)


def fill(folder: Path, models: int) -> None:
    """Put copies of the sample model into a folder."""
    document, _ = sample_model()
    original = document["model_id"]
    folder.mkdir()
    sources = {}
    for suffix in (".keras", ".onnx"):
        sources[suffix] = folder / f".sample{suffix}"
        sources[suffix].write_bytes((SAMPLES / "models" / f"{original}{suffix}").read_bytes())
    files = {suffix: document["files"][f"{original}{suffix}"] for suffix in sources}
    for number in range(models):
        id = str(uuid4())
        made = (_FIRST + timedelta(minutes=number)).isoformat()
        entries = {f"{id}{suffix}": entry for suffix, entry in files.items()}
        copy = document | {"model_id": id, "created_at": made, "files": entries}
        for suffix, source in sources.items():
            os.link(source, folder / f"{id}{suffix}")
        (folder / f"{id}.json").write_bytes(document_to_bytes(copy))


def page(service: Service, path: str, **query: Any) -> dict[str, Any]:
    """Return a reply as it has to be."""
    reply = service.get(path, params=query)
    while reply.status_code == 503 and "index" in reply.json()["error"]:
        time.sleep(1)
        reply = service.get(path, params=query)
    assert reply.ok, reply.text
    document: dict[str, Any] = reply.json() if "json" in reply.headers["Content-Type"] else {}
    return document


def timed(do: Callable[[], Any], repeats: int = _REPEATS) -> list[float]:
    """Return the seconds of some calls."""
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        do()
        seconds.append(time.perf_counter() - began)
    return seconds


def megabytes(service: Service) -> list[float]:
    """Return the resident memory of the service's web processes."""
    found = []
    for pid in child_processes(service.process.pid):
        if b"gunicorn" in Path(f"/proc/{pid}/cmdline").read_bytes():
            status = Path(f"/proc/{pid}/status").read_text()
            found.append(int(status.partition("VmRSS:")[2].split()[0]) / 1000)
    return found


def main(models: int) -> None:
    """Measure all, print the table."""
    table = Table(title=f"{models:,} models")
    for heading in ("what", "median, ms", "worst, ms", "n"):
        table.add_column(heading, justify="left" if heading == "what" else "right")

    def add(what: str, seconds: list[float]) -> None:
        worst, n = 1000 * max(seconds), len(seconds)
        table.add_row(what, f"{1000 * median(seconds):.1f}", f"{worst:.1f}", str(n))

    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        fill(folder / "models", models)
        settings = {"WORKERS": "0", "WEB_PROCESSES": "2", "RATE_LIMITS": "off"}
        settings |= {"MAX_MODELS_MB": "1000000"}
        service = start_service(folder, **settings)
        add("the index is made", timed(lambda: page(service, "/api/models"), 1))
        service.stop()
        service = start_service(folder, **settings)
        add("first page after a start", timed(lambda: page(service, "/api/models"), 1))
        middle = page(service, "/api/models", limit=1000)["next_cursor"]
        [first, second] = page(service, "/api/models", limit=2)["models"]
        asked: dict[str, tuple[str, dict[str, Any]]] = {
            "GET /health": ("/health", {}),
            "GET /metrics": ("/metrics", {}),
            "a page of 100": ("/api/models", {}),
            "a page of 100 by error": ("/api/models", {"sort": "mase"}),
            "a page of 100 further on": ("/api/models", {"cursor": middle}),
            "a page of a search for an id": ("/api/models", {"q": first["model_id"]}),
            "a page of a search for a name": ("/api/models", {"q": "plant"}),
            "one model": (f"/api/model/{first['model_id']}", {}),
            "models by plant": ("/api/model/plants/summary", {}),
            "names of all models": ("/api/masterdata/config", {}),
        }
        for what, (path, query) in asked.items():
            add(what, timed(lambda path=path, query=query: page(service, path, **query)))  # type: ignore[misc]
        deleted = service.call("DELETE", f"/api/model/{second['model_id']}")
        assert deleted.ok, deleted.text
        add("a page just after a delete", timed(lambda: page(service, "/api/models"), 1))
        memory = ", ".join(f"{size:.0f}" for size in megabytes(service))
        service.stop()
    console = Console(width=100)
    console.print(table)
    console.print(f"Memory of the web processes, MB: {memory}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
