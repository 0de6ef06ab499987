"""The span of time that an event log covers: from when, and until when, WIP follows from it.

A list of units seldom covers all that happened between its first and its last time. Some lists
have the units that started in a span, some those that finished in it, and some state starts up to
a later day than finishes. Each leaves a mark: far more units than usual come, or leave, without
any that leaves, or comes. What is found is stated; `begin` and `end` of a request decide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.events.event_log import OPEN, Units, text_of
from utils.errors import InvalidInput

Ints = NDArray[np.int64]

_SURELY = 20  # units without any of the other kind that are no chance


@dataclass(frozen=True)
class Coverage:
    """The span of a log.

    Attributes:
        begin: time from which it is complete; what started before is known only if it is listed.
        end: time up to which it is complete.
        run_in: time from which WIP is right even if units that started before the first were left
            out; `begin` if units of before are listed.
        notes: sentences about what was found and assumed.
    """

    begin: int
    end: int
    run_in: int
    notes: tuple[str, ...]

    @classmethod
    def of(cls, units: Units, begin: int | None = None, end: int | None = None) -> Coverage:
        """Return the coverage of units.

        Args:
            begin, end: as the request states them; None: found.

        Raises:
            InvalidInput: no unit has left, or none lies in the span.
        """
        finishes = np.sort(units.finish[units.has_left])
        if not finishes.size:
            raise InvalidInput.of("finish", "must be given for at least one unit that has left")
        starts = np.sort(units.start)
        notes: list[str] = []
        last = _end(starts, finishes, notes) if end is None else end
        first = _begin(starts, finishes, units, notes) if begin is None else begin
        if first >= last or not ((units.start < last) & (units.finish >= first)).any():
            raise InvalidInput.of(
                "until" if end is not None else "from",
                f"must leave a span with units between {text_of(starts[0])} and "
                f"{text_of(max(starts[-1], finishes[-1]))}",
                text_of(last if end is not None else first),
            )
        run_in = _run_in(units, first, last, notes)
        _run_out(units, last, notes)
        _old_units(units, last, notes)
        return cls(first, last, run_in, tuple(notes))


def _end(starts: Ints, finishes: Ints, notes: list[str]) -> int:
    """One microsecond after the last time of a kind of which more were to be expected."""
    for own, other, has, lacks in (
        (finishes, starts, "starts", "finishes"),
        (starts, finishes, "finishes", "starts"),
    ):
        after = int((other > own[-1]).sum())
        gap = int(other[-1]) - int(own[-1])
        if after >= _SURELY and gap > _longest_gap(own):
            notes.append(
                f"After {text_of(own[-1])} the log has {after:,} {has} and no {lacks}, longer than "
                f"ever before: the table ends there. Send `until` for another end."
            )
            return int(own[-1]) + 1
    return int(max(starts[-1], finishes[-1])) + 1


def _begin(starts: Ints, finishes: Ints, units: Units, notes: list[str]) -> int:
    """The first start; or the first finish where the log lists units by their finish."""
    before = int((starts < finishes[0]).sum())
    usual = int(np.quantile(units.time_in_system[units.has_left], 0.95))
    gap = int(finishes[0]) - int(starts[0])
    if before < _SURELY or gap <= max(usual, _longest_gap(finishes)):
        return int(starts[0])
    notes.append(
        f"Before {text_of(finishes[0])} the log has {before:,} starts and no finish, over a time "
        "longer than 95 % of the units take: it lists units by their finish, and the table begins "
        "there. Send `from` for another begin."
    )
    return int(finishes[0])


def _longest_gap(times: Ints) -> int:
    return int(np.diff(times).max(initial=0))


def _run_in(units: Units, begin: int, end: int, notes: list[str]) -> int:
    """The time up to which units that started before the first may be missing."""
    if (units.start < begin).any():
        return begin
    left = units.has_left & (units.finish < end)
    usual = int(np.quantile(units.time_in_system[left], 0.95)) if left.any() else 0
    run_in = min(begin + usual, end)
    if usual:
        notes.append(
            f"Units that started before {text_of(begin)} are not in the log: if there were any, "
            f"WIP and throughput are too low up to {text_of(run_in // 1_000_000 * 1_000_000)}, "
            "after which 95 % of them have left. Send `from` to begin there."
        )
    return run_in


def _run_out(units: Units, end: int, notes: list[str]) -> None:
    """Note the end of a list that leaves out what is still in process."""
    left = units.has_left & (units.finish < end)
    if not left.all() or len(units) < _SURELY:
        return
    usual = int(np.quantile(units.time_in_system[left], 0.95))
    begin = text_of(max(end - usual, 0) // 1_000_000 * 1_000_000)
    notes.append(
        "The log has no unit in process at its end: if it lists finished units only, WIP and "
        f"releases are too low from {begin} on. Send `until` to end there, or add the units in "
        "process with a blank finish."
    )


def _old_units(units: Units, end: int, notes: list[str]) -> None:
    """Note the units in process that are older than any that left."""
    left = units.has_left & (units.finish < end)
    inside = ~left & (units.start < end)
    longest = int(units.time_in_system[left].max(initial=0))
    old = int((end - units.start[inside] > longest).sum())
    if old and left.any():
        notes.append(
            f"{old:,} units in process are older than any that left: check whether they are still "
            "there, as they count in WIP."
        )


def open_at(units: Units, time: int) -> NDArray[np.bool_]:
    """Return True for units in process just before a time, [n]."""
    return (units.start < time) & ((units.finish >= time) | (units.finish == OPEN))
