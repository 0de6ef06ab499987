"""The flow of a stored data set: figures and pictures, from its event log or its rows."""

from __future__ import annotations

from typing import Any

import orjson

from models.data.datasets import Datasets
from models.data.events.flow_figures import FlowSelection, UnitFlow
from models.data.events.flow_of_rows import flow_of_rows
from models.reports.flow_pictures import draw_flow
from utils.api.schemas.flow import FlowQuery


def flow_figures(datasets: Datasets, id: str, query: FlowQuery) -> dict[str, Any]:
    """Return the flow of the series of a data set that a query chooses, JSON-ready.

    Raises:
        NotFound: there is no such data set.
        InvalidInput: it has no such series.
    """
    names = query.names
    if not datasets.has_log(id):
        return flow_of_rows(datasets.load(id), names)
    return UnitFlow.of(
        datasets.log(id), datasets.event_options(id), FlowSelection(names)
    ).to_document()


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
