"""Messages of event streams, before they are rendered as server-sent events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from utils.api import urls

LAST = "end"  # id of the last message of a stream: nothing comes after it


@dataclass(frozen=True)
class Message:
    """One message of the event stream of a job.

    Attributes:
        id: what a client sends as `Last-Event-ID` to resume after this message.
        kind: the name of the event: `status` or `epoch`.
        fields: the content, in types that JSON has.
        backtest: (model id, job id) of a backtest that has succeeded.
    """

    id: str
    kind: str
    fields: dict[str, Any]
    backtest: tuple[str, str] | None = None

    @property
    def data(self) -> dict[str, Any]:
        """The content, with the path of the result where there is one."""
        if self.backtest is None:
            return self.fields
        return self.fields | {"result_url": urls.backtest(*self.backtest)}
