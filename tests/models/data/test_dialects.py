"""Tables in any dialect: read as they are meant, or refused with the field that chooses."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data.cleaning import clean
from models.data.reading.tables import Table, read_file, read_rows
from utils.api.upload_options import ReadOptions, UploadOptions
from utils.errors import InvalidInput, ServiceError

HEAD = ["date", "plant", "application", "panel_size", "wip", "throughput", "cycle_time"]
DAYS = pd.date_range("2024-01-01", periods=60)


def frame(rows: int = 60, scale: float = 1.0, freq: str = "D") -> pd.DataFrame:
    """A flow that keeps Little's Law, WIP and throughput in whole units."""
    rng = np.random.default_rng(1)
    throughput = np.round(50 * scale * rng.lognormal(0, 0.1, rows))
    wip = np.round(throughput * 3 * rng.lognormal(0, 0.02, rows))
    dates = pd.date_range("2024-01-01", periods=rows, freq=freq).strftime("%Y-%m-%d")
    names = {"plant": "Plant_A", "application": "TV", "panel_size": "Large"}
    numbers = {"wip": wip, "throughput": throughput, "cycle_time": np.round(wip / throughput, 3)}
    return pd.DataFrame({"date": dates, **names, **numbers})


def read(folder: Path, content: str | bytes, **options: Any) -> Table:
    path = folder / "table"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_file(path, 10_000, 10_000_000, None, UploadOptions.parse(options))


def same(table: Table, expected: pd.DataFrame) -> None:
    days = expected["date"].to_numpy("datetime64[D]").astype(np.int64)
    np.testing.assert_array_equal(table.days, days)
    for name in ("wip", "throughput", "cycle_time"):
        if name in table.numbers:
            np.testing.assert_allclose(table.numbers[name], expected[name], rtol=1e-12)


def written(value: float, decimals: int, group: str, mark: str) -> str:
    text = f"{value:,.{decimals}f}"
    return text.replace(",", "\0").replace(".", mark).replace("\0", group)


LINES = frame().to_csv(index=False)
SEMICOLONS = frame().to_csv(index=False, sep=";")


@pytest.mark.parametrize(
    "content",
    [
        "sep=;\r\n" + SEMICOLONS,
        "WIP report;;;;;;\n2024-03-01;;;;;;\n\n" + SEMICOLONS,
        frame().to_csv(index=False, sep="|"),
        frame().to_csv(index=False, sep="\t").encode("utf-16"),
        frame().to_csv(index=False, sep="\t").encode("utf-16-le"),
        LINES.replace("\n", ",\n").replace("cycle_time,\n", "cycle_time\n"),
        LINES + ",,,,,,\n" * 3 + "Total,,,,9000,3000,\nSource: MES,,,,,,\n",
        LINES + LINES.splitlines()[0] + "\n",
        LINES.replace("date,", '"date\nof the day",').replace('"date\nof the day"', "Datum"),
        LINES.replace(",Large,", ',"Large",'),
        frame()
        .rename(columns={"plant": "Factory", "throughput": "TH", "cycle_time": "CT"})
        .to_csv(index=False),
        frame()
        .rename(columns={"wip": "WIP (pcs)", "cycle_time": "Durchlaufzeit [Tage]"})
        .to_csv(index=False),
        frame().to_json(orient="records", lines=True),
        "\ufeff" + frame().to_json(orient="records"),
        frame()
        .assign(date=[int(day.timestamp() * 1000) for day in DAYS])
        .to_json(orient="records"),
        '{"value": ' + frame().to_json(orient="records") + "}",
        frame().to_json(orient="split"),
        json.dumps(frame().to_dict(orient="list")),
    ],
)
def test_forms_of_files(tmp_path: Path, content: str | bytes) -> None:
    same(read(tmp_path, content), frame())


