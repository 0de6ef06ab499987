"""The flow of a stored data set: figures and pictures, from its event log or its rows."""

from __future__ import annotations

from typing import Any

import orjson

from models.data.datasets import Datasets
from models.data.events.flow_figures import FlowSelection, UnitFlow
from models.data.events.flow_of_rows import flow_of_rows
from models.data.events.time_grid import TimeGrid
from models.reports.flow_pictures import draw_flow
from models.series.calendar import Step
from utils.api.schemas.flow import FlowQuery
from utils.errors import InvalidInput


def flow_figures(datasets: Datasets, id: str, query: FlowQuery) -> dict[str, Any]:
    """Return the flow of the series of a data set that a query chooses, JSON-ready.

    Raises:
        NotFound: there is no such data set.
        InvalidInput: it has no such series.
    """
    names, steps = query.names, _steps(query)
    if not datasets.has_log(id):
        if steps is not None:
            rule = "is for event logs; the rows of this data set have their step already"
            raise InvalidInput.of("step", rule, query.step)
        return flow_of_rows(datasets.load(id), names)
    options = datasets.event_options(id)
    return UnitFlow.of(datasets.log(id), options, FlowSelection(names), steps).to_document()


def _steps(query: FlowQuery) -> TimeGrid | None:
    """The steps that a query asks for; None: those of the data set."""
    if query.step is None and query.shifts is None:
        return None
    return TimeGrid.of(query.step or Step.DAY, query.shifts)


def flow_reply(datasets: Datasets, id: str, query: FlowQuery, form: str) -> bytes:
    """Return the flow as a `FlowReply` in JSON, or as a `png`.

    Raises:
        NotFound, InvalidInput: as `flow_figures`.
    """
    document = flow_figures(datasets, id, query)
    if form == "png":
        title = " / ".join(query.names.values()) or "All series"
        return draw_flow(document, query.chart, title)
    return orjson.dumps({"success": True, "dataset_id": id, **document})
