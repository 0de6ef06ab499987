"""Two stores change one artifact at once: each result is that of one change after the other.

The threads of the two stores take turns at every operation on files; Hypothesis chooses whose turn
it is. The law is linearizability (M. Herlihy and J. Wing, ACM TOPLAS 12, 1990): the results and the
state afterwards must be those of one of the two orders in which the changes can be made.
"""

from __future__ import annotations

import fcntl
import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from utils.errors import Conflict, NotFound, Unavailable
from utils.storage import local_files
from utils.storage.artifact_store import ArtifactStore, Document
from utils.storage.files import Files
from utils.storage.locations import open_files

SUFFIXES = (".bin", ".onnx")
CHANGES = ("publish", "attach .bin", "attach .onnx", "count", "delete")
State = dict[str, Any] | None  # count, and content by suffix; None: there is no artifact

changes = st.tuples(st.sampled_from(CHANGES), st.sampled_from(CHANGES))
# Whose turn it is, as long as both have something to do.
schedules = st.lists(st.booleans(), max_size=40)


class Turns:
    """Lets two threads go on one operation at a time, in an order that is given."""

    def __init__(self, schedule: list[bool]) -> None:
        self._schedule, self._condition = iter(schedule), threading.Condition()
        self._active, self._turn = {False, True}, next(self._schedule, False)

    def wait(self, thread: bool) -> None:
        with self._condition:
            self._condition.wait_for(lambda: self._turn is thread or len(self._active) == 1, 30)
            self._turn = next(self._schedule, not thread)
            self._condition.notify_all()

    def end(self, thread: bool) -> None:
        with self._condition:
            self._active.discard(thread)
            self._condition.notify_all()


class InTurns:
    """Files whose operations wait for the turn of their thread."""

    def __init__(self, files: Files, before: Callable[[], None]) -> None:
        self._files, self._before = files, before

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._files, name)
        if not callable(found):
            return found

        def operation(*arguments: Any, **more: Any) -> Any:
            self._before()
            return found(*arguments, **more)

        return operation


def store_at(location: str, files: Any = None) -> ArtifactStore:
    store = ArtifactStore(location, "thing", SUFFIXES, deletes_for_good=True)
    if files is not None:
        store._files = files
    return store


def bytes_of(content: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(content) and None


def counted(document: Document) -> Document:
    return {"count": document["count"] + 1}


def act(store: ArtifactStore, id: str, change: str, mark: str) -> str:
    """Make a change; return `done`, or the name of its refusal."""
    name, _, suffix = change.partition(" ")
    try:
        if name == "publish":
            store.publish(id, {"count": 0}, {".bin": bytes_of(mark)})
        elif name == "attach":
            store.attach(id, suffix, bytes_of(mark))
        elif name == "count":
            store.update_document(id, counted)
        else:
            store.delete(id)
    except (Conflict, NotFound) as error:
        return type(error).__name__
    return "done"


def expected(state: State, deleted: bool, change: str, mark: str) -> tuple[State, bool, str]:
    """Return the state after a change, whether it was deleted, and the change's result."""
    name, _, suffix = change.partition(" ")
    if name == "publish":
        if state is not None or deleted:
            return state, deleted, "Conflict"
        return {".bin": mark, "count": 0}, deleted, "done"
    if state is None:
        return state, deleted, "NotFound"
    if name == "delete":
        return None, True, "done"
    if name == "count":
        return state | {"count": state["count"] + 1}, deleted, "done"
    return dict(sorted((state | {suffix: mark}).items())), deleted, "done"


def state_of(location: str, id: str) -> State:
    store = store_at(location)
    try:
        document = store.document(id)
    except NotFound:
        assert id not in store.ids() and not store.has(id, ".bin")
        return None
    present = sorted(name.removeprefix(id) for name in document["files"])
    assert [suffix for suffix in SUFFIXES if store.has(id, suffix)] == present
    found = {suffix: store.read(id, suffix).decode() for suffix in present}
    return dict(sorted((found | {"count": document["count"]}).items()))


def both(location: str, id: str, pair: tuple[str, str], schedule: list[bool]) -> list[str]:
    """Make two changes at once by the schedule; return their results."""
    turns = Turns(schedule)

    def run(thread: bool) -> str:
        files = InTurns(open_files(location), lambda: turns.wait(thread))
        try:
            return act(store_at(location, files), id, pair[thread], str(int(thread)))
        finally:
            turns.end(thread)

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(run, (False, True)))


