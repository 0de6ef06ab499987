"""A process is killed at each call of an append to a data set: the rows are stored, or are not."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from models.data.datasets import Datasets
from models.data.growth import add_rows
from tests.support.running_service import ROOT
from utils.api.upload_options import RowsOptions

pytestmark = [pytest.mark.faults, pytest.mark.long]

HEADER = "date,plant,application,panel_size,wip,throughput\n"
ROWS = [f"2024-01-{day:02},A,x,S,{'' if day == 9 else 100 + day},50\n" for day in range(1, 31)]
FILES = (".parquet", ".received")
FEWEST = 8  # calls that an append makes


@pytest.fixture(params=["folder", "s3"])
def location(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    if request.param == "folder":
        return str(tmp_path / "data")
    server = request.getfixturevalue("s3_server")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return f"{server.new_bucket()}/data"


def test_an_append_is_whole_or_not_there_wherever_its_process_is_killed(
    location: str, tmp_path: Path
) -> None:
    first, all_rows, more = (tmp_path / f"{name}.csv" for name in ("first", "all", "more"))
    for path, rows in ((first, ROWS[:20]), (all_rows, ROWS), (more, ROWS[20:])):
        path.write_text(HEADER + "".join(rows))

    def content(id: str) -> list[bytes]:
        store = Datasets(location, 10_000, 10**6).store
        assert store.faults(id, store.document(id)["files"]) == {}
        return [store.read(id, suffix) for suffix in FILES]

    datasets = Datasets(location, 10_000, 10**6)
    before, after = (content(datasets.upload(path)["dataset_id"]) for path in (first, all_rows))
    versions: list[int] = []
    command = [sys.executable, "-m", "tests.support.killed_append", location, str(more)]
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin and process.stdout
        for number in count(1):
            id = str(datasets.upload(first)["dataset_id"])
            print(id, number, file=process.stdin, flush=True)
            end = process.stdout.readline().strip()
            assert end in ("killed", "done")
            again = Datasets(location, 10_000, 10**6)
            versions.append(again.store.document(id).get("version", 1))
            assert content(id) == (before if versions[-1] == 1 else after)
            add_rows(again, id, more, RowsOptions())
            assert content(id) == after and again.store.document(id)["version"] == 2
            if end == "done":
                break
        process.stdin.close()
    assert versions == sorted(versions) and versions[-1] == 2 and versions[FEWEST] == 1
