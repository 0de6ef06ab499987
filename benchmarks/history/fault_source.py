"""The source of the faults: processes, connections, clocks and disks, one at a time."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.history.record import History
from tests.support.clock import Clock
from tests.support.disks import filled
from tests.support.running_service import Service, child_processes
from tests.support.tcp_proxy import TcpProxy

_LONG = 0.2  # share of the faults that last up to the longest time; the others, 10 s in the mean
_JUMPS = (3600, 86_400, 31 * 86_400, 3650 * 86_400, -1_700_000_000)  # seconds


def _end(worker: subprocess.Popen[bytes]) -> None:
    """End a worker. One that waits for its database or for a processor is killed."""
    worker.terminate()
    try:
        worker.wait(30)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()


class FaultSource:
    """The source of the faults, one at a time, in an order that the seed gives."""

    def __init__(
        self,
        seed: int,
        longest: float,
        machines: list[Service],
        lone: Callable[[], subprocess.Popen[bytes]],
        proxies: dict[str, TcpProxy],
        clock: Clock,
        disk: Path,
        history: History,
    ) -> None:
        self._random, self._longest = random.Random(seed), longest
        self._machines, self._proxies = machines, proxies
        self._clock, self._disk = clock, disk
        self._start_lone, self._lone = lone, lone()
        self._history = history

    def run(self, until: float) -> None:
        """Bring faults about until a monotonic time; then everything is put right."""
        acts = {
            "worker paused": lambda: self._pause(self._worker()),
            "web process paused": lambda: self._pause(self._web_process()),
            "worker killed": lambda: self._kill(self._worker()),
            "web process killed": lambda: self._kill(self._web_process()),
            "worker started again under its name": self._restart_lone,
            "database cut": lambda: self._cut("database"),
            "database stalled": lambda: self._stall("database"),
            "store cut": lambda: self._cut("store"),
            "store stalled": lambda: self._stall("store"),
            "database half-open": self._proxies["database"].forget,
            "store half-open": self._proxies["store"].forget,
            "clock of a machine jumped": self._jump,
            "temporary disk full": self._fill,
        }
        while time.monotonic() < until:
            time.sleep(self._random.uniform(1, 6))
            name, began = self._random.choice(sorted(acts)), time.monotonic()
            acts[name]()
            self._history.faults[name] += 1
            if name.startswith(("store", "web process")):
                self._history.hindered.append((began, time.monotonic()))

    def stop(self) -> None:
        """End the worker that belongs to no machine."""
        _end(self._lone)

    def _lasting(self) -> float:
        if self._random.random() < _LONG:
            return self._random.uniform(0, self._longest)
        return min(self._longest, self._random.expovariate(1 / 10))

    def _processes(self, command: bytes) -> list[int]:
        found = []
        for machine in self._machines:
            for pid in child_processes(machine.process.pid):
                with contextlib.suppress(OSError):  # it has just ended
                    is_leaf = not child_processes(pid)
                    if is_leaf and command in Path(f"/proc/{pid}/cmdline").read_bytes():
                        found.append(pid)
        return sorted(found)

    def _worker(self) -> int | None:
        workers = [*self._processes(b"worker"), self._lone.pid]
        return self._random.choice(workers)

    def _web_process(self) -> int | None:
        processes = self._processes(b"gunicorn")
        return self._random.choice(processes) if processes else None

    def _pause(self, pid: int | None) -> None:
        with contextlib.suppress(ProcessLookupError, TypeError):
            os.kill(pid, signal.SIGSTOP)  # type: ignore[arg-type]
            time.sleep(self._lasting())
            os.kill(pid, signal.SIGCONT)  # type: ignore[arg-type]

    def _kill(self, pid: int | None) -> None:
        with contextlib.suppress(ProcessLookupError, TypeError):
            os.kill(pid, signal.SIGKILL)  # type: ignore[arg-type]
        if self._lone.poll() is not None:
            self._lone = self._start_lone()

    def _restart_lone(self) -> None:
        """Start another worker of the same name while the first one is still paused."""
        first, self._lone = self._lone, self._start_lone()
        with contextlib.suppress(ProcessLookupError):
            first.send_signal(signal.SIGSTOP)
            time.sleep(self._lasting())
            first.send_signal(signal.SIGCONT)
            time.sleep(2)
        _end(first)

    def _cut(self, name: str) -> None:
        self._proxies[name].close()
        time.sleep(self._lasting())
        self._proxies[name].open()

    def _stall(self, name: str) -> None:
        self._proxies[name].stall()
        time.sleep(self._lasting())
        self._proxies[name].flow()

    def _jump(self) -> None:
        self._clock.set(self._random.choice(_JUMPS))
        time.sleep(self._lasting())
        self._clock.set(0)

    def _fill(self) -> None:
        with filled(self._disk):
            time.sleep(self._lasting())
