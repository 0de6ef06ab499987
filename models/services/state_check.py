"""A state of a line, checked by Little's Law; advice is from the curve of the line, if known."""

from __future__ import annotations

from models.services.line_advice import LineAdvice
from utils import validation
from utils.api.parsing import parse_part
from utils.api.replies.forecasting import ValidateReply, Validation
from utils.api.schemas.data import ValidateRequest
from utils.api.schemas.line_advice import LineFields
from utils.flow_curve import FlowCurve


def check_state(request: ValidateRequest, lines: LineAdvice) -> ValidateReply:
    """Return the check of a state.

    Raises:
        NotFound: there is no such data set or model.
        InvalidInput: no series has the names of the line.
    """
    line: FlowCurve | None = None
    reason = ""
    if request.line is not None:
        curve = lines.curve_for(parse_part(LineFields, request.line, "line"))
        line, reason = None if curve.fitted is None else curve.fitted.line, curve.reason
    state = request.model_dump(exclude={"line"})
    found = validation.validate(**state, curve_of=lambda: line)
    if reason:
        found["recommendations"].append(f"There is no curve of this line. {reason}")
    return ValidateReply(validation=Validation(**found))
