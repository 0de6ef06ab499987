"""gunicorn's process as the service has it, but for how long it waits: tests wait for that."""

from utils.server import gunicorn_worker


class Worker(gunicorn_worker.Worker):
    patience, crowded, unread = 0.5, 0.5, 2.0
