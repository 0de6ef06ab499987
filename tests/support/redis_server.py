"""A real Redis for tests, from Debian's package, on a free port."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import redis

from tests.support import programs
from tests.support.running_service import free_port, wait_until


@contextlib.contextmanager
def running(folder: Path) -> Iterator[str]:
    """The URL of a Redis that keeps nothing."""
    program, port = programs.need("redis-server"), free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    process = subprocess.Popen([*command, "--dir", str(folder)], stdout=subprocess.DEVNULL)

    def answers() -> bool:
        assert process.poll() is None, "Redis has ended"
        try:
            with redis.Redis(port=port) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False

    try:
        wait_until(answers)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(10)


def add_user(url: str, user: str, password: str) -> None:
    """Add a user with a password and all rights."""
    with redis.Redis.from_url(url) as client:
        client.acl_setuser(user, True, passwords=[f"+{password}"], categories=["+@all"], keys=["*"])


def stop(url: str) -> None:
    """Stop a running Redis; harmless if it has ended."""
    with redis.Redis.from_url(url) as client, contextlib.suppress(redis.ConnectionError):
        client.shutdown(nosave=True)
