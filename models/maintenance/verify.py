"""Verification: every stored document and file, and the database, checked while the service runs.

A repair deletes nothing that is damaged: it moves it to the folder `damaged` of its store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import sqlalchemy as sa

from models.data.datasets import Datasets
from models.jobs.jobs import Jobs
from models.jobs.states import JobState
from models.maintenance.backup import JOURNAL, REPLACED, places
from models.registry.model_store import CHECKPOINT, SERVED, backtest_store, model_store
from utils.errors import Conflict, DamagedFile, NotFound, ServiceError
from utils.settings import Settings
from utils.storage import sqlite_file
from utils.storage.artifact_reader import DOCUMENT, MISSING
from utils.storage.artifact_store import ArtifactStore
from utils.storage.files import is_old

_SOURCES = {".keras", ".h5"}
_AGAIN = "Restore it from a backup, or make it again."
_LATER = "Delete it when nobody needs it any more."


class Finding(NamedTuple):
    """A problem, or a note (which needs no action), with what to do about it."""

    subject: str
    problem: str
    advice: str
    repair: Callable[[], str] | None = None  # returns a sentence about what it did
    is_note: bool = False


def verify(settings: Settings, repair: bool = False) -> dict[str, Any]:
    """Check what a service stores; what is being published or deleted meanwhile is no finding.

    Args:
        repair: repair what can be repaired without a loss.

    Returns:
        `clean` (no problem is left), `checked` (numbers by noun), `findings`, `repairs`.

    Raises:
        Unavailable: a store or the database cannot be reached.
    """
    checked: Counter[str] = Counter()
    findings, repairs, clean = [], [], True
    for finding in _findings(settings, checked):
        kind, subject = "note" if finding.is_note else "problem", finding.subject
        stated = {"kind": kind, "subject": subject, "problem": finding.problem}
        can = {"advice": finding.advice, "can_be_repaired": finding.repair is not None}
        findings.append(stated | can)
        try:
            if repair and finding.repair:
                repairs.append(f"{subject}: {finding.repair()}")
            else:
                clean &= finding.is_note
        except ServiceError as error:
            repairs.append(f"{subject}: not repaired. {error.message}")
            clean = False
    return {"clean": clean, "checked": dict(checked), "findings": findings, "repairs": repairs}


def _findings(settings: Settings, checked: Counter[str]) -> Iterator[Finding]:
    models, ended = model_store(settings.model_location), set[str]()
    yield from _of_jobs(settings, models, ended, checked)
    datasets, backtests = Datasets.of(settings).store, backtest_store(settings.model_location)
    for store in (models, datasets, backtests):
        for id in store.ids():
            with suppress(NotFound):  # deleted meanwhile
                yield from _of_item(store, id, checked)
                checked[f"{store.noun}s"] += 1
        yield from _of_leftovers(store, ended)
    with suppress(Conflict):  # raised where backups are made by other tools
        at = places(settings)
        if (at.models / JOURNAL).exists():
            advice = "Stop the service and run `python run.py restore` again."
            yield Finding("restore", "An earlier one was interrupted halfway.", advice)
        for path in (p for f in {*at[:2], at.database.parent} for p in f.glob(f"{REPLACED}*")):
            yield Finding(f"folder {path}", "holds what a restore replaced.", _LATER, is_note=True)


def _of_jobs(
    settings: Settings, models: ArtifactStore, ended: set[str], checked: Counter[str]
) -> Iterator[Finding]:
    """Check the database; add to `ended` the ids of jobs that have ended and left a checkpoint."""
    url = sa.make_url(settings.resolved_database_url)
    if url.get_backend_name() == "sqlite":
        if not Path(str(url.database)).exists():
            return
        try:
            sqlite_file.expect_whole(Path(str(url.database)))
        except DamagedFile as error:
            advice = "Stop the service and restore a backup, or move the file away: it holds jobs."
            yield Finding("database", error.message, advice)
            return
    checked["databases"] += 1
    jobs = Jobs(settings.resolved_database_url)
    try:
        # Jobs are read before the models: each that has succeeded has its model by now.
        trained = {job.job_id for job in jobs.newest(JobState.SUCCEEDED, 1_000_000, 0)}
        states = jobs.states(sorted(models.stems(CHECKPOINT)))
    finally:
        jobs.engine.dispose()
    ended |= {id for id, state in states.items() if state.ended}
    checked["jobs"] += len(trained)
    if gone := trained.difference(models.ids()):
        found = f"{len(gone)} trainings succeeded whose models are not here, like {min(gone)}."
        advice = "Nothing, if they were deleted; else restore them from a backup."
        yield Finding("jobs", found, advice, is_note=True)


def _of_item(store: ArtifactStore, id: str, checked: Counter[str]) -> Iterator[Finding]:
    """Check the files of an item against its document."""
    name, set_aside = f"{store.noun} {id}", partial(_set_aside, store, id)
    try:
        document = store.document(id)
        stated = [file.removeprefix(id) for file in document.get("files", {})]
        faults = {s: _fault(store, id, s, document, checked) for s in stated}
    except DamagedFile as error:
        sentence = f"{error.message.split('. ')[0]}."
        if isinstance(error.__cause__, OSError):  # no proof of damage
            advice = "Check the permissions of the file, and the health of its disk."
            yield Finding(name, sentence, advice)
        else:
            yield Finding(name, sentence, _AGAIN, set_aside)
        return
    faults = {suffix: fault for suffix, fault in faults.items() if fault}
    whole = {s for s in store.suffixes if s not in faults and store.has(id, s)}
    is_model = ".keras" in store.suffixes
    if (faults and not is_model) or (is_model and not whole & {*_SOURCES, *SERVED.values()}):
        found = ", ".join(f"{suffix} {fault}" for suffix, fault in faults.items())
        yield Finding(name, f"It is of no use: {found or 'it has no network'}.", _AGAIN, set_aside)
        return
    for suffix, fault in faults.items():
        repair = partial(_withdraw, store, id, suffix)
        if suffix not in _SOURCES:
            yield Finding(name, f"{suffix} {fault}.", "It is made again when needed.", repair)
        else:
            found = f"{suffix} {fault}; it still forecasts, and can do nothing else."
            advice = f"Put the file {id}{suffix} of a backup back, or train again."
            yield Finding(name, found, advice, repair if store.has(id, suffix) else None)


def _fault(
    store: ArtifactStore, id: str, suffix: str, document: dict[str, Any], checked: Counter[str]
) -> str | None:
    """Return the fault of a file, if any. Raises DamagedFile if it cannot be read."""
    try:
        with store.local(id, suffix) as path:
            checked.update(files=1, bytes=path.stat().st_size)
            rows = pq.read_metadata(path).num_rows if suffix == ".parquet" else None
    except NotFound:
        if not store.has(id, DOCUMENT):
            raise
        return MISSING
    except DamagedFile as error:
        if isinstance(error.__cause__, OSError):
            raise
        return "is not what was published"
    stated = document.get("data_points")
    is_wrong = rows is not None and rows != stated
    return f"has {rows:,} rows, not the {stated} that are stated" if is_wrong else None


def _of_leftovers(store: ArtifactStore, ended: set[str]) -> Iterator[Finding]:
    """Find files that crashes left behind, damaged files, legacy files."""
    ids, known = set(store.ids()), store.suffixes
    beside = [
        f"{id}{CHECKPOINT}" for id in ids if CHECKPOINT in known and store.has(id, CHECKPOINT)
    ]
    for name in [*store.orphans(ended), *(name for name in beside if is_old(store.files, name))]:
        repair = partial(_remove, partial(store.files.remove, name))
        yield Finding(f"file {name}", "belongs to nothing.", "Remove it.", repair)
    for name in store.files.abandoned():
        found = "was never put in its place: its writer died."
        yield Finding(
            f"file {name}", found, "Remove it.", partial(_remove, partial(store.files.clear, name))
        )
    for id in store.stems(".h5") - ids if ".h5" in known else ():
        advice = f"`python run.py import {id}.h5`"
        yield Finding(f"model {id}", "is a legacy file, not imported.", advice, is_note=True)
    if count := store.files.aside():
        found = f"{count} damaged files lie in the folder `damaged` of their store."
        yield Finding(f"{store.noun}s", found, _LATER, is_note=True)


def _remove(remove: Callable[[], object]) -> str:
    remove()
    return "removed."


def _set_aside(store: ArtifactStore, id: str, *suffixes: str) -> str:
    return f"moved to {store.set_aside(id, *suffixes)} of the store of {store.noun}s."


def _withdraw(store: ArtifactStore, id: str, suffix: str) -> str:
    """Move a damaged file away; its document does not state it any more."""
    done = _set_aside(store, id, suffix)

    def without(document: dict[str, Any]) -> dict[str, Any]:
        files = document["files"].items()
        return {"files": {name: entry for name, entry in files if name != f"{id}{suffix}"}}

    store.update_document(id, without)
    return done
