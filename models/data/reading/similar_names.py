"""Names that look alike: they differ in case, spaces, or signs that cannot be seen."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict

from models.series.panel import SERIES_FIELDS

_LISTED = 20
# Letters of other alphabets that look like Latin ones, dashes of any length, and underscores.
_LOOKS = str.maketrans("авекмнорстухіјοαρν‐‑‒–—―−_", "abekmhopctyxijoapv------- ")
_UNSEEN = re.compile(r"[\u00ad\u200b-\u200f\u2060\ufeff]")


def similar_names(names: list[list[str]]) -> list[dict[str, object]]:
    """Return groups of names that look alike, of plants, applications and panel sizes.

    >>> similar_names([["Plant 1", "Plant\\u00a01", "B"], [], []])
    [{'field': 'plant', 'names': ['Plant 1', 'Plant\\xa01']}]
    """
    found: list[dict[str, object]] = []
    for field, labels in zip(SERIES_FIELDS, names, strict=True):
        alike: dict[str, list[str]] = defaultdict(list)
        for label in labels:
            alike[_look(label)].append(label)
        found += [{"field": field, "names": group} for group in alike.values() if len(group) > 1]
    return found[:_LISTED]


def _look(name: str) -> str:
    """A name without case, width and unseen signs, with single spaces and plain dashes."""
    name = _UNSEEN.sub("", unicodedata.normalize("NFKC", name)).casefold().translate(_LOOKS)
    return " ".join(name.split())
