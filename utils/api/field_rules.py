"""Rules between the fields of a request as JSON Schema, for the OpenAPI document.

Example: `at_most_one(("datasetId",), ("plants", "seed"))` is the schema of objects that have
`datasetId`, or some of `plants` and `seed`, or none of the three.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any, ClassVar

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from utils.api.parsing import Request

_GIVEN = {"not": {"type": "null"}}


def _never(*cases: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of objects that are none of some cases.

    It is a `not`: generators of clients read over it, and take the fields as they are.
    """
    return {"not": {"anyOf": [*cases]}}


def _all_given(*fields: str) -> dict[str, Any]:
    return {"required": [*fields], "properties": dict.fromkeys(fields, _GIVEN)}


def _none_given(*fields: str) -> dict[str, Any]:
    return {"properties": {name: {"type": "null"} for name in fields}}


def at_most_one(*sources: tuple[str, ...]) -> dict[str, Any]:
    """Return the JSON Schema of objects with fields of at most one of the sources."""
    pairs = combinations(sources, 2)
    return _never(*(_all_given(a, b) for one, other in pairs for a in one for b in other))


def exactly_one(*fields: str) -> dict[str, Any]:
    """Return the JSON Schema of objects with exactly one of the fields."""
    pairs = [_all_given(*pair) for pair in combinations(fields, 2)]
    return _never(*pairs, _none_given(*fields))


def two_of(*fields: str) -> dict[str, Any]:
    """Return the JSON Schema of objects with two or more of three fields."""
    return _never(*(_none_given(*pair) for pair in combinations(fields, 2)))


class ShownAs:
    """An annotation: the OpenAPI document shows a field by the schema of a request.

    The field itself is checked elsewhere, where one broken row or item does not refuse the rest.
    """

    KEYWORD = "x-shown-as"  # in the field's JSON Schema; `openapi` puts the reference in its place
    requests: ClassVar[dict[str, type[Request]]] = {}

    def __init__(self, request: type[Request]) -> None:
        self._name = request.__name__
        self.requests[self._name] = request

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return a schema that names the request."""
        return {self.KEYWORD: self._name}
