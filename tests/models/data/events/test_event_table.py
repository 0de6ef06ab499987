"""Event logs as people have them: columns, times, rows that contradict each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.data.datasets import Datasets
from models.data.events import event_files, event_upload
from models.data.events.event_log import text_of
from models.data.events.event_table import LogOptions, ReadLog
from models.data.events.event_upload import EventOptions
from models.data.reading.event_columns import roles_of
from models.data.reading.raw_files import opened
from utils.api.upload_options import UploadOptions
from utils.errors import Conflict, InvalidInput, ServiceError

LOG = "lot;start;finish\nL1;2024-01-01 06:00;2024-01-03 06:00\nL2;2024-01-02 06:00;\n"
STEPS = (
    "case,step,start,finish\n7,cut,2024-01-01,2024-01-02\n7,weld,2024-01-04,2024-01-05\n"
    "8,cut,2024-01-03,2024-01-04\n"
)
STATES = (
    "Key,Status,Changed\nA-1,Backlog,2024-01-01\nA-1,Doing,2024-01-02\nA-2,Doing,2024-01-02\n"
    "A-1,Done,2024-01-05\n"
)


def read(tmp_path: Path, text: str | bytes, **options: Any) -> ReadLog:
    path = tmp_path / "log"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with opened(path, 100, 10**6, UploadOptions(columns=options.get("columns"))) as raw:
        found = event_upload.read(raw, EventOptions(LogOptions(**options)), 100)
    assert found is not None
    return found


def rows(log: ReadLog) -> list[tuple[str, str, str]]:
    units = log.log.units()
    names = log.log.unit.take(units.row).to_pylist()
    times = zip(units.start.tolist(), units.finish.tolist(), strict=True)
    return [(n, text_of(a), text_of(b)) for n, (a, b) in zip(names, times, strict=True)]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["ID", "Activated", "Closed"], ["unit", "start", "finish"]),
        (["Auftrag", "Beginn", "Ende", "Plant"], ["unit", "start", "finish", "plant"]),
        (["批次", "开始时间", "结束时间"], ["unit", "start", "finish"]),
        (["Lot ID", "Track-In Time", "Track-Out Time", "Qty"],
         ["unit", "start", "finish", "quantity"]),
        (["Issue key", "To status", "Changed at"], ["unit", "step", "time"]),
    ],
)  # fmt: skip
def test_columns_are_recognised_by_their_names(names: list[str], expected: list[str]) -> None:
    found = roles_of([*names, "Bestand"], {"wip": None})
    assert roles_of([*names, "Bestand"]) is None
    assert found == roles_of(names)
    assert "plant" not in (roles_of(names, {"plant": None}) or {})
    found = roles_of(names)
    assert found is not None
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize(
    "names",
    [
        ["date", "plant", "application", "panel_size", "wip", "throughput"],
        ["day", "plant", "application", "panel_size", "wip", "throughput", "start", "finish"],
        ["date", "plant", "throughput"],
    ],
)
def test_tables_of_days_are_no_event_logs(names: list[str]) -> None:
    assert roles_of(names) is None


@pytest.mark.parametrize(
    "times",
    [
        ("2024-01-02T06:00:00Z", "2024-02-13 06:00"),
        ("02.01.2024 06:00", "13.02.2024 06:00:00"),
        ("2/1/2024 6:00", "13/2/2024 6:00"),
        ("1/2/2024 6:00 AM", "2/13/24 6:00 am"),
        ("02-Jan-2024 06:00", "13-Feb-24 06:00"),
        ("20240102060000", "20240213060000"),
        ("1704175200", "1707804000"),
        ("45293.25", "45335.25"),
    ],
)
def test_times_are_read_as_they_are_written(tmp_path: Path, times: tuple[str, str]) -> None:
    found = read(tmp_path, f"lot,start,finish\n1,{times[0]},{times[1]}\n")
    assert rows(found) == [("1", "2024-01-02 06:00:00", "2024-02-13 06:00:00")]


@pytest.mark.parametrize("blank", ["", "-", "00.00.0000", "0000-00-00 00:00:00", "9999-12-31"])
def test_a_finish_that_is_no_day_is_none(tmp_path: Path, blank: str) -> None:
    assert rows(read(tmp_path, f"lot,start,finish\n1,2024-01-02,{blank}\n"))[0][2] == "never"


def test_a_stay_over_the_hour_that_clocks_repeat_is_as_long_as_it_was(tmp_path: Path) -> None:
    text = "lot,start,finish\n1,2024-10-27T02:40:00+02:00,2024-10-27T02:10:00+01:00\n"
    assert rows(read(tmp_path, text)) == [("1", "2024-10-27 02:40:00", "2024-10-27 03:10:00")]


def test_units_of_steps_and_of_states(tmp_path: Path) -> None:
    assert rows(read(tmp_path, LOG)) == [
        ("L1", "2024-01-01 06:00:00", "2024-01-03 06:00:00"),
        ("L2", "2024-01-02 06:00:00", "never"),
    ]
    assert rows(read(tmp_path, STEPS)) == [
        ("7", "2024-01-01", "2024-01-05"), ("8", "2024-01-03", "2024-01-04"),
    ]  # fmt: skip
    assert rows(read(tmp_path, STEPS, finish_steps=["weld"]))[1] == ("8", "2024-01-03", "never")
    assert rows(read(tmp_path, STATES)) == [
        ("A-1", "2024-01-02", "2024-01-05"), ("A-2", "2024-01-02", "never"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("lot,start,finish\n1,2024-01-02,2024-01-01\n", {}, "finish: must not lie before start"),
        ("lot,start,finish\n1,2024-01-02,\n1,2024-01-03,\n", {}, "lot: must be given once"),
        ("lot,start\n1,2024-01-02\n", {}, "lacks the column finish"),
        ("start,finish\n2024-01-02,\n", {}, "lacks the column unit"),
        ("lot,start,finish\n,2024-01-02,\n", {}, "lot: must be given in every row; row 1"),
        ("lot,start,finish\n1,,2024-01-02\n", {}, "start: must be given in every row"),
        ("lot,start,finish\n1,2024-01-02,soon\n", {}, "row 1 has 'soon'"),
        ("lot,start,finish\n1,31.02.2024,\n", {}, "has .31.02.2024."),
        ("lot,start,finish\n1,1/2/2024,2/3/2024\n", {}, "dateOrder: must be given"),
        ("lot,start,finish,qty\n1,2024-01-02,,0\n", {}, "qty: must be above 0"),
        (LOG, {"columns": {"finish": "out"}}, "columns: names finish 'out'"),
        ("lot,order,start,finish\n1,2,2024-01-02,\n", {}, "must name the column of unit"),
        (STATES.replace("Done", "Gone"), {}, "finishSteps: is required"),
        (STEPS, {"finish_steps": ["paint"]}, "must be among the steps of the log: cut, weld"),
    ],
)
def test_contradictions_are_refused(
    tmp_path: Path, text: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message.replace("(", r"\(")):
        read(tmp_path, text, **options)


@pytest.mark.parametrize("text", [LOG, STEPS, STATES])
def test_a_log_is_stored_whole_whatever_the_order_of_its_rows(tmp_path: Path, text: str) -> None:
    header, *lines = text.strip().split("\n")
    first = read(tmp_path, text).log
    event_files.write(tmp_path / "a", first)
    event_files.write(tmp_path / "b", read(tmp_path, "\n".join([header, *lines[::-1]])).log)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    again = event_files.read(tmp_path / "a")
    assert again.unit.equals(first.unit)
    assert np.array_equal(again.finish, first.finish)
    assert again.rules == first.rules
    assert repr(again.step) == repr(first.step)


def test_an_upload_stores_series_and_log(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(LOG)
    datasets = Datasets(tmp_path / "data", 100, 10**6)
    document = datasets.upload(tmp_path / "log")
    assert [row["wip"] for row in datasets.preview(document["dataset_id"])] == [1, 2, 1]
    about = document["quality"]["event_log"]
    assert (about["units"], about["units_in_process"]) == (2, 1)
    assert about["littles_law"]["holds"]
    with pytest.raises(Conflict):
        datasets.upload(tmp_path / "log", document["dataset_id"])
    with pytest.raises(ServiceError):
        datasets.upload(tmp_path / "log", options=UploadOptions.parse({"from": "2261-01-01"}))


def test_weekends_without_starts_and_finishes_are_closed(tmp_path: Path) -> None:
    days = np.arange("2024-01-01", "2024-03-02", dtype="datetime64[D]")
    worked = days[np.is_busday(days)]
    lots = zip(worked, [*worked[1:], None], strict=True)
    lines = [
        f"{n},{a}T06:00,{b}T07:00" if b else f"{n},{a}T06:00," for n, (a, b) in enumerate(lots)
    ]
    (tmp_path / "log.csv").write_text("lot,start,finish\n" + "\n".join(lines))
    datasets = Datasets(tmp_path / "data", 1000, 1_000_000)
    document = datasets.upload(tmp_path / "log.csv")
    assert document["calendars"]["all"]["weekdays"] == [1, 2, 3, 4, 5]
    assert document["data_points"] == len(days)
    panel = datasets.load(document["dataset_id"])
    np.testing.assert_array_equal(panel.days, worked.astype(np.int64))
    assert document["quality"]["event_log"]["littles_law"]["holds"]
