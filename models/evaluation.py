"""How good a trained network is, on the held-back end that it did not learn from."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from models.forecasting import CLOSE, Network, roll_out
from models.tasks import Task
from utils import metrics
from utils.series import TARGETS

Floats = NDArray[np.float64]

AT_ONCE = 4096  # windows that are judged in one call of the network
_MOST_ROLL_OUTS = 1024  # held-back roll-outs that measure the confidence
_FEWEST_ROLL_OUTS = 8  # behind the share of a horizon


def one_step_ahead(serve: Network, task: Task) -> Floats:
    """Forecasts of the held-back rows, each from the true rows before it, [n, 3] in units."""
    panel, encoding, rows = task.panel, task.encoding, task.windows.held_back
    series = panel.series
    inputs = encoding.rows(task.filled, encoding.surroundings(panel.time, series), series)
    forecasts = np.empty((len(rows), 3))
    for begin in range(0, len(rows), AT_ONCE):
        some = rows[begin : begin + AT_ONCE]
        windows = inputs[some[:, None] + np.arange(-encoding.length, 0)]
        said = serve(windows, encoding.identities(series[some]))
        forecasts[begin : begin + len(some)] = encoding.decode(
            said, task.filled[some - 1], series[some]
        )
    return forecasts


def judge(serve: Network, task: Task) -> dict[str, Any]:
    """Errors over the held-back end in units, overall and per target, beside the last value's.

    Overall, `rmse` and `mae` pool the three targets; `r2_score` is the mean of theirs.
    """
    rows = task.windows.held_back
    truth, forecast = task.panel.values[rows], one_step_ahead(serve, task)
    naive = task.filled[rows - 1]
    per_target: dict[str, Any] = {}
    for i, target in enumerate(TARGETS):
        if np.isnan(truth[:, i]).all():
            per_target[target] = dict.fromkeys(("rmse", "mae", "r2_score", "skill"))
            continue
        error = metrics.mae(truth[:, i], forecast[:, i])
        baseline = metrics.mae(truth[:, i], naive[:, i])
        per_target[target] = {
            "rmse": metrics.rmse(truth[:, i], forecast[:, i]),
            "mae": error,
            "r2_score": metrics.r2(truth[:, i], forecast[:, i]),
            "last_value_mae": baseline,
            "skill": metrics.skill(error, baseline),
        }
    scores = [m["r2_score"] for m in per_target.values() if m["r2_score"] is not None]
    return {
        "rmse": metrics.rmse(truth, forecast),
        "mae": metrics.mae(truth, forecast),
        "r2_score": float(np.mean(scores)),
        "per_target": per_target,
        "held_back_rows": len(rows),
    }


def measure_confidence(serve: Network, task: Task) -> list[float]:
    """Share of held-back roll-outs that landed within 20 % of the truth, by horizon.

    Averaged over the three targets; made to fall with the horizon by isotonic regression, as
    the shares of neighbouring horizons differ by chance.
    """
    panel, rows = task.panel, task.windows.held_back
    ends = panel.offsets[1:][panel.series[rows]]
    steps = int(min(365, (ends - rows).max()))
    stride = -(-len(rows) // _MOST_ROLL_OUTS)
    # Spread over series and time alike, whatever the stride has in common with their lengths.
    starts = np.random.default_rng(0).permutation(rows)[: len(rows) // stride]
    context = task.filled[starts[:, None] + np.arange(-task.encoding.length, 0)]
    forecast = roll_out(
        serve, task.encoding, context, panel.time[starts] - 1, panel.series[starts], steps
    )
    place = starts[:, None] + np.arange(steps)
    inside = place < panel.offsets[1:][panel.series[starts]][:, None]
    truth = panel.values[np.minimum(place, len(panel.values) - 1)]
    truth[~inside] = np.nan
    shares: list[float] = []
    for h in range(steps):
        if h and inside[:, h].sum() < _FEWEST_ROLL_OUTS:
            break
        known = [i for i in range(3) if not np.isnan(truth[:, h, i]).all()]
        landed = [metrics.share_within(truth[:, h, i], forecast[:, h, i], CLOSE) for i in known]
        shares.append(float(np.mean(landed)) if landed else (shares or [0.0])[-1])
    falling = IsotonicRegression(increasing=False, y_min=0, y_max=1)
    return [float(share) for share in falling.fit_transform(range(len(shares)), shares)]
