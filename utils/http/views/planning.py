"""Views of planning: when orders are finished, which WIP cap and release rate meet a target."""

from __future__ import annotations

from models.lstm_service import LSTMService
from utils.api import planning_schemas as s
from utils.api.replies import planning as r
from utils.http.views.declaration import Views

views = Views("Planning")


@views.post("/api/plan/line", request=s.LineRequest, reply=r.LineReply, role="read")
def plan_line(service: LSTMService, body: s.LineRequest) -> r.LineReply:
    """Plan a line of stations.

    Utilisation, queue and cycle time of each station at a release rate, the variability that each
    passes on, the bottleneck and the runner-up; what one more machine, one more shift, shorter
    stops or a smaller batch would do; throughput and cycle time at each WIP cap.
    """
    return service.planning.line(body)
