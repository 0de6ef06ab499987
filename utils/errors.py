"""What can go wrong, as one tree; it knows no HTTP (`app.py` maps it to status codes).

ServiceError
├── BadRequest          the message is not what it claims to be (not JSON, say)
├── Unauthorized        nobody knows who is asking: no key, or one that is not valid
├── Forbidden           whoever asks may not do that
├── UnsupportedMedia    a kind of content that the operation cannot read
├── InvalidInput        a field breaks its rule
├── TooLarge            more than a stated limit allows
├── NotFound            no such model, data set or job
├── Conflict            the operation does not fit the state that the thing is in
├── TooManyRequests     more of them, or more at once, than one caller may have
├── DamagedFile         a stored file is not what was published
├── Unavailable         nothing can do the work now; worth trying again
└── InternalError       a defect of the service itself; the log has the details
SettingsError           a setting in the environment breaks its rule
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Detail:
    """One broken rule: the field, what it asks for, and what came instead."""

    field: str
    message: str
    received: Any = None


class ServiceError(Exception):
    """Anything a caller is told about: one readable sentence, and details by field."""

    retry_after: int | None = None  # seconds after which it is worth trying again, where it is

    def __init__(
        self, message: str, details: list[Detail] | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = details or []
        self.retry_after = retry_after or self.retry_after

    def to_document(self) -> dict[str, Any]:
        """A JSON-ready form that `from_document` turns back into the same error."""
        return {
            "kind": type(self).__name__,
            "message": self.message,
            "details": [asdict(detail) for detail in self.details],
        }


class BadRequest(ServiceError):
    """The message is not what it claims to be."""


class Unauthorized(ServiceError):
    """Nobody knows who is asking: there is no key, or it is not valid."""


class Forbidden(ServiceError):
    """Whoever asks may not do that."""


class UnsupportedMedia(ServiceError):
    """A kind of content that the operation cannot read."""


class InvalidInput(ServiceError):
    """A field breaks its rule."""

    @classmethod
    def of(cls, field: str, message: str, received: Any = None) -> InvalidInput:
        """The error of a single field; the sentence names it."""
        return cls(f"{field}: {message}", [Detail(field, message, received)])


class TooLarge(ServiceError):
    """More than a stated limit allows."""


class NotFound(ServiceError):
    """No such model, data set or job."""


class Conflict(ServiceError):
    """The operation does not fit the state that the thing is in."""


class TooManyRequests(ServiceError):
    """More than one caller may have; worth trying again after `retry_after` seconds."""

    retry_after = 10


class DamagedFile(ServiceError):
    """A stored file is not what was published."""


class Unavailable(ServiceError):
    """Nothing can do the work now; worth trying again after `retry_after` seconds."""

    retry_after = 10


class InternalError(ServiceError):
    """A defect of the service itself; the log has the details."""


class SettingsError(Exception):
    """A setting in the environment breaks its rule."""


def from_document(document: dict[str, Any]) -> ServiceError:
    """The error that `ServiceError.to_document` described, of the same class."""
    kinds = {kind.__name__: kind for kind in ServiceError.__subclasses__()}
    kind = kinds.get(document.get("kind", ""), InternalError)
    details = [Detail(**detail) for detail in document.get("details", [])]
    return kind(document.get("message", "The work failed."), details)


def first_line(error: Exception, most: int = 200) -> str:
    """What an error says first, or else its kind: for libraries whose errors are long."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:most]
