"""Requests with what is known ahead: rows of a plan, the plan of a data set, scenarios."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from utils.api.field_rules import ShownAs
from utils.api.parsing import Int, Name, Number, Request

MOST_PLAN_ROWS = 3_660  # of one series
MOST_SCENARIOS = 10


class PlanRow(Request):
    """Inputs of one step that are known ahead; names that the data declares as known, too."""

    date: str | None = Field(None, description="date of the step, as in the data; or give `day`")
    day: Int | None = Field(None, description="number of the step, from 0; or give `date`")
    plant: str | None = Field(None, description="name of the plant; not needed in `predict`")
    application: str | None = Field(None, description="name of the application; as `plant`")
    panel_size: str | None = Field(None, description="name of the panel size; as `plant`")
    releases: Number | None = Field(None, ge=0, description="units to be released into the line")
    capacity: Number | None = Field(
        None, ge=0, description="share of the usual capacity, or units that can be finished"
    )
    planned_throughput: Number | None = Field(
        None, ge=0, description="units to be finished, as far as capacity and WIP allow"
    )
    planned_releases: Number | None = Field(None, ge=0, description="as `releases`")


PlanRows = Annotated[
    list[Annotated[dict[str, Any], ShownAs(PlanRow)]], Field(max_length=MOST_PLAN_ROWS)
]
AllPlanRows = list[Annotated[dict[str, Any], ShownAs(PlanRow)]]


class PlanRequest(Request):
    """The plan of a data set, in place of the present one."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "plan": [
                        {
                            "plant": "Plant_A",
                            "application": "Automotive",
                            "panelSize": "Small",
                            "date": "2025-07-01",
                            "releases": 60,
                        }
                    ]
                }
            ]
        }
    )

    plan: AllPlanRows = Field(
        description="rows after the last actual one of their series; an empty list removes the plan"
    )


class Scenario(Request):
    """A plan with a name."""

    name: Name = Field(description="name of the scenario")
    plan: PlanRows = Field(description="what is known ahead; in place of the stored plan's values")
