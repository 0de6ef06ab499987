"""`python run.py serve`: the web server and the training workers of one machine."""

from __future__ import annotations

import errno
import socket
import ssl
import sys
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import click

from utils.auth import exposure
from utils.server import start_checks
from utils.server.certificate import check_certificate
from utils.server.supervisor import Program, run
from utils.settings import ROOT, Settings

_FILE = click.Path(path_type=Path)  # not resolved: renewed certificates are links that change


@click.command()
@click.option("--cert", type=_FILE, help="Serve HTTPS with this certificate (TLS_CERT).")
@click.option("--key", type=_FILE, help="Its private key (TLS_KEY).")
@click.pass_obj
def serve(chosen: Settings, cert: Path | None = None, key: Path | None = None) -> None:
    """Run the web server and the training workers until Ctrl-C."""
    chosen = replace(
        chosen,
        tls_cert=str(cert.absolute()) if cert else chosen.tls_cert,
        tls_key=str(key.absolute()) if key else chosen.tls_key,
    )
    if chosen.tls_files:
        check_certificate(*chosen.tls_files)
    start_checks.expect_usable(chosen)
    _check_master_data(chosen)
    _check_address(chosen)
    exposure.expect_access_control(chosen, [chosen.host])
    sys.exit(run(_programs(chosen), lambda: _is_ready(chosen), chosen.drain_seconds))


def worker_program(worker_id: str, **environment: str) -> Program:
    """Return the program of a training worker."""
    command = [sys.executable, str(ROOT / "run.py"), "worker"]
    return Program(f"worker {worker_id}", command, {"WORKER_ID": worker_id} | environment)


def _programs(chosen: Settings) -> list[Program]:
    web = Program(
        "web",
        [sys.executable, "-m", "gunicorn", "app:app"],
        {"TLS_CERT": chosen.tls_cert, "TLS_KEY": chosen.tls_key},
        vital=True,
    )
    name = chosen.worker_id or socket.gethostname()
    return [web, *(worker_program(f"{name}-{i}") for i in range(1, chosen.workers + 1))]


def _check_master_data(chosen: Settings) -> None:
    """Refuse a MASTER_DATA file that breaks a rule, with the line and column."""
    from models.services import master_file

    if chosen.master_file is not None:
        master_file.read(chosen.master_file)


def _check_address(chosen: Settings) -> None:
    """Refuse an address that cannot be listened on, in one line."""
    family = socket.AF_INET6 if ":" in chosen.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((chosen.host, chosen.port))
        except OSError as error:
            advice = f"Choose another port: PORT={chosen.port + 1} python run.py"
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                advice = "HOST must be an address of this machine."
            raise click.ClickException(
                f"Cannot listen on {chosen.host}:{chosen.port}: {error.strerror}. {advice}"
            ) from error


def _is_ready(chosen: Settings) -> bool:
    """Return True once the web server answers, after printing its address."""
    everywhere = chosen.host in ("0.0.0.0", "::")  # noqa: S104  # nosec B104  # compared
    address = "127.0.0.1" if everywhere else chosen.host
    scheme, context = ("https", _unverified()) if chosen.tls_files else ("http", None)
    url = f"{scheme}://{address}:{chosen.port}"
    try:
        with urlopen(f"{url}/health/live", timeout=1, context=context):  # noqa: S310  # nosec B310
            click.echo(f"Listening on {url} (docs: {url}/api/docs/). Open it in a browser, or try:")
    except OSError:
        return False
    key = "" if exposure.is_local(chosen) else " -H 'Authorization: Bearer KEY'"
    click.echo(f"  curl -X POST{key} {url}/api/data/generate")
    return True


def _unverified() -> ssl.SSLContext:
    """Return a context for requests to this process's own server, whose name is not checked."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
