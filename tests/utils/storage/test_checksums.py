"""A bit that is lost in a document or a checkpoint is noticed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.storage.checksums import (
    BadChecksum,
    document_from_bytes,
    document_to_bytes,
    with_checksum,
    without_checksum,
)

DOCUMENTS = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(-9, 9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=5,
    ),
    max_size=4,
)


@given(DOCUMENTS)
def test_a_document_comes_back_as_it_was(document: dict[str, Any]) -> None:
    content = document_to_bytes(document)
    assert document_from_bytes(content) == document
    assert json.loads(content).items() >= document.items()  # it is still plain JSON


@given(DOCUMENTS, st.integers(0), st.integers(1, 255))
def test_any_byte_that_changes_breaks_a_document(
    document: dict[str, Any], place: int, change: int
) -> None:
    content = bytearray(document_to_bytes(document))
    content[place % len(content)] ^= change
    with pytest.raises(ValueError):
        document_from_bytes(bytes(content))


@given(DOCUMENTS, st.integers(0))
def test_a_document_that_is_cut_short_is_broken(document: dict[str, Any], length: int) -> None:
    content = document_to_bytes(document)
    with pytest.raises(ValueError):
        document_from_bytes(content[: length % len(content)])


@given(DOCUMENTS)
def test_a_document_from_before_there_were_seals_is_read(document: dict[str, Any]) -> None:
    assert document_from_bytes(json.dumps(document).encode()) == document


@given(st.binary(max_size=50), st.integers(0), st.integers(1, 255))
def test_sealed_bytes_come_back_or_are_broken(content: bytes, place: int, change: int) -> None:
    whole = bytearray(with_checksum(content))
    assert without_checksum(bytes(whole)) == content
    whole[place % len(whole)] ^= change
    with pytest.raises(BadChecksum):
        without_checksum(bytes(whole))


@given(st.binary(max_size=50))
def test_what_was_never_sealed_is_broken(content: bytes) -> None:
    with pytest.raises(BadChecksum):
        without_checksum(content)
