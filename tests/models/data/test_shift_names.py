"""Columns with the names of shifts beside a date: joined to times, or refused with the choice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from models.data.datasets import Datasets
from models.data.growth import add_rows
from models.data.reading.tables import Table, read_file
from utils.api.upload_options import RowsOptions, UploadOptions
from utils.errors import InvalidInput

THREE, TWO = "06:00,14:00,22:00", "07:00,19:00"


def frame(names: list[Any], column: str = "Shift", days: int = 5) -> pd.DataFrame:
    """Rows of days and shifts; the throughput is the place of the name."""
    rows = [(f"2024-03-{4 + i:02}", name, k) for i in range(days) for k, name in enumerate(names)]
    table = pd.DataFrame(rows, columns=["date", column, "throughput"])
    return table.assign(plant="A", wip=9)


def read(folder: Path, table: pd.DataFrame, **options: str) -> Table:
    table.to_csv(folder / "table.csv", index=False)
    given = UploadOptions.parse({"step": "shift"} | options)
    return read_file(folder / "table.csv", 10**5, 10**7, None, given)


@pytest.mark.parametrize(
    ("names", "column", "shifts"),
    [
        (["Early", "Late", "Night"], "Shift", THREE),
        (["Frühschicht", "Spätschicht", "Nachtschicht"], "Schicht", THREE),
        (["F", "S", "N"], "Schicht", THREE),
        (["day shift", "Swing-Shift", "NIGHT (N)"], "shift_name", THREE),
        (["早班", "中班", "夜班"], "班次", THREE),
        (["日班", "小夜班", "大夜班"], "班別", THREE),
        (["早番", "遅番", "夜勤"], "シフト", THREE),
        (["1直", "2直", "3直"], "直", THREE),
        ([1, 2, 3], "Shift", THREE),
        (["2. Schicht", "3. Schicht", "1. Schicht"], "Schicht", "22:00,06:00,14:00"),
        (["06:00-14:00", "14:00-22:00", "22:00-06:00"], "Shift", THREE),
        (["Night", "Early", "Late"], "Shift", "00:00,08:00,16:00"),
        (["Tag", "Nacht"], "Schicht", TWO),
        (["日勤", "夜勤"], "勤務", TWO),
    ],
)
def test_shifts_of_a_known_order_become_times_of_the_date_as_written(
    tmp_path: Path, names: list[Any], column: str, shifts: str
) -> None:
    found = read(tmp_path, frame(names, column), shifts=shifts)
    assert found.calendar is not None
    times = found.calendar.texts(found.days)
    assert found.read_as["columns"]["shift"] == column
    in_order = sorted(found.read_as["shift_names"].values())
    places = [in_order.index(time[11:]) for time in times]
    assert {time[:10] for time in times[: len(names)]} == {"2024-03-04"}
    assert places[: len(names)] == list(range(len(names)))


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (["A", "B", "C"], {}, "shiftNames: must be given, a name for each of the shifts 06:00"),
        (["Early", "Late"], {}, r"do not tell their order \(Early, Late\)"),
        ([0, 1, 2], {}, "shiftNames: must be given"),
        (["A", "B", "C"], {"shiftNames": "A,B"}, "a name for each of the 3 shifts"),
        (["A", "B", "C"], {"shiftNames": "A,B,D"}, "must have all names in the column 'Shift'"),
        (["Early", None, "Night"], {}, "shift: must be the name of a shift; row 2 has none"),
        (["Early", "Late"], {"step": "day"}, "columns: may have shift with step=shift only"),
    ],
)
def test_shifts_without_a_known_order_are_refused(
    tmp_path: Path, names: list[Any], options: dict[str, str], message: str
) -> None:
    chosen = {"shifts": THREE} | options
    if "step" in options:
        chosen = options | {"columns": '{"shift": "Shift"}'}
    with pytest.raises(InvalidInput, match=message):
        read(tmp_path, frame(names), **chosen)


def test_dates_with_times_need_no_names_and_days_name_the_way(tmp_path: Path) -> None:
    table = frame(["X", "Y", "Z"])
    timed = table.assign(date=table["date"] + ["T06:10", "T14:00", "T23:00"] * 5)
    assert "shift_names" not in read(tmp_path, timed, shifts=THREE).read_as
    with pytest.raises(InvalidInput, match="or step=shift with shifts=06:00,14:00,22:00 keeps"):
        read(tmp_path, table, step="day")


def test_rows_that_are_added_have_the_names_of_those_before(tmp_path: Path) -> None:
    datasets, path = Datasets(tmp_path / "data", 10**5, 10**7), tmp_path / "table.csv"
    table = frame(["A", "B", "C"])
    table[:13].to_csv(path, index=False)
    given = {"step": "shift", "shifts": THREE, "shiftNames": "C,A,B"}
    id = datasets.upload(path, options=UploadOptions.parse(given))["dataset_id"]
    table[13:14].to_csv(path, index=False)
    grown, counts, _ = add_rows(datasets, id, path, RowsOptions())
    assert counts["added"] == 1
    assert grown["summary"]["date_range"]["end"] == "2024-03-08T22:00"
