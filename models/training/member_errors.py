"""Errors of the members of a combination, from origins at which they had not seen what follows.

Within the training span, the trials of the autoregression have several origins
(`models.training.autoregression_choice`). The network forecasts from the same ones after the first
half of its epochs, in which it has been trained on the rows before all of them. On the held-back
end, the origins are evenly spaced. The pretrained network forecasts from origins in all rows.

Example: of 436 training days, members forecast from 24 days between the 240th and the 435th.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.forecast.look_back import LookBack
from models.forecast.members import Member, MemberName
from models.forecast.pretrained_member import untrained_members
from models.forecast.zero_shot import FEWEST_ROWS
from models.series.scaling import Scaling
from models.training.autoregression_choice import tried_series, truth_after
from models.training.prepare import PreparedData

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_HELD_BACK_ORIGINS = 8  # of each half of the held-back end
_EARLIER_ORIGINS = 8


@dataclass(frozen=True)
class MemberErrors:
    """Errors of members from n origins, for some series.

    Attributes:
        errors: truth − forecast by member, scaled, [n, S', H, 3]; NaN where no truth is known.
        truth: scaled, [n, S', H, 3]; NaN likewise.
        origins: first steps forecast, [n].
        series: numbers of the series, [S'].
    """

    errors: Mapping[MemberName, Floats]
    truth: Floats
    origins: Ints
    series: Ints

    def of(self, weights: Mapping[MemberName, Floats]) -> Floats:
        """Return the errors of a combination with weights that add up to one, [n, S', H, 3]."""
        parts = [weight * self.errors[name] for name, weight in weights.items() if weight.any()]
        return np.sum(parts, axis=0)

    def in_units(self, scaled: Floats, scaling: Scaling) -> Floats:
        """Return scaled values of these series in units, [n, S', H, 3]."""
        return np.moveaxis(scaling.inverse(np.moveaxis(scaled, 1, 0), self.series), 0, 1)

    def at(self, chosen: Ints) -> MemberErrors:
        """Return the errors from some of the origins, by their places."""
        errors = {name: own[chosen] for name, own in self.errors.items()}
        return replace(self, errors=errors, truth=self.truth[chosen], origins=self.origins[chosen])

    def joined(self, other: MemberErrors) -> MemberErrors:
        """Return both, of the members and the series that they share in this order."""
        errors = {
            name: np.concatenate([own, other.errors[name]])
            for name, own in self.errors.items()
            if name in other.errors
        }
        truth = np.concatenate([self.truth, other.truth])
        origins = np.concatenate([self.origins, other.origins])
        return replace(self, errors=errors, truth=truth, origins=origins)


def trial_look_back(prepared: PreparedData, rows: int) -> LookBack | None:
    """Return the look-back of every series at every origin of the trials, [n × S'].

    Args:
        rows: of the look-back, at least.
    """
    trials = prepared.choice.trials
    return None if trials is None else look_back_at(prepared, trials.origins, trials.series, rows)


def look_back_at(prepared: PreparedData, origins: Ints, series: Ints, rows: int) -> LookBack:
    """Return the look-back of every series [S'] at every origin [n], [n × S']."""
    ranges = prepared.encoding.lowest, prepared.encoding.highest
    every, when = np.tile(series, len(origins)), np.repeat(origins, len(series))
    shape = prepared.shape
    return LookBack.of(prepared.panel, prepared.scaled, shape, every, when, ranges, rows)


def trial_errors(prepared: PreparedData, network_path: Floats | None) -> MemberErrors | None:
    """Return the errors of all members at the origins of the trials; None without trials.

    Those of a network that was trained before are NaN at origins that it has seen.

    Args:
        network_path: forecasts of the network from `trial_look_back`, [n × S', H, 3]; None: it
            was not tried.
    """
    trials = prepared.choice.trials
    if trials is None:
        return None
    members = untrained_members(prepared.panel.calendar, prepared.encoding.scaling)
    found = errors_at(prepared, members, trials.origins, trials.series, prepared.cut)
    errors = {**found.errors, MemberName.AUTOREGRESSION: trials.errors}
    if network_path is not None:
        errors[MemberName.LSTM] = found.truth - network_path.reshape(found.truth.shape)
    if prepared.unseen_from is not None:
        own = errors.get(MemberName.LSTM, np.full(found.truth.shape, np.nan))
        is_unseen = trials.origins >= prepared.unseen_from
        errors[MemberName.LSTM] = np.where(is_unseen[:, None, None, None], own, np.nan)
    return replace(found, errors=errors)


def held_back_errors(
    prepared: PreparedData, members: Mapping[MemberName, Member], rows: Ints, series: Ints
) -> MemberErrors:
    """Return the errors of members at some origins of a part of the held-back end.

    Args:
        rows: of that part.
        series: numbers of the series to forecast, [S'].
    """
    time = prepared.panel.time[rows]
    first, end = int(time.min()), int(time.max()) + 1
    origins = np.unique(np.linspace(first, end - 1, _HELD_BACK_ORIGINS).astype(int))
    return errors_at(prepared, members, origins, series, end)


def earlier_errors(prepared: PreparedData, end: int) -> MemberErrors | None:
    """Return the errors of the pretrained network from origins in all rows before a step.

    It has learned from none of them: they are known of far steps too where data is too short for
    trials. None where there are too few rows.

    Args:
        end: that step.
    """
    first = int(prepared.panel.first.min()) + FEWEST_ROWS
    if first > end - 2:
        return None
    origins = np.unique(np.linspace(first, end - 2, _EARLIER_ORIGINS).astype(int))
    name = MemberName.PRETRAINED
    member = untrained_members(prepared.panel.calendar, prepared.encoding.scaling)[name]
    return errors_at(prepared, {name: member}, origins, tried_series(prepared.panel), end)


def errors_at(
    prepared: PreparedData,
    members: Mapping[MemberName, Member],
    origins: Ints,
    series: Ints,
    end: int,
) -> MemberErrors:
    """Return the errors of members at origins.

    Args:
        end: first step whose truth is not used.
    """
    panel, horizon = prepared.panel, prepared.horizon
    truth = np.stack(
        [truth_after(panel, prepared.scaled, series, int(o), horizon, end) for o in origins]
    )
    rows = max(member.look_back for member in members.values())
    look_back = look_back_at(prepared, origins, series, rows)
    errors = {
        name: truth - member.path(look_back, horizon).reshape(truth.shape)
        for name, member in members.items()
    }
    return MemberErrors(errors, truth, origins, series)
