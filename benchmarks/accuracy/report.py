"""Scores as Markdown tables."""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.accuracy import limits, methods
from benchmarks.accuracy.adversarial import PREFIX
from benchmarks.accuracy.datasets import DataSet
from benchmarks.accuracy.limits import Scores
from benchmarks.accuracy.protocol import LEVELS
from benchmarks.accuracy.scores import TOTALS_COVERAGE, TOTALS_LEVEL
from models.series.panel import TARGETS

_SHORT = dict(zip(TARGETS, ("WIP", "TH", "CT"), strict=True))
_NONE = "–"
_INDEPENDENT = ("to_independent", "sums_to_independent")  # energies relative to theirs


def document(data: DataSet, scores: Scores) -> str:
    """The errors of all methods on a data set, the intervals of those that give any, the limits."""
    panel, pace = data.panel, data.pace
    about = (
        f"{len(panel.series_keys)} series, {panel.lengths.max()} {panel.calendar.step}s, held back "
        f"from {panel.calendar.dates(data.origins[:1])[0]} on; {len(data.origins)} origins, "
        f"horizon {pace.horizon}, season {pace.season}."
    )
    tables = [_errors(scores), _intervals(scores)]
    if any(_gives_totals(score) for score in scores.values()):
        tables.append(_totals(scores))
    parts = [f"## {data.name}", about, *map(_markdown, tables)]
    weights = scores.get(methods.SERVICE, {}).get("weights")
    if weights:
        parts.append(_markdown(_weights(weights)))
    if methods.SERVICE in scores and len(scores) > 1:
        parts += _limits(scores, int(panel.lengths.min()))
    return "\n\n".join(parts)


def adversarial(scores: Mapping[str, Scores]) -> str:
    """A row for each adversarial data set: WAPE of all methods by target, and what is suspect."""
    names = list(next(iter(scores.values())))
    beside = methods.SERVICE in names
    headings = [
        f"{_SHORT[target]} {name}"
        for target in TARGETS
        for name in [*names, *(["÷ naive"] if beside else [])]
    ]
    table = _table("WAPE, %", *headings, "suspect")
    for kind, by_method in scores.items():
        cells = []
        for target in TARGETS:
            wapes = {
                name: score["wape"][target][limits.OVERALL]
                for name, score in by_method.items()
                if target in score.get("wape", {})
            }
            cells += [_percent(wapes.get(name)) for name in names]
            cells += [_to_naive(wapes)] if beside else []
        table.add_row(kind.removeprefix(PREFIX), *cells, _suspect(by_method))
    return "\n\n".join(["## Adversarial", _markdown(table)])


def _to_naive(wapes: Mapping[str, float]) -> str:
    naive = [wapes[name] for name in methods.NAIVE if name in wapes]
    if not naive or methods.SERVICE not in wapes:
        return _NONE
    return f"{limits.ratio(wapes[methods.SERVICE], min(naive)):.2f}"


def _suspect(scores: Scores) -> str:
    """Failures and flags of each method that has some."""
    parts = []
    for name, score in scores.items():
        found = [score["failed"]] if "failed" in score else []
        found += [f"{flag} ({count})" for flag, count in score.get("flags", {}).items()]
        if found:
            parts.append(f"{name}: {', '.join(found)}")
    return "; ".join(parts) or _NONE


def _markdown(table: Table) -> str:
    console = Console(file=StringIO(), width=10_000)
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().strip().splitlines())


def _errors(scores: Scores) -> Table:
    some = next(iter(scores.values()))
    columns = [(t, band) for t in some["wape"] for band in some["wape"][t]]
    headings = [f"{_SHORT[t]} {band}" for t, band in columns]
    headings += [f"sum {_SHORT[t]}" for t in some["totals"]]
    headings += [f"MASE {_SHORT[t]}" for t in some["mase"]] + ["fit s", "s/origin"]
    table = _table("WAPE, %", *headings)
    for name, score in scores.items():
        cells = [_percent(score["wape"][t][band]) for t, band in columns]
        cells += [_percent(found.get("wape")) for found in score["totals"].values()]
        cells += [_number(scaled) for scaled in score["mase"].values()]
        cells += [f"{score['fit_seconds']:.1f}", f"{score['forecast_seconds']:.2f}"]
        table.add_row(name, *cells)
    return table


