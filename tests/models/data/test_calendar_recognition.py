"""Working calendars are recognised from rows, whichever way closed days are written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data.cleaning import Cleaned, clean
from models.data.datasets import Datasets
from models.data.given_calendars import given_calendars
from models.data.reading.tables import read_rows
from models.series.plant_calendars import PlantCalendars
from models.series.working_calendar import EVERY_DAY, WorkingCalendar, span_of
from tests.support.factory_tables import KEYS, FactoryTable, factory_table
from utils.api.schemas.calendar import calendars_of
from utils.api.upload_options import ReadOptions
from utils.errors import InvalidInput

WEEK = WorkingCalendar(weekdays=(1, 2, 3, 4, 5))
SHUTDOWN = span_of("2022-04-11/2022-04-24")
CALENDARS = {
    "five days": WEEK,
    "six days": replace(WEEK, weekdays=(1, 2, 3, 4, 5, 6)),
    "from Sunday to Thursday": replace(WEEK, weekdays=(1, 2, 3, 4, 7)),
    "every second Saturday": replace(WEEK, every_second_week=(span_of("2022-01-15")[0],)),
    "holidays": replace(WEEK, country="DE"),
    "a shutdown": replace(WEEK, closed=(SHUTDOWN,)),
    "a shutdown of a plant that works every day": WorkingCalendar(closed=(SHUTDOWN,)),
    "extra work": replace(WEEK, open=(span_of("2022-03-05"), span_of("2022-05-14/2022-05-15"))),
}


def steps_of(cleaned: Cleaned, series: int = 0) -> list[int]:
    """Days of the steps of a series."""
    panel = cleaned.panel
    return panel.days[panel.offsets[series] : panel.offsets[series + 1]].tolist()


@pytest.mark.parametrize("zero_rows", [False, True], ids=["no rows", "zero rows"])
@pytest.mark.parametrize("name", CALENDARS)
def test_the_steps_are_the_days_that_were_worked(name: str, zero_rows: bool) -> None:
    made = factory_table(CALENDARS[name], zero_rows=zero_rows)
    cleaned = clean(made.table)
    for series in range(len(KEYS)):
        assert steps_of(cleaned, series) == made.open_days.tolist()
    assert cleaned.quality["gaps"]["steps"] == cleaned.quality["interpolated_values"] == 0


@pytest.mark.parametrize("name", ["five days", "every second Saturday", "a shutdown"])
@given(seed=st.integers(0, 10**6), days=st.integers(60, 400), zero_rows=st.booleans())
@settings(max_examples=8, deadline=None)
def test_the_weeks_ahead_follow_the_pattern(
    name: str, seed: int, days: int, zero_rows: bool
) -> None:
    calendar = CALENDARS[name]
    made = factory_table(calendar, seed, max(days, 120), zero_rows)
    found = clean(made.table).panel.calendar.working[0]
    ahead = made.open_days[-1] + 1 + np.arange(100)
    assert (found.is_open(ahead) == calendar.is_open(ahead)).all()


@pytest.mark.parametrize(
    ("country", "part"), [("DE", None), ("DE", "BY"), ("US", None), ("JP", None), ("FR", None)]
)
@pytest.mark.parametrize("lines", [1, 3])
def test_the_public_holidays_of_a_country_are_recognised(
    country: str, part: str | None, lines: int
) -> None:
    calendar = replace(WEEK, country=country, subdivision=part, closed=(SHUTDOWN,))
    made = factory_table(calendar, days=800, keys=KEYS[:lines])
    cleaned = clean(made.table)
    found = cleaned.calendars.of(KEYS[0])
    assert found.country == country
    ahead = made.open_days[-1] + 1 + np.arange(365)
    assert (found.is_open(ahead) == calendar.is_open(ahead)).mean() > 0.99
    assert steps_of(cleaned) == made.open_days.tolist()


def test_closed_days_of_no_country_stay_days() -> None:
    odd = [span_of(f"2022-{month:02}-1{month % 7}") for month in range(1, 13)]
    made = factory_table(replace(WEEK, closed=tuple(odd)), days=360)
    found = clean(made.table).calendars.of(KEYS[0])
    assert found.country is None
    assert len(found.closed) >= 6


def test_plants_and_lines_have_calendars_of_their_own() -> None:
    keys = [("South", "TV", "Large"), ("South", "TV", "Small"), ("South", "Car", "Small")]
    six = CALENDARS["six days"]
    made = [
        factory_table(WEEK),
        factory_table(six, keys=keys[:2]),
        factory_table(WorkingCalendar(), keys=keys[2:]),
    ]
    cleaned = clean(read_rows([row for each in made for row in each.rows], 10**6))
    panel, found = cleaned.panel, cleaned.calendars
    assert [found.of(key).weekdays for key in panel.series_keys] == [
        *[WEEK.weekdays] * 3, EVERY_DAY, *[six.weekdays] * 2
    ]  # fmt: skip
    for s, key in enumerate(panel.series_keys):
        own = next(each for each in made if each.rows[0]["plant"] == key[0] or key in KEYS)
        own = made[2] if key == keys[2] else own
        assert steps_of(cleaned, s) == own.open_days.tolist()
        alone = panel.select([s])
        assert alone.days.tolist() == own.open_days.tolist()
        assert len(alone.calendar.working) == 1


def without(made: FactoryTable, *dates: str, plants: Sequence[str] = ("North",)) -> FactoryTable:
    kept = [row for row in made.rows if row["date"] not in dates or row["plant"] not in plants]
    return FactoryTable(kept, made.open_days)


def one_line(calendar: WorkingCalendar) -> FactoryTable:
    return factory_table(calendar, keys=KEYS[:1])


@pytest.mark.parametrize(
    ("lacking", "interpolated"),
    [
        (["2022-03-16"], 2),  # a Wednesday: WIP and throughput
        (["2022-04-15", "2022-04-18"], 0),  # Good Friday and Easter Monday
        (["2022-03-14", "2022-03-15", "2022-03-16", "2022-03-17", "2022-03-18"], 0),
    ],
    ids=["a Wednesday", "Easter", "a week"],
)
def test_one_line_alone_shows_holidays_beside_weekends_and_long_ones(
    lacking: list[str], interpolated: int
) -> None:
    cleaned = clean(without(one_line(WEEK), *lacking).table)
    assert cleaned.quality["interpolated_values"] == interpolated


def test_a_day_that_only_one_of_several_lines_lacks_is_a_gap() -> None:
    made = factory_table(WEEK)
    rows = [r for r in made.rows if r["date"] != "2022-03-18" or r["application"] != "Car"]
    cleaned = clean(read_rows(rows, 10**6))
    assert cleaned.quality["gaps"]["steps"] == 1
    assert cleaned.calendars.of(KEYS[0]) == WEEK


def test_a_long_gap_of_one_line_that_works_every_day_is_refused() -> None:
    dates = [str(np.datetime64(d, "D")) for d in range(*span_of("2022-03-01/2022-03-15"))]
    table = without(one_line(WorkingCalendar()), *dates).table
    with pytest.raises(InvalidInput, match="missing steps") as error:
        clean(table)
    advised = str(error.value).rpartition("`calendar`, such as ")[2].rstrip(".")
    assert json.loads(advised) == {"North": {"closed": ["2022-03-01/2022-03-14"]}}
    steps = clean(table, given=given_calendars(calendars_of(json.loads(advised)))).quality["gaps"]
    assert steps["steps"] == 0


def test_a_long_gap_of_one_line_of_several_can_be_given_as_rows() -> None:
    made = factory_table(WorkingCalendar())
    car = [r for r in made.rows if r["application"] == "Car"]
    still = [r | {"throughput": 0, "wip": car[30]["wip"]} for r in car[30:40]]
    rows = [r for r in made.rows if r not in car[30:40]]
    with pytest.raises(InvalidInput, match="send rows of these dates with throughput 0"):
        clean(read_rows(rows, 10**6))
    assert clean(read_rows([*rows, *still], 10**6)).quality["gaps"]["steps"] == 0


def test_a_line_without_extra_work_has_no_output_on_that_day() -> None:
    made = factory_table(CALENDARS["extra work"])
    rows = [r for r in made.rows if r["date"] != "2022-03-05" or r["application"] != "Car"]
    cleaned = clean(read_rows(rows, 10**6))
    panel, saturday = cleaned.panel, span_of("2022-03-05")[0]
    car = panel.series_keys.index(KEYS[2])
    row = panel.values[panel.offsets[car] + steps_of(cleaned, car).index(saturday)]
    before = panel.values[panel.offsets[car] + steps_of(cleaned, car).index(saturday) - 1]
    assert row[:2].tolist() == [before[0], 0.0]
    assert cleaned.quality["interpolated_values"] == 0


@pytest.mark.parametrize("seed", range(3))
def test_days_without_demand_are_no_closed_days(seed: int) -> None:
    rng, rows, wip = np.random.default_rng(seed), [], 12.0
    for day in range(200):
        out = float(rng.poisson(0.4))
        names = dict(zip(("plant", "application", "panel_size"), KEYS[0], strict=True))
        rows.append({"day": day, "wip": wip, "throughput": out} | names)
        wip += rng.poisson(0.4) - out + (5 if wip < 3 else 0)
    cleaned = clean(read_rows(rows, 10**6))
    assert len(cleaned.panel.values) == 200
    assert not cleaned.calendars.by_name


def test_work_that_arrives_at_weekends_keeps_its_rows() -> None:
    made = factory_table(WorkingCalendar())
    for place, row in enumerate(made.rows):
        if place % 7 > 4:
            row["throughput"] = 0.0
    assert len(clean(made.table).panel.values) == len(made.rows)


def test_a_given_calendar_holds_but_output_opens_a_day() -> None:
    made = factory_table(CALENDARS["extra work"])
    cleaned = clean(made.table, given=PlantCalendars({"*": WEEK}))
    assert steps_of(cleaned) == made.open_days.tolist()
    assert cleaned.calendars.of(KEYS[0]).open == CALENDARS["extra work"].open


@pytest.fixture(name="datasets")
def _datasets(tmp_path: Path) -> Datasets:
    return Datasets(tmp_path, 10**6, 10**9)


@pytest.mark.parametrize("name", ["five days", "a shutdown", "extra work"])
@pytest.mark.parametrize("zero_rows", [False, True], ids=["no rows", "zero rows"])
def test_stored_rows_are_those_that_came(datasets: Datasets, name: str, zero_rows: bool) -> None:
    made = factory_table(CALENDARS[name], zero_rows=zero_rows)
    document = datasets.add_rows(made.rows)
    id, cleaned = document["dataset_id"], clean(made.table)
    kept = datasets.preview(id, 10_000)
    assert document["data_points"] == len(kept) == len(made.rows)
    came = sorted(made.rows, key=lambda row: (row["application"], row["panel_size"], row["date"]))
    names = ("date", "wip", "throughput")
    assert [[row[n] for n in names] for row in kept] == [[row[n] for n in names] for row in came]
    panel = datasets.load(id)
    assert panel.calendar == cleaned.panel.calendar
    assert (panel.days == cleaned.panel.days).all()
    assert panel.last_day(0) == cleaned.panel.last_day(0)


def test_closed_days_are_recognised_where_the_step_is_stated() -> None:
    rows = factory_table(WEEK).rows
    stated = clean(read_rows(rows, len(rows), options=ReadOptions(step="day")))
    assert stated.calendars == clean(read_rows(rows, len(rows))).calendars
    assert not stated.quality["gaps"]["steps"]
