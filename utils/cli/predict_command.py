"""`python run.py predict`: a forecast of a table without a training, or by a model of the store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from utils import logs
from utils.cli import forecast_output
from utils.settings import Settings

if TYPE_CHECKING:
    from models.lstm_service import LSTMService
    from utils.api.schemas.forecasting import PredictRequest

_TABLE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)
_FIELDS = ("plant", "application", "panel_size")
_MOST = 1000  # series that one is chosen from


@click.command()
@click.argument("table", required=False, type=_TABLE)
@click.option("--model", "model_id", help="Id of a model, in place of TABLE.")
@click.option("--plant", help="Its name (default: of the series with the most output).")
@click.option("--application", help="Its name, likewise.")
@click.option("--panel-size", help="Its name, likewise.")
@click.option("--days", default=30, show_default=True, help="Steps to forecast.")
@click.option(
    "--output", type=_FILE, default=forecast_output.DEFAULT, show_default=True,
    callback=forecast_output.check_file, help="File to write: .png, .csv or .xlsx.",
)  # fmt: skip
@forecast_output.step_option
@forecast_output.shifts_option
@forecast_output.shift_names_option
@click.pass_obj
def predict(
    chosen: Settings,
    table: Path | None,
    model_id: str | None,
    days: int,
    output: Path,
    plant: str | None,
    application: str | None,
    panel_size: str | None,
    step: str | None,
    shifts: str | None,
    shift_names: str | None,
) -> None:
    """Forecast a series of TABLE at once, by the network that ships with the service.

    With --model, by a trained model from the end of its data. Nothing is stored but the file.
    """
    from rich.console import Console

    from models.lstm_service import LSTMService

    if (table is None) == (model_id is None):
        raise click.UsageError("Give a TABLE, or a model by --model.")
    logs.configure(chosen.log_format, "WARNING")
    console = Console()
    names = {"plant": plant, "application": application, "panel_size": panel_size}
    if table is None:
        service = LSTMService(chosen)
        source: dict[str, Any] = {"model_id": model_id}
        known = [entry.model_dump() for entry in service.model(str(model_id)).series]
        forecast_output.show(console, service, _request(source, known, names, days), output)
        return
    with TemporaryDirectory() as folder:
        service = LSTMService(replace(chosen, data_store=folder))
        options = forecast_output.upload_options(step, shifts, shift_names)
        dataset_id = service.upload(table, options).dataset_id
        source = {"model_id": "pretrained", "datasetId": dataset_id}
        known = largest_first(service, dataset_id)
        forecast_output.show(console, service, _request(source, known, names, days), output)
    given = {"step": step, "shifts": shifts, "shift-names": shift_names}
    chosen_options = "".join(f" --{name} {value}" for name, value in given.items() if value)
    forecast_output.print_next(
        console,
        [
            f"train on it: python run.py train {table}{chosen_options}",
            "or in a browser: python run.py, then drop the table on its page",
        ],
    )


def largest_series(
    service: LSTMService, model_id: str, dataset_id: str, days: int
) -> PredictRequest:
    """Return the request for the forecast of the series with the most output that a model knows."""
    known = [entry.model_dump() for entry in service.model(model_id).series]
    names = [{name: each[name] for name in _FIELDS} for each in largest_first(service, dataset_id)]
    fitting = [each for each in names if each in known] or known
    return _request({"model_id": model_id}, fitting, dict.fromkeys(_FIELDS), days)


def largest_first(service: LSTMService, dataset_id: str) -> list[dict[str, Any]]:
    """Return the series of a data set, the one with the most output first."""
    from utils.api.schemas.data import SeriesQuery

    page = service.list_series(dataset_id, SeriesQuery.parse({"limit": _MOST}))
    found = sorted(page.series, key=lambda each: -(each.mean_throughput or 0))
    return [each.model_dump() for each in found]


def _request(
    source: dict[str, Any], known: list[dict[str, Any]], names: dict[str, str | None], days: int
) -> PredictRequest:
    """The request for the first series that has the given names.

    Raises:
        ClickException: none has them.
    """
    from utils.api.schemas.forecasting import PredictRequest

    given = {name: names[name] for name in _FIELDS if names[name] is not None}
    fitting = [each for each in known if given.items() <= each.items()]
    if not fitting:
        shown = "; ".join(" / ".join(each[name] for name in _FIELDS) for each in known[:10])
        raise click.ClickException(f"No series has these names. There are: {shown}.")
    series = {name: fitting[0][name] for name in _FIELDS}
    return PredictRequest.parse(source | series | {"predictionDays": days})
