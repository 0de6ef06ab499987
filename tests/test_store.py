"""Things are published whole, or not at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest

from live import ROOT
from utils.errors import DamagedFile, NotFound
from utils.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "things", "thing", (".bin", ".h5"))


def publish(store: Store, content: bytes = b"content") -> str:
    id = str(uuid4())
    store.publish(id, {"made": True}, {".bin": lambda path: path.write_bytes(content) and None})
    return id


def test_publish_makes_a_thing_with_its_checksums(store: Store) -> None:
    id = publish(store)
    assert store.ids() == [id]
    described = store.document(id)["files"][f"{id}.bin"]
    assert described["bytes"] == 7 and len(described["sha256"]) == 64
    assert store.file(id, ".bin").read_bytes() == b"content"
    assert sorted(p.suffix for p in store.folder.iterdir()) == [".bin", ".json"]


def test_publish_that_fails_leaves_nothing(store: Store) -> None:
    def broken(path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError):
        store.publish(str(uuid4()), {}, {".bin": broken})
    with pytest.raises(ValueError, match="JSON"):
        store.publish(str(uuid4()), {"x": float("nan")}, {})
    assert list(store.folder.iterdir()) == []


def test_attach_adds_a_file_to_the_document(store: Store) -> None:
    id = publish(store)
    store.attach(id, ".h5", lambda path: path.write_bytes(b"more") and None)
    assert set(store.document(id)["files"]) == {f"{id}.bin", f"{id}.h5"}
    assert store.file(id, ".h5").read_bytes() == b"more"


def test_a_tampered_file_is_an_error_of_its_own_only(store: Store) -> None:
    good, bad, broken = (publish(store) for _ in range(3))
    (store.folder / f"{bad}.bin").write_bytes(b"c0ntent")
    (store.folder / f"{broken}.json").write_text("[1]")
    with pytest.raises(DamagedFile, match="not what was published"):
        store.file(bad, ".bin")
    with pytest.raises(DamagedFile, match="not a JSON object"):
        store.document(broken)
    assert set(store.readable_documents()) == {good, bad}


@pytest.mark.parametrize(
    "id", ["", ".", "..", "../x", "a/b", "/etc/passwd", "x" * 5000, "{}", "A" * 36, "\x00"]
)
def test_ids_that_are_none_are_not_found(store: Store, id: str) -> None:
    (store.folder.parent / "x.json").write_text("{}")
    publish(store)
    for use in (store.document, store.delete, lambda i: store.file(i, ".bin")):
        with pytest.raises(NotFound):
            use(id)


def test_a_listed_name_that_is_no_uuid_is_found(store: Store) -> None:
    publish(store)
    (store.folder / "old model.json").write_text('{"a": 1}')
    assert store.document("old model") == {"a": 1}
    with pytest.raises(NotFound, match="missing"):
        store.file("old model", ".h5")


def test_document_follows_the_file(store: Store) -> None:
    id = publish(store)
    store.document(id)
    path = store.folder / f"{id}.json"
    path.write_text(json.dumps({"changed": "elsewhere"}))
    os.utime(path, ns=(1, 1))
    assert store.document(id) == {"changed": "elsewhere"}
    path.unlink()
    with pytest.raises(NotFound):
        store.document(id)


def test_delete_is_of_everything_and_once(store: Store) -> None:
    id = publish(store)
    store.delete(id)
    assert list(store.folder.iterdir()) == []
    with pytest.raises(NotFound):
        store.delete(id)


def test_sweep_removes_old_left_overs_only(store: Store) -> None:
    store.sweep()
    id = publish(store)
    old, new = store.folder / f"{uuid4()}.bin", store.folder / f"{uuid4()}.bin"
    lone, staging = store.folder / f"{uuid4()}.h5", store.folder / ".staging-x"
    staging.mkdir()
    for path in (old, new, lone):
        path.write_bytes(b"x")
    for path in (old, lone, staging, store.folder / f"{id}.bin"):
        os.utime(path, (1, 1))
    store.sweep()
    assert sorted(store.folder.iterdir()) == sorted(
        [new, lone, store.folder / f"{id}.bin", store.folder / f"{id}.json"]
    )


PUBLISH = """
import resource, signal, sys
from pathlib import Path
from uuid import uuid4
from utils.errors import Unavailable
from utils.store import Store
store = Store(Path(sys.argv[1]), "thing", (".bin",))
if sys.argv[2] == "full":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        store.publish(str(uuid4()), {}, {".bin": lambda p: p.write_bytes(b"x" * 200_000) and None})
    except Unavailable as error:
        print(error)
else:
    print("ready", flush=True)
    while True:
        big = {".bin": lambda path: path.write_bytes(b"x" * 5_000_000) and None}
        store.publish(str(uuid4()), {}, big)
"""


def run(folder: Path, mode: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PUBLISH, str(folder), mode],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_publish_on_a_disk_that_takes_no_more_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    """The kernel refuses the write, as it does on a full disk."""
    said, _ = run(tmp_path, "full").communicate(timeout=60)
    assert "could not be stored: File too large" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("milliseconds", [3, 17, 40, 71])
def test_publish_that_is_killed_is_never_seen_half(tmp_path: Path, milliseconds: int) -> None:
    with run(tmp_path, "loop") as process:
        assert process.stdout is not None and process.stdout.readline()
        time.sleep(milliseconds / 1000)
        process.send_signal(signal.SIGKILL)
    store = Store(tmp_path, "thing", (".bin",))
    for id in store.ids():
        assert store.file(id, ".bin").stat().st_size == 5_000_000
