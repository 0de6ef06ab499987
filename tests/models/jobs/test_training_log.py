"""Notes of clients in the training log, the same in SQLite and in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from models.jobs.training_log import Notes
from utils.storage.database import open_engine


@pytest.fixture
def notes(database_url: str) -> Iterator[Notes]:
    engine = open_engine(database_url)
    yield Notes(engine)
    engine.dispose()


def test_before_the_first_note_there_is_none(notes: Notes) -> None:
    assert notes.last(50) == []
    assert notes.ids() == []


def test_the_newest_notes_come_back_oldest_first(notes: Notes) -> None:
    for number in range(5):
        notes.add(f"note {number} ü", "warning")
    assert [line.message for line in notes.last(3)] == [f"note {n} ü" for n in (2, 3, 4)]
    assert {(line.level, line.job) for line in notes.last(50)} == {("warning", None)}


def test_notes_of_many_at_once_are_all_kept(notes: Notes) -> None:
    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(lambda n: notes.add(str(n), "info"), range(24)))
    assert sorted(map(repr, notes.last(50))) == sorted(map(repr, added))


def test_notes_are_deleted_by_id(notes: Notes) -> None:
    notes.add("old", "info")
    new = notes.add("new", "info")
    old_id, _ = sorted(notes.ids())
    notes.delete([old_id])
    assert notes.last(50) == [new] and len(notes.ids()) == 1
