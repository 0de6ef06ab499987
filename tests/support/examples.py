"""utils/api/examples.json, written anew by `python -m tests.support.examples` from a real service.

The replies of the requests of the Postman collection, and of those of docs/refusals.md. Long lists
and texts are cut, and ids are those that the examples of requests have.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.support.collection import run_collection
from tests.support.refusals import CASES, closed_service, refusal_of
from tests.support.running_service import make_key, start_service
from utils.api.openapi import EXAMPLES
from utils.api.schemas.base import DATASET_ID, MODEL_ID
from utils.http.views import ENDPOINTS

_ENTRIES = 2  # of a list of values; of a list of objects, one
_LINES = 8  # of a text
_WIDTH = 200  # characters of a line


def replies(folder: Path) -> dict[str, dict[str, Any]]:
    """Return replies by operation and status."""
    operations = {f"{e.method} {e.template}": e.operation_id for e in ENDPOINTS}
    variables = {"api_key": make_key(folder, "examples", "admin")}
    service = start_service(folder)
    service.key = variables["api_key"]
    found: dict[str, dict[str, Any]] = {}
    try:
        service.wait_for_worker()
        for item, reply in run_collection(service, variables):
            kind = reply.headers["Content-Type"].partition(";")[0]
            operation = operations[item["name"].rpartition(": ")[2]]
            if reply.ok and (kind == "application/json" or kind.startswith("text/")):
                content = reply.json() if kind == "application/json" else reply.text
                found[operation] = {str(reply.status_code): shortened(content)}
        known = {variables["dataset_id"]: DATASET_ID, variables["model_id"]: MODEL_ID}
    finally:
        service.stop()
    text = json.dumps(found)
    for real, shown in known.items():
        text = text.replace(real, shown)
    text = re.sub(r"lstm_\w{10}_[\w-]{43}", "lstm_ID_SECRET", text)
    renamed: dict[str, dict[str, Any]] = json.loads(text)
    return renamed


def refusals(folder: Path) -> dict[str, Any]:
    """Return the body of a refusal of each status."""
    with closed_service(folder) as (service, keys):
        found: dict[str, Any] = {}
        for case in CASES:
            if case.path and str(case.status) not in found:
                found[str(case.status)] = shortened(refusal_of(service, keys, case))
    return found


def shortened(content: Any) -> Any:
    """Return a reply with the first entries of its lists and the first lines of its texts."""
    if isinstance(content, dict):
        return {name: shortened(value) for name, value in content.items()}
    if isinstance(content, list):
        entries = 1 if content and isinstance(content[0], dict) else _ENTRIES
        return [shortened(item) for item in content[:entries]]
    if isinstance(content, str):
        lines = re.split(r"(?<=\n)", content)[:_LINES]
        return "".join(line if len(line) <= _WIDTH else line[:_WIDTH] + "…\n" for line in lines)
    return content


def main() -> None:
    """Write the file."""
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        content = {"replies": replies(Path(one)), "refusals": refusals(Path(other))}
    EXAMPLES.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
