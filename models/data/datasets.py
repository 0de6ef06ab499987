"""Stored data sets: generated, uploaded or posted; checked, kept as Parquet, streamed out."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from models.data import littles_law, tables
from models.data.cleaning import clean
from models.data.name_consistency import made_of
from models.data_generator import PlantSpec, first_day, generate
from models.series.panel import DAYS_PER_YEAR, KEYS, TARGETS, Calendar, Key, Panel, Step
from utils import arrow, spreadsheet_text
from utils.api.request_limits import check_series
from utils.errors import DamagedFile, NotFound
from utils.settings import Settings
from utils.storage.artifact_store import ArtifactStore
from utils.storage.quota import Quota
from utils.validation import compliance

PREVIEW_ROWS = 100
_BATCH = 16_384
_NUMBERS = (
    *TARGETS,
    "finished_goods",
    "semi_finished_goods",
    "releases",
    "littles_law_compliance",
)
_OWN = (
    "files",
    "anchor",
    "fingerprint",
    "made",
)  # entries of documents that are nobody else's business
_DAYS = {Step.DAY: 1.0, Step.WEEK: 7.0, Step.MONTH: DAYS_PER_YEAR / 12}
_NAME_TYPE = pa.dictionary(pa.int32(), pa.string())


def _schema(numbers: Iterable[str]) -> pa.Schema:
    return pa.schema(
        [("day", pa.int32()), ("date", pa.date32())]
        + [(name, _NAME_TYPE) for name in KEYS]
        + [(name, pa.float64()) for name in _NUMBERS if name in numbers]
    )


class Datasets:
    """The data sets at one location: a Parquet file and a document each.

    Rows lie series by series, each from its first date to its last without a gap.
    """

    def __init__(
        self,
        location: str | Path,
        max_rows: int,
        max_bytes: int,
        max_series: int | None = None,
        room: Quota | None = None,
    ) -> None:
        self.store = ArtifactStore(location, "data set", (".parquet",), room)
        self.max_rows = max_rows
        self.max_bytes = max_bytes
        self.max_series = max_series or max_rows

    @classmethod
    def of(cls, settings: Settings) -> Datasets:
        """The data sets that the settings place, and bound."""
        return cls(
            settings.data_location,
            settings.max_rows,
            settings.max_upload_mb * 1_000_000,
            settings.max_series,
            Quota("MAX_DATA_MB", settings.max_data_mb),
        )

    def generate(
        self, spec: PlantSpec, id: str | None = None, mark: str | None = None
    ) -> dict[str, Any]:
        """Store synthetic data, written while it is made; returns its document.

        Args:
            id: the data set's id, a fresh one by default.
            mark: kept in the document as `fingerprint`, what the data was asked for by.
        """
        days = first_day() + np.arange(spec.days)

        def write(path: Path) -> None:
            with _Writer(path, _schema(_NUMBERS)) as writer:
                for block in generate(spec):
                    count = len(block.keys)
                    writer.write(
                        block.keys,
                        np.full(count, spec.days),
                        np.tile(np.arange(spec.days), count),
                        np.tile(days, count),
                        {name: values.ravel() for name, values in block.columns.items()},
                    )

        made = made_of(spec.keys)
        summary = _summary(spec.keys, spec.rows, Calendar(), int(days[0]), int(days[-1]))
        # As asked for, not sorted: pages show the names in the order they were typed.
        summary |= {"plants": list(spec.plants), "applications": list(spec.applications)}
        summary |= {"panel_sizes": list(spec.panel_sizes)}
        parameters = {name: getattr(spec, name) for name in spec.__dataclass_fields__}
        extra: dict[str, Any] = {"parameters": parameters, "made": made}
        extra |= {} if mark is None else {"fingerprint": mark}
        return self._publish("generated", summary, write, extra, id)

    def upload(self, path: Path) -> dict[str, Any]:
        """Check and store the table in a file (see `tables.read_file`); returns its document.

        Raises:
            ServiceError: the table cannot be read or mended; the sentence says where.
        """
        self.store.room.expect()
        return self._store("upload", tables.read_file(path, self.max_rows, self.max_bytes))

    def add_rows(self, rows: list[dict[str, Any]], id: str | None = None) -> dict[str, Any]:
        """Check and store rows posted as JSON, under a fresh id or one given.

        Raises:
            ServiceError: as `upload`.
        """
        return self._store("posted rows", tables.read_rows(rows, self.max_rows), id)

    def _store(self, source: str, table: Any, id: str | None = None) -> dict[str, Any]:
        cleaned = clean(table)
        del table  # a third of what a large upload takes
        pa.default_memory_pool().release_unused()  # judging and writing begin without the rest
        panel, quality = cleaned.panel, cleaned.quality
        check_series(len(panel.keys), self.max_series)
        extra = {"anchor": panel.calendar.anchor, "quality": quality, "made": made_of(panel.keys)}
        with ThreadPoolExecutor(1, "law") as beside:
            # Judging takes half as long as writing, on another processor no time at all.
            judged = beside.submit(littles_law.judge, panel)

            def write(path: Path) -> None:
                _write_panel(path, panel, cleaned.extras)
                verdicts = littles_law.counts(judged.result().verdict, littles_law.VERDICTS)
                quality["littles_law"]["verdicts"] = verdicts

            return self._publish(source, summary_of(panel), write, extra, id)

    def _publish(
        self,
        source: str,
        summary: dict[str, Any],
        write: Any,
        extra: dict[str, Any],
        id: str | None,
    ) -> dict[str, Any]:
        id = id or str(uuid4())
        document = {
            "dataset_id": id,
            "created_at": datetime.now(UTC).isoformat(),
            "source": source,
            "data_points": summary["total_points"],
            "summary": summary,
            **extra,
        }
        self.store.publish(id, document, {".parquet": write})
        return document

    def documents(self) -> list[dict[str, Any]]:
        """Documents of all data sets, newest first; damaged ones are left out."""
        return _newest_first(self.store.readable_documents().values())

    def listed(self) -> tuple[list[dict[str, Any]], dict[str, str]]:
        """(the documents of all data sets, newest first, less those that a glance shows to be
        damaged; what is wrong with these, by id)."""
        documents, damaged = self.store.sorted_out()
        for id in documents:
            with suppress(NotFound, DamagedFile):  # changed meanwhile
                for suffix, fault in self.store.faults(id).items():
                    damaged[id] = self.store.damage(id, suffix, fault).message
        return _newest_first(documents[id] for id in documents.keys() - damaged), damaged

    def preview(self, id: str, rows: int = PREVIEW_ROWS) -> list[dict[str, Any]]:
        """The first rows of a data set, JSON-ready."""
        with self.store.local(id, ".parquet") as path, pq.ParquetFile(path) as file:
            batch = next(file.iter_batches(batch_size=rows), None)
        return [] if batch is None else _as_rows(batch)

    def load(self, id: str) -> Panel:
        """The series of a data set.

        Raises:
            NotFound: there is none of that id.
            DamagedFile: its file is not what was stored.
        """
        document = self.store.document(id)
        columns = ["date", *KEYS, *TARGETS]
        with self.store.local(id, ".parquet") as path, pq.ParquetFile(path) as file:
            table = file.read(columns).unify_dictionaries()
        names = [_codes(table[name]) for name in KEYS]
        starts = np.flatnonzero(
            np.any([np.diff(codes, prepend=-1) != 0 for codes, _ in names], axis=0)
        )
        keys: list[Key] = [
            (names[0][1][names[0][0][i]], names[1][1][names[1][0][i]], names[2][1][names[2][0][i]])
            for i in starts
        ]
        calendar = calendar_of(document)
        days = table["date"].cast(pa.int32()).to_numpy().astype(np.int64)
        offsets = np.append(starts, len(table)).astype(np.int64)
        values = np.column_stack([table[name].to_numpy() for name in TARGETS])
        del table, names
        pa.default_memory_pool().release_unused()  # else the library keeps what it took to read
        return Panel(calendar, tuple(keys), offsets, calendar.index(days[starts]), values)

    def peaks(self, id: str) -> dict[str, float]:
        """The most that each plant ever put out in a step, all its series together, in units a day.

        Raises:
            NotFound, DamagedFile: as `load`.
        """
        document = self.store.document(id)
        parts = []
        with self.store.local(id, ".parquet") as path, pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_BATCH, columns=["plant", "day", "throughput"]):
                rows = pa.table({name: _plain(batch.column(name)) for name in batch.schema.names})
                parts.append(_total(rows, "throughput"))
        if not parts:
            return {}
        of_steps = _total(pa.concat_tables(parts), "throughput")
        highest = of_steps.group_by("plant").aggregate([("throughput", "max")])
        days = _DAYS[Step(document["summary"]["step"])]
        return {row["plant"]: row["throughput_max"] / days for row in highest.to_pylist()}

    def stream(self, id: str, form: str) -> Iterator[bytes]:
        """The rows of a data set as `csv` or `json`, some at a time."""
        document, opened = self.store.document(id), ExitStack()
        path = opened.enter_context(self.store.local(id, ".parquet"))
        # Opened before the first byte is promised: it is read whole, whoever deletes it.
        file = opened.enter_context(pq.ParquetFile(path))
        return _closing(opened, _csv(file) if form == "csv" else _json(file, document))

    def parquet(self, id: str) -> AbstractContextManager[Path]:
        """The file of a data set, as long as the context is open."""
        return self.store.local(id, ".parquet")


def _closing(opened: ExitStack, parts: Iterator[bytes]) -> Iterator[bytes]:
    with opened:
        yield from parts


class _Writer:
    """Writes series to a Parquet file; the bytes depend on the rows only."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = schema
        # Numbers hardly repeat: a dictionary of them costs half of the time, and room.
        self._file = pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=[*KEYS])

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(
        self,
        keys: Iterable[Key],
        lengths: NDArray[np.int64],
        day: NDArray[np.int64],
        date: NDArray[np.int64],
        numbers: dict[str, NDArray[np.float64]],
    ) -> None:
        columns = {
            "day": arrow.numbers(day.astype(np.int32), pa.int32()),
            "date": arrow.numbers(date.astype(np.int32), pa.date32()),
        }
        series = np.repeat(np.arange(len(lengths)), lengths)
        for name, labels in zip(KEYS, zip(*keys, strict=True), strict=True):
            distinct, codes = np.unique(labels, return_inverse=True)
            columns[name] = pa.DictionaryArray.from_arrays(
                arrow.numbers(codes[series].astype(np.int32), pa.int32()),
                arrow.texts(distinct.tolist()),
            )
        for name in self._schema.names[len(columns) :]:
            columns[name] = arrow.numbers(np.asarray(numbers[name], float), pa.float64())
        self._file.write_table(pa.table(columns, self._schema))


