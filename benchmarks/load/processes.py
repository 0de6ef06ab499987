"""Memory, threads and open files of the processes of a service, over time."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.support.running_service import child_processes

_EVERY = 1.0  # seconds between two looks


def taken(pid: int) -> tuple[float, int, int]:
    """(megabytes, threads, descriptors) of a process; of shared memory, its share.

    Raises:
        OSError: there is no such process.
    """
    folder = Path(f"/proc/{pid}")
    memory = (folder / "smaps_rollup").read_text().splitlines()
    share = next(int(line.split()[1]) for line in memory if line.startswith("Pss:"))
    status = (folder / "status").read_text().splitlines()
    threads = next(int(line.split()[1]) for line in status if line.startswith("Threads:"))
    return share * 1024 / 1e6, threads, len(list((folder / "fd").iterdir()))


def named(pid: int) -> dict[str, int]:
    """The processes below one, by what they are."""
    found: dict[str, int] = {}
    counts: dict[str, int] = defaultdict(int)
    for child in sorted(child_processes(pid)):
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{child}/cmdline").read_bytes()
            kind = "worker" if b"worker" in command else "web"
            if kind == "web" and not counts[kind]:
                kind = "gunicorn"  # the first one is the others' parent
                counts["web"] += 1
            found[kind if kind == "gunicorn" else f"{kind} {counts[kind]}"] = child
            counts[kind] += kind != "gunicorn"
    return found


class ProcessWatch:
    """Looks at processes every second while its context is open."""

    def __init__(self, processes: dict[str, int]) -> None:
        self._processes = processes
        self.memory: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self.most: dict[str, tuple[int, int]] = {}
        self._ended = threading.Event()

    @contextlib.contextmanager
    def watching(self) -> Iterator[ProcessWatch]:
        """Watch as long as the context is open."""
        thread = threading.Thread(target=self._look_on, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            thread.join()

    def _look_on(self) -> None:
        began = time.monotonic()
        while not self._ended.wait(_EVERY):
            for name, pid in self._processes.items():
                with contextlib.suppress(OSError):
                    megabytes, *numbers = taken(pid)
                    self.memory[name].append((time.monotonic() - began, megabytes))
                    before = self.most.get(name, (0, 0))
                    self.most[name] = tuple(map(max, before, numbers))  # type: ignore[assignment]

    def slope(self, name: str) -> tuple[float, float]:
        """Megabytes a minute that a process grew by in the second half, and the standard error.

        Of means of a dozen spans: looks that follow each other tell the same.
        """
        seconds, megabytes = np.array(self.memory[name]).T
        late = seconds > seconds[-1] / 2
        spans = np.array_split(np.flatnonzero(late), min(12, late.sum()))
        x = np.array([seconds[span].mean() for span in spans]) / 60
        y = np.array([megabytes[span].mean() for span in spans])
        if len(x) < 3:
            return float("nan"), float("nan")
        (line, _), covariance = np.polyfit(x, y, 1, cov="unscaled")
        left = y - np.polyval(np.polyfit(x, y, 1), x)
        variance = float((left**2).sum() / (len(x) - 2))
        return float(line), float(np.sqrt(covariance[0, 0] * variance))
