"""Clients generated from the OpenAPI document compile and work; linters find nothing in it."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tests.support.running_service import FAST, ROOT, Service
from utils.http.views.documentation import document

TOOLS = ROOT / "tests" / "clients"
BASE = "http://127.0.0.1:5000"
CSV = "date,plant,application,panel_size,wip,throughput\n" + "".join(
    f"{date(2024, 1, 1) + timedelta(d)},A,B,C,{100 + d % 7},{50 + d % 5}\n" for d in range(84)
)
Tool = Callable[..., str]


@pytest.fixture(scope="module")
def openapi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The OpenAPI document as a file."""
    path = tmp_path_factory.mktemp("openapi") / "openapi.json"
    path.write_text(json.dumps(document()))
    return path


@pytest.fixture(scope="module")
def tool() -> Tool:
    """Runs a program of tests/clients/package.json and returns its output."""
    if shutil.which("npm") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Node.js is not installed")
        pytest.skip("Node.js is not installed")
    if not (TOOLS / "node_modules" / ".bin" / "tsc").exists():
        install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run(install, cwd=TOOLS, check=True, capture_output=True)

    def run(name: str, *arguments: str | Path) -> str:
        done = subprocess.run(
            [TOOLS / "node_modules" / ".bin" / name, *arguments],
            cwd=TOOLS,
            env=os.environ | {"REDOCLY_TELEMETRY": "off"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


@pytest.fixture(scope="module")
def types(openapi: Path, tool: Tool) -> Path:
    """A folder with the generated TypeScript types, `api.ts`."""
    output = tool("openapi-typescript", openapi, "--output", openapi.with_name("api.ts"))
    assert "warn" not in output.lower()
    return openapi.parent


@pytest.fixture(scope="module")
def client(openapi: Path) -> Iterator[Callable[[str], Any]]:
    """Returns modules of the generated Python client by name."""
    done = subprocess.run(
        [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none",
         "--path", openapi, "--output-path", openapi.with_name("generated_client")],
        cwd=openapi.parent,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in (done.stdout + done.stderr).lower()
    sys.path.insert(0, str(openapi.parent))
    yield lambda name: importlib.import_module(f"generated_client.{name}")
    sys.path.remove(str(openapi.parent))
    for name in [each for each in sys.modules if each.startswith("generated_client")]:
        del sys.modules[name]


def calls(page: str) -> list[tuple[str, str]]:
    """The path and the JSON body of each POST of a page."""
    commands = re.findall(
        rf"curl (?!.*-X PUT)[^\n]*?{BASE}(/[^\s'?]*)((?:[^\n]*\\\n)*[^\n]*)", page
    )
    bodies = [(path, re.search(r"-d '(.*?)'", rest, re.S)) for path, rest in commands]
    return [(path, body[1]) for path, body in bodies if body]


def template(path: str) -> str:
    """The path as the document has it: ids are variables."""
    return next(
        each
        for each, operations in document()["paths"].items()
        if "post" in operations and re.fullmatch(re.sub(r"{\w+}", "[^/]+", each), path)
    )


@pytest.mark.long
def test_typescript_takes_the_calls_of_the_readme(types: Path, tool: Tool) -> None:
    pages = [(ROOT / page).read_text() for page in ("README.md", "docs/curl.md")]
    found = [call for page in pages for call in calls(page)]
    assert len(found) >= 10
    lines = [
        f'export const call{number}: Body<"{template(path)}"> = {body};'
        for number, (path, body) in enumerate(found)
    ]
    (types / "calls.ts").write_text(
        'import type { paths } from "./api";\n'
        "type Body<P extends keyof paths> = paths[P] extends\n"
        '  { post: { requestBody?: { content: { "application/json": infer B } } } } ? B : never;\n'
        + "\n".join(lines)
    )
    tool("tsc", "--strict", "--noEmit", types / "calls.ts")


@pytest.mark.long
def test_typescript_refuses_a_field_that_is_not_known(types: Path, tool: Tool) -> None:
    (types / "call.ts").write_text(
        'import type { components } from "./api";\n'
        'export const call: components["schemas"]["TrainRequest"] = { epoch: 3 };\n'
    )
    with pytest.raises(AssertionError, match="'epoch' does not exist"):
        tool("tsc", "--strict", "--noEmit", types / "call.ts")


@pytest.mark.long
def test_redocly_finds_nothing(openapi: Path, tool: Tool) -> None:
    assert "warning" not in tool("redocly", "lint", openapi).replace("Deprecation warning", "")


@pytest.mark.long
def test_spectral_finds_nothing(openapi: Path, tool: Tool) -> None:
    tool(
        "spectral", "lint", openapi, "--ruleset", TOOLS / "spectral.yaml", "--fail-severity", "warn"
    )


def test_every_module_of_the_python_client_is_imported(
    client: Callable[[str], Any], openapi: Path
) -> None:
    folder = openapi.with_name("generated_client") / "api"
    modules = [path for path in folder.glob("*/*.py") if path.stem != "__init__"]
    assert len(modules) == sum(len(each) for each in document()["paths"].values())
    for path in modules:
        assert client(f"api.{path.parent.name}.{path.stem}").sync_detailed


def test_the_python_client_uploads_trains_and_predicts(
    client: Callable[[str], Any], service: Service
) -> None:
    service.wait_for_worker()
    api = client("client").Client(service.url, timeout=120)
    models, file = client("models"), client("types").File(BytesIO(CSV.encode()), "table.csv")
    upload = client("api.data.upload_data").sync
    stored = upload(client=api, body=models.UploadDataFilesTableForm(file=file))
    assert stored.data_points == 84 and stored.quality.rows_received == 84
    assert stored.dataset_id != upload(client=api, body=file_of(client)).dataset_id
    hyperparameters = {"epochs": 2, "lstm_units_1": 4, "lstm_units_2": 4}
    trained = client("api.training.train_model").sync(
        client=api,
        body=models.TrainRequest(
            dataset_id=stored.dataset_id, learning_rate=FAST["learningRate"], **hyperparameters
        ),
    )
    assert isinstance(trained, models.TrainReply), trained
    assert trained.metrics.per_target.wip.rmse > 0 and trained.training_history.epochs == 2
    asked = models.PredictRequest(
        model_id=trained.model_id, plant="A", application="B", panel_size="C", prediction_days=5
    )
    forecast = client("api.forecasts.predict").sync(client=api, body=asked)
    assert [each.day for each in forecast.predictions] == [1, 2, 3, 4, 5]
    asked.plant = "Nowhere"
    refusal = client("api.forecasts.predict").sync(client=api, body=asked)
    assert refusal.details[0].field == "plant"


def file_of(client: Callable[[str], Any]) -> Any:
    """The table as the body itself."""
    return client("types").File(BytesIO(CSV.encode()))
