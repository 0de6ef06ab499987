"""gunicorn's settings: read by `python run.py` and by a plain `gunicorn app:app` alike."""

import gc
import importlib
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
from utils.server.certificate import check_certificate
from utils.settings import read
from utils.shutdown import DRAIN, end_with_parent

process_limits.use_threads(1)  # a forecast is no quicker with more
# What is imported stays: looking through it for garbage again and again takes a tenth of the start.
gc.disable()

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
# Whom to believe of what a proxy says is the app's to know (TRUSTED_PROXIES), and nobody else's.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
# Each process makes an app of its own, of modules that the master has imported (`when_ready`).
preload_app = False
# Trainings are waited for: threads do that, and a thread that waits is not a worker that hangs.
timeout = 60
graceful_timeout = _settings.drain_seconds
# Also how long a connection on which nothing was sent holds up a stop; nginx.conf keeps its own
# connections to the service for less.
keepalive = 5
control_socket_disable = True
# Each request has a line of its own in the log of the app.
accesslog = None
loglevel = "warning"

if _settings.tls_files:
    certfile, keyfile = map(str, _settings.tls_files)


# The metrics library reads it as it is imported: the master does that after it is set, if ever.
_METRICS = "PROMETHEUS_MULTIPROC_DIR"
# Counters are mapped into memory: with a disk behind them that is full, counting kills a process.
_MEMORY = "/dev/shm"  # noqa: S108  # nosec B108  # the folder beneath it is mkdtemp's


def on_starting(server: Any) -> None:
    """Refuse, in one line, to be reached by other machines without access control."""
    # The addresses that are listened on: the command line may name others than HOST.
    addresses = [each[0] if isinstance(each, tuple) else str(each) for each in server.cfg.address]
    try:
        exposure.expect_access_control(_settings, addresses)
    except SettingsError as error:
        sys.stderr.write(f"Error: {error}\n")
        sys.exit(2)
    exposed = [address for address in addresses if not exposure.is_loopback(address)]
    if exposed and not _settings.proxies:
        logs.configure(_settings.log_format, _settings.log_level)
        logs.logger("server").warning(
            "other machines reach the service without a proxy: put nginx in front of it, so that "
            "slow clients hold no thread (docs/deploy.md)",
            addresses=exposed,
        )


def when_ready(server: Any) -> None:
    """Prepare what the processes have in common, their folder for metrics and their modules."""
    _share_metrics(server)
    # None of these starts a thread, as those do that a process loads behind its first request:
    # pages that nobody writes to are there once, for all processes.
    importlib.import_module("app")
    gc.freeze()
    gc.enable()


def _share_metrics(server: Any) -> None:
    """Give the processes a folder to count in together: the operator's, or one for this run."""
    server.metrics_folder = None
    given = os.environ.get(_METRICS)
    if not given:
        memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
        server.metrics_folder = os.environ[_METRICS] = mkdtemp(prefix="lstm-metrics-", dir=memory)
        return
    Path(given).mkdir(parents=True, exist_ok=True)
    for left_behind in Path(given).glob("*.db"):
        left_behind.unlink(missing_ok=True)


def post_fork(_server: Any, _worker: Any) -> None:
    """Look for no garbage while the app is imported."""
    gc.disable()


def child_exit(_server: Any, worker: Any) -> None:
    """Forget what a process has open, as it is gone; what it counted stays."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)


def worker_exit(server: Any, worker: Any) -> None:
    """Tidy up for a master that was killed: its processes notice, and end."""
    if os.getpid() == worker.pid and os.getppid() != worker.ppid:
        _remove_own(server)


def on_exit(server: Any) -> None:
    """Leave nothing on disk, nor what processes that had to be killed would have had open."""
    if not _remove_own(server) and (given := os.environ.get(_METRICS)):
        for left_behind in Path(given).glob("gauge_live*.db"):
            left_behind.unlink(missing_ok=True)


def _remove_own(server: Any) -> bool:
    """Remove the folder of this run, if it has one of its own."""
    own = getattr(server, "metrics_folder", None)
    if own:
        shutil.rmtree(own, ignore_errors=True)
    return bool(own)


def post_worker_init(worker: Any) -> None:
    """Prepare for the end of this process, and load what start-up put off."""
    DRAIN.begin_on_sigterm(worker.cfg.graceful_timeout)  # then gunicorn's own handler runs
    end_with_parent()
    gc.enable()
    process_limits.share_the_heap()
    process_limits.use_the_heap()
    service = worker.app.callable.extensions["service"]
    threading.Thread(target=_warm_up, args=(service,), daemon=True).start()


def _warm_up(service: Any) -> None:
    service.warm_up()
    gc.collect()
    gc.freeze()  # what is there now stays: it need not be looked through again and again