def _write_panel(path: Path, panel: Panel, extras: dict[str, NDArray[np.float64]]) -> None:
    """Write series and the columns that are not forecast to a Parquet file."""
    numbers = dict(zip(TARGETS, panel.values.T, strict=True)) | extras
    numbers["littles_law_compliance"] = compliance(*panel.values.T)
    time, begin = panel.time, int(panel.first.min())
    with _Writer(path, _schema(numbers)) as writer:
        writer.write(panel.keys, panel.lengths, time - begin, panel.calendar.days(time), numbers)


def calendar_of(document: dict[str, Any]) -> Calendar:
    """The calendar of a stored data set."""
    return Calendar(Step(document["summary"]["step"]), document.get("anchor", 0))


def summary_of(panel: Panel) -> dict[str, Any]:
    """What a panel holds, as replies state it."""
    ends = int(panel.first.min()), int((panel.first + panel.lengths).max()) - 1
    first, last = panel.calendar.days(np.array(ends))
    return _summary(panel.keys, len(panel.values), panel.calendar, int(first), int(last))


def _summary(
    keys: Iterable[Key], rows: int, calendar: Calendar, first: int, last: int
) -> dict[str, Any]:
    plants, applications, sizes = (sorted(set(names)) for names in zip(*keys, strict=True))
    begin, end = (str(np.datetime64(day, "D")) for day in (first, last))
    return {
        "total_points": rows,
        "plants": plants,
        "applications": applications,
        "panel_sizes": sizes,
        "series": len(set(keys)),
        "step": calendar.step.value,
        "date_range": {"start": begin, "end": end},
    }


