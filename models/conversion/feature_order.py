"""The order of a legacy network's features: from the names in its pickles, or its number of them.

An order that cannot be known is refused; the caller may state it.

    >>> of_width(9, SERIES_FIELDS) == PLAIN
    True
    >>> of_width(6, SERIES_FIELDS)
    ('wip', 'throughput', 'cycle_time', 'plant', 'application', 'panel_size')
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import combinations

from models.series.legacy_features import COMPLIANCE, ENHANCED, FEATURES, PLAIN, STOCKS
from models.series.panel import SERIES_FIELDS, TARGETS
from utils.errors import InvalidInput

# Columns that the table of the earlier implementation may have lacked.
_OPTIONAL = {PLAIN: ("day", *STOCKS), ENHANCED: (*STOCKS, COMPLIANCE)}
_SYNONYMS = {
    "dayofweek": "day_of_week",
    "weekday": "day_of_week",
    "dayofyear": "day_of_year",
    "wipthroughputratio": "wip_per_throughput",
    "throughputwipratio": "throughput_per_wip",
}
_SPELLED = {re.sub("[^a-z0-9]", "", name): name for name in FEATURES} | _SYNONYMS
_WAVE = re.compile(r"(sin|cos)")
_PERIODS = {"year": "year|annual|365", "month": "month|30", "week": "week|7"}
_PAST = {"mean": r"ma|mean|avg|average|rolling", "before": r"lag|prev|previous|before|shift"}


def order_of(
    width: int, stated: Sequence[str], columns: Sequence[str], encoded: Sequence[str]
) -> tuple[str, ...]:
    """Return the features of a network, in the order of its inputs.

    Args:
        width: number of features that it takes.
        stated: their names, if the caller gave them.
        columns: names of the columns that its scaler was fitted on, if its pickles have them.
        encoded: which of plant, application and panel size it takes.

    Raises:
        InvalidInput: the order cannot be known, or does not have that many features.
    """
    names, field = (stated, "features") if stated else (columns, "scalers")
    if not names:
        return of_width(width, encoded)
    if len(names) != width:
        rule = f"must have the {width} features that the model takes"
        raise InvalidInput.of(field, rule, f"{len(names)}: {', '.join(names)}"[:200])
    known = tuple(feature_of(name) for name in names)
    unknown = [name for name, feature in zip(names, known, strict=True) if feature is None]
    named = tuple(feature for feature in known if feature is not None)
    if not unknown and len(set(named)) == width:
        return named
    fitting = [
        order
        for order in _orders(width, encoded)
        if all(have in (None, want) for have, want in zip(known, order, strict=True))
    ]
    if stated or len(fitting) != 1:
        what = f"names {unknown[0]!r}" if unknown else "names a feature twice"
        raise InvalidInput.of(field, f"{what}: the order of the features is not known. {_CHOICE}")
    return fitting[0]


def of_width(width: int, encoded: Sequence[str]) -> tuple[str, ...]:
    """Return the features of a network that states their number only. Raises as `order_of`."""
    orders = list(_orders(width, encoded))
    if len(orders) == 1:
        return orders[0]
    several = f"; {len(orders)} orders have so many" if orders else ""
    raise InvalidInput.of(
        "model", f"takes {width} features, whose order is not known{several}. {_CHOICE}", width
    )


_CHOICE = f"State it: --features NAME,NAME,… of {', '.join(FEATURES)}."


def _orders(width: int, encoded: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield the layouts of the earlier implementation that have a number of features."""
    for layout, optional in _OPTIONAL.items():
        own = tuple(name for name in layout if name not in SERIES_FIELDS or name in encoded)
        lacking = len(own) - width
        if 0 <= lacking <= len(optional):
            for absent in combinations(optional, lacking):
                yield tuple(name for name in own if name not in absent)


def feature_of(column: str) -> str | None:
    """Return the feature that a column of an old table stands for; None if it is not known.

    >>> feature_of("Panel_Size_encoded"), feature_of("wip_rolling_mean_7"), feature_of("colour")
    ('panel_size', 'wip_mean_7', None)
    """
    folded = re.sub("[^a-z0-9]", "", column.lower()).removesuffix("encoded")
    if folded in _SPELLED:
        return _SPELLED[folded]
    if wave := _WAVE.search(folded):
        periods = [name for name, words in _PERIODS.items() if re.search(words, folded)]
        return f"day_{wave[1]}_{periods[0]}" if len(periods) == 1 else None
    target = next((name for name in TARGETS if folded.startswith(name.replace("_", ""))), None)
    if target is None:
        return None
    rest = folded.removeprefix(target.replace("_", ""))
    past = re.fullmatch(rf"(?:{_PAST['before']})+1?", rest)
    mean = re.fullmatch(rf"(?:{_PAST['mean']})+([37])|([37])d?(?:{_PAST['mean']})+", rest)
    if mean:
        return f"{target}_mean_{mean[1] or mean[2]}"
    return f"{target}_before" if past else None
