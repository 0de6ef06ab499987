"""Views of data sets: generate, upload, check, list, read, delete."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from flask import Response, send_file

from models.lstm_service import LSTMService
from utils.api.replies.base import MessageReply
from utils.api.replies.data import CalendarsReply, GenerateReply, RowsReply, UploadReply
from utils.api.replies.datasets import DatasetReply, DatasetSeriesReply, DatasetsReply
from utils.api.replies.flow import FlowReply
from utils.api.replies.plan_replies import PlanReply
from utils.api.replies.preview import PreviewReply
from utils.api.replies.quality import DataQualityReply
from utils.api.schemas.calendar import CalendarQuery, CalendarRequest
from utils.api.schemas.data import DataRequest, DatasetsQuery, SeriesQuery
from utils.api.schemas.flow import FlowQuery
from utils.api.schemas.plan import PlanRequest
from utils.api.schemas.synthetic_data import GenerateRequest
from utils.api.upload_options import RowsOptions, UploadOptions
from utils.http import audit, bodies, parameters
from utils.http.views.declaration import Views

views = Views("Data")


@views.post(
    "/api/data/generate",
    request=GenerateRequest,
    reply=GenerateReply,
    headers=("Idempotency-Key",),
    action="data.generate",
    expensive=True,
)
def generate_data(service: LSTMService, body: GenerateRequest) -> GenerateReply:
    """Generate synthetic data.

    Simulates the days of each plant × application × panel size as a flow that conserves work, and
    stores them as a data set. The reply holds the first 100 rows; `GET /api/data/{dataset_id}`
    reads all of them. The same seed and fields give the same rows. A request that repeats an
    `Idempotency-Key` gets the data set that the first one made.
    """
    reply = service.generate(body, parameters.idempotency_key())
    audit.about(reply.dataset_id)
    return reply


@views.post(
    "/api/data/upload",
    reply=UploadReply,
    query=UploadOptions,
    table=True,
    headers=("Idempotency-Key", "X-Request-ID"),
    action="data.upload",
    expensive=True,
)
def upload_data(service: LSTMService) -> UploadReply:
    """Upload a table.

    Stores a CSV file (also compressed by gzip), a Parquet file or JSON rows as a data set; the
    table is the body itself or the file of a form. Each row is one day, week or month of one
    series. Columns that must be there: `date` (or `day`), `plant`, `application`, `panel_size`,
    `wip`, `throughput`. Short gaps and blanks are filled; the reply says what was found in
    `quality`.

    An event log (a row per unit with its start and finish, per step of a unit, or per change of
    its state) is stored whole beside the daily series that follow from it exactly.
    """
    with TemporaryDirectory() as folder:
        path = bodies.save_table(Path(folder), service.settings)
        options = bodies.read_options(UploadOptions)
        reply = service.upload(path, options, parameters.idempotency_key())
    audit.about(reply.dataset_id)
    return reply


@views.post(
    "/api/data/validate",
    request=DataRequest,
    reply=DataQualityReply,
    query=UploadOptions,
    table=True,
    headers=("X-Request-ID",),
    role="read",
    expensive=True,
)
def validate_data(service: LSTMService) -> DataQualityReply:
    """Check the quality of data.

    Tests each series for Little's Law over windows, for a trend in its WIP and for outliers. The
    data is a stored data set (`datasetId`), rows (`data`), or a table as an upload takes it.
    Nothing is stored. Series that need attention come first, at most 1,000.
    """
    with TemporaryDirectory() as folder:
        data = bodies.read_json_or_table(DataRequest, Path(folder), service.settings)
        return service.examine(data, bodies.read_options(UploadOptions))


@views.get("/api/data/<id:dataset_id>/calendar", reply=CalendarsReply, query=CalendarQuery)
def read_calendars(service: LSTMService, query: CalendarQuery, dataset_id: str) -> CalendarsReply:
    """Read the working calendars of a data set.

    The days on which each plant works, as they were given or recognised; with `from` and `until`
    also the closed dates of that time.
    """
    return service.calendars(dataset_id, query)


@views.put(
    "/api/data/<id:dataset_id>/calendar",
    request=CalendarRequest,
    reply=CalendarsReply,
    action="data.calendar",
    expensive=True,
)
def change_calendars(
    service: LSTMService, body: CalendarRequest, dataset_id: str
) -> CalendarsReply:
    """Change the working calendars of a data set.

    What the calendar leaves open is recognised in the rows. Days with output are open whatever it
    says. Models that were trained before keep the calendar of their training.
    """
    return service.change_calendars(dataset_id, body)


@views.post(
    "/api/data/preview",
    reply=PreviewReply,
    query=UploadOptions,
    table=True,
    headers=("X-Request-ID",),
    role="read",
    expensive=True,
)
def preview_data(service: LSTMService) -> PreviewReply:
    """Preview a table.

    Reads a table as an upload does, with the same options, and stores nothing: its first rows as
    they are in the file and as they are understood, the meaning of its columns, what was assumed
    (`read_as`), and why an upload would refuse it (`problems`, with the numbers of rows).
    """
    with TemporaryDirectory() as folder:
        path = bodies.save_table(Path(folder), service.settings)
        return service.preview(path, bodies.read_options(UploadOptions))


@views.get("/api/data", reply=DatasetsReply, query=DatasetsQuery)
def list_datasets(service: LSTMService, query: DatasetsQuery) -> DatasetsReply:
    """List the data sets.

    Newest first, `limit` at a time, each with its size, names and dates. Data sets whose files
    are damaged are listed in `damaged` with the reason.
    """
    return service.list_datasets(query)


@views.get(
    "/api/data/<id:dataset_id>",
    reply=DatasetReply,
    formats=("json", "csv", "parquet"),
    action="data.download",
    expensive=True,
)
def read_dataset(service: LSTMService, dataset_id: str) -> Response:
    """Read a data set.

    All rows as JSON, CSV or Parquet (`?format=`), streamed: also a large data set takes little
    memory.
    """
    form = parameters.choice("format", ("json", "csv", "parquet"))
    if form == "parquet":
        # The file is opened here: it is sent whole, even if it is removed meanwhile.
        with service.dataset_file(dataset_id) as path:
            kind = "application/vnd.apache.parquet"
            return send_file(path, kind, True, f"{dataset_id}.{form}")
    kind = "text/csv" if form == "csv" else "application/json"
    return Response(service.dataset_rows(dataset_id, form), mimetype=kind)


@views.get("/api/data/<id:dataset_id>/series", reply=DatasetSeriesReply, query=SeriesQuery)
def list_series(service: LSTMService, query: SeriesQuery, dataset_id: str) -> DatasetSeriesReply:
    """List the series of a data set.

    `limit` at a time, each with its dates and means; `q` chooses by a text in the names.
    """
    return service.list_series(dataset_id, query)


@views.get(
    "/api/data/<id:dataset_id>/flow",
    reply=FlowReply,
    query=FlowQuery,
    formats=("json", "png"),
    expensive=True,
)
def read_flow(service: LSTMService, query: FlowQuery, dataset_id: str) -> Response:
    """Read the flow of a data set.

    Cumulative flow, cycle times with their 50, 80, 85 and 95 % points, ages of what is in process,
    the distribution of throughput and, of logs with steps, WIP, service and waiting time of each
    station: as JSON or as a picture (`?format=png`, one chart by `chart`). An event log gives
    exact figures of units; other data sets give those that follow from their rows.
    """
    form = parameters.choice("format", ("json", "png"))
    kind = "image/png" if form == "png" else "application/json"
    return Response(service.dataset_flow(dataset_id, query, form), mimetype=kind)


@views.get("/api/data/<id:dataset_id>/plan", reply=PlanReply)
def read_plan(service: LSTMService, dataset_id: str) -> PlanReply:
    """Read the plan of a data set.

    What is known of the steps after the last rows: releases, capacity, planned throughput, and
    columns that the upload declared as known.
    """
    return service.plans.read(dataset_id)


@views.put(
    "/api/data/<id:dataset_id>/plan",
    request=PlanRequest,
    reply=PlanReply,
    action="data.plan",
    expensive=True,
)
def replace_plan(service: LSTMService, body: PlanRequest, dataset_id: str) -> PlanReply:
    """Replace the plan of a data set.

    Each row is one step of one series after its last actual row, with what is known of it:
    `releases`, `capacity` (a share of the usual one, or units), `planned_throughput`. Forecasts of
    models that were trained on the data set use it from then on. A plan is stored whole or, with a
    422 that names the row, not at all.
    """
    return service.plans.replace(dataset_id, body)


@views.post(
    "/api/data/<id:dataset_id>/rows",
    reply=RowsReply,
    query=RowsOptions,
    table=True,
    headers=("X-Request-ID",),
    action="data.rows",
    expensive=True,
)
def add_rows(service: LSTMService, dataset_id: str) -> RowsReply:
    """Add rows to a data set.

    Takes a table as an upload does: newer rows, units of an event log that came or finished, or,
    with `replace=true`, corrections. Rows that are stored already change nothing, so a request
    can be repeated; rows that differ from stored ones are a 409 that names them. Each change is
    one new `version` of the data set. Rows that come in parts give the same data set as one
    upload of all.
    """
    with TemporaryDirectory() as folder:
        path = bodies.save_table(Path(folder), service.settings)
        return service.add_rows(dataset_id, path, bodies.read_options(RowsOptions))


@views.delete("/api/data/<id:dataset_id>", reply=MessageReply, action="data.delete")
def delete_dataset(service: LSTMService, dataset_id: str) -> MessageReply:
    """Delete a data set.

    Models that were trained on it stay. A later training of the same data needs it uploaded or
    generated again.
    """
    return service.delete_dataset(dataset_id)
