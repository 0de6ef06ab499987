"""Views of planning: when orders are finished, which WIP cap and release rate meet a target."""

from __future__ import annotations

from models.lstm_service import LSTMService
from utils.api import planning_schemas as s
from utils.api.replies import planning as r
from utils.http.views.declaration import Views

views = Views("Planning")


@views.post("/api/plan/finish", request=s.FinishRequest, reply=r.FinishReply, role="read")
def plan_finish(service: LSTMService, body: s.FinishRequest) -> r.FinishReply:
    """Find when orders are finished.

    Finish dates by their probability, the probability that each order is on time, and when all of
    them are out, from joint sample paths of throughput. Orders of one series are worked in the
    sequence given. An order counts what is in process first (first in, first out), or with
    `"after": "wip"` comes on top of it.
    """
    return service.planning.finish(body)


@views.post("/api/plan/output", request=s.OutputRequest, reply=r.OutputReply, role="read")
def plan_output(service: LSTMService, body: s.OutputRequest) -> r.OutputReply:
    """Find how many units are out by given dates.

    Quantiles of the units that are out, and the probability that it is at least `quantity`, in
    all, by plant or by series, from joint sample paths of throughput.
    """
    return service.planning.output(body)


@views.post("/api/plan/line", request=s.LineRequest, reply=r.LineReply, role="read")
def plan_line(service: LSTMService, body: s.LineRequest) -> r.LineReply:
    """Plan a line of stations.

    Utilisation, queue and cycle time of each station at a release rate, the variability that each
    passes on, the bottleneck and the runner-up; what one more machine, one more shift, shorter
    stops or a smaller batch would do; throughput and cycle time at each WIP cap.
    """
    return service.planning.line(body)