@pytest.mark.parametrize(
    "form",
    [
        "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y %H:%M", "%d.%m.%y", "%y/%m/%d", "%d-%b-%y", "%B %d, %Y",
        "%a, %d %b %Y", "%Y年%m月%d日", "%Y-%m-%d 00:00:00 UTC", "%Y%m%d", "%Y-%m-%dT00:00+09:00",
        "%d/%m/%Y %I:%M %p", "%Y/%m/%d",
    ],
)  # fmt: skip
def test_forms_of_dates(tmp_path: Path, form: str) -> None:
    dates = DAYS.strftime(form)
    same(read(tmp_path, frame().assign(date=dates).to_csv(index=False)), frame())


@pytest.mark.parametrize(
    ("freq", "form", "step"),
    [("W-MON", "%G-W%V", "week"), ("MS", "%Y%m", "month"), ("MS", "%b %Y", "month"),
     ("MS", "%d/%m/%Y", "month"), ("MS", "%Y-%m-%dT00:00:00+02:00", "month")],
)  # fmt: skip
def test_weeks_and_months(tmp_path: Path, freq: str, form: str, step: str) -> None:
    expected = frame(36, freq=freq)
    dates = pd.date_range("2024-01-01", periods=36, freq=freq).strftime(form)
    table = read(tmp_path, expected.assign(date=dates).to_csv(index=False))
    same(table, expected)
    assert table.read_as["step"] == step


@pytest.mark.parametrize("zone", ["Asia/Taipei", "Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_date_with_an_offset_is_the_local_one(tmp_path: Path, zone: str, form: str) -> None:
    days = pd.date_range("2024-01-01", periods=366, tz=zone)
    table, content = frame(366).assign(date=days), io.BytesIO()
    if form == "csv":
        table["date"] = [day.isoformat() for day in days]
        table.to_csv(content, index=False)
    else:
        table.to_parquet(content)
    same(read(tmp_path, content.getvalue()), frame(366))


@pytest.mark.parametrize("scale", [1, 20, 30])
@pytest.mark.parametrize(("group", "mark"), [(".", ","), (",", "."), ("\u202f", ","), ("'", ".")])
def test_thousands_and_decimals(tmp_path: Path, group: str, mark: str, scale: float) -> None:
    expected = frame(scale=scale)
    texts = expected.assign(
        wip=[written(x, 0, group, mark) for x in expected["wip"]],
        throughput=[written(x, 0, group, mark) for x in expected["throughput"]],
        cycle_time=[written(x, 3, group, mark) for x in expected["cycle_time"]],
    )
    same(read(tmp_path, texts.to_csv(index=False, sep=";")), expected)
    same(read_rows(texts.to_dict("records"), 100), expected)


def test_numbers_with_two_readings_are_refused_and_chosen(tmp_path: Path) -> None:
    content = "date;plant;wip;throughput\n" + "".join(
        f"2024-01-0{d};A;4.{d}00;1.{d}15\n" for d in range(1, 8)
    )
    with pytest.raises(InvalidInput, match=r"numberFormat: .*'4.100'.* 4.1; 1.234,5 reads 4100"):
        read(tmp_path, content)
    table = read(tmp_path, content, numberFormat="1.234,5")
    assert table.numbers["wip"][0] == 4100 and table.read_as["filled"] == {
        "application": "all", "panel_size": "all"
    }  # fmt: skip
    assert read(tmp_path, content, numberFormat="1,234.5").numbers["wip"][0] == 4.1


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("shift_jis", ["ロット", "ワット"]), ("gbk", ["苏州", "昆山"]), ("big5", ["台南", "竹科"]),
        ("euc_kr", ["구미", "파주"]), ("euc_jp", ["工場", "本社"]), ("cp1250", ["Łódź", "Győr"]),
        ("cp1251", ["Завод"]), ("cp1254", ["İzmir"]), ("mac_roman", ["Köln"]), ("cp1252", ["Köln"]),
    ],
)  # fmt: skip
def test_encodings_are_stated_recognised_or_asked_for(
    tmp_path: Path, encoding: str, names: list[str]
) -> None:
    tables = [frame().assign(plant=name) for name in names]
    content = pd.concat(tables).to_csv(index=False).encode(encoding)
    assert read(tmp_path, content, encoding=encoding).names[0][1] == sorted(names)
    try:
        assert read(tmp_path, content).names[0][1] == sorted(names)
    except InvalidInput as error:
        assert error.details[0].field == "encoding"
        assert any(name in error.message for name in names)


