"""Data, made and taken in: `python -m benchmarks.speed.pipelines NAME`.

The answer has `seconds`, and `megabytes`: the most memory that the work took beyond what the
process had before.
"""

from __future__ import annotations

import atexit
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from benchmarks.speed import loop
from benchmarks.speed.contender import serve
from benchmarks.speed.work import spec_of
from models.data.datasets import Datasets
from models.data_generator import PlantSpec, generate

TIMES = 20
_MOST = 1_000_000_000


def resident() -> float:
    """Megabytes of memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def measured(work: Callable[[], object]) -> Callable[[], dict[str, Any]]:
    """Work with its time and its memory."""

    def run() -> dict[str, Any]:
        before = most = resident()
        ended = threading.Event()

        def watch() -> None:
            nonlocal most
            while not ended.wait(0.005):
                most = max(most, resident())

        watcher = threading.Thread(target=watch)
        watcher.start()
        began = time.perf_counter()
        try:
            work()
            seconds = time.perf_counter() - began
        finally:
            ended.set()
            watcher.join()
        return {"seconds": seconds, "megabytes": max(most, resident()) - before}

    return run


def wide(rows: int) -> PlantSpec:
    """So many rows, as series of a thousand days."""
    names = tuple(f"P{i}" for i in range(max(1, rows // 12_000)))
    return replace(spec_of(1000), plants=names, panel_sizes=("Small", "Medium", "Large", "Huge"))


def by_rows() -> Callable[[], dict[str, Any]]:
    """The default data by a loop over rows."""
    return measured(lambda: loop.generate(spec_of()))


def generated() -> Callable[[], dict[str, Any]]:
    """The default data by the service's generator, as often as takes as long as the loop once."""

    def work() -> None:
        for _ in range(TIMES):
            list(generate(spec_of()))

    return measured(work)


def stored(rows: int) -> Callable[[], dict[str, Any]]:
    """Generated and stored, as a request for it does."""

    def work() -> None:
        with TemporaryDirectory() as folder:
            Datasets(folder, _MOST, _MOST).generate(wide(rows))

    return measured(work)


def csv_of(rows: int, folder: str) -> Path:
    """A CSV file of so many rows, as the service itself writes it."""
    path = Path(folder) / "table.csv"
    with TemporaryDirectory() as store, path.open("wb") as file:
        datasets = Datasets(store, _MOST, _MOST)
        for part in datasets.stream(datasets.generate(wide(rows))["dataset_id"], "csv"):
            file.write(part)
    return path


def uploaded(path: str) -> Callable[[], dict[str, Any]]:
    """A CSV file as an upload: checked, cleaned, judged, stored."""

    def work() -> None:
        with TemporaryDirectory() as folder:
            Datasets(folder, _MOST, _MOST).upload(Path(path))

    return measured(work)


def by_pandas(path: str) -> Callable[[], dict[str, Any]]:
    """The same file read and written by pandas alone."""
    import pandas as pd

    def work() -> None:
        with TemporaryDirectory() as folder:
            pd.read_csv(path).to_parquet(Path(folder) / "table.parquet")

    return measured(work)


def trained(rows: int) -> Callable[[], dict[str, Any]]:
    """An epoch on so many rows, from the stored data to the published model.

    `table` is what the same data takes as a frame of pandas, in megabytes. The process has trained
    before, on a hundredth: what its libraries load once is not the table's.
    """
    import pandas as pd

    from models.registry.hyperparameters import Hyperparameters
    from models.registry.model_store import model_store
    from models.training import train

    train.warm_up()
    folder = TemporaryDirectory()
    atexit.register(folder.cleanup)
    datasets = Datasets(folder.name, _MOST, _MOST)
    stored_as = datasets.generate(wide(rows))["dataset_id"]
    hyper = Hyperparameters(epochs=1, batch_size=512)

    def train_on(dataset_id: str) -> None:
        with TemporaryDirectory() as models:
            panel = datasets.load(dataset_id)
            train.train(panel, hyper, 1, model_store(models), str(uuid4()), {})

    train_on(datasets.generate(wide(rows // 100))["dataset_id"])
    run = measured(lambda: train_on(stored_as))

    def beside_the_table() -> dict[str, Any]:
        found = run()
        with datasets.parquet(stored_as) as path:
            frame = pd.read_parquet(path)
            table = float(frame.memory_usage(deep=True).sum()) / 1e6
        return found | {"table": table}

    return beside_the_table


if __name__ == "__main__":
    name, *values = sys.argv[1:]
    given = [int(value) if value.isdecimal() else value for value in values]
    makers: dict[str, Callable[..., Callable[[], dict[str, Any]]]] = {
        "by_rows": by_rows,
        "generated": generated,
        "stored": stored,
        "uploaded": uploaded,
        "by_pandas": by_pandas,
        "trained": trained,
    }
    serve(makers[name](*given))
