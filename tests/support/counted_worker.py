"""Workers that number the calls of a job, and end or stand still at one of them.

Calls are the statements on the database and the commits of those that write, the accesses to files
of a store's folder and the operations on a store elsewhere.

`python -m tests.support.counted_worker FOLDER` imports TensorFlow once and forks a worker for each
line that it reads. The file `order` in the folder names the job, the call and what happens there;
each call is written down in the file `calls`. Heartbeats are quicker than those of the service, so
that a worker that stands still is soon counted as dead. With `quick` for a second argument, the
network is not trained: the calls of a training are made, and the model of a release is published.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dbos import DBOS

from models.jobs import worker
from models.registry.hyperparameters import Hyperparameters
from models.registry.model_document import ModelDocument
from models.series.panel import Panel
from models.training.control import Epoch, TrainingControl
from tests.support.samples import sample_model
from utils import logs, process_limits, settings
from utils.storage import database
from utils.storage.artifact_store import ArtifactStore
from utils.storage.remote_files import RemoteFiles

ALIVE_FOR, BEAT_EVERY = 4.0, 0.5  # seconds, instead of 15 and 3
KILL, PAUSE = "kill", "pause"
_FILE_EVENTS = (
    "open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.listdir", "os.scandir",
    "shutil.rmtree",
)  # fmt: skip
_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE|TABLE)\s+\W*([\w.\"]+)", re.IGNORECASE)
_OPERATIONS = (
    "names", "stamp", "changed_at", "read", "read_version", "local", "place", "commit", "retire",
    "was_retired", "remove", "staging",
)  # fmt: skip


@dataclass(frozen=True)
class Order:
    """The job whose calls are numbered, and the call at which an act is due; "": at none."""

    job_id: str
    call: str = ""
    act: str = ""

    def give(self, folder: Path) -> None:
        """Give the order to the workers of a folder."""
        waiting = folder / "order.new"
        waiting.write_text(json.dumps(asdict(self)))
        waiting.replace(folder / "order")


class Calls:
    """The calls of this process for one job after the other."""

    def __init__(self, folder: Path, stores: tuple[str, ...]) -> None:
        self._folder, self._stores = folder, stores
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.RLock()
        self._log = os.open(folder / "calls", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def watch(self) -> None:
        """Number the calls from now on."""
        sys.addaudithook(self._on_event)
        sa.event.listen(sa.Engine, "before_cursor_execute", self._on_statement)
        sa.event.listen(sa.Engine, "commit", self._on_commit)
        sa.event.listen(sa.Engine, "rollback", self._on_rollback)
        for name in _OPERATIONS:
            setattr(RemoteFiles, name, self._counted(name, getattr(RemoteFiles, name)))

    def _on_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _FILE_EVENTS and isinstance(arguments[0], (str, os.PathLike)) and _thread():
            path = str(arguments[0])
            for store in self._stores:
                if path.startswith(store):
                    where = _UUID.sub("ID", path.removeprefix(str(Path(store).parent) + "/"))
                    self._make(f"{event} {where}")

    def _on_statement(self, connection: sa.Connection, _: object, text: str, *more: Any) -> None:
        order = self._order()
        is_of_job = order is not None and order.job_id in str(more[0])
        if is_of_job or _thread():
            table, verb = _TABLE.search(text), text.split()[0]
            name = table[1].rpartition(".")[2].strip('"') if table else ""
            if verb != "SELECT":
                connection.info["written"] = name
            self._make(f"{verb} {name}")

    def _on_commit(self, connection: sa.Connection) -> None:
        if written := connection.info.pop("written", ""):
            self._make(f"COMMIT {written}")

    def _on_rollback(self, connection: sa.Connection) -> None:
        connection.info.pop("written", None)

    def _counted(self, name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        """Return an operation that counts as two calls: what is before it, and after it."""

        @wraps(operation)
        def counted(files: RemoteFiles, *arguments: Any, **more: Any) -> Any:
            if not _thread():
                return operation(files, *arguments, **more)
            names = [Path(a).suffix for a in arguments if isinstance(a, (str, Path))]
            self._make(f"before {name} {' '.join(names)}")
            result = operation(files, *arguments, **more)
            self._make(f"after {name} {' '.join(names)}")
            return result

        return counted

    def _order(self) -> Order | None:
        try:
            return Order(**json.loads((self._folder / "order").read_text()))
        except FileNotFoundError:
            return None

    def _make(self, what: str) -> None:
        """Number a call that is about to be made; end or stand still there if that is ordered."""
        order = self._order()
        if order is None:
            return
        call = f"{_thread() or 'engine'}: {what}"
        with self._lock:
            self._counts[order.job_id, call] += 1
            call = f"{call} #{self._counts[order.job_id, call]}"
        os.write(self._log, f"{order.job_id} {os.getpid()} {call}\n".encode())
        if call != order.call:
            return
        Order(order.job_id).give(self._folder)
        reached = self._folder / f"reached-{os.getpid()}"
        reached.write_text(str(os.getpid()))
        reached.replace(self._folder / "reached")
        if order.act == KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGSTOP)


def _thread() -> str:
    """Return which thread of a job this one is; "" for other threads."""
    if threading.current_thread().name == "job-control":
        return "control"
    return "work" if DBOS.workflow_id is not None else ""


def _train_quickly(
    panel: Panel,
    hyper: Hyperparameters,
    seed: int,
    store: ArtifactStore,
    model_id: str,
    about: dict[str, Any],
    control: TrainingControl,
    **_: Any,
) -> ModelDocument:
    """Make the calls of a training (see `models.training.train.train`) without its work."""
    done = int(control.checkpoint() or 0)
    for number in range(done + 1, hyper.epochs + 1):
        control.check()
        control.on_epoch(Epoch(number, hyper.epochs, 0.5, 0.5, 0.5, 0.5, 0.0, 0.0))
        if control.is_checkpoint_due() and number < hyper.epochs:
            control.save_checkpoint(str(number).encode())
    control.check()
    fields, onnx = sample_model()
    document = ModelDocument.of(fields | {"model_id": model_id, **about})
    files = {
        ".keras": lambda path: path.write_bytes(b"network") and None,
        ".onnx": lambda path: path.write_bytes(onnx) and None,
    }
    control.publish(lambda: store.publish(model_id, document.to_json(), files))
    return document


def _work(folder: Path, is_quick: bool) -> None:
    """Be a worker, until it is stopped."""
    from models.training import train

    if is_quick:
        train.train, train.warm_up = _train_quickly, lambda: None
    database.ALIVE_FOR, worker.BEAT_EVERY = ALIVE_FOR, BEAT_EVERY
    process_limits.lower_priority = lambda: None  # nothing else is running
    chosen = settings.read()
    logs.configure(chosen.log_format, chosen.log_level)
    Calls(folder, (str(chosen.model_location), str(chosen.data_location))).watch()
    worker.run(chosen)


def main() -> None:
    """Fork a worker for each line of the input, and print its process id."""
    folder, is_quick = Path(sys.argv[1]), "quick" in sys.argv
    process_limits.use_threads(1)
    if "again" in sys.argv:  # a worker that replaced itself
        _work(folder, is_quick)
    from models.training import train  # noqa: F401

    # An ended worker is gone at once, not when this process looks.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in sys.stdin:
        pid = os.fork()
        if not pid:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            log = os.open(folder / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.dup2(log, 1)
            os.dup2(log, 2)
            sys.orig_argv.append("again")
            _work(folder, is_quick)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