def test_names_are_composed_and_those_that_look_alike_are_named(tmp_path: Path) -> None:
    names = ["Fábrica", "Fa\u0301brica", "Plant 1", "Plant\u00a01", "Plant 1\u200b"]
    content = pd.concat([frame().assign(plant=name) for name in names]).to_csv(index=False)
    table = read(tmp_path, content)
    assert len(table.names[0][1]) == 4
    assert table.read_as["similar_names"] == [
        {"field": "plant", "names": ["Plant 1", "Plant 1\u200b", "Plant\u00a01"]}
    ]


def shifts(**more: Any) -> pd.DataFrame:
    """Three shifts a day, of which the throughput adds up."""
    return pd.concat(
        [
            frame().assign(
                date=lambda f, h=hour: f["date"] + h,
                throughput=lambda f, s=share: f["throughput"] * s,
            )
            for hour, share in (("T06:00", 0.5), ("T14:00", 0.25), ("T22:00", 0.25))
        ]
    ).sort_values("date")


def test_times_of_a_day_are_one_day(tmp_path: Path) -> None:
    table = read(tmp_path, shifts().to_csv(index=False))
    same(table, frame())
    assert table.read_as["several_rows"]["taken_as"] == "times"


def test_rows_that_a_column_tells_apart_are_a_choice(tmp_path: Path) -> None:
    lines = pd.concat([frame().assign(line=line) for line in ("L1", "L2")])
    with pytest.raises(InvalidInput, match=r"duplicates: .* column 'line' tells rows"):
        read(tmp_path, lines.to_csv(index=False))
    with pytest.raises(InvalidInput, match=r"duplicates: .* several rows"):
        constant = frame().assign(wip=100.0, throughput=2.0, cycle_time=50.0)
        read(tmp_path, pd.concat([constant] * 3).to_csv(index=False))
    joined = read(
        tmp_path, lines.to_csv(index=False), columns='{"panel_size": ["panel_size", "line"]}'
    )
    assert joined.names[2][1] == ["Large / L1", "Large / L2"]
    added = read(tmp_path, lines.to_csv(index=False), duplicates="lines")
    np.testing.assert_allclose(added.numbers["wip"], 2 * frame()["wip"])
    np.testing.assert_allclose(added.numbers["cycle_time"], frame()["cycle_time"])


FOUR_FOUR_FIVE = np.cumsum([28, 28, 35] * 8) + np.datetime64("2024-01-01")


@pytest.mark.parametrize(
    ("dates", "sentence"),
    [
        (pd.date_range("2024-01-01", periods=24, freq="28D"), ""),
        (pd.date_range("2024-01-01", periods=24, freq="BME"), ""),
        (pd.date_range("2024-04-01", periods=3, freq="ME"), ""),
        (pd.DatetimeIndex(FOUR_FOUR_FIVE), ""),
        (pd.date_range("2024-01-01", periods=12, freq="MS").append(
            pd.date_range("2025-01-01", periods=12, freq="ME")), "some by their last"),
        (pd.date_range("2024-01-01", periods=12, freq="W-MON").append(
            pd.date_range("2024-04-01", periods=12, freq="W-SUN")), "weeks begin on"),
    ],
)  # fmt: skip
def test_dates_are_kept_or_refused_with_what_was_seen(
    tmp_path: Path, dates: pd.DatetimeIndex, sentence: str
) -> None:
    expected = frame(len(dates)).assign(date=dates.strftime("%Y-%m-%d"))
    if not sentence:
        panel = clean(read(tmp_path, expected.to_csv(index=False))).panel
        assert panel.calendar.dates(panel.time) == expected["date"].tolist()
        return
    with pytest.raises(InvalidInput, match=f"date: .*{sentence}"):
        read(tmp_path, expected.to_csv(index=False))
    chosen = read(
        tmp_path, expected[:12].to_csv(index=False), step="month" if "last" in sentence else "week"
    )
    assert len(chosen) == 12


