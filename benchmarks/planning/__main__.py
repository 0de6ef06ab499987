"""Advice for random simulated lines, taken and replayed: `python -m benchmarks.planning`.

Each line runs for two years at releases that change every few weeks. From the table of its days
comes the advice for 80 % of its capacity with a risk of 10 %; the line then runs with that WIP cap
for 900 months of 30 days. The oracle has seen two years of the line at that very cap, and knows
how throughput depends on the cap.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np

from benchmarks.planning.judge import NEAR, Verdict, judge

_NEAR_TIME = 0.05


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the lines and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planning", description=__doc__)
    parser.add_argument("--lines", type=int, default=50, help="number of lines")
    parser.add_argument("--first", type=int, default=0, help="seed of the first line")
    options = parser.parse_args(arguments)
    print("| line | kind | cap | best | throughput | came | cycle time | came | promised | kept |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    verdicts = []
    for seed in range(options.first, options.first + options.lines):
        verdicts.append(judge(seed))
        print(_row(verdicts[-1]), flush=True)
    print(f"\n{_summary(verdicts)}")
    return 0


def _row(found: Verdict) -> str:
    if found.reason:
        return f"| {found.seed} | {found.kind} | inconclusive: {found.reason} |"
    return (
        f"| {found.seed} | {found.kind} | {found.cap:.0f} | {found.best_cap:.1f} | "
        f"{found.throughput:.2f} | {found.came:.2f} | {found.cycle_time:.2f} | "
        f"{found.came_time:.2f} | {found.promised:.2f} | {found.kept:.2f} |"
    )


def _summary(verdicts: Sequence[Verdict]) -> str:
    known = [found for found in verdicts if not found.reason]
    if not known:
        return f"No curve of {len(verdicts)} lines."
    rate = np.array([found.throughput / found.came - 1 for found in known])
    cap = np.array([found.cap / found.best_cap - 1 for found in known])
    promise = np.array([found.promised - found.kept for found in known])
    time = np.array([found.cycle_time / found.came_time - 1 for found in known])
    errors = {
        "throughput within 2 %": rate,
        "cap within 10 % of the best": cap,
        "probability within 3 points": promise,
    }
    rows = [
        f"{len(verdicts)} lines, {len(verdicts) - len(known)} inconclusive, "
        f"{sum(not found.feasible for found in known)} not feasible.\n",
        "| measure | found | oracle | mean error | median size |",
        "|---|---|---|---|---|",
    ]
    for place, (name, own) in enumerate(errors.items()):
        near = int((np.abs(own) <= NEAR[place]).sum())
        oracle = sum(found.oracle[place] for found in known)
        rows.append(
            f"| {name} | {near} of {len(known)} | {oracle:.0f} | {np.nanmean(own):+.1%} | "
            f"{np.nanmedian(np.abs(own)):.1%} |"
        )
    promised, kept = (np.mean([getattr(v, name) for v in known]) for name in ("promised", "kept"))
    error = promise.std(ddof=1) / len(known) ** 0.5 if len(known) > 1 else np.inf
    rows.append(
        f"\nMean cycle time within 5 %: {int((np.abs(time) <= _NEAR_TIME).sum())}. "
        f"Over all lines, {promised:.1%} promised, {kept:.1%} kept (standard error of the "
        f"difference {error:.1%})."
    )
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
