"""Names that differ in spelling only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.spelling import near_duplicates, words

LETTERS = st.text("abcdefghijklmnop", min_size=5, max_size=12)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Plant_A", "plant a"),
        ("Plant_A", "PLANT-A"),
        ("Wörk", "Work"),
        ('15.6"', "15.6 ″"),
        ("Automotive", "Automotve"),
        ("Automotive", "Automotivee"),
        ("Automotive", "Autonotive"),
        ("Consumer_Electronics", "Consumer Electronisc"),
    ],
)
def test_pairs_that_mean_the_same(one: str, other: str) -> None:
    assert near_duplicates([one, "Something else", other]) == [tuple(sorted((one, other)))]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Plant_A", "Plant_B"),
        ("Line 1", "Line 2"),
        ("Plant 10", "Plant 11"),
        ('15.6"', '15.5"'),
        ("Small", "Medium"),
        ("Large", "Extra_Large"),
        ("East", "West"),
        ("日本", "台湾"),
        ('"', "'"),
    ],
)
def test_pairs_that_do_not(one: str, other: str) -> None:
    assert near_duplicates([one, other]) == []


@given(LETTERS, st.data())
def test_any_one_slip_is_found(word: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(word) - 1))
    kind = data.draw(st.sampled_from(["lost", "added", "replaced", "swapped"]))
    before, at, after = word[:place], word[place], word[place + 1 :]
    slip = {
        "lost": before + after,
        "added": before + "z" + at + after,
        "replaced": before + "z" + after,
        "swapped": before + after[:1] + at + after[1:],
    }[kind]
    found = near_duplicates([word, slip])
    assert found == ([] if slip == word else [tuple(sorted((word, slip)))])


@given(st.lists(st.text(max_size=20), max_size=8))
def test_pairs_are_of_the_names_given_and_each_once(names: list[str]) -> None:
    pairs = near_duplicates(names)
    assert pairs == sorted(set(pairs))
    assert all(one < other and {one, other} <= set(names) for one, other in pairs)
    assert near_duplicates(reversed(names)) == pairs


@given(st.text(min_size=1))
def test_every_name_has_words(name: str) -> None:
    assert words(name) and words(name.upper().lower())


def test_thousands_of_names_take_no_square_of_their_number() -> None:
    names = [f"Plant {i:05d} of line {i % 7}" for i in range(5000)]
    assert near_duplicates([*names, "Plant 00000 of lime 0"]) == [
        ("Plant 00000 of lime 0", "Plant 00000 of line 0")
    ]