def test_units_are_converted_where_they_are_stated_and_named_where_they_are_not(
    tmp_path: Path,
) -> None:
    hours = frame().assign(cycle_time=lambda f: f["cycle_time"] * 24)
    table = read(tmp_path, hours.to_csv(index=False))
    assert "looks like hours" in table.read_as["warnings"][0]
    stated = hours.rename(columns={"cycle_time": "Cycle Time (h)"}).to_csv(index=False)
    same(read(tmp_path, stated), frame())
    rate = frame().assign(throughput=lambda f: f["throughput"] / 24).to_csv(index=False)
    assert "looks like units per hour" in read(tmp_path, rate).read_as["warnings"][0]
    same(read(tmp_path, rate, units='{"throughput": "per_hour"}'), frame())


@pytest.mark.parametrize("name", [12345678901234567890123, 2.0**60, 0.1 + 0.2])
def test_names_that_a_number_cannot_keep_are_refused(name: float) -> None:
    rows = frame(3).assign(plant="A").to_dict("records")
    rows[1]["plant"] = name
    with pytest.raises(InvalidInput, match="plant: must be sent as a text"):
        read_rows(rows, 10)


@pytest.mark.parametrize("cell", ["#DIV/0!", "#N/A", "#WERT!"])
def test_cells_with_errors_are_blank_and_counted(tmp_path: Path, cell: str) -> None:
    table = read(tmp_path, LINES.replace(LINES.splitlines()[3].split(",")[-1], cell, 1))
    assert table.read_as["error_cells"] == {"cycle_time": 1}
    assert int(np.isnan(table.numbers["cycle_time"]).sum()) == 1


def test_columns_of_parquet_of_any_type(tmp_path: Path) -> None:
    table = pa.Table.from_pandas(frame(), preserve_index=False)
    plants = pa.array(["Plant_A"] * 60, pa.string_view())
    spent = pa.array([pd.Timedelta(days=value) for value in frame()["cycle_time"]])
    table = table.set_column(1, "plant", plants).set_column(6, "cycle_time", spent)
    pq.write_table(table, tmp_path / "t")
    found = read_file(tmp_path / "t", 100, 1_000_000)
    np.testing.assert_allclose(found.numbers["cycle_time"], frame()["cycle_time"], rtol=1e-9)
    assert found.names[0][1] == ["Plant_A"]


def test_a_column_that_is_missing_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"wip is missing.* starts and finishes"):
        read(tmp_path, frame().drop(columns="wip").to_csv(index=False))
    spelled = frame().rename(columns={"cycle_time": "cycel time"}).to_csv(index=False)
    assert "'cycel time' was not read" in read(tmp_path, spelled).read_as["warnings"][0]
    named = read(tmp_path, spelled, columns='{"cycleTime": "cycel time"}')
    same(named, frame())
    with pytest.raises(InvalidInput, match="columns: has no column of that name"):
        read(tmp_path, spelled, columns='{"cycle_time": "x"}')


def test_a_column_is_left_unread_if_the_request_states_so(tmp_path: Path) -> None:
    found = read(tmp_path, LINES, columns='{"cycle_time": null, "panelSize": null}')
    assert list(found.numbers) == ["wip", "throughput"] and found.names[2][1] == ["all"]
    assert found.ignored == ["panel_size", "cycle_time"] and not found.read_as["warnings"]
    rows = frame().to_dict("records")
    options = ReadOptions.parse({"columns": {"cycle_time": None}})
    assert "cycle_time" not in read_rows(rows, 100, options=options).numbers
    with pytest.raises(InvalidInput, match="columns: must not leave out wip"):
        read(tmp_path, LINES, columns='{"wip": null}')
    with pytest.raises(InvalidInput, match=r"columns.wip.0 must be a text"):
        read(tmp_path, LINES, columns='{"wip": [null]}')


# --- any dialect ------------------------------------------------------------------------------

MARKS = st.sampled_from([(",", "."), (".", ","), ("\u00a0", ","), ("'", "."), ("", "."), ("", ",")])
ENCODINGS = {
    "utf-8": "Köln", "utf-8-sig": "Łódź", "utf-16": "苏州", "cp1252": "Köln", "cp1250": "Łódź",
    "cp1251": "Завод", "gb18030": "苏州", "shift_jis": "工場", "big5": "台南", "mac_roman": "Köln",
}  # fmt: skip
FORMS = ["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%y", "%m/%d/%Y", "%d %b %Y", "%Y%m%d", "%Y-%m-%d %H:%M"]


