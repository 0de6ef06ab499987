"""Metrics of the service in Prometheus' text format.

Each web process keeps its figures in files of one folder, which `gunicorn.conf.py` makes; a scrape
adds up the figures of all processes. Without a folder, a process shows its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_FOLDER = os.environ.get(_VARIABLE)
# The library reads the variable as it is imported, and fails later where no folder is.
if not (_FOLDER and Path(_FOLDER).is_dir()):
    _FOLDER = None
    os.environ.pop(_VARIABLE, None)

from prometheus_client import (  # noqa: E402
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # noqa: E402
from prometheus_client.multiprocess import MultiProcessCollector  # noqa: E402
from prometheus_client.registry import Collector  # noqa: E402

# Clients may send any word as a method; each of them would be a series of its own for ever.
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30, 120, 600)

disable_created_metrics()  # only one process alone would have them
_OWN = CollectorRegistry()
_REQUESTS = Counter(
    "lstm_http_requests",
    "Requests that were answered.",
    ["method", "endpoint", "status"],
    registry=_OWN,
)
_LATENCY = Histogram(
    "lstm_http_request_duration_seconds",
    "Time from a request to the headers of its reply; the body of a stream is not waited for.",
    ["method", "endpoint", "status_class"],
    registry=_OWN,
    buckets=_SECONDS,
)
_OPEN_MODELS = Gauge(
    "lstm_model_cache_models",
    "Models that the web processes keep open; one that two of them keep counts twice.",
    registry=_OWN,
    multiprocess_mode="livesum",
)
_OPEN_BYTES = Gauge(
    "lstm_model_cache_bytes",
    "Memory that the models which are kept open take, about.",
    registry=_OWN,
    multiprocess_mode="livesum",
)


# Figures that are asked for at each scrape, by name: (metric, help, its label or none).
_FACTS: dict[str, tuple[str, str, list[str]]] = {
    "jobs": ("lstm_jobs", "Jobs by state.", ["state"]),
    "queue_depth": ("lstm_queue_depth", "Jobs that wait for a worker.", []),
    "workers_alive": ("lstm_workers_alive", "Training workers that are alive.", []),
    "epochs_per_second": (
        "lstm_epochs_per_second",
        "Epochs trained per second over the last minute, by all workers.",
        [],
    ),
    "published_models": ("lstm_published_models", "Models in the model store.", []),
    "data_sets": ("lstm_data_sets", "Data sets in the data store.", []),
    "process_cpu_seconds": (
        "lstm_process_cpu_seconds",
        "Processor time of each process of this machine since its start.",
        ["process"],
    ),
    "process_memory_bytes": (
        "lstm_process_memory_bytes",
        "Memory that each process of this machine holds (resident set size).",
        ["process"],
    ),
}
_COUNTERS = {"process_cpu_seconds"}


class _AtScrape(Collector):
    """Facts of this moment; those that are None are left out."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self._facts = facts

    def collect(self) -> Iterator[Metric]:
        for fact, value in self._facts.items():
            name, help, labels = _FACTS[fact]
            if value is None:
                continue
            kind = CounterMetricFamily if fact in _COUNTERS else GaugeMetricFamily
            gauge = kind(name, help, labels=labels)
            for of, number in value.items() if labels else [("", value)]:
                gauge.add_metric([of] if labels else [], number)
            yield gauge


class _AllProcesses(Collector):
    """The sum of the figures of all processes that ever wrote to the folder."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def collect(self) -> Iterable[Metric]:
        # The library cannot read the file of a process that is, or was killed, just starting.
        files = [str(path) for path in self._folder.glob("*.db") if _is_written(path)]
        try:
            return MultiProcessCollector.merge(files)
        except FileNotFoundError:  # as in `observe`
            return []


def observe(method: str, endpoint: str | None, status: int, seconds: float) -> None:
    """Count an answered request.

    Args:
        endpoint: the rule that the path matched, never the path: there are few of them.
    """
    method = method if method in _METHODS else "other"
    try:
        count, latency = _figures(method, endpoint or "none", status)
    except FileNotFoundError:
        # The web server's master was killed, and a process of its has tidied up: this one, which
        # ends as well, answers what it has, and nobody counts it.
        return
    count.inc()
    latency.observe(seconds)


@cache
def _figures(method: str, endpoint: str, status: int) -> tuple[Counter, Histogram]:
    """Return the counter and the histogram of one kind of request."""
    return (
        _REQUESTS.labels(method, endpoint, str(status)),
        _LATENCY.labels(method, endpoint, f"{status // 100}xx"),
    )


def cache_holds(models: int, size: int) -> None:
    """Set the number and the bytes of the models that this process keeps open."""
    with suppress(FileNotFoundError):  # as in `observe`
        _OPEN_MODELS.set(models)
        _OPEN_BYTES.set(size)


def render(facts: Mapping[str, Any]) -> tuple[bytes, str]:
    """Return all metrics as text, and its content type.

    Args:
        facts: figures of this moment by name (see `_FACTS`); None: not known.
    """
    figures: Collector = _AllProcesses(_FOLDER) if _FOLDER else _OWN
    text = generate_latest(figures) + generate_latest(_AtScrape(facts))
    return text, CONTENT_TYPE_PLAIN_0_0_4


def _is_written(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:  # gauges of a process go as it ends
        return False
