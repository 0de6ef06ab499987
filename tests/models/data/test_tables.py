"""Tables as people have them, read and repaired, or refused with a sentence."""

from __future__ import annotations

import gzip
import json
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.cleaning import Cleaned, clean
from models.data.datasets import Datasets
from models.data.reading import parquet_files
from models.data.reading.tables import Table, read_file, read_rows
from tests.support.stores import visible_files
from utils.errors import BadRequest, InvalidInput, ServiceError, TooLarge, UnsupportedMedia

HEAD = "date,plant,application,panel_size,wip,throughput,cycle_time\n"
LINES = "2024-01-01,A,B,C,1.5,2,3\n2024-01-02,A,B,C,2.5,3,\n"
SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


def read(folder: Path, content: str | bytes, rows: int = 100, size: int = 1_000_000) -> Table:
    path = folder / "table"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_file(path, rows, size)


@pytest.mark.parametrize(
    "content",
    [
        HEAD + LINES,
        "\ufeff" + HEAD + LINES,
        (HEAD + LINES).replace("\n", "\r\n"),
        (HEAD + LINES).replace(",", ";"),
        (HEAD + LINES).replace(",", ";").replace(".5", ",5"),
        (HEAD + LINES).replace(",", "\t"),
        (HEAD + LINES).replace("2024-01-01", "01.01.2024").replace("2024-01-02", "02.01.2024"),
        (HEAD + LINES).replace("panel_size", "Panel Size").replace("cycle_time", "cycleTime"),
        (HEAD + LINES).replace("-01,", "-01T00:00:00Z,").replace("-02,", "-02T00:00:00Z,"),
        gzip.compress((HEAD + LINES).encode()),
        json.dumps({"rows": pd.read_csv(pd.io.common.StringIO(HEAD + LINES)).to_dict("records")})
        .replace("NaN", "null")
        .encode(),
    ],
)
def test_read_file_reads_every_form_alike(tmp_path: Path, content: str | bytes) -> None:
    table = read(tmp_path, content)
    assert table.days.tolist() == [19_723, 19_724]
    assert [labels for _, labels in table.names] == [["A"], ["B"], ["C"]]
    np.testing.assert_array_equal(table.numbers["wip"], [1.5, 2.5])
    np.testing.assert_array_equal(table.numbers["cycle_time"], [3, np.nan])


def test_read_file_reads_parquet_and_names_what_it_ignores(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"date": pd.to_datetime(["2024-01-01"]), "plant": ["A"], "application": ["B"],
         "panel_size": [15.0], "wip": [1], "throughput": [2], "colour": ["red"]}
    )  # fmt: skip
    frame.to_parquet(tmp_path / "t.parquet")
    table = read_file(tmp_path / "t.parquet", 10, 1000)
    assert table.names[2][1] == ["15"] and table.ignored == ["colour"]


def test_read_file_keeps_names_that_look_like_blanks_or_numbers(tmp_path: Path) -> None:
    lines = "2024-01-01,NA,null,007,1,2,\n"
    names = [labels for _, labels in read(tmp_path, HEAD + lines).names]
    assert names == [["NA"], ["null"], ["007"]]


def test_read_file_reads_western_europes_spreadsheets(tmp_path: Path) -> None:
    content = (HEAD + LINES).replace(",A,", ",Wörk,").encode("cp1252")
    assert read(tmp_path, content).names[0][1] == ["Wörk"]


