"""Stored data sets: generated, uploaded or posted; checked, kept as Parquet, read and streamed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from models.data import plan_rows, table_merge
from models.data.cleaning import Cleaned
from models.data.dataset_content import cleaned_table, content_of, generated_content
from models.data.dataset_entries import INDEX_VERSION, OF_CLIENT, POSTED, entry_of
from models.data.dataset_reader import DatasetReader
from models.data.dataset_summary import calendar_of
from models.data.events import event_files, event_upload
from models.data.events.event_choices import event_options
from models.data.events.event_log import EventLog
from models.data.given_calendars import given_calendars
from models.data.plan_rows import Plan
from models.data.reading import raw_files, tables
from models.data.reading.raw_files import NO_OPTIONS
from models.data_generator import PlantSpec
from models.series.plant_calendars import PlantCalendars
from utils.api.schemas.calendar import CalendarFields
from utils.api.upload_options import ReadOptions, UploadOptions
from utils.errors import Conflict, InvalidInput
from utils.settings import Settings
from utils.storage.artifact_index import ArtifactIndex, Page, Selection
from utils.storage.artifact_store import ArtifactStore, Writer
from utils.storage.quota import Quota

# The rows; the event log that they were made of; what is planned after them; what was received.
SUFFIXES = (".parquet", event_files.SUFFIX, plan_rows.SUFFIX, table_merge.SUFFIX)
_CHANGES = 1000  # that a document states, the last ones


class OutdatedVersion(Conflict):
    """A data set has another version than a change of it was made from."""


class Datasets(DatasetReader):
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
        super().__init__(ArtifactStore(location, "data set", SUFFIXES, room))
        self.index = ArtifactIndex(self.store, INDEX_VERSION, partial(entry_of, self.store))
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
        summary, files, extra = generated_content(spec)
        extra |= {} if mark is None else {"fingerprint": mark}
        extra |= {} if made_for is None else {"made_for": made_for}
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
                raw.release()
                given = given_calendars(options.calendar, table.names[0][1])
                more = {"read_as": table.read_as} | _marked(given)
                return cleaned_table(table, given=given), None, more
        if options.calendar is not None:
            raise InvalidInput.of("calendar", "is for tables of days; this is an event log")
        if options.fill_down:
            raise InvalidInput.of("fillDown", "is for tables of days; this is an event log")
        cleaned, about = event_upload.series_of(read, chosen)
        read_as |= {"rows": len(read.log), "columns": about["columns"], "step": chosen.step.value}
        read_as |= {"warnings": raw.warnings}
        more = {"event_options": chosen.to_document(), "read_as": read_as}
        return cleaned, read.log, more

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
        return self._store(POSTED, cleaned, None, id, more=more | _marked(given))

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
        with content_of(cleaned, log) as (summary, files, extra):
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

        with content_of(cleaned, log) as (summary, files, extra):
            self.store.revise(id, files, revised)
        return self.store.document(id)

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

    # --- listing ------------------------------------------------------------------------------

    def newest_of_clients(self) -> str | None:
        """Return the id of the newest data set that a client generated or uploaded, if any."""
        return next((id for id, _ in self.index.tagged(OF_CLIENT, limit=1)), None)

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

    def replace_plan(self, id: str, plan: Plan) -> None:
        """Store a plan in place of the present one. Raises NotFound for an unknown id."""
        calendar = calendar_of(self.store.document(id))
        write = partial(plan_rows.write_plan, plan=plan, calendar=calendar)
        self.store.attach(id, plan_rows.SUFFIX, write)


def _marked(given: PlantCalendars | None) -> dict[str, Any]:
    """The entry of a document that tells that its calendars were given, not recognised."""
    return {} if given is None else {"calendars_given": True}
