"""JSON requests → checked objects, with errors that name field, rule and value."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from functools import cache
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    Strict,
    ValidationError,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails

from utils.errors import BadRequest, Detail, InvalidInput

R = TypeVar("R", bound="Request")

_RULES = {
    "missing": "is required",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "literal_error": "must be {expected}",
    "value_error": "{error}",
}


def _whole(value: Any) -> Any:
    """Return 30 for 30.0: JSON has one kind of number."""
    whole = isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT
    return int(value) if whole else value


def _trimmed(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("must have no NUL character")
    return text


def _not_vanishing(value: float) -> float:
    if value < _LEAST:
        raise ValueError(f"must be at least {_LEAST:g}")
    return value


_LEAST = 1e-9
_EXACT = 2**53  # a larger whole number that comes as a float may have been another one
Int = Annotated[int, Strict(), BeforeValidator(_whole)]
Flag = Annotated[bool, Strict()]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
# Far beyond any plant, and far from where products and quotients leave the range of floats.
Positive = Annotated[
    Number,
    Field(gt=0, le=1e12, json_schema_extra={"minimum": _LEAST}),
    AfterValidator(_not_vanishing),
]
# What is left when `str.strip` has taken the ends off may not be empty. Neither CSV nor PostgreSQL
# has a way to write NUL.
_NO_BLANK = {"pattern": r"^[^\u0000]*[^\s\u001c-\u001f\u0000][^\u0000]*$"}


_Trimmed = Annotated[str, BeforeValidator(_trimmed), AfterValidator(_without_nul)]
Name = Annotated[_Trimmed, Field(min_length=1, max_length=200, json_schema_extra=_NO_BLANK)]
Line = Annotated[_Trimmed, Field(min_length=1, max_length=1000, json_schema_extra=_NO_BLANK)]


# Bounds that pydantic leaves in its own words where a number may also be null, or is in a list.
_BOUNDS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
_ABOUT = ("default", "description", "title")  # of a field, not of its value


def _documented(rule: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of an optional field: null is as good as absent.

    The default stands within the schema of the value: beside it, generators of clients take the
    field for one that must be sent.
    """
    options = rule.get("anyOf") or [{k: v for k, v in rule.items() if k not in _ABOUT}]
    options = [_named(option) for option in options if option != {"type": "null"}]
    default, text = rule.get("default"), rule.get("description", "")
    if default is not None:
        options[0] |= {"default": default}
        text = f"{text} (default: {_written(default)})"
    about = {"title": rule["title"]} if "title" in rule else {}
    return about | {"description": text.strip(), "anyOf": [*options, {"type": "null"}]}


def _named(rule: dict[str, Any]) -> dict[str, Any]:
    named = {_BOUNDS.get(part, part): value for part, value in rule.items()}
    if isinstance(named.get("items"), dict):
        named["items"] = _named(named["items"])
    if "minimum" in named:  # the tighter of the two
        named.pop("exclusiveMinimum", None)
    return named


def _written(default: Any) -> str:
    if isinstance(default, list):
        return ", ".join(map(str, default))
    return str(default).lower() if isinstance(default, bool) else str(default)