@st.composite
def dialects(draw: st.DrawFn) -> tuple[bytes, dict[str, str], pd.DataFrame]:
    """A table in a random dialect: its bytes, the options that state it, the table."""
    rows, scale = draw(st.integers(14, 40)), draw(st.sampled_from([0.02, 1.0, 25.0, 3000.0]))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    expected = frame(rows, scale)
    decimals = draw(st.integers(0, 4))
    throughput = np.round(50 * scale * rng.lognormal(0, 0.3, rows), decimals)
    wip = np.round(throughput * 3.21 * rng.lognormal(0, 0.1, rows), decimals)
    encoding = draw(st.sampled_from(sorted(ENCODINGS)))
    expected = expected.assign(wip=wip, throughput=throughput, plant=ENCODINGS[encoding])
    expected["cycle_time"] = np.round(wip / np.maximum(throughput, 0.01), draw(st.integers(1, 4)))
    group, mark = draw(MARKS)
    separator = draw(st.sampled_from(";\t|," if mark == "." and group != "," else ";\t|"))
    if encoding not in ("utf-8", "utf-8-sig", "utf-16", "cp1252", "cp1250", "cp1251", "mac_roman"):
        group = "" if group == "\u00a0" else group
    texts = expected.assign(
        date=pd.to_datetime(expected["date"]).dt.strftime(draw(st.sampled_from(FORMS))),
        **{
            name: [written(x, places, group, mark) for x in expected[name]]
            for name, places in (("wip", decimals), ("throughput", decimals), ("cycle_time", 4))
        },
    )
    order = draw(st.permutations(HEAD))
    content = texts[list(order)].to_csv(index=False, sep=separator)
    content = draw(st.sampled_from(["", "Report\n", f"sep={separator}\n"])) + content
    content += draw(st.sampled_from(["", separator * 6 + "\n"]))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    stated = {"encoding": encoding.removesuffix("-sig")}
    stated["numberFormat"] = "1,234.5" if mark == "." else "1.234,5"
    return content.replace("\n", end).encode(encoding), stated, expected


def reads_back(folder: Path, dialect: tuple[bytes, dict[str, str], pd.DataFrame]) -> None:
    content, stated, expected = dialect
    given: dict[str, str] = {}
    for _ in range(3):
        try:
            table = read(folder, content, **given)
            break
        except InvalidInput as error:  # a choice: state what is asked for, and nothing else
            field = error.details[0].field
            assert field in stated and field not in given, str(error)
            given[field] = stated[field]
    same(table, expected)
    assert table.names[0][1] == [expected["plant"][0]]


@settings(max_examples=30)
@given(dialects())
def test_a_table_in_any_dialect_reads_back_the_same(tmp_path: Path, dialect: Any) -> None:
    reads_back(tmp_path, dialect)


@pytest.mark.long
@settings(max_examples=10_000)
@given(dialects())
def test_ten_thousand_tables_in_any_dialect_read_back_the_same(
    tmp_path: Path, dialect: Any
) -> None:
    reads_back(tmp_path, dialect)


def test_a_unit_that_is_not_known_is_named_in_a_warning(tmp_path: Path) -> None:
    table = frame(5).rename(columns={"wip": "WIP (EUR)", "throughput": "Output (pcs)"})
    [warning] = read(tmp_path, table.to_csv(index=False).encode()).read_as["warnings"]
    assert "'WIP (EUR)' is read as wip, and 'EUR' is not taken for a unit" in warning


def test_options_of_rows_are_those_of_files() -> None:
    rows = frame(5).assign(wip="4.500", throughput="1.500").drop(columns="cycle_time")
    chosen = ReadOptions.parse({"numberFormat": "1.234,5"})
    assert read_rows(rows.to_dict("records"), 10, options=chosen).numbers["wip"][0] == 4500
    with pytest.raises(ServiceError, match="numberFormat"):
        read_rows(rows.to_dict("records"), 10)
