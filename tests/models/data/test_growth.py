"""Data sets that go on: rows in parts give what one upload gives, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.data.datasets import Datasets
from models.data.growth import add_rows
from utils.api.upload_options import RowsOptions, UploadOptions
from utils.errors import Conflict, InvalidInput, NotFound
from utils.storage.abandoned_files import abandoned
from utils.storage.artifact_reader import STORED_AS
from utils.storage.local_files import LocalFiles

HEADER = "date,plant,application,panel_size,wip,throughput,cycle_time,releases"


def lines(days: int = 60) -> list[str]:
    """Rows of two series, with blanks, a gap and a plan; the days come one after the other."""
    rng = np.random.default_rng(0)
    found = []
    for day in range(days):
        date = np.datetime64("2024-01-01") + day
        for plant in ("A", "B"):
            wip = "" if day % 17 == 9 else f"{100 + rng.integers(0, 9)}"
            cycle = "" if day % 5 == 0 else f"{rng.uniform(1, 3):.2f}"
            if not (plant == "B" and day in (20, 21)):
                found.append(f"{date},{plant},x,S,{wip},{40 + rng.integers(0, 9)},{cycle},50")
    return found


LOG = [
    f"L{i},{np.datetime64('2024-01-01') + i // 3},"
    f"{'' if i % 11 == 5 else np.datetime64('2024-01-03') + i // 3 + i % 4},{1 + i % 2}"
    for i in range(60)
]
LOG_HEADER = "lot,start,finish,quantity"
STATES = [
    f"K{i},{state},{np.datetime64('2024-01-01') + i + place}"
    for i in range(20)
    for place, state in enumerate(["Backlog", "Doing", "Done"])
]


class Place:
    """Data sets in a folder, and tables written there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.datasets = Datasets(folder / "data", 10_000, 10**6)

    def file(self, header: str, rows: list[str]) -> Path:
        path = self.folder / "table.csv"
        path.write_text("\n".join([header, *rows, ""]))
        return path

    def upload(self, header: str, rows: list[str], **options: Any) -> str:
        reading = UploadOptions.parse(options)
        return str(self.datasets.upload(self.file(header, rows), options=reading)["dataset_id"])

    def add(self, id: str, header: str, rows: list[str], replaces: bool = False) -> Any:
        options = RowsOptions(replace=replaces)
        return add_rows(self.datasets, id, self.file(header, rows), options)

    def content(self, id: str, suffix: str = ".parquet") -> bytes:
        return self.datasets.store.read(id, suffix)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize("edges", [[40], [3, 19, 42, 43, 80], [60, 61, 100]])
def test_rows_in_parts_give_what_one_upload_gives(place: Place, edges: list[int]) -> None:
    rows = lines()
    whole = place.upload(HEADER, rows)
    parts = [rows[a:b] for a, b in zip([0, *edges], [*edges, len(rows)], strict=True)]
    grown = place.upload(HEADER, parts[0])
    for part in parts[1:]:
        place.add(grown, HEADER, part)
    assert place.content(grown) == place.content(whole)
    document = place.datasets.store.document(grown)
    assert document["quality"] == place.datasets.store.document(whole)["quality"]
    assert (document["version"], document["as_of"]) == (len(parts), "2024-02-29")
    assert len(document["changes"]) == len(parts) - 1
    late = place.upload(HEADER, [*parts[0], *parts[-1]]) if len(parts) == 2 else grown
    assert place.add(late, HEADER, rows)[1]["added"] == 0


@pytest.mark.parametrize(
    ("header", "rows", "options"),
    [
        (LOG_HEADER, LOG, {}),
        ("Key,Status,Changed", STATES, {}),
        ("lot,step,start,finish",
         [f"{i},{s},2024-01-0{i % 5 + 1 + n},2024-01-0{i % 5 + 2 + n}"
          for i in range(9) for n, s in enumerate("abc")], {"finish_steps": ["c"]}),
    ],
)  # fmt: skip
def test_logs_in_parts_give_what_one_upload_gives(
    place: Place, header: str, rows: list[str], options: Any
) -> None:
    whole = place.upload(header, rows, **options)
    grown = place.upload(header, rows[:20], **options)
    place.add(grown, header, rows[20:24])
    place.add(grown, header, rows[22:])
    for suffix in (".parquet", ".events"):
        assert place.content(grown, suffix) == place.content(whole, suffix)