class Request(BaseModel):
    """A JSON request: camelCase names, snake_case accepted, unknown ones refused."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        alias_generator=to_camel,
        protected_namespaces=(),
        defer_build=True,  # at first use, not at import
    )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the schema, in which null stands for an optional field that is left out."""
        schema = handler(core)
        own = handler.resolve_ref_schema(schema)
        required = own.get("required", [])
        for name, rule in own.get("properties", {}).items():
            own["properties"][name] = _named(rule) if name in required else _documented(rule)
        return schema

    @classmethod
    def parse(cls, body: Any) -> Self:
        """Check a decoded JSON body.

        Raises:
            BadRequest: the body is no JSON object.
            InvalidInput: a field is unknown or breaks its rule; one detail for each.
        """
        if not isinstance(body, dict):
            raise BadRequest("The body must be a JSON object.")
        values, details = cls._tidy(body)
        try:
            checked = cls.model_validate(values)
        except ValidationError as error:
            details += [cls._detail(item) for item in error.errors(include_url=False)]
        if details:
            raise InvalidInput(_sentence(details), details)
        return checked

    @classmethod
    def _tidy(cls, body: dict[str, Any]) -> tuple[dict[str, Any], list[Detail]]:
        """Fold both spellings into the alias, drop nulls of optional fields, find unknowns."""
        names, required = _names_of(cls)
        values: dict[str, Any] = {}
        details: list[Detail] = []
        for key, value in body.items():
            alias = names.get(key, "")
            if not alias:
                details.append(Detail(key, unknown(key, set(names.values())), shown(value)))
            elif alias in values:
                details.append(Detail(key, f"is given twice, also as {alias}", shown(value)))
            elif value is not None or alias in required:
                values[alias] = value
        return values, details

    @classmethod
    def _detail(cls, error: ErrorDetails) -> Detail:
        kind = error["type"]
        if kind in ("too_short", "too_long") and isinstance(error["input"], str):
            kind = f"string_{kind}"
        rule = _RULES.get(kind, error["msg"]).format(**error.get("ctx", {}))
        field = ".".join(str(part) for part in error["loc"]) or "body"
        # The body as a whole, or an absent field, is nothing to repeat.
        named = error["loc"] and error["type"] != "missing"
        received = shown(error["input"]) if named else None
        return Detail(field, rule, received)


def parse_part(schema: type[R], value: Any, field: str) -> R:
    """Check an object within a body; a detail's field is `field.name`.

    Raises:
        InvalidInput: it breaks a rule.
    """
    try:
        return schema.parse(value)
    except InvalidInput as error:
        details = [
            Detail(f"{field}.{detail.field}", detail.message, detail.received)
            for detail in error.details
        ]
        raise InvalidInput(_sentence(details), details) from error


def parse_each(schema: type[R], items: Sequence[Any], field: str) -> list[R]:
    """Check each object of a list in a body.

    Args:
        field: name of the list; a detail's field is `field.place.name`.

    Raises:
        InvalidInput: one of them breaks a rule; one detail for each rule.
    """
    found, details = [], []
    for place, item in enumerate(items):
        try:
            found.append(parse_part(schema, item, f"{field}.{place}"))
        except InvalidInput as error:
            details += error.details
    if details:
        raise InvalidInput(_sentence(details), details)
    return found


@cache
def _names_of(schema: type[Request]) -> tuple[dict[str, str], set[str]]:
    """Return the alias by every accepted name of a field, and the required aliases."""
    names: dict[str, str] = {}
    required: set[str] = set()
    for name, item in schema.model_fields.items():
        alias = item.alias or name
        camel = {to_camel(name): alias} if alias == name else {}  # modelId beside model_id
        names |= {name: alias, alias: alias} | camel
        required |= {alias} if item.is_required() else set()
    return names, required


def unknown(name: str, known: set[str]) -> str:
    """Return the rule that an unknown name breaks, with the nearest known name."""
    folded = {candidate.lower().replace("_", ""): candidate for candidate in sorted(known)}
    near = difflib.get_close_matches(name.lower().replace("_", ""), folded, n=1, cutoff=0.5)
    return f"is not a known field; did you mean {folded[near[0]]}?" if near else "is not known"


def nearest(name: str, known: Collection[str]) -> str:
    """Return the question for the nearest of some names, or else a list of them.

    >>> nearest("Nroth", ["North", "South"])
    'did you mean North?'
    """
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    names = sorted(known)
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return f"did you mean {near[0]}?" if near else ", ".join(names[:20]) + more


def shown(value: Any) -> Any:
    """Return a received value as an error repeats it: JSON-ready and short."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and abs(value) < 1e15:
        return value
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 100 else text[:97] + "..."


def _sentence(details: list[Detail]) -> str:
    first, more = details[0], len(details) - 1
    received = "" if first.received is None else f" Received: {first.received!r}."
    rest = f" ({more} more in details.)" if more else ""
    end = "" if first.message.endswith("?") else "."
    field = "The body" if first.field == "body" else first.field
    return f"{field} {first.message}{end}{received}{rest}"