@pytest.mark.parametrize(
    ("content", "error", "sentence"),
    [
        (HEAD.replace("throughput", "thruput") + LINES, InvalidInput, "is it 'thruput'"),
        (
            HEAD.replace("wip", "throughput") + LINES,
            InvalidInput,
            "given by two columns",
        ),
        (HEAD, InvalidInput, "at least one row"),
        (HEAD + LINES.replace("2.5", "two"), InvalidInput, "wip: must be a number; row 2"),
        (HEAD + LINES.replace("2.5", "1e13"), InvalidInput, "at most 1e12; row 2 has '1e13'"),
        (HEAD + LINES.replace("2.5", "inf"), InvalidInput, "at most 1e12; row 2"),
        (HEAD + LINES.replace("2024-01-02", "soon"), InvalidInput, "must be ISO 8601"),
        (HEAD + LINES.replace("2024-01-02", "03/04/2024"), InvalidInput, "dateOrder: must"),
        (HEAD + LINES.replace("2024-01-02", ""), InvalidInput, "date"),
        (
            HEAD + LINES.replace("2024-01-02", "0001-01-02"),
            InvalidInput,
            "years 1678 to 2261; row 2",
        ),
        (
            HEAD + LINES.replace("2024-01-02", "9999-01-02"),
            InvalidInput,
            "years 1678 to 2261; row 2",
        ),
        (HEAD + LINES.replace("02,A", "02,"), InvalidInput, "row 2 has none"),
        (HEAD + LINES.replace("02,A", "02," + "x" * 201), InvalidInput, "200 characters"),
        (HEAD + LINES * 60, TooLarge, "MAX_ROWS"),
        (HEAD + '"unclosed', BadRequest, "broken"),
        ("one,two\n1,2\n", UnsupportedMedia, "names its columns"),
        (b"\x7fELF\x00\x00", UnsupportedMedia, "binary"),
        (b"PAR1 but not really", BadRequest, "Parquet file is broken"),
        (b"\x1f\x8b broken", BadRequest, "gzip file is broken"),
        (gzip.compress(b"0" * 5_000_000), TooLarge, "MAX_UPLOAD_MB"),
        (b"[1, 2", BadRequest, "not JSON"),
        (b"[1, 2]", InvalidInput, "must be an object"),
        (b'{"a": 1}', InvalidInput, "list of rows"),
    ],
)
def test_read_file_refuses_with_a_sentence(
    tmp_path: Path, content: str | bytes, error: type[ServiceError], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        read(tmp_path, content)


@pytest.mark.parametrize(("most", "is_refused"), [(2, True), (3, False)])
def test_series_are_counted_before_they_are_cleaned(
    tmp_path: Path, most: int, is_refused: bool
) -> None:
    rows = ["2024-01-01,A,B,C,1,1", "2024-01-01, A ,B,C,1,1", "2024-01-02,A,B,C,1,1"]
    rows += ["2024-01-01,A,B,D,1,1", "2024-01-01,A,E,D,,"]
    path = tmp_path / "table"
    path.write_text(HEAD + "\n".join(rows))
    if is_refused:
        with pytest.raises(TooLarge, match=r"at most 2 series \(MAX_SERIES\). Received: 3"):
            read_file(path, 10, 1000, most)
    else:
        assert len(np.unique(read_file(path, 10, 1000, most).series)) == 3


def write_parquet(path: Path, **names: Any) -> None:
    """Write a table of one day, of which each row has these names."""
    rows = len(names["plant"])
    days, ones = pa.array([f"2024-01-{1 + i // 1000 % 4:02d}" for i in range(rows)]), np.ones(rows)
    pq.write_table(pa.table({"date": days, "wip": ones, "throughput": ones} | names), path)


@pytest.mark.parametrize(("most", "is_refused"), [(2000, False), (1999, True)])
@pytest.mark.parametrize("kind", ["text", "bytes", "number", "category", "decimal", "date"])
def test_series_of_a_parquet_file_are_counted_as_those_of_any_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, most: int, is_refused: bool
) -> None:
    monkeypatch.setattr(parquet_files, "_BATCH", 900)
    row = np.arange(4000)
    number = pa.array(row % 1000)
    plants = {
        "text": pa.array([f"{' ' * (i % 3)}{i % 1000} " for i in row]),
        "bytes": number.cast(pa.string()).cast(pa.binary()),
        "number": number.cast(pa.float32()),
        "category": number.cast(pa.string()).dictionary_encode(),
        "decimal": number.cast(pa.decimal128(30, 2)),
        "date": number.cast(pa.int32()).cast(pa.date32()),
    }[kind]
    path = tmp_path / "t.parquet"
    write_parquet(path, plant=plants, application=["A"] * 4000, panel_size=row // 2000)
    if is_refused:
        with pytest.raises(TooLarge, match=r"at most 1,999 series .* at least 2,000"):
            read_file(path, 4000, 1_000_000, most)
    else:
        assert len(np.unique(read_file(path, 4000, 1_000_000, most).series)) == 2000


@pytest.mark.parametrize("factor", [1, 1000])
def test_a_parquet_file_of_too_many_series_is_refused_before_it_is_read_whole(
    tmp_path: Path, factor: int
) -> None:
    path, row = tmp_path / "t.parquet", np.arange(500_000)
    names = pa.array((row // factor).astype(str))
    write_parquet(path, plant=names, application=names, panel_size=pa.array(row % factor))
    tracemalloc.start()
    with pytest.raises(TooLarge, match="at most 10,000 series"):
        read_file(path, 500_000, 100_000_000, 10_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30_000_000


def large(wrong: dict[int, str] | None = None) -> str:
    """A table large enough for pandas to read it by several threads; some lines replaced."""
    day, note = np.datetime64("2024-01-01"), "x" * 100
    lines = [f"{day + i // 3},00{i % 3},B,C,{i}.5,2,3,{note}" for i in range(50_000)]
    for row, line in (wrong or {}).items():
        lines[row - 1] = line
    return "\n".join([HEAD.replace("\n", ",note"), *lines, ""])


def test_read_file_reads_a_large_table_in_order_and_ends_its_threads(tmp_path: Path) -> None:
    threads = threading.active_count()
    table = read(tmp_path, large(), rows=50_000)
    assert threading.active_count() == threads
    assert table.names[0][1] == ["000", "001", "002"]
    np.testing.assert_array_equal(table.names[0][0], np.arange(50_000) % 3)
    np.testing.assert_array_equal(table.numbers["wip"], np.arange(50_000) + 0.5)
    np.testing.assert_array_equal(table.days, 19_723 + np.arange(50_000) // 3)


@pytest.mark.parametrize("end", ["", "\n" * 10])
def test_read_file_counts_rows_not_lines(tmp_path: Path, end: str) -> None:
    assert len(read(tmp_path, large() + end, rows=50_000)) == 50_000
    with pytest.raises(TooLarge, match="at most 49,999 rows"):
        read(tmp_path, large() + end, rows=49_999)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("2024-01-01,A,B,C,two,2,3,", "wip: must be a number; row 49990 has 'two'"),
        ("soon,A,B,C,1,2,3,", "date: .*; row 49990 has 'soon'"),
        ("2024-01-01,,B,C,1,2,3,", "a name in every row; row 49990 has none"),
        ("2024-01-01,A,B,C,1,2,3,4,5", "Expected 8 fields in line 49991, saw 9"),
        ('2024-01-01,A,B,C,1,2,3,"', "EOF inside string starting at row 49990"),
    ],
)
def test_upload_names_the_wrong_row_of_a_large_table_and_leaves_nothing(
    tmp_path: Path, line: str, sentence: str
) -> None:
    path = tmp_path / "table"
    path.write_text(large({49_990: line}))
    with pytest.raises(ServiceError, match=sentence):
        Datasets(tmp_path / "data", 50_000, 10_000_000).upload(path)
    assert visible_files(tmp_path / "data") == []


@pytest.mark.parametrize(
    "fails", ["models.data.littles_law.judge", "models.data.dataset_files.SeriesWriter.write"]
)
def test_upload_publishes_nothing_if_its_rows_cannot_be_judged_or_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError("too large")

    monkeypatch.setattr(fails, fail)
    (tmp_path / "table").write_text(HEAD + LINES)
    threads = threading.active_count()
    with pytest.raises(MemoryError, match="too large"):
        Datasets(tmp_path / "data", 10, 1000).upload(tmp_path / "table")
    assert visible_files(tmp_path / "data") == [] and threading.active_count() == threads


def test_read_file_takes_a_path_for_no_more_than_where_it_lies(tmp_path: Path) -> None:
    for name in ("~table.csv", "table.gz", "table.zip"):
        (tmp_path / name).write_text(HEAD + LINES)
        assert len(read_file(tmp_path / name, 10, 1000)) == 2


def test_read_rows_is_strict_and_takes_days() -> None:
    row = {"day": 3, "plant": "A", "application": "B", "panelSize": "C", "wip": 1, "throughput": 2}
    assert read_rows([row], 10).days.tolist() == [19_726]
    with pytest.raises(InvalidInput, match="did you mean throughput"):
        read_rows([row | {"througput": 1}], 10)
    with pytest.raises(InvalidInput, match="whole number"):
        read_rows([row | {"day": 1.5}], 10)
    with pytest.raises(TooLarge):
        read_rows([row] * 11, 10)
    for wrong in ({"a": 1}, True, "two"):
        with pytest.raises(InvalidInput, match="wip: must be a number; row 2"):
            read_rows([row, row | {"wip": wrong}], 10)
    with pytest.raises(InvalidInput, match="throughput: must be a number; row 1 has False"):
        read_rows([row | {"throughput": False}], 10)


def rows(values: dict[str, tuple[Any, Any]], plant: str = "A") -> list[dict[str, Any]]:
    return [
        {"date": day, "plant": plant, "application": "B", "panel_size": "C", "wip": wip,
         "throughput": flow} for day, (wip, flow) in values.items()
    ]  # fmt: skip


def cleaned(given: list[dict[str, Any]]) -> Cleaned:
    return clean(read_rows(given, 1000))


def test_clean_keeps_the_last_of_duplicates() -> None:
    days = rows({"2024-01-01": (1, 1), "2024-01-02": (2, 1)}) + rows({"2024-01-01": (9, 1)})
    found = cleaned(days)
    assert found.panel.values[:, 0].tolist() == [9, 2] and found.quality["duplicates"] == 1


def test_clean_takes_negatives_as_blanks_and_interpolates_short_runs() -> None:
    days = {f"2024-01-{d:02d}": (d, 10) for d in range(1, 9)}
    days |= {"2024-01-03": (-5, 10), "2024-01-04": (None, 10)}
    del days["2024-01-05"]
    found = cleaned(rows(days))
    np.testing.assert_allclose(found.panel.values[:, 0], np.arange(1, 9))
    assert found.quality["negatives"]["wip"] == 1 and found.quality["blanks"]["wip"] == 1
    assert found.quality["gaps"]["places"] == [
        {"series": "A / B / C", "after": "2024-01-04", "before": "2024-01-06", "steps": 1}
    ]
    assert found.quality["interpolated_values"] == 4


@pytest.mark.parametrize("blank", ["missing", "blank"])
def test_clean_refuses_long_runs_naming_series_and_dates(blank: str) -> None:
    days: dict[str, Any] = {f"2024-01-{d:02d}": (d, 10) for d in range(1, 21)}
    for d in range(6, 10):
        if blank == "missing":
            del days[f"2024-01-{d:02d}"]
        else:
            days[f"2024-01-{d:02d}"] = (None, 10)
    with pytest.raises(InvalidInput, match="A / B / C: 4 steps between 2024-01-05 and 2024-01-10"):
        cleaned(rows(days))


def test_clean_shortens_series_with_blank_ends_and_drops_empty_ones() -> None:
    days: dict[str, Any] = {f"2024-01-{d:02d}": (d, 10) for d in range(1, 8)}
    days |= {"2024-01-01": (None, 10), "2024-01-07": (7, None)}
    found = cleaned(rows(days) + rows({"2024-01-02": (None, 1)}, plant="Empty"))
    assert found.panel.calendar.dates(found.panel.time) == [f"2024-01-0{d}" for d in range(2, 7)]
    assert found.quality["empty_series"] == ["Empty / B / C"]
    with pytest.raises(InvalidInput, match="at least one row"):
        cleaned(rows({"2024-01-02": (None, 1)}))


@given(st.randoms())
def test_clean_does_not_depend_on_the_order_of_rows(random: Any) -> None:
    ordered = [
        row
        for plant in ("A", "Z")
        for row in rows({f"2024-02-{d:02d}": (d, d % 3) for d in range(1, 12)}, plant)
    ]
    shuffled = ordered.copy()
    random.shuffle(shuffled)
    first, second = cleaned(ordered), cleaned(shuffled)
    np.testing.assert_array_equal(first.panel.values, second.panel.values)
    assert first.panel.series_keys == second.panel.series_keys and first.quality == second.quality


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real tables are not part of the product")
@pytest.mark.parametrize(
    ("name", "series", "step", "blank"),
    [("m3_monthly", 21, "month", 0), ("itsm_daily", 20, "day", 289)],
)
def test_upload_reads_the_real_tables(
    tmp_path: Path, name: str, series: int, step: str, blank: int
) -> None:
    datasets = Datasets(tmp_path, 10_000, 10_000_000)
    document = datasets.upload(SHARED / f"{name}.csv")
    assert document["summary"]["series"] == series and document["summary"]["step"] == step
    assert document["quality"]["blanks"]["cycle_time"] == blank
    frame = pd.read_csv(SHARED / f"{name}.csv").sort_values(
        ["plant", "application", "panel_size", "date"]
    )
    panel = datasets.load(document["dataset_id"])
    np.testing.assert_array_equal(panel.values[:, :2], frame[["wip", "throughput"]])
    assert (
        len(b"".join(datasets.stream(document["dataset_id"], "csv")).splitlines()) == len(frame) + 1
    )
