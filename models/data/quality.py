"""Quality of series: Little's Law, stability and outliers, with recommendations as sentences."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data import littles_law, outliers, stability
from models.data.cycle_time_unit import in_worked_days
from models.data.littles_law import Verdicts
from models.data.littles_law_flow import sums_by_series
from models.data.outliers import Outliers
from models.data.stability import Stability
from models.series.panel import SERIES_FIELDS, TARGETS, Panel

Floats = NDArray[np.float64]

LISTED_SERIES = 1000
LISTED_OUTLIERS = 10  # of each series
_NAMED = 3  # series that a sentence names


def report(panel: Panel, releases: Floats | None = None) -> dict[str, Any]:
    """Return the quality of each series, JSON-ready: `summary` and `series`, the worst first.

    Args:
        panel: the series.
        releases: units a step, NaN where unknown, [rows].
    """
    laws, trends, odd = (
        littles_law.judge(in_worked_days(panel)),
        stability.judge(panel),
        outliers.find(panel),
    )
    counts = np.bincount(panel.series[odd.row], minlength=len(panel.series_keys))
    flows = _flows(panel, releases)
    attention = np.select(
        [
            laws.verdict == littles_law.FAIL,
            trends.verdict == stability.GROWING,
            counts > 0,
            laws.verdict == littles_law.INCONCLUSIVE,
        ],
        [0, 1, 2, 3],
        4,
    )
    listed = np.argsort(attention, kind="stable")[:LISTED_SERIES].tolist()
    return {
        "summary": {
            "series": len(panel.series_keys),
            "series_listed": len(listed),
            "littles_law": littles_law.counts(laws.verdict, littles_law.VERDICTS),
            "stability": littles_law.counts(trends.verdict, stability.VERDICTS),
            "outliers": len(odd.row),
            "recommendations": _recommendations(panel, laws, trends, odd),
        },
        "series": [
            {
                **dict(zip(SERIES_FIELDS, panel.series_keys[s], strict=True)),
                "steps": int(panel.lengths[s]),
                "littles_law": _law(panel, laws, s),
                "stability": _stability(trends, flows, s),
                "outliers": _outliers(panel, odd, s),
                "outlier_count": int(counts[s]),
            }
            for s in listed
        ],
    }


def _flows(panel: Panel, releases: Floats | None) -> tuple[Floats, Floats]:
    """Mean releases (NaN: not known of every step) and throughput a step, [S] each."""
    known = np.full(len(panel.values), np.nan) if releases is None else releases
    total = [sums_by_series(panel, values) for values in (known, panel.values[:, 1])]
    return total[0] / panel.lengths, total[1] / panel.lengths


def _law(panel: Panel, laws: Verdicts, s: int) -> dict[str, Any]:
    failed = int(laws.failed[s])
    worst = {
        **dict(zip(("start", "end"), _dates(panel, laws.worst[s]), strict=True)),
        "deviation": float(laws.worst_deviation[s]),
        "allowance": float(laws.worst_allowance[s]),
    }
    return {
        "verdict": str(laws.verdict[s]),
        "windows": int(laws.windows[s]),
        "windows_failed": failed,
        "deviation": _finite(laws.deviation[s]),
        "allowance": _finite(laws.allowance[s]),
        "detectable": _finite(laws.detectable[s]),
        "known_cycle_times": int(laws.known[s]),
        "worst_window": worst if failed else None,
    }


def _stability(trends: Stability, flows: tuple[Floats, Floats], s: int) -> dict[str, Any]:
    return {
        "verdict": str(trends.verdict[s]),
        "slope_per_step": _finite(trends.slope[s]),
        "standard_error": _finite(trends.standard_error[s]),
        "change": _finite(trends.change[s]),
        "margin": _finite(trends.margin[s]),
        "inflow_per_step": _finite(flows[0][s]),
        "outflow_per_step": float(flows[1][s]),
    }


def _outliers(panel: Panel, odd: Outliers, s: int) -> list[dict[str, Any]]:
    begin, end = np.searchsorted(odd.row, panel.offsets[[s, s + 1]])
    strongest = begin + np.argsort(-odd.strength[begin:end], kind="stable")[:LISTED_OUTLIERS]
    places = np.sort(strongest)
    return [
        {
            "date": date,
            "target": TARGETS[odd.column[i]],
            "value": float(panel.values[odd.row[i], odd.column[i]]),
            "expected_range": (float(odd.low[i]), float(odd.high[i])),
        }
        for i, date in zip(places, _dates(panel, odd.row[places]), strict=True)
    ]


def _dates(panel: Panel, rows: NDArray[np.int64]) -> list[str]:
    series = np.searchsorted(panel.offsets, rows, side="right") - 1
    return panel.calendar.dates(panel.dated_first[series] + rows - panel.offsets[series])


def _finite(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None


# --- sentences ----------------------------------------------------------------------------------


def _recommendations(panel: Panel, laws: Verdicts, trends: Stability, odd: Outliers) -> list[str]:
    """Recommendations about the worst series, by name."""
    return [
        *_of_failures(panel, laws),
        *_of_doubts(panel, laws),
        *_of_growth(panel, trends),
        *_of_outliers(panel, odd),
    ]


def _of_failures(panel: Panel, laws: Verdicts) -> list[str]:
    failed = np.flatnonzero(laws.verdict == littles_law.FAIL)
    worst = failed[np.argsort(-abs(laws.worst_deviation[failed]), kind="stable")]
    sentences = []
    for s in worst[:_NAMED].tolist():
        begin, end = _dates(panel, laws.worst[s])
        deviation, allowed = float(laws.worst_deviation[s]), float(laws.worst_allowance[s])
        high = deviation > 0
        cause = (
            "its cycle times leave time out, or part of its WIP never leaves"
            if high
            else "its WIP leaves units out, or its cycle times hold time spent elsewhere"
        )
        sentences.append(
            f"{_name(panel, s)}: from {begin} to {end} WIP is {abs(deviation):.0%} too "
            f"{'high' if high else 'low'} for throughput × cycle time; the window's edges explain "
            f"{allowed:.0%}. Check whether {cause}."
        )
    return sentences + _more(len(worst), "break Little's Law")


def _of_doubts(panel: Panel, laws: Verdicts) -> list[str]:
    doubtful = laws.verdict == littles_law.INCONCLUSIVE
    if not doubtful.any():
        return []
    untimed = int((doubtful & (laws.known < littles_law.LEAST)).sum())
    wide = int(doubtful.sum()) - untimed
    sentences = []
    if untimed:
        sentences.append(
            f"{untimed} of {len(panel.series_keys)} series have fewer than {littles_law.LEAST} "
            "known cycle times: Little's Law cannot be judged."
        )
    if wide:
        hidden = laws.detectable[doubtful & np.isfinite(laws.detectable)]
        size = f" (in the median series up to {np.median(hidden):.0%})" if hidden.size else ""
        sentences.append(
            f"{wide} of {len(panel.series_keys)} series are too short for their cycle times, or "
            f"pile up: deviations above {littles_law.DETECTED:.0%} could hide{size}. Provide more "
            "steps."
        )
    return sentences


def _of_growth(panel: Panel, trends: Stability) -> list[str]:
    growing = np.flatnonzero(trends.verdict == stability.GROWING)
    most = growing[np.argsort(-trends.change[growing], kind="stable")]
    step, margin = panel.calendar.step.value, stability.CRITICAL * trends.standard_error
    return [
        f"{_name(panel, s)}: WIP grows by {trends.slope[s]:.3g} (± {margin[s]:.2g}) per {step}, "
        f"{trends.change[s]:.0%} of its mean over the data: release that much less, or put out "
        "that much more."
        for s in most[:_NAMED].tolist()
    ] + _more(len(most), "grow")


def _of_outliers(panel: Panel, odd: Outliers) -> list[str]:
    if not len(odd.row):
        return []
    i = int(odd.strength.argmax())
    row, column = int(odd.row[i]), int(odd.column[i])
    number = Counter(TARGETS[c] for c in odd.column.tolist())
    s = int(panel.series[row])
    return [
        f"{len(odd.row)} outliers ({', '.join(f'{n} of {t}' for t, n in sorted(number.items()))}), "
        f"the strongest {TARGETS[column]} {panel.values[row, column]:.4g} of {_name(panel, s)} on "
        f"{_dates(panel, odd.row[[i]])[0]}, where {odd.low[i]:.4g} to {odd.high[i]:.4g} were to be "
        "expected: correct them if they are mistakes."
    ]


def _more(count: int, what: str) -> list[str]:
    return [f"{count - _NAMED} more series {what}."] if count > _NAMED else []


def _name(panel: Panel, s: int) -> str:
    return " / ".join(panel.series_keys[s])
