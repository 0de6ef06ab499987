"""Results as rows of one table: medians, ratios turn by turn, and whether the target is met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Row:
    """A piece of work, ours beside a peer's.

    Args:
        ours, theirs: figures turn by turn, in `unit`.
        wanted: the ratio that is asked for.
        least: whether ours ÷ theirs is to be at least, or else at most, what is wanted.
    """

    work: str
    peer: str
    ours: Sequence[float]
    theirs: Sequence[float]
    unit: str
    wanted: float | None = None
    least: bool = True
    note: str = ""
    ratios: list[float] = field(init=False)

    def __post_init__(self) -> None:
        pairs = zip(self.ours, self.theirs, strict=True)
        object.__setattr__(self, "ratios", [mine / other for mine, other in pairs])

    @property
    def good(self) -> bool | None:
        """Return true if the median ratio meets its target."""
        if self.wanted is None:
            return None
        ratio = median(self.ratios)
        return ratio >= self.wanted if self.least else ratio <= self.wanted

    def cells(self) -> list[str]:
        """The row as text."""
        sign = "≥" if self.least else "≤"
        asked = "" if self.wanted is None else f"{sign} {_short(self.wanted)}"
        verdict = {True: "yes", False: "**no**", None: ""}[self.good]
        return [
            self.work,
            f"{_short(median(self.ours))} {self.unit}",
            f"{_short(median(self.theirs))} {self.unit}, {self.peer}",
            _short(median(self.ratios)),
            f"{_short(min(self.ratios))} to {_short(max(self.ratios))}",
            asked,
            verdict,
        ]


_HEADINGS = ["work", "ours", "beside it", "ratio", "spread", "wanted", "met"]


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table, with the notes beneath it."""
    lines = [_HEADINGS, ["---"] * len(_HEADINGS), *(row.cells() for row in rows)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    notes = "\n".join(f"- {row.work} ({row.peer}): {row.note}" for row in rows if row.note)
    return f"{table}\n\n{notes}" if notes else table


def _short(value: float) -> str:
    """Three significant digits."""
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return text if "e" not in text else f"{value:.6f}".rstrip("0")
