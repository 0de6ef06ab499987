"""The content of a data set made of a table: its files, and the entries of its document."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from models.data import dataset_files, littles_law, plan_rows, table_merge
from models.data.cleaning import Cleaned, clean
from models.data.cycle_time_unit import in_worked_days
from models.data.dataset_summary import products_by_plant, summarize, summary_of
from models.data.events import event_files
from models.data.events.event_log import EventLog
from models.data.reading.tables import Table
from models.data_generator import COLUMNS, PlantSpec, first_day, generate
from models.series.calendar import Calendar
from models.series.plant_calendars import PlantCalendars, reopened
from utils.storage.artifact_store import Writer


def cleaned_table(
    table: Table,
    calendar: Calendar | None = None,
    partly: bool = False,
    given: PlantCalendars | None = None,
) -> Cleaned:
    """Return the regular series of a table, see `clean`; rows are counted as they were received."""
    cleaned = clean(table, calendar, partly, given)
    cleaned.quality["rows_received"] = table.read_as.get("rows", len(table))
    if given is not None and "warnings" in table.read_as:
        table.read_as["warnings"] += reopened(given, cleaned.calendars)
    return cleaned


@contextmanager
def content_of(
    cleaned: Cleaned, log: EventLog | None
) -> Iterator[tuple[dict[str, Any], dict[str, Writer], dict[str, Any]]]:
    """Give the summary of series, the writers of their files, and entries of their document.

    Little's Law is judged meanwhile; the context ends once that is done.
    """
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
            files[plan_rows.SUFFIX] = partial(
                plan_rows.write_plan, plan=cleaned.plan, calendar=panel.calendar
            )
        if cleaned.received is not None and log is None:
            files[table_merge.SUFFIX] = partial(table_merge.write_table, table=cleaned.received)
        yield summary_of(panel, len(closed.group)), files, extra


def generated_content(
    spec: PlantSpec,
) -> tuple[dict[str, Any], dict[str, Writer], dict[str, Any]]:
    """Return the summary of synthetic data, the writer of its file, and entries of its document.

    The data is generated while it is written.
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
    return summary, {".parquet": write}, extra
