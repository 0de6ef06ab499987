"""Processes that add rows to a data set, and are killed at one of their calls on its store.

`python -m tests.support.killed_append LOCATION TABLE` forks a process for each line `ID NUMBER`
that it reads: it adds the rows in the file TABLE to the data set ID, and kills itself just before
the call of that number. `killed` or `done` is printed when it has ended.

Calls are the accesses to files of a folder, and the operations on a store elsewhere.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from itertools import count
from pathlib import Path
from typing import Any

from models.data.datasets import Datasets
from models.data.growth import add_rows
from utils.api.upload_options import RowsOptions
from utils.storage.remote_files import RemoteFiles

_FILE_EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")
_OPERATIONS = ("read", "read_version", "place", "commit", "remove", "retire", "staging")


def kill_at(location: str, number: int) -> None:
    """Have this process killed at a call, counted from now on."""
    numbers = count(1)

    def called() -> None:
        if next(numbers) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def on_event(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _FILE_EVENTS and str(arguments[0]).startswith(location):
            called()

    def counted(operation: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(operation)
        def both(*arguments: Any, **more: Any) -> Any:
            called()
            result = operation(*arguments, **more)
            called()
            return result

        return both

    sys.addaudithook(on_event)
    for name in _OPERATIONS:
        setattr(RemoteFiles, name, counted(getattr(RemoteFiles, name)))


def main(location: str, table: Path) -> None:
    """Fork a process for each line of the input."""
    for line in sys.stdin:
        id, number = line.split()
        pid = os.fork()
        if not pid:
            kill_at(location, int(number))
            add_rows(Datasets(location, 10_000, 10**6), id, table, RowsOptions())
            os._exit(0)
        status = os.waitpid(pid, 0)[1]
        print({signal.SIGKILL: "killed", 0: "done"}.get(status, status), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
