"""Trainings that go on from a published model, with the rows that its data set has gained since.

The network begins from the weights of the published one; scaling, autoregression, combination and
intervals are learned anew from all rows. Every name keeps its embedding, and a new one begins at
the mean of those of its kind.

The published network knows the rows before its held-back end, so that its errors on them would
look better than those on rows to come. The new held-back end never begins before the old one, and
trials from origins before it are not counted for the network. Where they are too few to tell its
share in the combination, it keeps the one that the trials of its first training gave.

Example: of 500 days, the first 400 were trained on. With 50 more, days 441 to 550 are held back,
and the network is tried from origins between the days 401 and 440.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from models.forecast.members import MemberName
from models.registry.model_document import ModelDocument
from models.series.calendar import Calendar
from models.series.encoding import Encoding
from models.series.panel import SERIES_FIELDS, TARGETS
from models.training.network import NAMES
from utils.api.architectures import Architecture, Design
from utils.errors import Conflict

Floats = NDArray[np.float64]

_LISTED = 5  # new names in a warning


@dataclass(frozen=True)
class Continuation:
    """A published model that a training goes on from.

    Attributes:
        network: its network.
        encoding: its scaling and the inputs of its network.
        design: that it was built and trained with.
        held_back_from: first day that was held back from it.
        lstm_share: weight of the network in the combination by target, as the trials of its
            first training gave it, [3].
    """

    network: keras.Model
    encoding: Encoding
    design: Design
    held_back_from: int
    lstm_share: Floats

    @classmethod
    def of(cls, document: ModelDocument, network: keras.Model) -> Continuation:
        """Return the continuation of a model that `continuable.expect_continuable` accepts."""
        held_back = document.split.held_back_from if document.split else document.created_at[:10]
        encoding = Encoding.from_document(document.encoding)
        return cls(
            network,
            encoding,
            _design(document),
            encoding.calendar.day(held_back),
            _lstm_share(document),
        )

    def unseen_from(self, calendar: Calendar) -> int:
        """Return the first step that the network was not trained on.

        Raises:
            Conflict: the rows are of another step by now.
        """
        own = self.encoding.calendar
        if (calendar.step, calendar.begins) != (own.step, own.begins):
            raise Conflict(
                f"The model forecasts by {self.encoding.calendar.step}; the rows of its data set "
                f"are by {calendar.step} now. Train a new model."
            )
        day = np.array([self.held_back_from])
        lanes = range(max(1, len(calendar.working)))
        return max(int(calendar.index(day, lane)[0]) for lane in lanes)

    @property
    def name_width(self) -> int:
        """Width of the embedding of a name."""
        return int(self.network.get_layer(NAMES).output_dim)

    def fill(self, network: keras.Model, names: Sequence[Sequence[str]]) -> None:
        """Give a new network the weights of the published one.

        Args:
            network: built with the same hyperparameters, and with `name_width`.
            names: its plants, applications and panel sizes.

        Raises:
            Conflict: a layer of it has another shape.
        """
        for new, old in zip(network.layers, self.network.layers, strict=True):
            weights = old.get_weights()
            if new.name == NAMES:
                weights = [self._embedded(weights[0], names)]
            shapes = [[w.shape for w in each] for each in (weights, new.get_weights())]
            if shapes[0] != shapes[1]:
                raise Conflict(
                    f"The network of the model does not fit the data any more: weights of its "
                    f"layer {old.name} have the shapes {shapes[0]}, and would need {shapes[1]}. "
                    "Train a new model."
                )
            new.set_weights(weights)

    def _embedded(
        self, table: NDArray[np.float32], names: Sequence[Sequence[str]]
    ) -> NDArray[np.float32]:
        """The embeddings of names, of which the published network knows some."""
        found, begin = [], 0
        for known, now in zip(self.encoding.names, names, strict=True):
            own = table[begin : begin + len(known)]
            rows = dict(zip(known, own, strict=True))
            found += [rows.get(name, own.mean(axis=0)) for name in now]
            begin += len(known)
        return np.array(found, table.dtype)

    def warnings(self, names: Sequence[Sequence[str]]) -> list[str]:
        """Return a sentence for each kind of names that are new to the network."""
        found = []
        for kind, known, now in zip(SERIES_FIELDS, self.encoding.names, names, strict=True):
            new = [name for name in now if name not in known]
            if new:
                more = f" and {len(new) - _LISTED} more" if len(new) > _LISTED else ""
                found.append(
                    f"New to the network, {kind.replace('_', ' ')}: {', '.join(new[:_LISTED])}"
                    f"{more}. For these it begins with the mean of those that it knows."
                )
        return found


def _design(document: ModelDocument) -> Design:
    """The design that a model was trained with."""
    stated: dict[str, Any] = (document.model_summary or {}).get("design") or {}
    known = {item.name for item in fields(Design)}
    settings = {name: value for name, value in stated.items() if name in known}
    return Design(**settings | {"architecture": Architecture(str(document.architecture))})


def _lstm_share(document: ModelDocument) -> Floats:
    """The mean weight of a model's network in the combination that its metrics were measured by."""
    summary = (document.metrics.model_extra or {}).get("combination") or {}
    per_target = summary.get("per_target") or {}
    members = [per_target.get(target, {}).get("members", {}) for target in TARGETS]
    return np.array([own.get(MemberName.LSTM, {}).get("weight", 0.0) for own in members], float)
