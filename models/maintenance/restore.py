"""A backup put in place of what a service holds: checked whole first, then swapped by renames.

Everything is unpacked and checked beside its place. Then the renames are written down and done:
one that is interrupted is finished by the next `restore`, one that fails is taken back.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from models.maintenance.embedded_store import Places, places
from models.maintenance.findings import Report
from models.maintenance.unpacking import unpack
from utils.errors import Conflict, DamagedFile, Unavailable
from utils.settings import Settings
from utils.storage import sqlite_file
from utils.storage.files import sync

_JOURNAL = ".restoring.json"  # in the folder of the models
_STAGED, _REPLACED = ".restoring", ".replaced-"

Move = tuple[Path, Path]


@dataclass(frozen=True)
class Restored:
    """What was put in place, and where that is which was there before."""

    counts: Counter[str]
    damaged: list[str]
    replaced: list[Path]


def restore(
    settings: Settings, source: Path, replace: bool, tell: Callable[[str], None]
) -> Restored:
    """Put a backup in place.

    Args:
        replace: whether there may be something already; it is kept, out of the way.
        tell: told what is being done.

    Raises:
        Conflict: the service runs, or there is something already.
        InvalidInput, DamagedFile: the archive is no backup, or not a whole one.
        Unavailable: something cannot be read or written. Then all is as it was.
    """
    found = places(settings)
    _expect_stopped(settings, found)
    if finish(found):
        tell("an earlier restore, which was interrupted: finished it")
    if not replace and (there := next(_contents(found), None)):
        raise Conflict(
            f"There is something already: {there}. With --replace it is moved out of the way, and "
            "kept."
        )
    staged = Places(*(folder / _STAGED / part for folder, part in _rooms(found)))
    try:
        _clear(found)
        manifest = unpack(source, staged, tell)
        _expect_stopped(settings, found)
        replaced = _swap(found, staged)
    except OSError as error:
        raise Unavailable(f"The backup cannot be put in place: {error}.") from error
    finally:
        _clear(found)
    return Restored(Counter(manifest["counts"]), manifest["damaged"], replaced)


def _rooms(found: Places) -> list[tuple[Path, str]]:
    """The folder of each place, and what its part is called within what is staged there."""
    return [(found.models, "models"), (found.data, "data"), (found.database.parent, "database")]


def _clear(found: Places) -> None:
    for folder, _ in _rooms(found):
        shutil.rmtree(folder / _STAGED, ignore_errors=True)


# --- whether it may be done --------------------------------------------------------------------


def _expect_stopped(settings: Settings, found: Places) -> None:
    with contextlib.suppress(OSError):
        socket.create_connection((settings.host, settings.port), 1).close()
        raise Conflict(
            f"Something answers at {settings.host}:{settings.port}. Stop the service first; if "
            "that is another program, set PORT to a free one."
        )
    # A damaged database is what a backup is restored for.
    with contextlib.suppress(DamagedFile):
        if found.database.exists() and sqlite_file.is_open_elsewhere(found.database):
            raise Conflict(
                f"The database {found.database} is in use. Stop the service and its workers first."
            )


def _contents(found: Places) -> Iterator[Path]:
    """What would be moved out of the way."""
    kept = {*found, *(parent for place in found for parent in place.parents)}
    beside = set(found.database_files)
    for folder in (found.models, found.data):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if not path.name.startswith(".") and path not in kept | beside:
                yield path
    yield from (path for path in found.database_files if path.exists())


# --- the swap ----------------------------------------------------------------------------------


def _swap(found: Places, staged: Places) -> list[Path]:
    """Put what is staged in place; where what was there before has gone."""
    name = _REPLACED + datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    away = [(path, path.parent / name / path.name) for path in _contents(found)]
    place: list[Move] = []
    for folder, part in zip((found.models, found.data), staged[:2], strict=True):
        place += [(path, folder / path.name) for path in part.iterdir()]
    if staged.database.exists():
        place.append((staged.database, found.database))
    moves = away + place
    journal = found.models / _JOURNAL
    _write_journal(journal, moves)
    try:
        _do(moves)
    except BaseException:
        _do([(after, before) for before, after in reversed(moves)])
        journal.unlink()
        raise
    journal.unlink()
    return sorted({after.parent for _, after in away})


def _do(moves: list[Move]) -> None:
    """Do the renames that are not done yet."""
    for before, after in moves:
        if before.exists() and not after.exists():
            after.parent.mkdir(parents=True, exist_ok=True)
            before.rename(after)
    for folder in {path.parent for move in moves for path in move}:
        if folder.is_dir():
            sync(folder)


def _write_journal(path: Path, moves: list[Move]) -> None:
    part = path.parent / _STAGED / path.name
    part.write_text(json.dumps([[str(before), str(after)] for before, after in moves]))
    sync(part)
    part.rename(path)
    sync(path.parent)


def finish(found: Places) -> bool:
    """Finish the renames of a restore that was interrupted; whether there was one."""
    journal = found.models / _JOURNAL
    if not journal.exists():
        return False
    _do([(Path(before), Path(after)) for before, after in json.loads(journal.read_text())])
    journal.unlink()
    _clear(found)
    return True


def look(settings: Settings, report: Report) -> None:
    """Report what earlier restores left behind."""
    try:
        found = places(settings)
    except Conflict:  # there is no restore for what lies elsewhere
        return
    if (found.models / _JOURNAL).exists():
        advice = "Stop the service and run `python run.py restore` again."
        report.problem("restore", "An earlier one was interrupted halfway.", advice)
    for folder in sorted({folder for folder, _ in _rooms(found)}):
        for path in sorted(folder.glob(f"{_REPLACED}*")):
            said = "holds what a restore replaced."
            report.note(f"folder {path}", said, "Delete it when nobody needs it any more.")
        if (folder / _STAGED).exists():
            said = "is of a restore that runs, or was interrupted."
            report.note(f"folder {folder / _STAGED}", said, "The next restore removes it.")
