"""Log lines: readable on a terminal, JSON for machines; one configuration for all processes."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

logger = structlog.get_logger


def configure(form: str, level: str) -> None:
    """Send every log line, also those of libraries, to stderr as `text` or `json`."""
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
                # The default shows local variables: API keys, passwords of databases.
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
    logging.getLogger("dbos").setLevel(logging.WARNING)  # it logs every connection
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


# TensorFlow's C++ writes these lines to file descriptor 2 during the import, whatever
# TF_CPP_MIN_LOG_LEVEL is.
_CHATTER = (b"WARNING: All log messages before absl::InitializeLog()", b"I0000 ")


@contextmanager
def without_chatter() -> Iterator[None]:
    """Keep TensorFlow's import messages out of stderr, as they are not JSON; pass on all else."""
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
