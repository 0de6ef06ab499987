"""Tables whose rows are hours or shifts: read, refused, stored, appended, and clocks put back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from models.data.cleaning import clean
from models.data.datasets import Datasets
from models.data.growth import add_rows
from models.data.reading.tables import Table, read_file
from models.data.table_preview import preview
from utils.api.upload_options import RowsOptions, UploadOptions
from utils.errors import InvalidInput

HOURS, SHIFTS = {"step": "hour"}, {"step": "shift", "shifts": "06:00,14:00,22:00"}


def frame(freq: str = "h", days: float = 5, begin: str = "2024-03-04T06:00") -> pd.DataFrame:
    dates = pd.date_range(begin, pd.Timestamp(begin) + pd.Timedelta(days=days), freq=freq)[:-1]
    flow = 10 + np.arange(len(dates)) % 7
    return pd.DataFrame({"date": dates.strftime("%Y-%m-%dT%H:%M"), "plant": "A", "wip": 3 * flow,
                         "throughput": flow, "cycle_time": 3.0})  # fmt: skip


def written(folder: Path, table: pd.DataFrame) -> Path:
    table.to_csv(folder / "table.csv", index=False)
    return folder / "table.csv"


def read(folder: Path, table: pd.DataFrame, **options: Any) -> Table:
    return read_file(written(folder, table), 10**5, 10**7, None, UploadOptions(**options))


@pytest.fixture
def datasets(tmp_path: Path) -> Datasets:
    return Datasets(tmp_path / "data", 10**5, 10**7)


@pytest.mark.parametrize(("freq", "options"), [("h", HOURS), ("8h", SHIFTS)])
def test_rows_keep_their_times_in_the_store_and_in_parts(
    tmp_path: Path, datasets: Datasets, freq: str, options: dict[str, str]
) -> None:
    table, chosen = frame(freq), UploadOptions.parse(options)
    table.loc[3, "wip"] = None  # the rows are kept as they were received, too
    whole = datasets.upload(written(tmp_path, table), options=chosen)
    first = written(tmp_path, table[:7])
    id = datasets.upload(first, options=chosen)["dataset_id"]
    grown, counts, _ = add_rows(datasets, id, written(tmp_path, table[5:]), RowsOptions())
    assert counts["added"] == len(table) - 7
    assert grown["summary"] == whole["summary"]
    ends = table["date"].iloc[[0, -1]].tolist()
    assert list(whole["summary"]["date_range"].values()) == ends
    paths = [datasets.store.local(one["dataset_id"], ".parquet") for one in (whole, grown)]
    with paths[0] as one, paths[1] as other:
        assert one.read_bytes() == other.read_bytes()
        assert (
            pq.read_table(one)["date"].to_pandas().tolist()
            == pd.to_datetime(table["date"]).tolist()
        )
    panel = datasets.load(id)
    assert panel.calendar.dates(panel.time) == table["date"].tolist()
    assert datasets.preview(id)[1]["date"] == table["date"][1]
    assert f'\n1,"{table["date"][1]}","A",' in b"".join(datasets.stream(id, "csv")).decode()
    read_as = preview(datasets, written(tmp_path, table), chosen)
    assert read_as["rows"][1]["date"] == table["date"][1]


def test_rows_within_a_step_are_put_together_and_days_are_as_before(tmp_path: Path) -> None:
    table = frame("15min", days=4)
    hours = read(tmp_path, table, **HOURS)
    assert len(hours) == 96
    assert hours.numbers["throughput"].sum() == table["throughput"].sum()
    assert hours.read_as["several_rows"]["taken_as"] == "times"
    days = read(tmp_path, table)
    assert days.calendar is None and len(days) == 5
    assert "step=hour keeps them apart" in days.read_as["warnings"][0]
    assert not hours.read_as["warnings"]


@pytest.mark.parametrize(("freq", "options"), [("h", HOURS), ("8h", SHIFTS)])
@pytest.mark.parametrize("are_rows", [False, True])
def test_weekends_and_holidays_are_closed_days(
    tmp_path: Path, freq: str, options: dict[str, str], are_rows: bool
) -> None:
    table = frame(freq, days=26)
    times = pd.to_datetime(table["date"]) - pd.Timedelta(hours=6 if freq == "8h" else 0)
    is_closed = (times.dt.day_of_week > 4) | (times.dt.strftime("%d") == "14")
    table["wip"] = table["wip"].where(~is_closed).ffill()
    table.loc[is_closed, "throughput"] = 0
    table = table if are_rows else table[~is_closed]
    cleaned = clean(read(tmp_path, table, **options))
    week = cleaned.calendars.by_name["A"].to_document()
    assert (week["weekdays"], week["closed"]) == ([1, 2, 3, 4, 5], ["2024-03-14"])
    assert len(cleaned.panel.values) == (~is_closed).sum()
    assert len(cleaned.closed.group) == (is_closed.sum() if are_rows else 0)
    assert not cleaned.quality["gaps"]["steps"] and "standstills" not in cleaned.quality


def test_shifts_beside_closed_days_are_standstills_and_other_rows_are_gaps(tmp_path: Path) -> None:
    """From Sunday 22:00 to Friday 22:00; one Thursday ends early, and two other rows lack."""
    table = frame("8h", days=26)
    times = pd.to_datetime(table["date"])
    place = times.dt.day_of_week * 24 + times.dt.hour
    table = table[(place < 4 * 24 + 22) | (place == 6 * 24 + 22)].reset_index(drop=True)
    early = table["date"].isin(["2024-03-14T14:00", "2024-03-14T22:00"])
    friday = table["date"].str[:10] == "2024-03-15"
    cleaned = clean(read(tmp_path, table[~early & ~friday].drop([5, 6]), **SHIFTS))
    assert cleaned.calendars.by_name["A"].weekdays == (1, 2, 3, 4, 5, 7)
    note = cleaned.quality["standstills"]
    assert note["places"]["A"] == ["Fri 22:00", "Sun 06:00", "Sun 14:00"]
    assert note["spans"]["A"] == ["2024-03-14T14:00/2024-03-14T22:00"]
    assert cleaned.quality["gaps"]["steps"] == 2
    panel, wip_before = cleaned.panel, table["wip"][table["date"] == "2024-03-14T06:00"].item()
    still = panel.calendar.index(np.array([panel.calendar.day("2024-03-14T22:00")])) - panel.first
    assert panel.values[still, :2].tolist() == [[wip_before, 0.0]]


def test_a_last_day_that_has_only_begun_may_still_be_worked(tmp_path: Path) -> None:
    table = frame(days=29, begin="2024-03-04T00:00")
    times = pd.to_datetime(table["date"])
    is_still = (times.dt.day_of_week > 4) | (times.dt.hour < 6)
    table["wip"] = table["wip"].where(~is_still).ffill().fillna(9)
    table.loc[is_still, "throughput"] = 0
    found = clean(read(tmp_path, table[times < "2024-04-01T05:00"], **HOURS))  # a Monday
    assert found.panel.calendar.dates(found.panel.time[-1:]) == ["2024-04-01T04:00"]


def test_nights_without_rows_are_standstills(tmp_path: Path) -> None:
    table = frame("8h", days=26)
    cleaned = clean(read(tmp_path, table[table["date"].str[11:13] != "22"], **SHIFTS))
    assert len(cleaned.quality["standstills"]["places"]["A"]) == 7
    assert cleaned.panel.values[2::3, 1].tolist() == [0.0] * 25


@pytest.mark.parametrize("offsets", [True, False])
def test_an_hour_that_comes_twice_counts_with_both(tmp_path: Path, offsets: bool) -> None:
    times = pd.date_range("2024-10-26", "2024-10-29", freq="h", tz="Europe/Berlin")[:-1]
    dates = [t.isoformat() if offsets else t.strftime("%Y-%m-%d %H:%M") for t in times]
    table = pd.DataFrame({"date": dates, "plant": "A", "wip": 9, "cycle_time": 4.5})
    table["throughput"] = np.arange(73)
    found = read(tmp_path, table, **HOURS)
    assert len(found) == 72
    assert found.numbers["throughput"].sum() == table["throughput"].sum()
    assert found.read_as["several_rows"]["rows"] == 1


def test_an_hour_that_does_not_come_is_stated_as_a_gap(tmp_path: Path) -> None:
    times = pd.date_range("2024-03-30", "2024-04-02", freq="h", tz="Europe/Berlin")[:-1]
    table = pd.DataFrame({"date": [t.isoformat() for t in times], "plant": "A", "wip": 9})
    found = read(tmp_path, table.assign(throughput=2.0), **HOURS)
    [place] = clean(found, found.calendar).quality["gaps"]["places"]
    assert (place["after"], place["before"]) == ("2024-03-31T01:00", "2024-03-31T03:00")


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (frame("D", 9).assign(date=lambda f: f["date"].str[:10]), HOURS, "have a time of day"),
        (frame("8h", 9), HOURS, "must be shift, with shifts=06:00,14:00,22:00"),
        (frame("h", 9).iloc[::3], HOURS, "must be shift, with shifts=00:00,03:00,06:00"),
        (frame("16h", 9), SHIFTS, "must be shift|2 shifts apart"),
        (frame(), {"step": "shift"}, "shifts: must be given with step=shift"),
        (frame(), HOURS | {"shifts": "06:00,14:00"}, "shifts: must be given with step=shift"),
        (frame(), SHIFTS | {"shifts": "06:00"}, "at least two different times"),
        (frame(days=9).drop(range(30, 40)), HOURS, "missing steps in a row"),
    ],
)  # fmt: skip
def test_rows_that_are_no_hours_or_shifts_are_refused(
    tmp_path: Path, datasets: Datasets, table: pd.DataFrame, options: dict[str, str], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        datasets.upload(written(tmp_path, table), options=UploadOptions.parse(options))


def test_rows_of_another_step_are_not_added(tmp_path: Path, datasets: Datasets) -> None:
    id = datasets.upload(written(tmp_path, frame()), options=UploadOptions(step="hour"))
    with pytest.raises(InvalidInput, match="step: must be hour, as that of the rows before"):
        add_rows(datasets, id["dataset_id"], written(tmp_path, frame()), RowsOptions(step="day"))
