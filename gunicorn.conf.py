"""How gunicorn serves the app: read by `python run.py` and by a plain `gunicorn app:app` alike."""

import threading
from typing import Any

from utils.settings import read

_settings = read()

bind = f"{_settings.host}:{_settings.port}"
worker_class = "gthread"
workers = _settings.web_processes
threads = _settings.web_threads
# Each process imports for itself: ONNX Runtime's threads do not survive a fork.
preload_app = False
# Trainings are waited for: threads do that, and a thread that waits is not a worker that hangs.
timeout = 60
graceful_timeout = 2
keepalive = 30
control_socket_disable = True
# Each request has a line of its own in the log of the app.
accesslog = None
loglevel = "warning"


def post_worker_init(worker: Any) -> None:
    """Load what start-up put off, behind the first requests."""
    service = worker.app.callable.extensions["service"]
    threading.Thread(target=service.warm_up, daemon=True).start()
