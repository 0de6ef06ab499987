"""Views of master data: the names of plants, products, panel sizes and regions."""

from __future__ import annotations

from models.lstm_service import LSTMService
from utils.api.replies import master_data as p
from utils.http.views.declaration import Views

views = Views("Master data")


@views.get("/api/masterdata/config", reply=p.MasterConfigReply)
def read_master_config(service: LSTMService) -> p.MasterConfigReply:
    """List the names of master data.

    Plants, applications, panel sizes and regions, each once: first those of the file
    `MASTER_DATA`, then those of data sets and models.
    """
    return service.master_data.config()


@views.get("/api/masterdata/summary", reply=p.MasterSummaryReply)
def read_master_data(service: LSTMService) -> p.MasterSummaryReply:
    """Read the master data.

    The names with what is known of them: location, region and capacity of each plant, what it can
    produce, the category of each product and panel size. What is not known is null.
    """
    return service.master_data.summary()


@views.post("/api/masterdata/validate", reply=p.MasterReportReply, role="read", expensive=True)
def validate_master_data(service: LSTMService) -> p.MasterReportReply:
    """Compare the master data with data sets and models.

    Finds names that the file lacks, names that differ in spelling only, series that a plant
    cannot make, and capacities below what a plant put out. Each issue is a sentence.
    """
    return service.master_data.validate()


@views.get("/api/masterdata/export", reply=p.MasterExportReply, action="master_data.download")
def export_master_data(service: LSTMService) -> p.MasterExportReply:
    """Export the master data.

    All of it as the text of a `MASTER_DATA` file in JSON; saved as such, it can be read again.
    """
    return service.master_data.export()


@views.post(
    "/api/masterdata/reload",
    reply=p.MasterReloadReply,
    role="admin",
    action="master_data.reload",
)
def reload_master_data(service: LSTMService) -> p.MasterReloadReply:
    """Read the master data file again.

    Reads `MASTER_DATA` anew, also if it has not changed, and returns the names. Every other call
    does so by itself once the file has changed.
    """
    return service.master_data.reload()