def test_a_unit_in_process_is_finished_by_a_later_row(place: Place) -> None:
    whole = place.upload("lot,start,finish", ["1,2024-01-01,2024-01-03", "2,2024-01-02,2024-01-04"])
    grown = place.upload("lot,start,finish", ["1,2024-01-01,2024-01-03", "2,2024-01-02,"])
    counts = place.add(grown, "lot,start,finish", ["2,2024-01-02,2024-01-04"])[1]
    assert counts == {"added": 0, "replaced": 0, "completed": 1, "unchanged": 0}
    assert place.content(grown) == place.content(whole)
    with pytest.raises(Conflict, match="unit 1: 2024-01-01 to 2024-01-03 is stored"):
        place.add(grown, "lot,start,finish", ["1,2024-01-01,2024-01-05"])
    counts = place.add(grown, "lot,start,finish", ["1,2024-01-01,2024-01-05"], True)[1]
    assert counts["replaced"] == 1
    with pytest.raises(InvalidInput, match="must be left out"):
        place.add(grown, "lot,step,start,finish", ["1,a,2024-01-01,2024-01-05"])
    with pytest.raises(InvalidInput, match="must be those of an event log"):
        place.add(grown, HEADER, lines())


def test_corrections_take_a_request_that_replaces(place: Place) -> None:
    rows = lines()
    id = place.upload(HEADER, rows)
    wrong = rows[4].split(",")
    right = ",".join([*wrong[:4], "77", *wrong[5:]])
    before = place.content(id)
    with pytest.raises(Conflict, match="1 rows differ from stored ones: wip of A / x / S") as error:
        place.add(id, HEADER, [right])
    assert error.value.details[0].received == 77
    assert (place.content(id), place.datasets.store.document(id)["version"]) == (before, 1)
    place.add(id, HEADER, [right], replaces=True)
    corrected = [*rows[:4], right, *rows[5:]]
    assert place.content(id) == place.content(place.upload(HEADER, corrected))
    with pytest.raises(NotFound):
        place.add("0" * 8, HEADER, rows)


def test_a_few_rows_are_read_as_those_before(place: Place) -> None:
    id = place.upload(HEADER, lines(30))
    last = "2024-01-31,A,x,S,100,50,1.033,50"
    assert place.add(id, HEADER, [last])[1]["added"] == 1
    assert place.datasets.load(id).values[30, 2] == pytest.approx(1.033)


@pytest.mark.parametrize("at", ["before", "after"])
def test_a_crash_loses_nothing(place: Place, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    rows = lines()
    id = place.upload(HEADER, rows[:60])
    before = place.content(id)
    commit = LocalFiles.commit

    def crash(files: LocalFiles, staged: Any, document: Path, version: str | None) -> None:
        if at == "after":
            commit(files, staged, document, version)
        else:
            for name, path in staged.items():
                path.replace(place.folder / "data" / name)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(LocalFiles, "commit", crash)
        place.add(id, HEADER, rows[60:])
    again = Place(place.folder)
    grown = place.upload(HEADER, rows)
    expected = before if at == "before" else again.content(grown)
    assert again.content(id) == expected
    left = abandoned(again.datasets.store)
    again.datasets.store.sweep(list)
    assert left and again.content(id) == expected and not abandoned(again.datasets.store)
    again.add(id, HEADER, rows[60:])
    assert again.content(id) == again.content(grown)
    entry = again.datasets.store.document(id)["files"][f"{id}.parquet"]
    assert entry[STORED_AS] in {path.name for path in (place.folder / "data").iterdir()}
    again.datasets.store.delete(id)
    names = {path.name for path in (place.folder / "data").iterdir()}
    assert not [name for name in names if name.startswith(id)]
