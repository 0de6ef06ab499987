"""An S3-compatible server on this machine, for tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import requests

from tests.support.running_service import free_port, wait_until


class S3:
    """A running S3 server, and the environment variables by which clients reach it."""

    pid: int  # of its process

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def answers(self) -> bool:
        try:
            return requests.get(self.url, timeout=5).ok
        except requests.ConnectionError:
            return False

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The server accepts connections and answers none, as long as the context is open."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def new_bucket(self) -> str:
        """The URL of an empty bucket."""
        name = f"bucket-{uuid4()}"
        assert requests.put(f"{self.url}/{name}", timeout=10).ok
        return f"s3://{name}"


@contextmanager
def serve() -> Iterator[S3]:
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p"]
    with subprocess.Popen(
        [*command, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
    ) as process:
        try:
            server = S3(port)
            server.pid = process.pid
            wait_until(server.answers)
            yield server
        finally:
            process.terminate()
