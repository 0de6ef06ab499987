"""The report of a load run, as text and as JSON."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.load.run import Outcome

_SHARES = (50, 95, 99)


def document(outcome: Outcome) -> dict[str, Any]:
    """All figures."""
    tally, load, watch = outcome.tally, outcome.load, outcome.watch
    milliseconds = 1000 * np.array(tally.seconds)
    latencies: dict[str, float] = {}
    if milliseconds.size:
        latencies = {f"p{share}": float(np.percentile(milliseconds, share)) for share in _SHARES}
        latencies["max"] = float(milliseconds.max())
    memory = {}
    for name, looks in watch.memory.items():
        slope, error = watch.slope(name)
        memory[name] = {"first": looks[0][1], "last": looks[-1][1], "slope": slope, "error": error}
    return {
        "clients": load.clients,
        "rate": load.rate,
        "seconds": tally.lasted,
        "requests": len(tally.seconds),
        "per_second": len(tally.seconds) / tally.lasted,
        "milliseconds": latencies,
        "errors": dict(tally.errors),
        "examples": tally.examples,
        "reconnected": tally.reconnected,
        "jobs": len(outcome.jobs),
        "lost": outcome.lost,
        "streams": outcome.streams.followed,
        "events": outcome.streams.events,
        "stream_errors": outcome.streams.errors,
        "megabytes": memory,
        "counts": outcome.counts,
        "short": outcome.short(),
    }


def text(found: dict[str, Any]) -> str:
    """The same for people, what fell short first."""
    short = found["short"] or ["nothing"]
    lines = ["Fell short: " + "; ".join(short), ""]
    for kind, examples in found["examples"].items():
        lines += [f"  {kind}: {example}" for example in examples]
    paced = (
        f"at {found['rate']:g} a second" if found["rate"] else "each as soon as it has its reply"
    )
    ms = ", ".join(f"{name} {value:.1f}" for name, value in found["milliseconds"].items())
    lines += [
        f"{found['clients']} clients, {paced}, {found['seconds']:.0f} s: "
        f"{found['requests']:,} forecasts, {found['per_second']:.0f} a second; "
        f"errors: {sum(found['errors'].values())}; milliseconds: {ms}.",
        f"Trainings: {found['jobs']}, lost: {len(found['lost'])}. Streams followed to the end: "
        f"{found['streams']}, with {found['events']:,} events, each once and in order; "
        f"errors: {len(found['stream_errors'])}.",
        "",
        "| process | MB: first | last | growth, MB a minute | threads: before | most | after "
        "| descriptors: before | most | after |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, counts in found["counts"].items():
        took = found["megabytes"].get(name)
        parts = [name, *(["", "", ""] if took is None else _memory(took))]
        parts += [str(each[0]) for each in counts] + [str(each[1]) for each in counts]
        lines.append(f"| {' | '.join(parts)} |")
    return "\n".join(lines)


def _memory(took: dict[str, float]) -> list[str]:
    growth = f"{took['slope']:+.2f} ± {took['error']:.2f}"
    return [f"{took['first']:.0f}", f"{took['last']:.0f}", growth]
