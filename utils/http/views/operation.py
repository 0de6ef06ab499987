"""Views of the service's own state: health, readiness, metrics."""

from __future__ import annotations

from dataclasses import asdict

from flask import Response

from models.lstm_service import LSTMService
from utils.api.replies.operation import (
    AccessReply,
    HealthReply,
    LimitsReply,
    LiveReply,
    ReadyReply,
)
from utils.auth.caller import LOCAL, caller
from utils.http import metrics
from utils.http.views.declaration import Views

views = Views("Operation")


@views.get("/health", reply=HealthReply)
def health(service: LSTMService) -> HealthReply:
    """Read the state of the service.

    Answers in milliseconds, also while models are trained, and whatever state the database and
    the stores are in. Counts that are not known at the moment are null.
    """
    return service.health()


@views.get("/health/live", reply=LiveReply, role="anybody")
def health_live(service: LSTMService) -> LiveReply:
    """Check that the process answers.

    For a liveness probe: it reads neither the database nor the stores and takes no key. Restart a
    server that does not answer it.
    """
    return LiveReply()


@views.get("/health/ready", reply=ReadyReply, role="anybody")
def health_ready(service: LSTMService) -> ReadyReply:
    """Check that the service can do its work.

    For a readiness probe. The reply is 200 if the database answers within two seconds, both
    stores can be listed and a training worker is alive; else 503, with what is missing in
    `details`. Takes no key.
    """
    return service.ready()


@views.get("/api/access", reply=AccessReply)
def read_access(service: LSTMService) -> AccessReply:
    """Read who calls.

    The name and the role of the caller's key, by which a page shows what they may do.
    """
    found = caller()
    return AccessReply(name=found.name, role=found.role, needs_key=found is not LOCAL)


@views.get("/api/limits", reply=LimitsReply)
def read_limits(service: LSTMService) -> LimitsReply:
    """Read the limits of the service.

    How large a table may be, how far a forecast may go, how much is stored and may be, and how
    many requests the caller may make.
    """
    return service.limits()


@views.get("/metrics")
def read_metrics(service: LSTMService) -> Response:
    """Read the metrics for Prometheus.

    In Prometheus' text format: requests and latencies by endpoint, of all web processes together;
    jobs, workers, models and data sets, from the database and the stores. What cannot be known at
    the moment is left out.
    """
    text, kind = metrics.render(asdict(service.metrics_facts()))
    return Response(text, content_type=kind)
