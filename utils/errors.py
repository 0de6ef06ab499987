"""Errors of the service, as one tree.

They know no HTTP: `utils.http.error_handler` maps them to statuses.

ServiceError
├── BadRequest          the body or form is malformed (not JSON, say)
├── Unauthorized        the caller is unknown: no API key, or one that is not valid
├── Forbidden           the caller's role does not allow it
├── UnsupportedMedia    a content type that the operation cannot read
├── InvalidInput        a field breaks its rule
├── TooLarge            more than a stated bound allows
├── NotFound            no such model, data set or job
├── Conflict            the operation does not fit the state of the thing
├── TooManyRequests     more requests, jobs or streams than one caller may have
├── DamagedFile         a stored file differs from what was published
├── Unavailable         a part of the service cannot work now; worth a retry
└── InternalError       a defect of the service; the log has the details
SettingsError           a setting in the environment breaks its rule
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Detail:
    """One broken rule: the field, the rule, and the value received."""

    field: str
    message: str
    received: Any = None


class ServiceError(Exception):
    """An error that a caller can read: one sentence, and details by field."""

    retry_after: int | None = None  # seconds after which a retry is worth it, if it ever is

    def __init__(
        self, message: str, details: list[Detail] | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = details or []
        self.retry_after = retry_after or self.retry_after

    @classmethod
    def kind(cls) -> type[ServiceError]:
        """Return the class of this module that the error is of, itself or by inheritance."""
        return next((kind for kind in cls.__mro__ if ServiceError in kind.__bases__), ServiceError)

    def to_document(self) -> dict[str, Any]:
        """Return a JSON-ready form, from which `from_document` makes an error of the same kind."""
        return {
            "kind": self.kind().__name__,
            "message": self.message,
            "details": [asdict(detail) for detail in self.details],
        }


class BadRequest(ServiceError):
    """The body or form is malformed."""


class Unauthorized(ServiceError):
    """The caller is unknown: there is no API key, or it is not valid."""


class Forbidden(ServiceError):
    """The caller's role does not allow it."""


class UnsupportedMedia(ServiceError):
    """A content type that the operation cannot read."""


class InvalidInput(ServiceError):
    """A field breaks its rule."""

    @classmethod
    def of(cls, field: str, message: str, received: Any = None) -> InvalidInput:
        """Return the error of a single field; the sentence names it."""
        return cls(f"{field}: {message}", [Detail(field, message, received)])


class TooLarge(ServiceError):
    """More than a stated bound allows."""


class NotFound(ServiceError):
    """No such model, data set or job."""


class Conflict(ServiceError):
    """The operation does not fit the state of the thing."""


class TooManyRequests(ServiceError):
    """More than one caller may have; worth a retry after `retry_after` seconds."""

    retry_after = 10


class DamagedFile(ServiceError):
    """A stored file differs from what was published."""


class Unavailable(ServiceError):
    """A part of the service cannot work now; worth a retry after `retry_after` seconds."""

    retry_after = 10


class InternalError(ServiceError):
    """A defect of the service; the log has the details."""


class SettingsError(Exception):
    """A setting in the environment breaks its rule."""


def from_document(document: dict[str, Any]) -> ServiceError:
    """Return the error that `ServiceError.to_document` described, of the same class."""
    kinds = {kind.__name__: kind for kind in ServiceError.__subclasses__()}
    kind = kinds.get(document.get("kind", ""), InternalError)
    details = [Detail(**detail) for detail in document.get("details", [])]
    return kind(document.get("message", "The work failed."), details)


def first_line(error: Exception, most: int = 200) -> str:
    """Return the first line of an error, or else its class: some libraries' errors are long."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:most]
