"""A run of the cluster: two machines and a lone worker, five clients, and the faults."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.history.clients import Client
from benchmarks.history.fault_source import FaultSource
from benchmarks.history.record import History, check, settle
from tests.support import postgres, s3
from tests.support.clock import Clock
from tests.support.disks import small_disk
from tests.support.running_service import ROOT, SMALL, Service, start_service
from tests.support.tcp_proxy import tcp_proxy

_CLIENTS = 5
_DISK_MB = 100


@contextlib.contextmanager
def cluster(folder: Path, history: History) -> Iterator[tuple[list[Service], Any]]:
    """Two machines and a lone worker, with the proxies and the clock between them."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(postgres.running())
        store = stack.enter_context(s3.serve())
        url, bucket = server.new_database(), store.new_bucket()
        to_database = stack.enter_context(tcp_proxy(server.port))
        to_store = stack.enter_context(tcp_proxy(int(store.url.rsplit(":", 1)[1])))
        settings = store.environment | {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{to_store.port}",
            "DATABASE_URL": url.replace(f":{server.port}", f":{to_database.port}"),
            "MODEL_STORE": f"{bucket}/models",
            "DATA_STORE": f"{bucket}/data",
            "CHECKPOINT_SECONDS": "0",
            "RATE_LIMITS": "off",
        }
        clock = Clock(folder)
        disk = stack.enter_context(small_disk(folder / "disk", _DISK_MB))
        machines: list[Service] = []
        stack.callback(_stop, machines, history)
        for name, more in (("one", {"TMPDIR": str(disk)}), ("two", clock.environment)):
            (folder / name).mkdir()
            machines.append(start_service(folder / name, **settings, **more))
            machines[-1].wait_for_worker()
        log = stack.enter_context((folder / "lone").open("wb"))

        def lone() -> subprocess.Popen[bytes]:
            command = [sys.executable, "run.py", "worker"]
            environment = machines[0].environment | {"WORKER_ID": "lone"}
            return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)

        yield machines, (lone, {"database": to_database, "store": to_store}, clock, disk)


def _stop(machines: list[Service], history: History) -> None:
    for machine in machines:
        if machine.stop() != 0:
            history.wrong.append("A machine did not stop as it should.")


def run(minutes: float, seed: int, longest: float) -> History:
    """Run the cluster under faults, and check its history."""
    history = History()
    with TemporaryDirectory() as temporary, cluster(Path(temporary), history) as (machines, parts):
        data_id = machines[0].post("/api/data/generate", SMALL).json()["dataset_id"]
        lone, proxies, clock, disk = parts
        fault_source = FaultSource(seed, longest, machines, lone, proxies, clock, disk, history)
        until = time.monotonic() + 60 * minutes
        clients = [Client(n, seed, machines, data_id, history) for n in range(_CLIENTS)]
        try:
            with ThreadPoolExecutor(_CLIENTS + 1) as pool:
                running = [pool.submit(each.run, until) for each in (*clients, fault_source)]
                for each in running:
                    each.result()
            history.seconds_to_settle = -time.monotonic()
            jobs = settle(machines[0], history)
            history.seconds_to_settle += time.monotonic()
            check(history, jobs, machines[0])
        finally:
            fault_source.stop()
    return history