def _intervals(scores: Scores) -> Table:
    """Coverage over all horizons (in brackets the least and most of a band), width, Winkler."""
    columns = [f"{level}: {what}" for level in LEVELS for what in ("covers", "width", "Winkler")]
    table = _table("intervals, %", "of", *columns)
    for name, score in scores.items():
        for target, by_level in score["intervals"].items():
            if by_level:
                cells = [cell for level in LEVELS for cell in _interval(by_level.get(str(level)))]
                table.add_row(name, _SHORT[target], *cells)
    return table


def _interval(found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return [_NONE] * 3
    bands = [100 * share for band, share in found["coverage"].items() if band != limits.OVERALL]
    return [
        f"{100 * found['coverage'][limits.OVERALL]:.1f} ({min(bands):.0f}–{max(bands):.0f})",
        f"{100 * found['width']:.1f}",
        f"{100 * found['winkler']:.1f}",
    ]


def _gives_totals(score: Mapping[str, Any]) -> bool:
    return any(TOTALS_COVERAGE in found for found in score["totals"].values())


def _totals(scores: Scores) -> Table:
    """Intervals of sums over the horizon, and the energy score of sample paths."""
    headings = (f"{TOTALS_LEVEL}: sum covered", "± (blocks)", "Winkler", "energy")
    ratios = ("÷ independent days", "of running sums ÷")
    table = _table("sums and paths, %", "of", *headings, *ratios)
    for name, score in scores.items():
        if _gives_totals(score):
            for target, found in score["totals"].items():
                energies = score["energy"].get(target, {})
                shares = [found.get(n) for n in (TOTALS_COVERAGE, "error", "winkler")]
                shares += [energies.get(n) for n in ("energy", *_INDEPENDENT)]
                table.add_row(name, _SHORT[target], *map(_percent, shares))
    return table


def _weights(weights: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Table:
    """The weights of the members of the service's combination, by target and band."""
    members = list(next(iter(next(iter(weights.values())).values())))
    table = _table("weights, %", "band", *members)
    for target, by_band in weights.items():
        for band, by_member in by_band.items():
            if band != limits.OVERALL:
                shares = (f"{100 * weight:.0f}" for weight in by_member.values())
                table.add_row(_SHORT[target], band, *shares)
    return table


def _limits(scores: Scores, rows: int) -> list[str]:
    """The service's errors and intervals beside their limits, and how many are kept."""
    errors, intervals = limits.errors(scores), limits.intervals(scores, rows)
    first = _table(
        "service", "band", "WAPE, %", "best peer", "÷ it", "±", "most", "kept",
        "naive", "÷ it", "±", "kept",
    )  # fmt: skip
    for one in errors:
        peer, naive = _checked(one.to_peer), _checked(one.to_naive)
        del naive[2]
        cells = [one.band, _percent(one.wape), one.peer, *peer, one.naive, *naive]
        first.add_row(_SHORT[one.target], *cells)
    second = _table(
        "service", "level", "off, points", "±", "most", "kept", "worst band", "±", "most", "kept",
        "best Winkler", "÷ it", "±", "most", "kept",
    )  # fmt: skip
    for found in intervals:
        cells = [*_checked(found.overall), *_checked(found.worst), found.peer]
        second.add_row(_SHORT[found.target], str(found.level), *cells, *_checked(found.to_peer))
    checks = [check for one in errors for check in (one.to_peer, one.to_naive)]
    checks += [check for one in intervals for check in (one.overall, one.worst, one.to_peer)]
    made = [check for check in checks if check]
    missed = [check for check in made if not check.met]
    kept = f"Limits kept: {len(made) - len(missed)} of {len(made)}."
    if missed:
        near = sum(check.may_be_chance for check in missed)
        kept += f" Missed by at most two standard errors: {near} of {len(missed)}."
    return [_markdown(first), _markdown(second), kept]


def _checked(check: limits.Check | None) -> list[str]:
    """The value, its standard error, the limit, and yes or no."""
    if check is None:
        return [_NONE] * 4
    met = "yes" if check.met else "no"
    return [f"{check.value:.3f}", _number(check.error), f"{check.most:g}", met]


def _percent(share: float | None) -> str:
    return _NONE if share is None else f"{100 * share:.2f}"


def _number(value: float | None) -> str:
    return _NONE if value is None else f"{value:.3f}"


def _table(first: str, *headings: str) -> Table:
    table = Table(box=box.MARKDOWN)
    table.add_column(first, no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table
