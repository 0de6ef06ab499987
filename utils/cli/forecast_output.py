"""A forecast on the command line: its table, its course as text, and a file of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from utils.cli import terminal

if TYPE_CHECKING:
    from rich.console import Console

    from models.lstm_service import LSTMService
    from utils.api.replies.forecasting import PredictReply
    from utils.api.schemas.forecasting import PredictRequest
    from utils.api.upload_options import UploadOptions

DEFAULT = Path("forecast.png")
FORMS = ("png", "csv", "xlsx")
_HISTORY_STEPS = 60  # in the plots

step_option = click.option(
    "--step", help="Step of the rows: hour, shift, day, week, month (default: recognised)."
)
shifts_option = click.option(
    "--shifts", help="With --step shift: times at which shifts begin, 06:00,14:00,22:00."
)
shift_names_option = click.option(
    "--shift-names", help="Names of these in a column beside the date: A,B,C (default: recognised)."
)


def upload_options(
    step: str | None, shifts: str | None, shift_names: str | None = None
) -> UploadOptions:
    """Return the options of reading a table. Raises InvalidInput for a step that is none."""
    from utils.api.upload_options import UploadOptions

    return UploadOptions.parse({"step": step, "shifts": shifts, "shiftNames": shift_names})


def check_file(context: click.Context, _: click.Parameter, file: Path) -> Path:
    """Refuse a file whose name ends in no form of a forecast.

    Raises:
        BadParameter: it does.
    """
    if file.suffix[1:] not in FORMS:
        endings = ", ".join(f".{form}" for form in FORMS)
        raise click.BadParameter(f"must end in one of {endings}. Received: {file.name}", context)
    return file


def show(
    console: Console, service: LSTMService, request: PredictRequest, file: Path
) -> PredictReply:
    """Print a forecast and write it to a file; return it.

    Raises:
        ServiceError: it cannot be made.
        ClickException: the file cannot be written.
    """
    asked = request.model_copy(update={"history_steps": _HISTORY_STEPS})
    reply = service.predict(asked)
    console.print(f"Series: {request.plant} / {request.application} / {request.panel_size}")
    console.print(terminal.forecast_table(reply, reply.step))
    for target in terminal.TARGETS:
        click.echo(terminal.plot(reply, target, console.width))
    terminal.print_littles_law(console, reply)
    _write(service, request, file)
    console.print(f"The forecast is in {file}.", highlight=False)
    return reply


def _write(service: LSTMService, request: PredictRequest, file: Path) -> None:
    from models.services.forecast_files import FileForm

    content = service.predict_file(request, cast("FileForm", file.suffix[1:]))
    try:
        file.write_bytes(content)
    except OSError as error:
        raise click.ClickException(f"Cannot write {file}: {error.strerror}.") from error


def print_next(console: Console, steps: list[str]) -> None:
    """Print what can be done next, a line each."""
    console.print("Next:")
    for step in steps:
        console.print(f"  • {step}", highlight=False, soft_wrap=True)
