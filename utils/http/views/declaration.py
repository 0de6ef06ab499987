"""The decorator that declares an endpoint at its view, and binds the views to an app."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, Response

from models.lstm_service import LSTMService
from utils.api.endpoint import Endpoint
from utils.http import bodies, parameters, responses

V = TypeVar("V", bound=Callable[..., Any])


class Views:
    """The views of one tag of the API, in the order of the OpenAPI document.

    A view is called with the service, the checked body if the endpoint has a `request`, the
    checked query string if it has a `query`, and the variables of its path by name. It returns
    a reply or a Flask response.

    Example:
        views = Views("Data")

        @views.get("/api/data", reply=DatasetsReply)
        def list_datasets(service: LSTMService) -> DatasetsReply:
            \"\"\"List the stored data sets.\"\"\"
            return service.list_datasets()
    """

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.endpoints: list[Endpoint] = []

    def get(self, rule: str, **fields: Any) -> Callable[[V], V]:
        """Declare a view of GET; `fields` are those of `Endpoint`."""
        return self._declare("GET", rule, fields)

    def post(self, rule: str, **fields: Any) -> Callable[[V], V]:
        """Declare a view of POST; `fields` are those of `Endpoint`."""
        return self._declare("POST", rule, fields)

    def put(self, rule: str, **fields: Any) -> Callable[[V], V]:
        """Declare a view of PUT; `fields` are those of `Endpoint`."""
        return self._declare("PUT", rule, fields)

    def delete(self, rule: str, **fields: Any) -> Callable[[V], V]:
        """Declare a view of DELETE; `fields` are those of `Endpoint`."""
        return self._declare("DELETE", rule, fields)

    def _declare(self, method: str, rule: str, fields: dict[str, Any]) -> Callable[[V], V]:
        def declared(view: V) -> V:
            self.endpoints.append(
                Endpoint(method=method, rule=rule, tag=self.tag, view=view, **fields)
            )
            return view

        return declared

    def register(self, app: Flask, service: LSTMService) -> None:
        """Have an app serve the views with a service."""
        for endpoint in self.endpoints:
            app.add_url_rule(
                endpoint.rule,
                endpoint.name,
                _bound(endpoint, service),
                methods=[endpoint.method],
            )


def _bound(endpoint: Endpoint, service: LSTMService) -> Callable[..., Response]:
    def view(**variables: str) -> Response:
        arguments: list[Any] = [service]
        if endpoint.method in ("POST", "PUT") and "Idempotency-Key" not in endpoint.headers:
            parameters.refuse_idempotency_key()
        if endpoint.request and not endpoint.table:
            arguments.append(bodies.read_json(endpoint.request))
        if endpoint.query and not endpoint.table:  # of a table: read after the form is
            arguments.append(parameters.read_query(endpoint.query, bool(endpoint.formats)))
        elif not endpoint.query and endpoint.query_fields is not None:
            parameters.refuse_unknown(endpoint.query_fields)
        reply = endpoint.view(*arguments, **variables)
        return reply if isinstance(reply, Response) else responses.json_response(reply)

    return view