class Changes(RuleBasedStateMachine):
    """An artifact under pairs of concurrent changes."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = TemporaryDirectory()
        self.location, self.id = f"{self._folder.name}/things", str(uuid4())
        self.state: State = None
        self.deleted = False

    def teardown(self) -> None:
        self._folder.cleanup()

    @rule(pair=changes, schedule=schedules)
    def change(self, pair: tuple[str, str], schedule: list[bool]) -> None:
        results = both(self.location, self.id, pair, schedule)
        found = state_of(self.location, self.id)
        possible = list(self._orders(pair))
        assert (found, results) in [(state, said) for state, _, said in possible], (found, results)
        self.state = found
        self.deleted = next(
            gone for state, gone, said in possible if (state, said) == (found, results)
        )

    def _orders(self, pair: tuple[str, str]) -> Iterator[tuple[State, bool, list[str]]]:
        for order in itertools.permutations((0, 1)):
            state, deleted, results = self.state, self.deleted, ["", ""]
            for thread in order:
                state, deleted, results[thread] = expected(
                    state, deleted, pair[thread], str(thread)
                )
            yield state, deleted, results

    @invariant()
    def nothing_is_left_behind(self) -> None:
        names = open_files(self.location).names()
        if self.state is None:
            assert not names


def test_concurrent_changes_are_those_of_one_after_the_other() -> None:
    run_state_machine_as_test(Changes, settings=settings(stateful_step_count=7))


@pytest.mark.long
@pytest.mark.service
@settings(max_examples=max(3, settings().max_examples // 20))
@given(first=st.sampled_from(CHANGES[1:]), second=st.sampled_from(CHANGES), schedule=schedules)
def test_concurrent_changes_in_an_object_store(
    s3_location: str, first: str, second: str, schedule: list[bool]
) -> None:
    id = str(uuid4())
    state, deleted, _ = expected(None, False, "publish", "0")
    assert act(store_at(s3_location), id, "publish", "0") == "done"
    results = both(s3_location, id, (first, second), schedule)
    possible = []
    for order in itertools.permutations((0, 1)):
        after, gone, said = state, deleted, ["", ""]
        for thread in order:
            after, gone, said[thread] = expected(after, gone, (first, second)[thread], str(thread))
        possible.append((after, said))
    assert (state_of(s3_location, id), results) in possible


@pytest.fixture
def s3_location(s3_server: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return f"{s3_server.new_bucket()}/things"


@pytest.mark.parametrize("change", ["attach .onnx", "count"])
def test_what_one_thread_deletes_no_other_brings_back(tmp_path: Path, change: str) -> None:
    """Without a schedule: as threads of two processes meet on a real folder."""
    location, ids = str(tmp_path / "things"), [str(uuid4()) for _ in range(60)]
    one, two = store_at(location), store_at(location)
    for id in ids:
        act(one, id, "publish", "0")
    with ThreadPoolExecutor(2) as pool:
        others = [pool.submit(act, two, id, change, "1") for id in ids]
        for id in ids:
            assert act(one, id, "delete", "") == "done"
        assert {each.result() for each in others} <= {"done", "NotFound"}
    assert store_at(location).ids() == [] and open_files(location).names() == {}


def test_no_change_of_many_is_lost(tmp_path: Path) -> None:
    location, id = str(tmp_path / "things"), str(uuid4())
    act(store_at(location), id, "publish", "0")
    stores = [store_at(location) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: act(stores[i % 4], id, "count", ""), range(100)))
    assert store_at(location).document(id)["count"] == 100


def test_a_store_whose_lock_is_held_refuses_changes_and_reads_on(tmp_path: Path) -> None:
    """A process that was paused in the middle of a change holds the lock."""
    location, id = str(tmp_path / "things"), str(uuid4())
    store = store_at(location)
    act(store, id, "publish", "0")
    with pytest.MonkeyPatch.context() as patch, (tmp_path / "things" / ".lock").open() as lock:
        patch.setattr(local_files, "_LOCK_SECONDS", 0.05)
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Unavailable, match="Another process is changing"):
            store.delete(id)
        assert store.read(id, ".bin") == b"0"
    store.delete(id)
