"""From a table as planners have it to its forecast, on the service's own page."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from openpyxl import Workbook

from tests.service.test_own_page import Page, browser, page

__all__ = ["browser", "page"]  # fixtures
pytestmark = [pytest.mark.service, pytest.mark.long]
START = date(2024, 1, 1)  # a Monday


def flow(step: int) -> tuple[float, float]:
    """WIP and throughput of a step: they swing, and Little's Law holds."""
    return 1200 + 90 * math.sin(step / 5), 400 + 30 * math.sin(step / 5)


def months(folder: Path) -> Path:
    """A CSV of five years by month."""
    rows = [
        f"{2019 + month // 12}-{month % 12 + 1:02}-01,A,Food,{flow(month)[0]},{flow(month)[1]}"
        for month in range(60)
    ]
    path = folder / "months.csv"
    path.write_text("\n".join(["date,plant,application,wip,throughput", *rows]))
    return path


def event_log(folder: Path) -> Path:
    """A CSV of a row a unit: three come each day and stay for two to five days."""
    rows = [
        f"{unit},{START + timedelta(unit // 3)},{START + timedelta(unit // 3 + 2 + unit % 4)},Urban"
        for unit in range(300)
    ]
    path = folder / "log.csv"
    path.write_text("\n".join(["unit,start,finish,area", *rows]))
    return path


def german_workbook(folder: Path) -> Path:
    """A workbook with a title, German names, dates and decimal commas, and a row of totals."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Bestand"
    sheet.append(["Fertigung Werk Nord"])
    sheet.append(["Datum", "Werk", "Anwendung", "Größe", "Bestand", "Ausstoß", "Durchlaufzeit"])
    for step in range(90):
        wip, output = flow(step)
        figures = [f"{wip:,.1f}", f"{output:,.1f}", f"{wip / output:,.3f}"]
        written = [text.translate(str.maketrans(",.", ".,")) for text in figures]
        day = f"{START + timedelta(step):%d.%m.%Y}"
        sheet.append([day, "Nord", "Auto", "15,6 Zoll", *written])
    sheet.append(["Summe", None, None, None, "108.000,0", "36.000,0"])
    path = folder / "Bericht.xlsx"
    book.save(path)
    return path


def planned_weeks(folder: Path) -> Path:
    """A CSV from Mondays to Fridays, whose last two weeks are a plan."""
    days = [START + timedelta(day) for day in range(140) if day % 7 < 5]
    rows = [
        f"{day},Line 1,TV,,,380" if step >= 90 else
        f"{day},Line 1,TV,{flow(step)[0]:.1f},{flow(step)[1]:.1f},{flow(step)[1]:.0f}"
        for step, day in enumerate(days)
    ]  # fmt: skip
    path = folder / "weeks.csv"
    path.write_text("\n".join(["date,plant,application,wip,throughput,releases", *rows]))
    return path


@pytest.mark.parametrize(
    ("table", "read", "forecast"),
    [
        (months, ["one month"], "Finished by quarter"),
        (event_log, ["300", "Columns that were not read: area"], "Finished by week"),
        (german_workbook, ["Bestand", "1.234,5", "Little's Law holds"], "15,6 Zoll"),
        (planned_weeks, ["one day"], "Closed"),
    ],
)
def test_from_a_table_to_its_forecast(
    page: Page, tmp_path: Path, table: Callable[[Path], Path], read: list[str], forecast: str
) -> None:
    page.open("data")
    page.upload(table(tmp_path))
    page.button("Store").click()
    page.shows("Stored. Below is how it was read")
    page.settled()
    for words in read:
        page.shows(words)
    page.expect_accessible()
    page.button("Forecast now").click()
    page.until(lambda: page.all(".js-plotly-plot .scatterlayer"))
    page.shows(forecast)
    page.shows("Take it with you")
    assert page.problems() == []
