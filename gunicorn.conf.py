"""gunicorn's settings: read by `python run.py` and by a plain `gunicorn app:app` alike."""

import gc
import os
import shutil
import sys
import threading
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from utils import logs, process_limits
from utils.auth import exposure
from utils.errors import SettingsError
from utils.server import metrics_files, start_checks
from utils.server.certificate import check_certificate
from utils.settings import read
from utils.shutdown import DRAIN, end_with_parent

process_limits.use_threads(1)  # a forecast is no quicker with more
process_limits.use_system_allocator()

try:
    _settings = read()
    if _settings.tls_files:
        check_certificate(*_settings.tls_files)
except SettingsError as error:
    print(f"Error: {error}", file=sys.stderr)
    sys.exit(2)

bind = f"{_settings.host}:{_settings.port}"
worker_class = "utils.server.worker.JsonErrorWorker"
workers = _settings.web_processes
threads = _settings.web_threads
worker_connections = process_limits.connections(process_limits.raise_descriptors(), threads)
# TRUSTED_PROXIES alone decides whose X-Forwarded- headers count, in the application.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
# Of a process whose main thread hangs; requests that wait for a training are in other threads.
timeout = 60
graceful_timeout = _settings.drain_seconds
# Also how long a connection on which nothing was sent holds up a stop; nginx.conf keeps its own
# connections to the service for less.
keepalive = 5
control_socket_disable = True
# The application logs each request.
accesslog = None
loglevel = "warning"

if _settings.tls_files:
    certfile, keyfile = map(str, _settings.tls_files)


# The metrics library reads it when it is imported, in the web processes.
_METRICS = "PROMETHEUS_MULTIPROC_DIR"
# Counters are mapped into memory: with a disk behind them that is full, counting kills a process.
_MEMORY = "/dev/shm"  # noqa: S108  # nosec B108  # the folder beneath it is mkdtemp's


def on_starting(server: Any) -> None:
    """Refuse, in one line, to be reached by other machines without access control."""
    # The addresses that are listened on: the command line may name others than HOST.
    addresses = [each[0] if isinstance(each, tuple) else str(each) for each in server.cfg.address]
    try:
        exposure.expect_access_control(_settings, addresses)
        start_checks.expect_usable(_settings)
    except SettingsError as error:
        sys.stderr.write(f"Error: {error}\n")
        sys.exit(2)
    logs.configure(_settings.log_format, _settings.log_level)
    start_checks.warn_of_misspelled(os.environ)
    exposed = [address for address in addresses if not exposure.is_loopback(address)]
    if exposed and not _settings.proxies:
        logs.logger("server").warning(
            "other machines reach the service without a proxy: put nginx in front of it, so that "
            "slow clients hold no thread (docs/deploy.md)",
            addresses=exposed,
        )


def when_ready(server: Any) -> None:
    """Make the folder in which all processes count, unless the operator names one."""
    server.metrics_folder = None
    given = os.environ.get(_METRICS)
    if not given:
        memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
        server.metrics_folder = os.environ[_METRICS] = mkdtemp(prefix="lstm-metrics-", dir=memory)
        return
    Path(given).mkdir(parents=True, exist_ok=True)
    for left_behind in Path(given).glob("*.db"):
        left_behind.unlink(missing_ok=True)


def post_fork(_server: Any, worker: Any) -> None:
    """Cap the memory of a web process, and make room for what it counts."""
    process_limits.share_heaps()
    process_limits.cap_memory(
        _settings.web_memory_mb, _settings.web_processes, process_limits.WEB_SHARE
    )
    folder = os.environ.get(_METRICS)
    if folder and not metrics_files.reserve(Path(folder), worker.pid):
        logs.logger("server").warning(
            "no room for metrics: this process counts for itself alone", folder=folder
        )
        del os.environ[_METRICS]


def child_exit(_server: Any, worker: Any) -> None:
    """Drop the gauges of a process that has ended; its counters stay."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)
    if folder := os.environ.get(_METRICS):
        metrics_files.shrink(Path(folder), worker.pid)


def worker_exit(server: Any, worker: Any) -> None:
    """Remove the folder of a master that was killed, in its place."""
    if os.getpid() == worker.pid and os.getppid() != worker.ppid:
        _remove_own(server)


def on_exit(server: Any) -> None:
    """Remove the folder of metrics, and the gauges of processes that had to be killed."""
    if not _remove_own(server) and (given := os.environ.get(_METRICS)):
        for left_behind in Path(given).glob("gauge_live*.db"):
            left_behind.unlink(missing_ok=True)


def _remove_own(server: Any) -> bool:
    """Remove the folder that this run made; return False where the operator named one."""
    own = getattr(server, "metrics_folder", None)
    if own:
        shutil.rmtree(own, ignore_errors=True)
    return bool(own)


def post_worker_init(worker: Any) -> None:
    """Prepare for the end of this process; connect to the database ahead of the requests."""
    DRAIN.begin_on_sigterm(worker.cfg.graceful_timeout)  # then gunicorn's own handler runs
    end_with_parent()
    # What was made until now stays. Looking for garbage among it took a fifth of a second, every
    # few thousand requests, in which the process answered nobody.
    gc.freeze()
    service = worker.app.callable.extensions["service"]
    threading.Thread(target=service.warm_up, daemon=True).start()
