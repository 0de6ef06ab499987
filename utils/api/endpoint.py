"""The declaration of an endpoint: what it takes and returns, what it costs, who may call it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic.alias_generators import to_camel

from utils.api.parsing import Request
from utils.api.replies.base import Reply
from utils.auth.roles import Role

View = Callable[..., Any]


ARROW = "application/vnd.apache.arrow.stream"  # media type of binary tables


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An endpoint of the API, as `utils.http.views` declares it at its view.

    Attributes:
        method: `GET`, `POST`, `PUT` or `DELETE`.
        rule: path in Flask's form, with converters (`/api/data/<id:dataset_id>`).
        tag: the group of the OpenAPI document that it belongs to.
        view: the function that serves it. Its name in camelCase is the operationId, the first
            line of its docstring the summary, the rest the description.
        reply: schema of the JSON reply; None if the reply is of another media type, `media`.
        request: schema of the JSON body.
        accepted: schema of the 202 reply to a client that does not wait.
        query: schema of the query string; of a table, also of the fields of the form.
        headers: optional request headers that it reads.
        events: whether the reply is a stream of server-sent events.
        table: whether the body may be a table (CSV, Parquet, JSON rows, a form's file).
        formats: choices of `?format=`, the default first.
        accepted_media: other media types of the reply, which a request asks for by `Accept`.
        media: media type of a reply that is not JSON.
        expensive: whether it counts by the rate limit of expensive requests.
        role: the role that it takes; "": `read` for a GET, else `write`; `anybody`: none.
        action: name of the action in the audit log; "": not logged there.
    """

    method: str
    rule: str
    tag: str
    view: View
    reply: type[Reply] | None = None
    request: type[Request] | None = None
    accepted: type[Reply] | None = None
    query: type[Request] | None = None
    headers: tuple[str, ...] = ()
    events: bool = False
    table: bool = False
    formats: tuple[str, ...] = ()
    accepted_media: tuple[str, ...] = ()
    media: str = "text/plain"
    expensive: bool = False
    role: Role | Literal["", "anybody"] = ""
    action: str = ""

    @property
    def needs(self) -> Role | None:
        """The role that a caller must have; None: any caller that reaches the service."""
        if self.role == "anybody":
            return None
        return self.role or ("read" if self.method == "GET" else "write")

    @property
    def query_fields(self) -> set[str] | None:
        """The query fields of a request without a `query` schema; None: any, without effect.

        Pages give pictures a field that changes, so that browsers load them again.
        """
        if self.media.startswith("image/"):
            return None
        return ({"format"} if self.formats else set()) | ({"ticket"} if self.events else set())

    @property
    def path(self) -> str:
        """The path without converters: `/api/data/<dataset_id>`."""
        return re.sub(r"<\w+:", "<", self.rule)

    @property
    def template(self) -> str:
        """The path as OpenAPI writes it: `/api/data/{dataset_id}`."""
        return re.sub(r"<(\w+)>", r"{\1}", self.path)

    @property
    def name(self) -> str:
        """Name of the view, unique in the app."""
        return self.view.__name__

    @property
    def operation_id(self) -> str:
        """Identifier of the operation in the OpenAPI document: `generateData`."""
        return to_camel(self.name)

    @property
    def summary(self) -> str:
        """The first line of the view's docstring, without its full stop."""
        return self._texts[0].removesuffix(".")

    @property
    def description(self) -> str:
        """The rest of the view's docstring, its lines joined to paragraphs."""
        paragraphs = self._texts[1].strip().split("\n\n")
        return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)

    @property
    def _texts(self) -> tuple[str, str]:
        first, _, rest = (inspect.getdoc(self.view) or "").partition("\n")
        return first, rest
