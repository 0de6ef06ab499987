"""Names that differ in spelling only: in case, spaces and signs, or by one slip of the keyboard."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations

_SHORTEST = 4  # letters of a word in which one slip makes no other word
_WORDS = re.compile(r"[^\W\d_]+|\d+(?:\.\d+)?")

Words = tuple[str, ...]


def near_duplicates(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs of distinct names that most likely mean the same, sorted.

    They fold to the same words ("Plant_A", "plant a"), or to words of which one alone differs by
    one letter added, lost, replaced or two swapped ("Automotive", "Automotve"). Numbers and short
    words distinguish: "Line 1" and "Line 2", "Plant_A" and "Plant_B" are no pair.

    >>> near_duplicates(["Plant_A", "plant a", "Plant_B"])
    [('Plant_A', 'plant a')]
    """
    folded: dict[Words, list[str]] = defaultdict(list)
    for name in sorted(set(names)):
        folded[words(name)].append(name)
    found = {pair for alike in folded.values() for pair in combinations(alike, 2)}
    for one, other in _slips(folded):
        found |= {_pair(a, b) for a in folded[one] for b in folded[other]}
    return sorted(found)


def words(name: str) -> Words:
    """Return the words and numbers of a name, without case, accents, spaces and signs.

    A name that has none is one word.
    """
    plain = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return tuple(_WORDS.findall(plain)) or (name,)


def _slips(folded: Iterable[Words]) -> Iterator[tuple[Words, Words]]:
    """Pairs that are one slip apart, in time linear in their number.

    Two words one slip apart become the same when each loses at most one letter.
    """
    near: dict[Words, set[Words]] = defaultdict(set)
    for name in folded:
        for place, word in enumerate(name):
            if len(word) >= _SHORTEST and word.isalpha():
                for less in {word, *(word[:i] + word[i + 1 :] for i in range(len(word)))}:
                    near[(*name[:place], less, *name[place + 1 :])].add(name)
    for alike in near.values():
        for one, other in combinations(sorted(alike), 2):
            if len(one) == len(other) and _one_slip(*_differing(one, other)):
                yield one, other


def _differing(one: Words, other: Words) -> tuple[str, str]:
    """The first words that differ."""
    return next(((a, b) for a, b in zip(one, other, strict=True) if a != b), ("", ""))


def _one_slip(a: str, b: str) -> bool:
    if min(len(a), len(b)) < _SHORTEST:
        return False
    place = next(
        (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )
    rest, other = a[place:], b[place:]
    swapped = rest[1::-1] + rest[2:] == other
    return swapped or rest[1:] == other or rest == other[1:] or rest[1:] == other[1:]


def _pair(a: str, b: str) -> tuple[str, str]:
    return (a, b) if a < b else (b, a)
