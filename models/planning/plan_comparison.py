"""Plans for one line side by side: what each puts out, on the same paths of chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.planning.curve_fit import FittedCurve
from models.planning.finish import LinePaths
from models.planning.flow_paths import ReleasePlan, flow_paths

Floats = NDArray[np.float64]

_QUANTILES = {"p10": 0.1, "p50": 0.5, "p90": 0.9}


@dataclass(frozen=True)
class NamedPlan:
    """A plan and the paths of the line under it.

    Attributes:
        name: of the plan.
        paths: throughput and WIP of each step.
    """

    name: str
    paths: LinePaths


def run_plans(
    curve: FittedCurve,
    wip: float,
    open_share: Floats,
    plans: Sequence[tuple[str, ReleasePlan]],
) -> list[NamedPlan]:
    """Return the paths of a line under each plan, by its name.

    Args:
        wip: in process now.
        open_share: of each step, in which the line works, [H].
    """
    return [
        NamedPlan(name, flow_paths(curve.draws, wip, plan, open_share, curve.lot))
        for name, plan in plans
    ]


def compare_plans(
    plans: Sequence[NamedPlan], units: float | None, highest_wip: float
) -> list[dict[str, Any]]:
    """Return the figures of each plan; `more_than_first` is by pairs of equal paths.

    Args:
        units: wanted over the horizon; None: no target.
        highest_wip: of the history.
    """
    first = plans[0].paths.throughput.sum(axis=1)
    return [_figures(plan, first, units, highest_wip) for plan in plans]


def _figures(
    plan: NamedPlan, first: Floats, units: float | None, highest_wip: float
) -> dict[str, Any]:
    output = plan.paths.throughput.sum(axis=1)
    wip = plan.paths.wip[:, 1:]
    by_step = np.median(wip, axis=0)
    return {
        "name": plan.name,
        "output": _quantiles(output),
        "probability": None if units is None else float((output >= units).mean()),
        "mean_wip": _quantiles(wip.mean(axis=1)),
        "wip_at_end": _quantiles(wip[:, -1]),
        # By Little's Law over the horizon.
        "cycle_time": _quantiles(wip.sum(axis=1) / output) if (output > 0).all() else None,
        "extrapolated": bool(by_step.max() > highest_wip),
        "output_change": float((output - first).mean()),
        "more_than_first": float((output > first).mean()),
        "wip_by_step": by_step.tolist(),
        "throughput_by_step": np.median(plan.paths.throughput, axis=0).tolist(),
    }


def _quantiles(values: Floats) -> dict[str, float]:
    found = np.quantile(values, list(_QUANTILES.values())).tolist()
    return {"mean": float(values.mean())} | dict(zip(_QUANTILES, found, strict=True))
