"""Time and memory of uploading an event log: `python -m benchmarks.event_logs [units]`.

By default five million units of 60 series over 1,000 days, as CSV. Memory is the peak of the
process that reads and stores it.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from rich.console import Console

from models.data.datasets import Datasets

_BEGIN, _DAY = 1_600_000_000, 86_400  # Unix time, seconds


def write_log(path: Path, units: int) -> None:
    """Write a log of units that come at random and stay for four days in the mean."""
    rng = np.random.default_rng(0)
    start = np.sort(rng.integers(0, 1000 * _DAY, units)) + _BEGIN
    finish = start + rng.gamma(4, _DAY, units).astype(np.int64)

    def texts(times: np.ndarray) -> pa.Array:
        return pa.array(times.astype("datetime64[s]")).cast(pa.string())

    def names(kind: str, count: int) -> pa.Array:
        labels = pa.array([f"{kind}{i}" for i in range(count)])
        return labels.take(pa.array(rng.integers(0, count, units)))

    left = pa.array(finish < start[-1])
    columns = {
        "lot": pa.array([f"L{number:07d}" for number in range(units)]),
        "plant": names("P", 3),
        "application": names("A", 4),
        "panel_size": names("S", 5),
        "start": texts(start),
        "finish": pc.if_else(left, texts(finish), pa.scalar("", pa.string())),
    }
    pyarrow.csv.write_csv(pa.table(columns), path)


def main(units: int) -> None:
    """Write the log in a process of its own, upload it, print seconds and gigabytes."""
    pa.set_memory_pool(pa.system_memory_pool())  # as the service's processes have it
    with TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        writer = multiprocessing.get_context("spawn").Process(target=write_log, args=(path, units))
        writer.start()
        writer.join()
        datasets = Datasets(Path(folder) / "data", 10 * units, 10**10)
        began = time.perf_counter()
        document = datasets.upload(path)
        seconds = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        law = document["quality"]["event_log"]["littles_law"]
        Console().print(
            f"{units:,} units, {path.stat().st_size / 1e6:,.0f} MB: {seconds:.1f} s, "
            f"{peak:.2f} GB, {document['data_points']:,} rows, Little's Law holds: {law['holds']}"
        )


if __name__ == "__main__":
    main(int(float(sys.argv[1])) if len(sys.argv) > 1 else 5_000_000)
