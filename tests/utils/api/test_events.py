"""Messages of event streams."""

from __future__ import annotations

from utils.api.events import Message


def test_the_path_of_a_result_is_added_to_the_content() -> None:
    fields = {"job_id": "j", "status": "succeeded"}
    assert Message("1", "status", fields).data == fields
    path = "/api/model/m/backtest/j"
    assert Message("end", "status", fields, ("m", "j")).data == fields | {"result_url": path}
