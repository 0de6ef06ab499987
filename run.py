"""The command line: `python run.py` serves; see `python run.py --help`."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

import click

from utils import logs, settings
from utils.cli.demo_command import demo
from utils.cli.import_command import import_model
from utils.cli.key_commands import keys
from utils.cli.maintenance_commands import backup, restore, verify
from utils.cli.predict_command import predict
from utils.cli.serve_command import serve
from utils.cli.train_command import train
from utils.cli.worker_command import worker
from utils.errors import ServiceError, SettingsError
from utils.server import start_checks


class _Commands(click.Group):
    """Commands whose help ends with the table of settings."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the settings below the commands."""
        with formatter.section("Settings (environment variables)"):
            formatter.write_dl([(n, f"{h} [{d}]") for n, d, h in settings.table()])


def _print_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from models.lstm_service import VERSION

        click.echo(VERSION)
        context.exit()


@click.group(cls=_Commands, invoke_without_command=True)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False,
              callback=_print_version, help="Print the version.")  # fmt: skip
@click.pass_context
def main(context: click.Context) -> None:
    """The LSTM Backend Service. Without a command: serve."""
    chosen = context.obj = settings.read()
    logs.configure(chosen.log_format, chosen.log_level)
    for name in start_checks.warn_of_misspelled(os.environ):
        del os.environ[name]  # the processes that are started here need not name it again
    if context.invoked_subcommand is None:
        context.invoke(serve)


for command in (serve, worker, demo, train, predict, import_model, keys, verify, backup, restore):
    main.add_command(command)


@contextlib.contextmanager
def _errors_in_one_line() -> Iterator[None]:
    """Print an error of the service as one line, and exit with 2."""
    try:
        yield
    except (ServiceError, SettingsError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    with _errors_in_one_line():
        main()
