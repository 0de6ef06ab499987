"""Tables that are read in the one way that they can be meant, or refused with the choice."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from models.data.datasets import Datasets
from models.data.growth import add_rows
from models.data.reading.column_names import Header
from tests.models.data.test_dialects import LINES, frame, read, same
from utils.api.upload_options import RowsOptions, UploadOptions
from utils.errors import InvalidInput

ROWS = frame().to_dict("records")
LISTS = [list(frame().columns), *frame().astype(object).to_numpy().tolist()]
FIRST, REST = LINES.split("\n", 1)
MILLISECONDS = [f"/Date({pd.Timestamp(row['date']).value // 10**6}+0000)/" for row in ROWS]


@pytest.mark.parametrize(
    "body",
    [
        {"range": "A1:G61", "values": [LISTS[0], *([str(c) for c in r] for r in LISTS[1:])]},
        {"data": {"production": {"edges": [{"node": row} for row in ROWS]}}},
        {"took": 3, "hits": {"total": 60, "hits": [{"_id": 1, "_source": row} for row in ROWS]}},
        {"results": [{"series": [{"columns": LISTS[0], "values": LISTS[1:]}]}]},
        {"payload": [row | {"date": {"$date": row["date"]}} for row in ROWS]},
        {"d": {"results": [r | {"date": ms} for r, ms in zip(ROWS, MILLISECONDS, strict=True)]}},
    ],
    ids=["sheet", "graph", "search", "series", "extended", "odata"],
)  # fmt: skip
def test_json_of_other_programs(tmp_path: Path, body: Any) -> None:
    same(read(tmp_path, json.dumps(body)), frame())


def test_blanks_of_python_are_blanks_in_json(tmp_path: Path) -> None:
    content = json.dumps([row | {"plant": 'NaN "', "cycle_time": float("nan")} for row in ROWS])
    table = read(tmp_path, content)
    same(table, frame().assign(cycle_time=float("nan")))
    assert table.names[0][1] == ['NaN "']


@pytest.mark.parametrize(
    "content",
    [
        f"{FIRST}\nDatum,Werk,Anwendung,Größe,Bestand,Ausstoß,DLZ\n{REST}",
        LINES + "Ø,,,,150,50,3\nMedian,,,,150,50,3\n",
        LINES.replace("TV", "液晶").encode("iso2022_jp"),
        frame().assign(date=frame()["date"] + " 00:00:00 CET").to_csv(index=False),
    ],
    ids=["names twice", "statistics", "escapes", "zone"],
)
def test_lines_of_other_programs(tmp_path: Path, content: str | bytes) -> None:
    table = read(tmp_path, content)
    same(table, frame())
    assert table.names[1][1][0] in ("TV", "液晶")


@pytest.mark.parametrize(
    ("table", "options", "rule"),
    [
        (frame().assign(wip=frame()["wip"].map("{:.0f},-".format)), {}, "wip: must be a number"),
        (
            pd.concat([frame(), frame(9, freq="W-MON").assign(plant="B")]), {},
            "step: must be given, as 1 of 2 series have rows of one weekday alone",
        ),
        (
            pd.concat([frame().assign(Uhrzeit=time) for time in ("06:00", "14:00")]), {},
            r'into the date \({"date": \["date", "Uhrzeit"\]}\)',
        ),
        (frame().rename(columns={"throughput": "Output actual"}), {}, "is it 'Output actual'"),
        (frame().assign(line=""), {"columns": '{"date": ["date", "lime"]}'}, "no column of that"),
    ],
)  # fmt: skip
def test_tables_that_need_a_choice(
    tmp_path: Path, table: pd.DataFrame, options: dict[str, str], rule: str
) -> None:
    with pytest.raises(InvalidInput, match=rule):
        read(tmp_path, table.to_csv(index=False, sep=";"), **options)


def test_columns_are_joined_where_rows_are_blank(tmp_path: Path) -> None:
    content = frame().assign(time="00:00").to_csv(index=False) + ",,,,,,,\n" * 3
    same(read(tmp_path, content, columns='{"date": ["date", "time"]}'), frame())


@pytest.mark.parametrize(
    ("name", "meaning", "unit"),
    [
        ("CT/h", "cycle_time", "hours"), ("平均リードタイム(日)", "cycle_time", "days"),
        ("Ø DLZ", "cycle_time", ""), ("Plant ID", "plant", ""), ("Item ID", None, ""),
        ("期末在製品", "wip", ""), ("生産実績", "throughput", ""),
    ],
)  # fmt: skip
def test_names_of_columns(name: str, meaning: str | None, unit: str) -> None:
    assert (Header.of(name).meaning, Header.of(name).unit) == (meaning, unit)


def test_of_a_name_and_a_code_the_name_is_read_and_what_resembles_is_named(tmp_path: Path) -> None:
    table = frame().rename(columns={"plant": "Plant name", "application": "App"})
    found = read(tmp_path, table.assign(**{"Plant ID": 7}).to_csv(index=False))
    assert found.names[0][1] == ["Plant_A"] and "Plant ID" in found.ignored
    assert "'App' was not read; it resembles application" in found.read_as["warnings"][0]


@pytest.mark.service
def test_a_column_of_formulas_without_values_is_refused(tmp_path: Path) -> None:
    book, content = openpyxl.Workbook(), io.BytesIO()
    for row in [LISTS[0], *([*row[:4], "=1+1", *row[5:]] for row in LISTS[1:])]:
        book.worksheets[0].append(row)
    book.save(content)
    with pytest.raises(InvalidInput, match="wip: must have values: its cells hold formulas"):
        read(tmp_path, content.getvalue())


# --- rows that come later ---------------------------------------------------------------------


def added(folder: Path, first: pd.DataFrame, then: str) -> tuple[Datasets, str, Any]:
    datasets, path = Datasets(folder / "data", 10_000, 10**6), folder / "rows"
    path.write_text(first.to_csv(index=False))
    id = str(datasets.upload(path, options=UploadOptions.parse({}))["dataset_id"])
    path.write_text(then)
    return datasets, id, add_rows(datasets, id, path, RowsOptions())


def test_rows_that_come_later_are_read_by_their_own_format(tmp_path: Path) -> None:
    german = frame().astype(str).map(lambda cell: cell.replace(".", ","))[40:]
    datasets, id, (_, counts, read_as) = added(tmp_path, frame()[:40], german.to_csv(sep=";"))
    assert (counts["added"], read_as["number_format"]) == (20, "1.234,5")
    same(datasets.received_table(id), frame())


def test_dates_that_a_few_rows_leave_open_are_as_before(tmp_path: Path) -> None:
    dates = pd.to_datetime(frame()["date"]).dt.strftime("%d/%m/%Y")
    table = frame().assign(date=dates)
    more = table[31:33].assign(application="Other").to_csv(index=False)
    datasets, id, (_, _, read_as) = added(tmp_path, table, more)
    assert read_as["warnings"] == ["1 series are new in the data set: Plant_A / Other / Large."]
    stored = datasets.received_table(id)
    assert stored.days[stored.names[1][0] == 0].tolist() == [19754, 19755]  # of February


# --- event logs -------------------------------------------------------------------------------

LOG = "lot,day in,time in,end,qty\n1,2024-01-01,06:00,2024-01-03 07:00,25 pcs\n"
JOINED = '{"start": ["day in", "time in"]}'


def units(folder: Path, content: str, **options: str) -> tuple[Any, dict[str, Any]]:
    path = folder / "log"
    path.write_text(content)
    datasets = Datasets(folder / "data", 10_000, 10**6)
    _, log, more = datasets.received(path, UploadOptions.parse(options))
    return log, more["read_as"]


def test_rows_of_a_log_that_are_none_are_left_out(tmp_path: Path) -> None:
    names = LOG.split("\n", 1)[0].replace("day in", "start").replace("time in", "x")
    content = f"{names}\n1,2024-01-01,,2024-01-03,25 pcs\n,,,,\n{names}\n"
    log, read_as = units(tmp_path, content)
    assert log.quantity.tolist() == [25.0]
    assert read_as["skipped_rows"] == {"blank": 1, "names": [3]}


def test_a_date_and_a_time_are_the_start_of_a_unit(tmp_path: Path) -> None:
    log, _ = units(tmp_path, LOG + "2,2024-01-01,06:00,,5 pcs\n,,,,\n", columns=JOINED)
    assert log.start.tolist() == [19_723 * 86_400_000_000 + 6 * 3_600_000_000] * 2
    with pytest.raises(InvalidInput, match="columns: names 'tim'"):
        units(tmp_path, LOG, columns='{"start": ["day in", "tim"]}')


@pytest.mark.parametrize(
    ("cells", "rule"),
    [
        ({"lot": 10**23}, "lot: must be sent as a text"),
        ({"lot": 1, "finish": True}, "finish: must be a text or a number; row 1"),
    ],
)
def test_cells_of_a_log_that_would_be_changed(tmp_path: Path, cells: Any, rule: str) -> None:
    row = {"lot": 2, "start": "2024-01-01", "finish": "2024-01-02"}
    with pytest.raises(InvalidInput, match=rule):
        units(tmp_path, json.dumps([row | cells, row]))
