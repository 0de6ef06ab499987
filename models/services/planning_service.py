"""Answers to planners: requests about orders, targets and lines become questions to `planning`."""

from __future__ import annotations

import math
from typing import Any

from models.planning.line_plan import LineQuestion, plan_line
from models.planning.queueing import Station
from utils.api.parsing import parse_each
from utils.api.planning_schemas import LineRequest, StationFields
from utils.api.replies.planning import LineReply
from utils.errors import InvalidInput


class PlanningService:
    """The plans of one service."""

    def line(self, request: LineRequest) -> LineReply:
        """Return a line of stations at a release rate.

        Raises:
            InvalidInput: a station breaks a rule, or two have one name.
        """
        given = parse_each(StationFields, request.stations, "stations")
        _expect_distinct([fields.name for fields in given])
        question = LineQuestion(
            rate=request.release_rate,
            arrival_scv=request.arrival_scv,
            most_wip=request.max_wip,
            cycle_time=request.cycle_time,
            share=request.quantile,
            throughput=request.throughput,
            unit_value=request.unit_value,
            wip_cost=request.wip_cost,
            shifts=tuple((each.name, each.shifts) for each in given if each.shifts is not None),
        )
        found: dict[str, Any] = plan_line([_station(fields) for fields in given], question)
        return LineReply(**found)


def _expect_distinct(names: list[str]) -> None:
    for place, name in enumerate(names):
        if name in names[:place]:
            raise InvalidInput.of(f"stations.{place}.name", "must be distinct", name)


def _station(fields: StationFields) -> Station:
    return Station(
        fields.name,
        fields.te,
        fields.ce2,
        fields.machines,
        math.inf if fields.mttf is None else fields.mttf,
        fields.mttr or 0.0,
        fields.setup,
        fields.setup_every,
        fields.batch,
    )
