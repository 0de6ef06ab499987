"""Advice for random simulated lines, taken and replayed: `python -m benchmarks.planning`.

Each line runs for two years at releases that change every few weeks. From the table of its days
comes the advice for 80 % of its capacity with a risk of 10 %; the line then runs with that WIP cap.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np

from benchmarks.planning.judge import Verdict, judge

_NEAR_THROUGHPUT, _NEAR_CAP, _NEAR_PROMISE = 0.02, 0.10, 0.03


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
    return (
        f"{len(verdicts)} lines, {len(verdicts) - len(known)} inconclusive, "
        f"{sum(not found.feasible for found in known)} not feasible. Throughput within 2 %: "
        f"{(np.abs(rate) <= _NEAR_THROUGHPUT).sum()} of {len(known)} (mean {rate.mean():+.1%}, "
        f"median size {np.median(np.abs(rate)):.1%}). Cap within 10 % of the best: "
        f"{(np.abs(cap) <= _NEAR_CAP).sum()} (median {np.nanmedian(cap):+.1%}). Promise within 3 "
        f"points: {(np.abs(promise) <= _NEAR_PROMISE).sum()} (promised "
        f"{np.mean([found.promised for found in known]):.1%}, kept "
        f"{np.mean([found.kept for found in known]):.1%})."
    )


if __name__ == "__main__":
    sys.exit(main())
