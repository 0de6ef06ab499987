"""Tables as ERP, MES and BI programs export them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pytest

from models.data.reading.column_names import canonical_name
from models.data.reading.date_format import read as read_dates
from models.data.reading.text_encoding import detected
from tests.models.data.test_dialects import frame, read, same
from utils.errors import InvalidInput, ServiceError

DAYS = pd.date_range("2024-01-01", periods=60)
ODATA = [f"/Date({int(day.timestamp() * 1000)})/" for day in DAYS]


def days(*texts: str, **options: Any) -> list[str]:
    found = read_dates(pa.array(texts), **options)
    return [str(np.datetime64(int(day), "D")) for day in found.days]


@pytest.mark.parametrize(
    "text",
    [
        "20240131060000", "202401310600", "20240131T060000", "/Date(1706659200000)/",
        "Wed Jan 31 2024 00:00:00 GMT+0100 (CET)", "Wed Jan 31 06:00:00 CET 2024",
        "Donnerstag, 31. Januar 2024", "2024/01/31 (水)", "2024-01-31 星期三", "2024. 1. 31.",
        "2024년 1월 31일", "31 janvier 2024", "2024-01-31 24:00",
    ],
)  # fmt: skip
def test_dates_of_programs(text: str) -> None:
    assert days(text) == ["2024-01-31"]


@pytest.mark.parametrize(
    "text",
    [
        "KW05/24",
        "5. KW 2024",
        "Week 5, 2024",
        "W5'24",
        "2024年第5周",
        "2024wk05",
        "202405",
        "5/2024",
    ],
)
def test_weeks(text: str) -> None:
    assert days(text, of_weeks=True) == ["2024-01-29"]


@pytest.mark.parametrize("texts", [("202405", "202417"), ("5/2024", "17/2024")])
def test_numbers_of_months_are_weeks_if_one_can_be_nothing_else(texts: tuple[str, str]) -> None:
    assert days(texts[0]) == ["2024-05-01"]
    assert days(*texts) == ["2024-01-29", "2024-04-22"]


def test_a_year_and_a_week_or_month_beside_it_are_a_date(tmp_path: Path) -> None:
    weeks = frame(60, freq="W-MON")
    iso = pd.to_datetime(weeks["date"]).dt.isocalendar()
    table = weeks.assign(Jahr=iso["year"], KW=iso["week"]).drop(columns="date")
    same(read(tmp_path, table.to_csv(index=False)), weeks)
    months = frame(30, freq="MS")
    date = pd.to_datetime(months["date"])
    table = months.assign(Year=date.dt.year, Month=date.dt.strftime("%B")).drop(columns="date")
    same(read(tmp_path, table.to_csv(index=False)), months)
    beside = frame().assign(KW=1, Monat="Jan").rename(columns={"date": "Datum"})
    same(read(tmp_path, beside.to_csv(index=False)), frame())


def test_hours_of_the_night_of_a_clock_change_are_one_day(tmp_path: Path) -> None:
    hours = pd.date_range(
        "2024-10-26", "2024-10-29", freq="h", tz="Europe/Berlin", inclusive="left"
    )
    table = pd.DataFrame({"date": [t.isoformat() for t in hours], "plant": "A", "wip": 9})
    found = read(tmp_path, table.assign(throughput=1).to_csv(index=False))
    assert found.numbers["throughput"].tolist() == [24, 25, 24]


def test_midnights_of_another_zone_in_utc_are_named(tmp_path: Path) -> None:
    utc = DAYS.tz_localize("Asia/Taipei").tz_convert("UTC")
    written = frame().assign(date=utc.strftime("%Y-%m-%dT%H:%M:%SZ")).to_csv(index=False)
    content = io.BytesIO()
    frame().assign(date=utc).to_parquet(content)
    for upload in (written, content.getvalue()):
        assert "at 16:00 in UTC" in read(tmp_path, upload).read_as["warnings"][0]


@pytest.mark.parametrize(
    ("header", "meaning"),
    [
        ("Sum of WIP", "wip"), ("Summe von Bestand", "wip"), ("AVG(cycle_time)", "cycle_time"),
        ("Sum of Cycle Time", None), ("Production[WIP]", "wip"), ("Output [Stk]", "throughput"),
        ("dbo.lines.plant", "plant"), ("leadTimeHours", "cycle_time"), ("Kalenderwoche", "date"),
    ],
)  # fmt: skip
def test_names_of_pivot_tables_and_queries(header: str, meaning: str | None) -> None:
    assert canonical_name(header) == meaning


LINES = frame().to_csv(index=False)


def boxed(table: pd.DataFrame) -> str:
    """A table as SAP prints it, between bars and lines of dashes."""
    rows = [table.columns.tolist(), *table.astype(str).to_numpy().tolist()]
    lines = ["|" + "|".join(cell.rjust(12) for cell in row) + "|" for row in rows]
    return "\r\n".join(["List", "-" * 80, lines[0], "-" * 80, *lines[1:], "-" * 80])


@pytest.mark.parametrize(
    "content",
    [
        boxed(frame()),
        frame().to_csv(index=False, sep="|").replace("\n", "\n|---|---|\n", 1),
        LINES + ",Plant_A Total,,,9000,3000,\n,Overall Result,,,9000,3000,\n",
        frame().to_json(),
        frame().to_json(orient="index"),
        json.dumps({"results": [{"tables": [{"rows": frame().to_dict("records")}]}]}),
        json.dumps({"d": {"results": frame().assign(date=ODATA).to_dict("records")}}),
    ],
)  # fmt: skip
def test_forms_of_programs(tmp_path: Path, content: str) -> None:
    same(read(tmp_path, content), frame())


@pytest.mark.parametrize(
    "write",
    [
        lambda t: f"{int(t.total_seconds() // 3600)}:{t.components.minutes:02d}:00",
        str,
        lambda t: t.isoformat(),
        lambda t: f"{t.components.days}d {t.components.hours}h {t.components.minutes} min",
    ],
)
def test_cycle_times_as_durations(tmp_path: Path, write: Callable[[pd.Timedelta], str]) -> None:
    spent = pd.to_timedelta(frame()["cycle_time"], unit="D").dt.floor("min")
    expected = frame().assign(cycle_time=spent / pd.Timedelta(days=1))
    table = read(tmp_path, frame().assign(cycle_time=spent.map(write)).to_csv(index=False))
    same(table, expected)


@pytest.mark.parametrize(
    ("name", "write", "unit"),
    [
        ("wip", "{:.0f} pcs", "pcs"),
        ("throughput", "{:,.1f}\u202fStk.", "Stk."),
        ("cycle_time", "{:.3f} days", "days"),
        ("cycle_time", "{} d", "d"),
    ],
)
def test_units_in_cells(tmp_path: Path, name: str, write: str, unit: str) -> None:
    table = frame()
    table[name] = [*map(write.format, table[name][:-1]), "-"]
    found = read(tmp_path, table.to_csv(index=False))
    same(found, frame().assign(**{name: [*frame()[name][:-1], np.nan]}))
    assert found.read_as["cell_units"] == {name: unit}


@pytest.mark.parametrize("header", ["cycle_time (min)", "cycle_time"])
def test_minutes_are_told_from_thousands(tmp_path: Path, header: str) -> None:
    minutes = (1440 * frame()["cycle_time"]).round()
    expected = frame().assign(cycle_time=minutes / 1440)
    cell = "{:,.0f}" if "min" in header else "{:,.0f} min"
    table = frame().assign(cycle_time=minutes.map(cell.format)).astype({"wip": int})
    table = table.astype({"throughput": int}).rename(columns={"cycle_time": header})
    same(read(tmp_path, table.to_csv(index=False)), expected)
    assert (
        read(tmp_path, frame().assign(**{"Capacity (%)": 80}).to_csv()).numbers["capacity"][0]
        == 0.8
    )


@pytest.mark.parametrize(
    ("name", "cells", "rule"),
    [
        ("wip", ("150 lots", "150 pcs"), "are in 'lots', some are in 'pcs'"),
        ("wip", ("3 days", "3 days"), "must be in pieces; its cells are in 'days'"),
        ("cycle_time", ("3.5 d", "3.5"), "are in 'd', some are without a unit, '3.5' say"),
        ("cycle_time", ("1.250 h", "3 d"), "must be a number"),
        ("throughput", ("45 %", "45 %"), "must be in pieces"),
    ],
)
def test_units_that_do_not_fit(tmp_path: Path, name: str, cells: Any, rule: str) -> None:
    days = frame().assign(cycle_time="3 d").to_csv(index=False)
    with pytest.raises(InvalidInput, match="units: must not be hours for cycle_time, whose"):
        read(tmp_path, days, units='{"cycle_time": "hours"}')
    with pytest.raises(InvalidInput, match=f"{name}: .*{rule}"):
        read(tmp_path, frame().assign(**{name: list(cells) * 30}).to_csv(index=False))


def test_a_table_that_changes_its_columns_or_holds_its_totals(tmp_path: Path) -> None:
    swapped = frame()[["date", "plant", "application", "panel_size", "throughput", "wip"]]
    with pytest.raises(
        InvalidInput, match="row 61, which names it 'throughput': the table changes"
    ):
        read(tmp_path, frame().to_csv(index=False) + swapped.to_csv(index=False))
    with pytest.raises(InvalidInput, match="date: must be ISO"):  # days of years, not of Excel
        read(tmp_path, frame().assign(date=np.arange(24001, 24061)).to_csv(index=False))
    parts = [frame().assign(plant=name, wip=wip) for name, wip in (("A", 3), ("B", 4), ("All", 7))]
    found = read(tmp_path, pd.concat(parts).to_csv(index=False))
    assert "The plant 'All' has the WIP of all others" in found.read_as["warnings"][-1]


@pytest.mark.parametrize("column", ["plant", "date"])
def test_names_and_dates_in_the_first_row_of_a_block(tmp_path: Path, column: str) -> None:
    other = "plant" if column == "date" else "date"
    both = pd.concat([frame(), frame().assign(plant="Plant_B")]).sort_values([column, other])
    blocks = both.assign(**{column: both[column].where(~both[column].duplicated(), "")})
    content = blocks.to_csv(index=False)
    with pytest.raises(InvalidInput, match="fillDown=true takes the one above"):
        read(tmp_path, content)
    found = read(tmp_path, content, fillDown="true")
    same(found, both)
    names = np.array(found.names[0][1])[found.names[0][0]]
    assert names.tolist() == both["plant"].tolist()
    assert found.read_as["filled_down"] == {column: 118 if column == "plant" else 60}


@pytest.mark.parametrize(
    ("first", "freq", "since"),
    [
        ("2100-01-01", "D", None),  # those since 1904 would be to come
        ("2019-01-01", "B", None),  # the weekends tell
        ("2019-01-01", "MS", None),
        ("2019-01-01", "D", "1900"),
        ("2019-01-01", "D", "1904"),
    ],
)
def test_numbers_of_days_since_1900_or_1904(
    tmp_path: Path, first: str, freq: str, since: str | None
) -> None:
    dates = pd.date_range(first, periods=60, freq=freq)
    expected = frame().assign(date=dates.strftime("%Y-%m-%d"))
    begins = ["1900", "1904"] if since is None and freq != "D" else [since or "1900"]
    for begin in begins:
        zero = pd.Timestamp("1899-12-30" if begin == "1900" else "1904-01-01")
        content = frame().assign(date=(dates - zero).days).to_csv(index=False)
        given = {"datesSince": since} if since else {}
        table = read(tmp_path, content, **given)
        same(table, expected)
        assert table.read_as["dates_since"] == str(zero.date())
        if since:
            with pytest.raises(InvalidInput, match=f"datesSince: .*{since} reads {first}"):
                read(tmp_path, content)


@pytest.mark.parametrize(("factor", "words"), [(0.001, "thousands"), (0.01, "percentage")])
def test_factors_that_no_unit_of_time_explains(tmp_path: Path, factor: float, words: str) -> None:
    table = frame().assign(wip=lambda f: f["wip"] * factor)
    assert words in read(tmp_path, table.to_csv(index=False)).read_as["warnings"][0]


def test_equal_figures_of_different_lots_are_no_copies(tmp_path: Path) -> None:
    lots = pd.concat([frame().assign(lot=[f"{k}-{i}" for i in range(60)]) for k in range(3)])
    with pytest.raises(InvalidInput, match=r"duplicates: .* differ in 'lot'"):
        read(tmp_path, lots.to_csv(index=False))


@pytest.mark.parametrize("text", ["Ausstoß", "|Werk|Größe|", "Menge [Stück]", "Werk Süd – Halle 2"])
def test_western_texts_between_signs(text: str) -> None:
    assert detected(text.encode("cp1252")) == "cp1252"
    assert detected("|TV|Łódź|".encode("cp1250")) == "cp1250"


@pytest.mark.parametrize(("text", "codec"), [("40 °C", "cp1252"), ("横浜①", "cp932")])
def test_an_encoding_that_is_not_clear_names_what_can_be_meant(text: str, codec: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        detected(text.encode(codec))
    assert f"{codec} ({text})" in refused.value.message


def test_markup_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="HTML, which some programs export"):
        read(tmp_path, "<html><table>")


# --- cells of spreadsheets --------------------------------------------------------------------


def workbook(table: pd.DataFrame, change: Callable[[Any, Any], None]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(list(table.columns))
    for row in table.itertuples(index=False):
        sheet.append([datetime.fromisoformat(row[0]), *row[1:]])
    change(book, sheet)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def since_1904(book: Any, sheet: Any) -> None:
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    for row in range(2, 62):
        days = sheet.cell(row, 1).value - datetime(1904, 1, 1)
        sheet.cell(row, 1, days.days).number_format = "General"


def formulas(book: Any, sheet: Any) -> None:
    for row in range(2, 62):
        sheet.cell(row, 7, f"=E{row}/F{row}")


def durations(book: Any, sheet: Any) -> None:
    for row in range(2, 62):
        spent = timedelta(days=7 * sheet.cell(row, 7).value)
        sheet.cell(row, 7, spent).number_format = "[h]:mm:ss"


@pytest.mark.service
def test_cells_that_a_spreadsheet_shows_otherwise(tmp_path: Path) -> None:
    table = read(tmp_path, workbook(frame(), since_1904))
    same(table, frame())
    assert table.read_as["dates_since"] == "1904-01-01"
    table = read(tmp_path, workbook(frame(), lambda b, sheet: sheet.merge_cells("B2:B61")))
    same(table, frame())
    assert table.read_as["merged_cells"] == 59
    table = read(tmp_path, workbook(frame(), lambda b, sheet: sheet.merge_cells("E2:E4")))
    assert "2 cells of 'wip' are merged" in table.read_as["warnings"][0]
    weeks = frame(freq="W-MON")
    found = read(tmp_path, workbook(weeks, durations)).numbers["cycle_time"]
    np.testing.assert_allclose(found, weeks["cycle_time"], rtol=1e-6)
    table = read(tmp_path, workbook(frame(), formulas))
    assert "60 cells of 'cycle_time' hold formulas" in table.read_as["warnings"][0]
