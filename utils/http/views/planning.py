"""Views of planning: when orders are finished, which WIP cap and release rate meet a target."""

from __future__ import annotations

from flask import Response

from models.lstm_service import LSTMService
from utils.api.replies.line_advice import AdviceReply, CompareReply, CurveReply
from utils.api.replies.orders import FinishReply, OutputReply, UnitReply
from utils.api.replies.stations import LineReply
from utils.api.schemas.line_advice import AdviseRequest, CompareRequest, CurveQuery
from utils.api.schemas.orders import FinishRequest, OutputRequest, UnitRequest
from utils.api.schemas.stations import LineRequest
from utils.http import parameters
from utils.http.views.declaration import Views

views = Views("Planning")


_FORMS = ("json", "png")


@views.post(
    "/api/plan/finish",
    request=FinishRequest,
    reply=FinishReply,
    formats=_FORMS,
    role="read",
)
def plan_finish(service: LSTMService, body: FinishRequest) -> FinishReply | Response:
    """Find when orders are finished.

    Finish dates by their probability, the probability that each order is on time, and when all of
    them are out, from joint sample paths of throughput. Orders of one series are worked in the
    sequence given. An order counts what is in process first (first in, first out), or with
    `"after": "wip"` comes on top of it.
    """
    if parameters.choice("format", _FORMS) == "png":
        return _picture(service.planning.finish_picture(body))
    return service.planning.finish(body)


@views.post("/api/plan/output", request=OutputRequest, reply=OutputReply, role="read")
def plan_output(service: LSTMService, body: OutputRequest) -> OutputReply:
    """Find how many units are out by given dates.

    Quantiles of the units that are out, and the probability that it is at least `quantity`, in
    all, by plant or by series, from joint sample paths of throughput.
    """
    return service.planning.output(body)


@views.post("/api/plan/unit", request=UnitRequest, reply=UnitReply, role="read")
def plan_unit(service: LSTMService, body: UnitRequest) -> UnitReply:
    """Find when a single unit is finished.

    By the units ahead of it, first in, first out, from sample paths of throughput; and, where the
    data is an event log, by how long units of its age have stayed.
    """
    return service.planning.unit(body)


@views.get("/api/plan/curve", query=CurveQuery, reply=CurveReply, formats=_FORMS)
def plan_curve(service: LSTMService, query: CurveQuery) -> CurveReply | Response:
    """Read the curve of a line.

    Throughput and cycle time as functions of WIP, fitted to the history of a series, or of the
    sum of the series with the names given; where the line stands today, its capacity, critical
    WIP and raw process time with intervals. `inconclusive` with the reason where the history
    cannot tell, because WIP hardly varied, say.
    """
    if parameters.choice("format", _FORMS) == "png":
        return _picture(service.planning.lines.curve_picture(query))
    return service.planning.lines.curve(query)


@views.post("/api/plan/advise", request=AdviseRequest, reply=AdviceReply, role="read")
def plan_advise(service: LSTMService, body: AdviseRequest) -> AdviceReply:
    """Advise a WIP cap and a release rate.

    The smallest WIP cap with which a throughput, or units by a date, are reached with the
    probability wanted; or the largest with which cycle times stay within a limit. With the
    throughput and the cycle times to expect, the way from the WIP of today, what binds, and two
    alternatives. A target that cannot be met is answered by the best that can be had. It is a 409
    where the history gives no curve.
    """
    return service.planning.lines.advise(body)


@views.post(
    "/api/plan/compare",
    request=CompareRequest,
    reply=CompareReply,
    formats=_FORMS,
    role="read",
)
def plan_compare(service: LSTMService, body: CompareRequest) -> CompareReply | Response:
    """Compare plans.

    Up to ten plans of releases, capacity or a WIP cap for one line: output, WIP and cycle time
    over the horizon, each on the same paths of chance, so that they differ by the plan alone.
    """
    if parameters.choice("format", _FORMS) == "png":
        return _picture(service.planning.lines.compare_picture(body))
    return service.planning.lines.compare(body)


@views.post("/api/plan/line", request=LineRequest, reply=LineReply, role="read")
def plan_line(service: LSTMService, body: LineRequest) -> LineReply:
    """Plan a line of stations.

    Utilisation, queue and cycle time of each station at a release rate, the variability that each
    passes on, the bottleneck and the runner-up; what one more machine, one more shift, shorter
    stops or a smaller batch would do; throughput and cycle time at each WIP cap.
    """
    return service.planning.line(body)


def _picture(content: bytes) -> Response:
    return Response(content, mimetype="image/png")
