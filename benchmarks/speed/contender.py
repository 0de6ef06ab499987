"""A contender of a comparison: a process that repeats the same work on request.

All of them live side by side and take turns, so that what the machine does besides hits all alike;
while one works, the others wait for a line on stdin.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OPENBLAS_NUM_THREADS")
ONE_THREAD = dict.fromkeys((*_THREADS, "OMP_NUM_THREADS"), "1")


def serve(work: Callable[[], dict[str, Any]]) -> None:
    """Do some work for each line on stdin; what it returns is the answer, as a line of JSON."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print what they like
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for _ in sys.stdin:
        print(json.dumps(work()), file=answers, flush=True)


class Contender:
    """A process that takes part; see `serve`."""

    def __init__(self, command: list[str], folder: Path = ROOT, **environment: str) -> None:
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._answer()

    @classmethod
    def of_module(cls, module: str, *arguments: str, **environment: str) -> Contender:
        """One of this package's modules."""
        command = [sys.executable, "-m", f"benchmarks.speed.{module}", *arguments]
        return cls(command, **environment)

    def begin(self) -> None:
        """Have it work."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args} ended with {self._process.wait()}.")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> dict[str, Any]:
        """Wait for its answer."""
        return self._answer()

    def work(self) -> dict[str, Any]:
        """Have it work, and wait."""
        self.begin()
        return self.end()

    def __enter__(self) -> Contender:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.terminate()
        self._process.wait()


def rounds(
    contenders: dict[str, Callable[[], Contender]], count: int, figure: str
) -> dict[str, list[float]]:
    """A figure of each contender's work, taken in turns; the first turn is left out."""
    with ExitStack() as stack:
        all_of_them = {name: stack.enter_context(make()) for name, make in contenders.items()}
        found: dict[str, list[float]] = {name: [] for name in contenders}
        for turn in range(count + 1):
            for name, contender in all_of_them.items():
                value = float(contender.work()[figure])
                if turn:
                    found[name].append(value)
    return found
