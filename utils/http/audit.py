"""The audit log: a line of JSON for each action, with its caller, time and outcome.

Lines are appended and never changed. A line that cannot be written does not fail the request, as
a full disk must not stop the forecasts: it goes to the ordinary log as an error.
"""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import stat
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, g, has_request_context, request

from utils.api.endpoint import Endpoint
from utils.auth.caller import Caller, identified_caller
from utils.http.rules import by_rule
from utils.logs import logger
from utils.settings import Settings

log = logger("audit")
_MAX_SUBJECT = 200  # characters; a subject may come from any path
_STDOUT = 1
_ACCEPTED = 202


class AuditLog:
    """The file of the lines; None: standard output. Several processes may append to one file."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def write(self, line: dict[str, Any]) -> None:
        """Append a line; log it as an error where that fails."""
        # In ASCII: no text of a client can end a line or hide in it.
        content = json.dumps(line).encode() + b"\n"
        try:
            if self._path is None:
                _write(_STDOUT, content)
            else:
                self._append(self._path, content)
        except OSError as error:
            log.error("cannot write the audit log", reason=str(error), line=line)

    def _append(self, path: Path, content: bytes) -> None:
        """Write under a lock, so that lines of several processes do not mix.

        The file is opened for each line, so that it may be moved away at any time.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # until it is closed
            if _is_torn(descriptor):
                content = b"\n" + content
            _write(descriptor, content)
        finally:
            os.close(descriptor)


def _write(descriptor: int, content: bytes) -> None:
    written = os.write(descriptor, content)
    if written < len(content):
        raise OSError(f"only {written} of {len(content)} bytes were written")


def _is_torn(descriptor: int) -> bool:
    """Return whether the last line was cut off by a full disk."""
    found = os.fstat(descriptor)
    if not (stat.S_ISREG(found.st_mode) and found.st_size):
        return False
    return os.pread(descriptor, 1, found.st_size - 1) != b"\n"


def install(app: Flask, settings: Settings, endpoints: Iterable[Endpoint]) -> None:
    """Write a line for each request of an app's endpoints that have an action."""
    audit = app.extensions["audit"] = AuditLog(settings.audit_file)
    actions = app.extensions["audited"] = audited(app, endpoints)

    @app.after_request
    def note(response: Response) -> Response:
        action = actions.get((request.endpoint, request.method))
        if action and not g.get("accepted"):
            audit.write(_line(action, _subject(), response.status_code))
        return response


def audited(app: Flask, endpoints: Iterable[Endpoint]) -> dict[tuple[str | None, str], str]:
    """Return (view, method) → action of the endpoints that have one."""
    return {
        (rule.endpoint, method): each.action
        for rule, method, each in by_rule(app, endpoints)
        if each.action
    }


def about(subject: str) -> None:
    """Set the subject of the request's line: the data set or job that it made."""
    g.subject = subject


def accepted(job_id: str) -> None:
    """Write the line of a job at its submission: a client that waits for it may give up."""
    if not has_request_context():
        return
    action = current_app.extensions["audited"].get((request.endpoint, request.method))
    if action:
        line = _line(action, _subject() or job_id, _ACCEPTED) | {"job": job_id}
        current_app.extensions["audit"].write(line)
        g.accepted = True


def by_command(settings: Settings, action: str, subject: str | None) -> None:
    """Write the line of an action of the command line."""
    user = getpass.getuser()
    line = _facts(Caller(f"user:{user}", user, "admin"), action, subject)
    AuditLog(settings.audit_file).write(line | {"outcome": "done"})


def _line(action: str, subject: str | None, status: int) -> dict[str, Any]:
    outcome = "done" if status < 400 else "refused" if status < 500 else "failed"
    # A refused caller is unknown, not the user of this machine.
    return _facts(identified_caller(), action, subject) | {
        "outcome": outcome,
        "status": status,
        "address": request.remote_addr,
        "request_id": g.get("request_id"),
    }


def _facts(actor: Caller | None, action: str, subject: str | None) -> dict[str, Any]:
    return {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "action": action,
        "subject": subject and subject[:_MAX_SUBJECT],
        "caller": actor and actor.id,
        "name": actor and actor.name,
        "role": actor and actor.role,
    }


def _subject() -> str | None:
    """The id in the path, else the subject that the request made."""
    found = g.get("subject")
    return next(iter((request.view_args or {}).values()), found)
