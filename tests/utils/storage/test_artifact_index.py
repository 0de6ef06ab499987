"""The index of a store agrees with its documents, whatever changes them and whoever reads."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.errors import Unavailable
from utils.storage import artifact_index
from utils.storage.artifact_index import ArtifactIndex, Entry, Selection, Tag
from utils.storage.artifact_store import ArtifactStore

NEWEST, OLDEST = Selection(1000), Selection(1000, descending=False)
SMALLEST = Selection(1000, by="number", descending=False)


Slow = tuple["Counted", threading.Event]


class Counted:
    """A store, and an index of it that counts the documents it reads."""

    def __init__(self, folder: Path) -> None:
        self.store = ArtifactStore(folder, "thing", (".bin", ".h5"), deletes_for_good=True)
        self.reads = 0
        self.index = ArtifactIndex(self.store, 1, self.describe)

    def describe(self, id: str) -> Entry:
        self.reads += 1
        made = self.store.document(id)
        tags = {"group": Tag(made["group"], made["size"])} if "group" in made else {}
        names = {"plants": [made.get("group")]}
        return Entry(made["at"], made["size"], made["text"], tags, names, {"made": made["size"]})

    def publish(self, at: str, size: float = 1, text: str = "", **more: Any) -> str:
        id = str(uuid4())
        document = {"at": at, "size": size, "text": text} | more
        self.store.publish(id, document, {".bin": lambda path: path.write_bytes(b"x") and None})
        return id

    def ids(self, selection: Selection = NEWEST) -> list[str]:
        return list(self.index.page(selection).shown)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "things"


@pytest.fixture
def things(folder: Path) -> Counted:
    return Counted(folder)


def test_an_empty_store_has_an_empty_page(things: Counted, folder: Path) -> None:
    assert things.index.page(NEWEST) == ({}, None, 0)
    assert not folder.exists()


def test_what_is_published_changed_and_deleted_is_seen_at_once(
    things: Counted, folder: Path
) -> None:
    other = Counted(folder)
    old, new = things.publish("2026-01-01", size=5), things.publish("2026-01-02", size=7)
    for each in (things, other):
        assert each.ids() == [new, old] and each.ids(OLDEST) == [old, new]
        assert each.ids(SMALLEST) == [old, new]
    other.store.update_document(old, lambda document: {"size": 9})
    assert things.index.page(NEWEST).shown == {new: {"made": 7}, old: {"made": 9}}
    other.store.delete(new)
    assert things.ids() == other.ids() == [old]


def test_files_that_people_change_are_seen(things: Counted, folder: Path) -> None:
    kept, removed = things.publish("1"), things.publish("2")
    assert things.ids() == [removed, kept]
    (folder / f"{removed}.json").unlink()
    (folder / f"{kept}.json").write_text('{"at": "1", "size": 3, "text": ""}')
    assert things.index.page(NEWEST).shown == {kept: {"made": 3}}


def test_the_next_process_reads_no_documents(things: Counted, folder: Path) -> None:
    for number in range(5):
        things.publish(str(number))
    assert len(things.ids()) == 5 and things.reads == 5
    later = Counted(folder)
    assert later.ids() == things.ids()
    assert (later.reads, things.reads) == (0, 5)


@pytest.mark.parametrize(
    "damage", ["removed", "no database", "cut short", "overwritten", "a file in its place"]
)
def test_a_lost_or_damaged_index_is_made_anew(things: Counted, folder: Path, damage: str) -> None:
    for number in range(20):
        things.publish(str(number), text="x" * 400)
    assert len(things.ids()) == 20
    [path] = (folder / ".index").iterdir()
    content = path.read_bytes()
    if damage == "a file in its place":
        path.unlink()
        path.parent.rmdir()
        path.parent.write_bytes(b"")
    elif damage == "removed":
        path.unlink()
    else:
        overwritten = content[:8192] + bytes(range(256)) * ((len(content) - 8192) // 256)
        changed = {"no database": b"x" * 9000, "cut short": content[:8192]}
        path.write_bytes(changed.get(damage, overwritten))
    later = Counted(folder)
    if damage == "overwritten":  # it is noticed while it is used
        with pytest.raises(Unavailable, match="index of the things failed"):
            later.ids()
    assert len(later.ids()) == 20


def test_pages_have_each_entry_once_while_others_are_added(things: Counted) -> None:
    published = [things.publish(f"{number // 3}", size=number // 4) for number in range(20)]
    for order in (NEWEST, OLDEST, SMALLEST):
        seen: list[str] = []
        after = None
        for _ in range(20):
            page = things.index.page(order._replace(limit=3, after=after))
            seen += [id for id in page.shown if id in published]
            assert page.total >= 20
            things.publish("1", size=1.5)
            if (after := page.last) is None:
                break
        assert sorted(seen) == sorted(published)


def test_search_and_tags(things: Counted) -> None:
    one = things.publish("1", text="Plant_A größe 15.6%", group="a")
    two = things.publish("2", text="plant_b", group="b")
    things.publish("3", text="other")
    for text, found in (("PLANT_", [two, one]), ("GRÖSSE", []), ("GRÖẞE", [one]), ("6%", [one])):
        page = things.index.page(Selection(10, search=text))
        assert (list(page.shown), page.total) == (found, len(found))
    assert things.ids(Selection(10, search=one[:13])) == [one]
    both = [(two, Tag("b", 1)), (one, Tag("a", 1))]
    assert things.index.tagged("group") == both
    assert things.index.tagged("group", "a") == both[1:]
    assert things.index.tagged("group", limit=1) == both[:1]
    assert things.index.distinct_names() == [{"plants": [name]} for name in (None, "b", "a")]
    assert dict(things.index.names_by_id())[two] == {"plants": ["b"]}


@pytest.mark.parametrize("search", ["plant", "1", "t_2", "none", None])
def test_the_total_of_a_search_is_the_same_on_all_pages(
    things: Counted, search: str | None
) -> None:
    for number in range(7):
        things.publish(str(number), size=number % 3, text=f"Plant_{number % 4}")
    for order in (NEWEST, OLDEST, SMALLEST):
        whole = things.index.page(order._replace(search=search))
        seen: list[str] = []
        after = None
        while True:
            page = things.index.page(order._replace(search=search, limit=2, after=after))
            seen += page.shown
            assert page.total == whole.total == len(whole.shown)
            if (after := page.last) is None:
                break
        assert seen == list(whole.shown)


def test_an_index_of_an_earlier_release_is_used_on(things: Counted, folder: Path) -> None:
    """It had the texts in its table only."""
    ids = [things.publish(str(number), text=f"text {number}") for number in range(5)]
    assert len(things.ids()) == 5
    with things.index._database() as connection:
        connection.execute("DROP INDEX text_by_time")
        connection.execute("CREATE INDEX by_time ON entries (created_at, id)")
    later = Counted(folder)
    assert later.ids(NEWEST._replace(search="text 3")) == [ids[3]] and later.reads == 0
    with later.index._database() as connection:
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")
        names = {name for [name] in found}
    assert "text_by_time" in names and "by_time" not in names


def test_what_is_not_known_is_sorted_last(things: Counted) -> None:
    unknown, known = things.publish("1", size=1), things.publish("2", size=2)
    things.describe = _with_number(things.describe, unknown)  # type: ignore[method-assign]
    things.index = ArtifactIndex(things.store, 2, things.describe)
    assert things.ids(SMALLEST) == [known, unknown]
    page = things.index.page(SMALLEST._replace(limit=1, after=(2.0, known)))
    assert list(page.shown) == [unknown]


def _with_number(describe: Any, id: str) -> Any:
    return lambda each: describe(each)._replace(number=math.inf) if each == id else describe(each)


@pytest.fixture
def slow(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    """A store of which no document can be read until an event is set."""
    things, go_on = Counted(folder), threading.Event()
    describe = things.describe

    def describe_later(id: str) -> Entry:
        go_on.wait(30)
        return describe(id)

    things.index = ArtifactIndex(things.store, 1, describe_later)
    monkeypatch.setattr(artifact_index, "_WAIT", 0.05)
    yield things, go_on
    go_on.set()


def test_a_request_does_not_wait_for_a_long_index(slow: Slow) -> None:
    things, go_on = slow
    id = things.publish("1")
    with pytest.raises(Unavailable, match="index of the things is being made; 1 are still"):
        things.ids()
    go_on.set()
    for _ in range(100):
        try:
            assert things.ids() == [id]
        except Unavailable:
            continue
        return
    pytest.fail("the index was never made")


@given(st.lists(st.tuples(st.sampled_from("padu"), st.integers(0, 9)), max_size=12))
def test_two_indexes_always_agree_with_the_documents(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("things")
    both = Counted(folder), Counted(folder)
    there: dict[str, float] = {}
    for number, (step, choice) in enumerate(steps):
        things = both[choice % 2]
        ids = sorted(there)
        if step == "p" or not ids:
            there[things.publish(f"{choice}", size=number)] = number
        elif step == "a":
            things.store.attach(
                ids[choice % len(ids)], ".h5", lambda p: p.write_bytes(b"") and None
            )
        elif step == "d":
            things.store.delete(ids[choice % len(ids)])
            del there[ids[choice % len(ids)]]
        else:
            id = ids[choice % len(ids)]
            things.store.update_document(id, lambda document: {"size": document["size"] + 0.5})
            there[id] += 0.5
        page = both[number % 2].index.page(NEWEST)
        assert {id: shown["made"] for id, shown in page.shown.items()} == there
        assert page.total == len(there)


def test_lists_go_on_where_the_disk_of_the_index_is_full(things: Counted) -> None:
    ids = [things.publish(f"{number}") for number in range(3)]
    assert len(things.ids()) == 3
    with things.index._database() as connection:  # SQLite's own way to have no more room
        [[pages]] = connection.execute("PRAGMA page_count")
        connection.execute(f"PRAGMA max_page_count = {pages}")
    more = [things.publish(f"{number}", text="x" * 9000) for number in range(3, 6)]
    assert things.ids(OLDEST) == [*ids, *more]
    things.store.delete(ids[0])
    assert things.ids(OLDEST) == [*ids[1:], *more]
