"""Log lines: readable on a terminal, JSON for machines; one configuration for all processes."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import orjson


@contextmanager
def _without(package: str) -> Iterator[None]:
    """Have imports of a package fail, as if it was not installed."""
    kept = sys.modules.get(package)
    sys.modules[package] = None  # type: ignore[assignment]  # as Python's reference has it
    try:
        yield
    finally:
        del sys.modules[package]
        if kept:
            sys.modules[package] = kept


# Where rich is installed, as Keras has it be, structlog loads it to draw tracebacks in colour: a
# tenth of the time that a web process takes to start, for what `configure` turns off.
with _without("rich"):
    import structlog

logger = structlog.get_logger  # for all who log: structlog is to be loaded here first

_REQUESTS = logging.getLogger("web")
_form = "text"


def configure(form: str, level: str) -> None:
    """Send every log line, also those of libraries, to stderr as `text` or `json`."""
    global _form
    _form = form
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Any] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if form == "json"
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                pad_event_to=0,
                # The default shows what local variables hold: keys, and passwords of databases.
                exception_formatter=structlog.dev.plain_traceback,
            )
        ]
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for chatty in ("absl", "tensorflow", "tf2onnx", "h5py"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    logging.getLogger("dbos").setLevel(logging.WARNING)  # it tells of every connection it opens
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def request_line(**facts: Any) -> None:
    """Log a request that was answered: the line that any other logger would write.

    Written straight out: a record of `logging`'s for each would cost as much as the forecast.
    """
    if not _REQUESTS.isEnabledFor(logging.INFO):
        return
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if _form == "json":
        about = {"event": "request", "level": "info", "logger": "web", "timestamp": now}
        line = orjson.dumps(facts | about).decode()
    else:
        listed = " ".join(f"{name}={_plain(facts[name])}" for name in sorted(facts))
        line = f"{now} [info     ] request [web] {listed}"
    sys.stderr.write(line + "\n")


def _plain(value: object) -> str:
    """A value as one word: what could end a word or a line is spelled out."""
    text = str(value)
    return text if text.isprintable() and not {" ", "=", "'", '"'} & set(text) else repr(text)


# What TensorFlow's C++ says as it is imported, whatever TF_CPP_MIN_LOG_LEVEL is: its logger
# writes to file descriptor 2 before anybody could have set it up.
_CHATTER = (b"WARNING: All log messages before absl::InitializeLog()", b"I0000 ")


@contextmanager
def without_chatter() -> Iterator[None]:
    """Keep TensorFlow's chatter out of stderr while it is imported; all else goes through.

    Logs are for machines as well: a line that is not JSON has no place among lines that are.
    """
    sys.stderr.flush()
    real = os.dup(2)
    reader, writer = os.pipe()

    def pass_on() -> None:
        with os.fdopen(reader, "rb") as lines:
            for line in lines:
                if not line.startswith(_CHATTER):
                    os.write(real, line)

    thread = threading.Thread(target=pass_on, name="stderr", daemon=True)
    thread.start()
    os.dup2(writer, 2)
    os.close(writer)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(real, 2)  # the pipe's last writer: its reader sees the end
        thread.join()
        os.close(real)