def _codes(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], list[str]]:
    array = column.combine_chunks()
    array = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    return array.indices.to_numpy().astype(np.int64), array.dictionary.to_pylist()


def _as_rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = batch.to_pylist()
    for row in rows:
        row["date"] = row["date"].isoformat()
    return rows


def _newest_first(documents: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(documents, key=lambda d: str(d.get("created_at")), reverse=True)


def _csv(file: pq.ParquetFile) -> Iterator[bytes]:
    header = True
    for batch in file.iter_batches(batch_size=_BATCH):
        text = io.BytesIO()
        options = pyarrow.csv.WriteOptions(include_header=header, quoting_style="needed")
        plain = pa.table({n: _plain(_inert(batch.column(n))) for n in batch.schema.names})
        pyarrow.csv.write_csv(plain, text, options)
        header = False
        yield text.getvalue()


def _inert(column: pa.Array) -> pa.Array:
    """The column; in one of names, none is what a spreadsheet takes for a formula."""
    if not pa.types.is_dictionary(column.type):
        return column
    names = arrow.texts([spreadsheet_text.escaped(name) for name in column.dictionary.to_pylist()])
    return pa.DictionaryArray.from_arrays(column.indices, names)


def _total(rows: pa.Table, name: str) -> pa.Table:
    """The sums of a column by plant and day."""
    sums = rows.group_by(["plant", "day"]).aggregate([(name, "sum")])
    return pa.table([sums["plant"], sums["day"], sums[f"{name}_sum"]], ["plant", "day", name])


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _json(file: pq.ParquetFile, document: dict[str, Any]) -> Iterator[bytes]:
    head = {"success": True} | {k: v for k, v in document.items() if k not in _OWN}
    yield orjson.dumps(head)[:-1] + b',"data":['
    comma = b""
    for batch in file.iter_batches(batch_size=_BATCH):
        yield comma + orjson.dumps(_as_rows(batch))[1:-1]
        comma = b","
    yield b"]}"
