"""Stored data sets: generated, uploaded or posted; checked, kept as Parquet, read and streamed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from models.data import (
    dataset_files,
    dataset_streams,
    littles_law,
    raw_files,
    table_merge,
    tables,
)
from models.data.cleaning import Cleaned, clean
from models.data.cycle_time_unit import in_worked_days
from models.data.dataset_summary import calendar_of, products_by_plant, summarize, summary_of
from models.data.events import event_files, event_upload
from models.data.events.event_choices import event_options
from models.data.events.event_log import EventLog
from models.data.events.event_upload import EventOptions
from models.data.given_calendars import given_calendars
from models.data.plan_rows import Plan, read_stored_plan, write_plan
from models.data.raw_files import NO_OPTIONS
from models.data.tables import Table
from models.data_generator import COLUMNS, PlantSpec, first_day, generate
from models.series.calendar import DAYS_PER_YEAR, Calendar, Step
from models.series.panel import TARGETS, Panel
from models.series.plant_calendars import PlantCalendars
from utils.api.schemas.calendar import CalendarFields
from utils.api.upload_options import ReadOptions, UploadOptions
from utils.errors import Conflict, DamagedFile, InvalidInput
from utils.settings import Settings
from utils.storage.artifact_index import ArtifactIndex, Entry, Page, Selection, Tag
from utils.storage.artifact_store import ArtifactStore, Writer
from utils.storage.quota import Quota

PREVIEW_ROWS = 100
PLAN = ".plan"
# The rows; the event log that they were made of; what is planned after them; what was received.
SUFFIXES = (".parquet", event_files.SUFFIX, PLAN, table_merge.SUFFIX)
_CHANGES = 1000  # that a document states, the last ones
_INDEX_VERSION = 3  # to be increased with each change of `Datasets._entry`
_LISTED = (
    *("dataset_id", "created_at", "source", "data_points", "summary", "quality", "parameters"),
    *("version", "as_of"),
)
_OF_CLIENT = "of_client"  # tag of data sets that no training stored for itself
_POSTED = "posted rows"  # source of rows in a request for a training
_DAYS = {Step.DAY: 1.0, Step.WEEK: 7.0, Step.MONTH: DAYS_PER_YEAR / 12}


class OutdatedVersion(Conflict):
    """A data set has another version than a change of it was made from."""


class Datasets:
    """The data sets at one location: a Parquet file (see `dataset_files`) and a document each.

    Args:
        location: a folder, or a URL of an object store.
        max_rows: of one data set, as it is received.
        max_bytes: of an upload, unpacked.
        max_series: of one data set.
        room: the quota of all data sets together.
    """

    def __init__(
        self,
        location: str | Path,
        max_rows: int,
        max_bytes: int,
        max_series: int | None = None,
        room: Quota | None = None,
    ) -> None:
        self.store = ArtifactStore(location, "data set", SUFFIXES, room)
        self.index = ArtifactIndex(self.store, _INDEX_VERSION, self._entry)
        self.max_rows = max_rows
        self.max_bytes = max_bytes
        self.max_series = max_series or max_rows

    @classmethod
    def of(cls, settings: Settings) -> Datasets:
        """Return the data sets at the location, and with the limits, of the settings."""
        return cls(
            settings.data_location,
            settings.max_rows,
            settings.max_upload_mb * 1_000_000,
            settings.max_series,
            Quota("MAX_DATA_MB", settings.max_data_mb),
        )

    # --- storing ------------------------------------------------------------------------------

    def generate(
        self,
        spec: PlantSpec,
        id: str | None = None,
        mark: str | None = None,
        made_for: str | None = None,
    ) -> dict[str, Any]:
        """Store synthetic data, written while it is generated; return its document.

        Args:
            id: the data set's id, a fresh one by default.
            mark: kept in the document as `fingerprint`, of the request for the data.
            made_for: kept in the document, the training or group of trainings that it is for.
        """
        days = first_day() + np.arange(spec.days)

        def write(path: Path) -> None:
            with dataset_files.SeriesWriter(path, (*COLUMNS, "littles_law_compliance")) as writer:
                for block in generate(spec):
                    count = len(block.series_keys)
                    writer.write(
                        block.series_keys,
                        np.full(count, spec.days),
                        np.tile(np.arange(spec.days), count),
                        np.tile(days, count),
                        {name: values.ravel() for name, values in block.columns.items()},
                    )

        summary = summarize(spec.series_keys, spec.rows, Calendar(), int(days[0]), int(days[-1]))
        # As in the request, not sorted: pages show the names in the order they were typed.
        summary |= {"plants": list(spec.plants), "applications": list(spec.applications)}
        summary |= {"panel_sizes": list(spec.panel_sizes)}
        made = products_by_plant(spec.series_keys)
        extra: dict[str, Any] = {"parameters": spec.to_document(), "made": made}
        extra |= replace(spec.calendars, origin=int(days[-1])).to_document()
        extra |= {} if mark is None else {"fingerprint": mark}
        extra |= {} if made_for is None else {"made_for": made_for}
        files: dict[str, Writer] = {".parquet": write}
        return self._publish("generated", summary, files, extra, id)

    def upload(
        self,
        path: Path,
        id: str | None = None,
        mark: str | None = None,
        options: UploadOptions = NO_OPTIONS,
        declared: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Check and store the table in a file (see `tables.read_file`); return its document.

        An event log is stored whole beside the series that follow from it.

        Args:
            id, mark: as of `generate`.
            options: how the table is to be read.
            declared: names of further columns whose values are known ahead.

        Raises:
            ServiceError: the table cannot be read or repaired; the sentence names the place.
        """
        self.store.quota.expect()
        cleaned, log, more = self.received(path, options, declared)
        return self._store("upload", cleaned, log, id, mark, more)

    def received(
        self, path: Path, options: UploadOptions = NO_OPTIONS, declared: Sequence[str] = ()
    ) -> tuple[Cleaned, EventLog | None, dict[str, Any]]:
        """Return the series in a file, the event log that they were made of, if it is one, and how
        it was read.

        Raises:
            ServiceError: as `upload`.
        """
        chosen = event_options(options)
        with raw_files.opened(path, self.max_rows, self.max_bytes, options) as raw:
            read, read_as = event_upload.read(raw, chosen, self.max_series), raw.read_as
            if read is None:
                table = tables.table_of(raw, options, False, self.max_series, declared=declared)
                given = given_calendars(options.calendar, table.names[0][1])
                more = {"read_as": table.read_as} | _marked(given)
                return cleaned_table(table, given=given), None, more
        if options.calendar is not None:
            raise InvalidInput.of("calendar", "is for tables of days; this is an event log")
        about = {"event_options": chosen.to_document(), "read_as": read_as}
        return event_upload.series_of(read, chosen)[0], read.log, about

    def add_rows(
        self,
        rows: list[dict[str, Any]],
        id: str | None = None,
        made_for: str | None = None,
        declared: Sequence[str] = (),
        options: ReadOptions = NO_OPTIONS,
        calendar: Mapping[str, CalendarFields] | None = None,
    ) -> dict[str, Any]:
        """Check and store rows posted as JSON, under a fresh id or a given one.

        Args:
            made_for: as of `generate`.
            declared: as of `upload`.
            options: how the rows are to be read.
            calendar: working calendars that hold, by plant.

        Raises:
            ServiceError: as `upload`.
        """
        limits: dict[str, Any] = {"max_series": self.max_series, "declared": declared}
        table = tables.read_rows(rows, self.max_rows, options=options, **limits)
        more: dict[str, Any] = {"read_as": table.read_as}
        more |= {} if made_for is None else {"made_for": made_for}
        given = given_calendars(calendar, table.names[0][1])
        cleaned = cleaned_table(table, given=given)
        return self._store(_POSTED, cleaned, None, id, more=more | _marked(given))

    def _store(
        self,
        source: str,
        cleaned: Cleaned,
        log: EventLog | None,
        id: str | None = None,
        mark: str | None = None,
        more: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        more = (more or {}) | ({} if mark is None else {"fingerprint": mark})
        with self._prepared(cleaned, log) as (summary, files, extra):
            return self._publish(source, summary, files, extra | more, id)

    def revise(
        self, id: str, version: int, cleaned: Cleaned, log: EventLog | None, change: dict[str, Any]
    ) -> dict[str, Any]:
        """Put series in place of those of a data set; return its document.

        Args:
            version: of the data set that the series were made from.
            log: the event log that they were made of, if any.
            change: about the change, for the document's `changes`.

        Raises:
            OutdatedVersion: the data set has another version by now.
            NotFound, TooLarge, Unavailable: as of `ArtifactStore.revise`.
        """

        def revised(document: dict[str, Any]) -> dict[str, Any]:
            if document.get("version", 1) != version:
                raise OutdatedVersion(f"Data set {id} was changed meanwhile. Try again.")
            entry = change | {"version": version + 1, "at": datetime.now(UTC).isoformat()}
            return {
                "data_points": summary["total_points"],
                "summary": summary,
                **extra,
                "version": version + 1,
                "as_of": summary["date_range"]["end"],
                "changes": [*document.get("changes", []), entry][-_CHANGES:],
            }

        with self._prepared(cleaned, log) as (summary, files, extra):
            self.store.revise(id, files, revised)
        return self.store.document(id)

    @contextmanager
    def _prepared(
        self, cleaned: Cleaned, log: EventLog | None
    ) -> Iterator[tuple[dict[str, Any], dict[str, Writer], dict[str, Any]]]:
        """The summary of series, the writers of their files, and entries of their document."""
        pa.default_memory_pool().release_unused()  # judging and writing begin without the rest
        panel, quality, closed = cleaned.panel, cleaned.quality, cleaned.closed
        made = products_by_plant(panel.series_keys)
        extra: dict[str, Any] = {
            "anchor": panel.calendar.offset,
            "month_rule": panel.calendar.rule.value,
            "quality": quality,
            "made": made,
        }
        extra |= cleaned.calendars.to_document()
        extra |= {"known": list(cleaned.declared)} if cleaned.declared else {}
        with ThreadPoolExecutor(1, "law") as beside:
            # Judging takes half as long as writing, on another processor no time at all.
            judged = beside.submit(littles_law.judge, in_worked_days(panel))

            def write(path: Path) -> None:
                dataset_files.write_panel(path, panel, cleaned.extras, closed)
                verdicts = littles_law.counts(judged.result().verdict, littles_law.VERDICTS)
                quality["littles_law"]["verdicts"] = verdicts

            files: dict[str, Writer] = {".parquet": write}
            if log is not None:
                files[event_files.SUFFIX] = partial(event_files.write, log=log)
            if cleaned.plan:
                files[PLAN] = partial(write_plan, plan=cleaned.plan)
            if cleaned.received is not None and log is None:
                files[table_merge.SUFFIX] = partial(table_merge.write_table, table=cleaned.received)
            yield summary_of(panel, len(closed.group)), files, extra

    def _publish(
        self,
        source: str,
        summary: dict[str, Any],
        files: dict[str, Writer],
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
            "version": 1,
            "as_of": summary["date_range"]["end"],
            **extra,
        }
        self.store.publish(id, document, files)
        return document

    # --- reading ------------------------------------------------------------------------------

    def newest_of_clients(self) -> str | None:
        """Return the id of the newest data set that a client generated or uploaded, if any."""
        return next((id for id, _ in self.index.tagged(_OF_CLIENT, limit=1)), None)

    def page(self, selection: Selection) -> tuple[Page, dict[str, str]]:
        """Return a page of the list of data sets; their files are not read, only their sizes.

        Returns:
            the entries of the intact ones; the fault of each damaged one, by id.
        """
        page = self.index.page(selection)
        intact, damaged = {}, {}
        for id, entry in page.shown.items():
            faults = self.store.faults(id, entry["files"])
            if "error" in entry:
                damaged[id] = entry["error"]
            elif faults:
                damaged[id] = self.store.damage(id, *next(iter(faults.items()))).message
            else:
                intact[id] = entry["info"]
        return page._replace(shown=intact), damaged

    def _entry(self, id: str) -> Entry:
        """Return a data set as the index has it.

        Raises:
            NotFound: there is none of that id.
        """
        try:
            document = self.store.document(id)
            summary, files = document["summary"], document.get("files", {})
            info = {name: document[name] for name in _LISTED if name in document}
            names = {name: summary[name] for name in ("plants", "applications", "panel_sizes")}
            words = [
                document["source"],
                document["created_at"],
                *chain.from_iterable(names.values()),
            ]
            created_at, rows = document["created_at"], document["data_points"]
        except (DamagedFile, KeyError) as error:
            fault = f"Its document lacks {error}." if isinstance(error, KeyError) else error.message
            written = datetime.fromtimestamp(self.store.changed_at(id), UTC).isoformat()
            return Entry(written, -1, "damaged", {}, None, {"error": fault, "files": {}})
        names["made"] = document.get("made", {})
        shown = {"info": info, "files": files}
        tags = {} if is_of_training(document) else {_OF_CLIENT: Tag("")}
        return Entry(created_at, rows, " ".join(words), tags, names, shown)

    def preview(self, id: str, rows: int = PREVIEW_ROWS) -> list[dict[str, Any]]:
        """Return the first rows of a data set, JSON-ready."""
        with self.store.local(id, ".parquet") as path, pq.ParquetFile(path) as file:
            batch = next(file.iter_batches(batch_size=rows), None)
        return [] if batch is None else dataset_streams.as_rows(batch)

    def load(self, id: str) -> Panel:
        """Return the series of a data set.

        Raises:
            NotFound: there is none of that id.
            DamagedFile: its file is not what was stored.
        """
        document = self.store.document(id)
        calendars = PlantCalendars.from_document(document)
        with self.store.local(id, ".parquet") as path:
            return dataset_files.read_panel(path, calendar_of(document), calendars)

    def rows_of(
        self, id: str, key: dict[str, str], until: str | None, most: int
    ) -> list[dict[str, Any]]:
        """Return the last rows of a series, JSON-ready, up to a date.

        Args:
            key: plant, application and panel size by the names of their columns.
            until: the last date, YYYY-MM-DD; None: that of the data.

        Raises:
            NotFound, DamagedFile: as `load`.
        """
        document = self.store.document(id)
        columns = ["date", *TARGETS, *document.get("known", ())]
        chosen: list[tuple[str, str, Any]] = [(name, "=", value) for name, value in key.items()]
        chosen += [("date", "<=", date.fromisoformat(until))] if until else []
        with self.store.local(id, ".parquet") as path:
            table = pq.read_table(path, columns=columns, filters=chosen)
        return dataset_streams.as_rows(table.slice(max(0, len(table) - most)))

    def plan(self, id: str) -> Plan:
        """Return what is known of the steps after the last rows; {} for nothing.

        Raises:
            NotFound: there is no data set of that id.
            DamagedFile: the file of the plan is not what was stored.
        """
        if f"{id}{PLAN}" not in self.store.document(id).get("files", {}):
            return {}
        with self.store.local(id, PLAN) as path:
            return read_stored_plan(path)

    def replace_plan(self, id: str, plan: Plan) -> None:
        """Store a plan in place of the present one. Raises NotFound for an unknown id."""
        self.store.attach(id, PLAN, partial(write_plan, plan=plan))

    def received_table(self, id: str) -> Table:
        """Return the rows of a data set as they were received.

        Raises:
            NotFound, DamagedFile: as `load`.
        """
        document = self.store.document(id)
        kept = f"{id}{table_merge.SUFFIX}" in document.get("files", {})
        suffix = table_merge.SUFFIX if kept else ".parquet"
        with self.store.local(id, suffix) as path:
            return table_merge.read_table(path, tuple(document.get("known", ())))

    def has_log(self, id: str) -> bool:
        """Return True if a data set was made of an event log.

        Raises:
            NotFound: there is no data set of that id.
        """
        return f"{id}{event_files.SUFFIX}" in self.store.document(id).get("files", {})

    def log(self, id: str) -> EventLog:
        """Return the event log that a data set was made of.

        Raises:
            NotFound, DamagedFile: as `load`; or it was made of none.
        """
        with self.store.local(id, event_files.SUFFIX) as path:
            return event_files.read(path)

    def event_options(self, id: str) -> EventOptions:
        """Return the choices by which the series of an event log were made.

        Raises:
            NotFound: there is no data set of that id.
        """
        return EventOptions.from_document(self.store.document(id)["event_options"])

    def digest(self, id: str) -> str:
        """Return a text that changes with anything about a data set: its rows or its calendars.

        Raises:
            NotFound, DamagedFile: as `load`.
        """
        return sha256(orjson.dumps(self.store.document(id))).hexdigest()

    def peaks(self, id: str) -> dict[str, float]:
        """Return the highest throughput of each plant, in units a day (see `plant_peaks`).

        Raises:
            NotFound, DamagedFile: as `load`.
        """
        days = _DAYS[Step(self.store.document(id)["summary"]["step"])]
        with self.store.local(id, ".parquet") as path:
            peaks = dataset_files.plant_peaks(path)
        return {plant: peak / days for plant, peak in peaks.items()}

    def stream(self, id: str, form: str) -> Iterator[bytes]:
        """Yield the rows of a data set as `csv` or `json`, some at a time."""
        document, opened = self.store.document(id), ExitStack()
        path = opened.enter_context(self.store.local(id, ".parquet"))
        # Opened before the first byte is promised: it is read whole, even if it is deleted.
        file = opened.enter_context(pq.ParquetFile(path))
        if form == "csv":
            return _closing(opened, dataset_streams.csv_parts(file))
        return _closing(opened, dataset_streams.json_parts(file, document))

    def parquet(self, id: str) -> AbstractContextManager[Path]:
        """Return the file of a data set, as long as the context is open."""
        return self.store.local(id, ".parquet")


def is_of_training(document: dict[str, Any]) -> bool:
    """Return whether a data set was stored for a training, by its document."""
    return "made_for" in document or document.get("source") == _POSTED


def _marked(given: PlantCalendars | None) -> dict[str, Any]:
    """The entry of a document that tells that its calendars were given, not recognised."""
    return {} if given is None else {"calendars_given": True}


def cleaned_table(
    table: Table,
    calendar: Calendar | None = None,
    partly: bool = False,
    given: PlantCalendars | None = None,
) -> Cleaned:
    """Return the regular series of a table, see `clean`; rows are counted as they were received."""
    cleaned = clean(table, calendar or table.calendar, partly, given)
    cleaned.quality["rows_received"] = table.read_as.get("rows", len(table))
    return cleaned


def _closing(opened: ExitStack, parts: Iterator[bytes]) -> Iterator[bytes]:
    with opened:
        yield from parts
