"""A store does the same wherever it lies: in a folder, in S3, in anything that fsspec reaches."""

from __future__ import annotations

import errno
import json
import resource
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.running_service import wait_until
from utils.errors import DamagedFile, NotFound, Unavailable
from utils.storage.artifact_reader import STORED_AS
from utils.storage.artifact_store import ArtifactStore
from utils.storage.files import exhausted
from utils.storage.locations import open_files

pytestmark = pytest.mark.usefixtures("short_pauses")


def store_at(location: str) -> ArtifactStore:
    return ArtifactStore(location, "thing", (".bin", ".h5", ".checkpoint"))


@pytest.fixture
def store(location: str) -> ArtifactStore:
    return store_at(location)


def bytes_of(content: bytes):
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


def publish(store: ArtifactStore, content: bytes = b"content") -> str:
    id = str(uuid4())
    store.publish(id, {"made": True}, {".bin": bytes_of(content)})
    return id


def test_what_one_publishes_another_sees_and_reads(store: ArtifactStore, location: str) -> None:
    other = store_at(location)
    assert other.ids() == []
    id = publish(store)
    assert other.ids() == [id] and other.document(id)["made"] is True
    assert other.read(id, ".bin") == b"content"
    with other.local(id, ".bin") as path:
        assert path.read_bytes() == b"content"
    assert other.has(id, ".bin") and not other.has(id, ".h5")
    assert other.changed_at(id) > 1_700_000_000


def test_what_one_deletes_no_other_sees(store: ArtifactStore, location: str) -> None:
    other, id = store_at(location), publish(store)
    other.document(id)
    store.delete(id)
    wait_until(lambda: gone(other, id), 2)
    assert other.ids() == []
    for use in (other.document, other.delete, lambda i: other.read(i, ".bin")):
        with pytest.raises(NotFound):
            use(id)


def gone(store: ArtifactStore, id: str) -> bool:
    try:
        store.document(id)
    except NotFound:
        return True
    return False


def test_publish_that_fails_leaves_nothing(store: ArtifactStore, location: str) -> None:
    def broken(path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError):
        store.publish(str(uuid4()), {}, {".h5": bytes_of(b"whole"), ".bin": broken})
    assert open_files(location).names() == {}


def test_a_file_that_is_not_what_was_published_is_damaged(
    store: ArtifactStore, location: str, tmp_path: Path
) -> None:
    id = publish(store)
    (tmp_path / "other").write_bytes(b"tampered")
    entry = store.document(id)["files"][f"{id}.bin"]
    open_files(location).place(tmp_path / "other", entry.get(STORED_AS, f"{id}.bin"))
    with pytest.raises(DamagedFile):
        store.read(id, ".bin")
    with pytest.raises(DamagedFile), store.local(id, ".bin"):
        pass


def test_attach_adds_a_file_but_raises_nothing_from_the_dead(
    store: ArtifactStore, location: str
) -> None:
    id = publish(store)
    store.attach(id, ".h5", bytes_of(b"more"))
    assert store.read(id, ".h5") == b"more" and store.read(id, ".bin") == b"content"

    def while_deleted(path: Path) -> None:
        path.write_bytes(b"late")
        store_at(location).delete(id)

    with pytest.raises(NotFound):
        store.attach(id, ".h5", while_deleted)
    assert open_files(location).names() == {}


def test_what_is_attached_elsewhere_is_not_taken_for_damaged(
    store: ArtifactStore, location: str
) -> None:
    id, other = publish(store), store_at(location)
    assert other.read(id, ".bin") == b"content"
    store.attach(id, ".bin", bytes_of(b"made anew"))
    assert other.read(id, ".bin") == b"made anew"


def test_what_is_kept_beside_is_no_thing(store: ArtifactStore, location: str) -> None:
    id = str(uuid4())
    assert store.kept(id, ".checkpoint") is None
    for content in (b"one", b"two"):
        store.keep(id, ".checkpoint", bytes_of(content))
        assert store_at(location).kept(id, ".checkpoint") == content
    assert store.ids() == []
    with pytest.raises(NotFound):
        store.delete(id)
    assert store.kept(id, ".checkpoint") == b"two"
    store.drop(id, ".checkpoint")
    store.drop(id, ".checkpoint")
    assert open_files(location).names() == {}


def test_sweep_leaves_what_is_published(store: ArtifactStore, location: str) -> None:
    id = publish(store)
    store.attach(id, ".h5", bytes_of(b"more"))
    store.attach(id, ".h5", bytes_of(b"made anew"))
    store.keep(str(uuid4()), ".checkpoint", bytes_of(b"of a training that runs"))
    store.sweep(lambda found: [name for name in found if not name.endswith(".checkpoint")])
    assert store.ids() == [id] and store.read(id, ".h5") == b"made anew"
    store.sweep(list)
    assert not [name for name in open_files(location).names() if name.endswith(".checkpoint")]


@given(
    content=st.binary(max_size=1000),
    document=st.dictionaries(st.text(max_size=10), st.integers() | st.text(max_size=10)),
)
def test_content_and_document_come_back_as_they_were(
    store: ArtifactStore, content: bytes, document: dict[str, object]
) -> None:
    id = str(uuid4())
    store.publish(id, document, {".bin": bytes_of(content)})
    assert store.read(id, ".bin") == content
    found = {k: v for k, v in store.document(id).items() if k != "files"}
    assert found == {k: v for k, v in json.loads(json.dumps(document)).items() if k != "files"}


@pytest.mark.parametrize("id", ["..", "../x", "a/b", "/etc/passwd", "x" * 3000, "A" * 36])
def test_ids_that_are_none_are_not_found(store: ArtifactStore, id: str) -> None:
    publish(store)
    for use in (store.document, store.delete, lambda i: store.read(i, ".bin")):
        with pytest.raises(NotFound):
            use(id)


@pytest.mark.parametrize(
    "url", ["s3://no-such-bucket/x", "nonsense://x", "s3://user:secret@no-such-bucket/x"]
)
def test_a_place_that_does_not_exist_is_said_in_a_sentence(
    url: str, s3_server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    for use in (publish, ArtifactStore.ids):
        with pytest.raises(Unavailable, match="The store") as raised:
            use(store_at(url))
        assert "secret" not in raised.value.message


def test_a_store_that_cannot_be_reached_is_said_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, s3_server
) -> None:
    for name, value in (s3_server.environment | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}).items():
        monkeypatch.setenv(name, value)
    for use in (ArtifactStore.ids, publish):
        with pytest.raises(Unavailable, match="s3://bucket"):
            use(store_at("s3://bucket/x"))


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MemoryError(), "too little memory"),
        (OSError(errno.ENOMEM, "x"), "too little memory"),
        (RuntimeError("can't start new thread"), "can start no thread"),
        (OSError(errno.EMFILE, "x"), "too many files open"),
        (OSError(errno.EROFS, "x"), "cannot be written to: Read-only file system"),
        (OSError(errno.ENOSPC, "x"), "No space left on device"),
        (OSError(errno.ENOENT, "x"), None),
        (RuntimeError("another"), None),
        (None, None),
    ],
)
def test_errors_by_which_something_is_used_up(error: Exception | None, sentence: str) -> None:
    found = exhausted(error)
    assert found is None if sentence is None else found and sentence in found.message


def test_a_file_for_which_there_is_no_descriptor_is_not_damaged(tmp_path: Path) -> None:
    store = store_at(str(tmp_path))
    id = publish(store)
    store.document(id)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(Unavailable, match="too many files open"):
            store.read(id, ".bin")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert store.read(id, ".bin") == b"content"
