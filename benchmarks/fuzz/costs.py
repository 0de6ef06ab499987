"""Processor time and memory that a process takes for one request, as Linux states them."""

from __future__ import annotations

from pathlib import Path

from utils.process_figures import ProcessFigures, figures

MOST_SECONDS = 2.0
MOST_MEMORY = 10  # times the size of the request, beyond what any request may take:
ALLOWED_MEMORY = 64_000_000  # libraries that are loaded when they are first used, threads, caches


class Meter:
    """Measures a process from `begin` on."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._before = ProcessFigures(0.0, 0)

    def begin(self) -> None:
        """Note the figures of before, and have Linux look for the peak of memory anew."""
        Path(f"/proc/{self._pid}/clear_refs").write_text("5")
        self._before = self._now()

    def excess(self, size: int) -> str | None:
        """Return what a request of a size took too much of since `begin`, or None."""
        seconds = self._now().cpu_seconds - self._before.cpu_seconds
        memory = self._peak() - self._before.memory_bytes
        if seconds > MOST_SECONDS:
            return f"{seconds:.1f} s of processor time for {size:,} bytes"
        if memory > ALLOWED_MEMORY + MOST_MEMORY * size:
            return f"{memory:,} bytes of memory for {size:,} bytes"
        return None

    def _now(self) -> ProcessFigures:
        if (now := figures(self._pid)) is None:
            raise ProcessLookupError(f"process {self._pid} has ended")
        return now

    def _peak(self) -> int:
        status = Path(f"/proc/{self._pid}/status").read_text()
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])
