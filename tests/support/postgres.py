"""A real PostgreSQL for tests, from Debian's packages: a cluster of its own, on a free port.

Where Debian's own cluster runs or not makes no difference to it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from tests.support import programs
from tests.support.running_service import child_processes, free_port, wait_until

USER, PASSWORD = "lstm", "only-in-tests/1"
_OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
}


@dataclass
class Server:
    """A running PostgreSQL."""

    port: int
    start: Callable[[], subprocess.Popen[bytes]]
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """Stop it, without waiting for clients that are still connected."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(90)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """An outage, for as long as the context lasts."""
        self.stop()
        yield
        self.process = self.start()
        wait_until(self.answers)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """All of its processes stand still, for as long as the context lasts."""
        pids = [self.process.pid, *child_processes(self.process.pid)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
        for pid in pids:
            os.kill(pid, signal.SIGCONT)

    def answers(self) -> bool:
        assert self.process.poll() is None, "PostgreSQL has ended"
        try:
            psycopg.connect(self.url("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def url(self, database: str) -> str:
        password = PASSWORD.replace("/", "%2F")
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The URL of a database that is made for it, empty."""
        name = f"test_{uuid4().hex}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[arg-type]
        return self.url(name)


@contextmanager
def running() -> Iterator[Server]:
    """A PostgreSQL for as long as the context lasts."""
    programs.need("initdb")
    # In /tmp, not in pytest's folder: PostgreSQL's own user has to be able to enter it, and the
    # name of its socket has to be short.
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        with _served(folder, free_port()) as server:
            yield server
    finally:
        shutil.rmtree(folder)


@contextmanager
def _served(folder: Path, port: int) -> Iterator[Server]:
    # PostgreSQL refuses to run as root.
    user: dict[str, Any] = {"cwd": folder}
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        user |= {"user": "postgres", "group": "postgres", "extra_groups": []}
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    subprocess.run(
        [programs.need("initdb"), "--pgdata=data", f"--username={USER}", "--pwfile=password",
         "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"],
        check=True, stdout=subprocess.DEVNULL, **user,
    )  # fmt: skip
    options = _OPTIONS | {"port": str(port), "unix_socket_directories": str(folder)}

    def launch() -> subprocess.Popen[bytes]:
        with (folder / "log").open("a") as out:
            return subprocess.Popen(
                [
                    programs.need("postgres"),
                    "-D",
                    "data",
                    *(f"--{k}={v}" for k, v in options.items()),
                ],
                stdout=out,
                stderr=subprocess.STDOUT,
                **user,
            )

    server = Server(port, launch, launch())
    try:
        wait_until(server.answers)
        yield server
    finally:
        server.stop()
