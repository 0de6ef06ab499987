"""HTTPS as gunicorn serves it, and certificates that cannot be served."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from cryptography.hazmat.primitives import serialization

from tests.support.running_service import (
    FAST,
    SMALL,
    Service,
    job_events,
    run_command,
    start_service,
    wait_until,
)
from utils.errors import SettingsError
from utils.server.certificate import check_certificate
from utils.settings import Settings

pytestmark = pytest.mark.service

AUTHORITY = trustme.CA()
YEAR = timedelta(days=365)


def write(folder: Path, name: str, **more: Any) -> tuple[Path, Path]:
    """Write a new certificate and its key; return their paths."""
    issued = AUTHORITY.issue_cert("localhost", "127.0.0.1", **more)
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    issued.private_key_pem.write_to_path(key)
    cert.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    return cert, key


@pytest.fixture(scope="module")
def secure(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A web server that speaks HTTPS; its worker and its stores are those of the other."""
    folder = tmp_path_factory.mktemp("secure")
    AUTHORITY.cert_pem.write_to_path(folder / "authority.pem")
    cert, key = write(folder, "ours")
    given = ("serve", "--cert", cert.name, "--key", key.name)
    shared = {k: service.environment[k] for k in ("MODEL_STORE", "DATA_STORE", "DATABASE_URL")}
    authority = folder / "authority.pem"
    running = start_service(folder, *given, authority=authority, WORKERS="0", **shared)
    yield running
    assert running.stop() == 0


def client(service: Service) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(service.folder / "authority.pem"))


def port(service: Service) -> int:
    return int(service.environment["PORT"])


def test_a_connection_is_trusted_and_kept(secure: Service) -> None:
    connection = HTTPSConnection("127.0.0.1", port(secure), timeout=20, context=client(secure))
    for _ in range(2):
        connection.request("GET", "/health/live")
        reply = connection.getresponse()
        assert reply.status == 200 and reply.read()
        assert reply.headers["Strict-Transport-Security"] == "max-age=31536000"
        kept = connection.sock
        assert kept is not None
    assert kept is connection.sock and isinstance(kept, ssl.SSLSocket)
    assert kept.version() in ("TLSv1.2", "TLSv1.3")
    connection.close()
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"{secure.url}/health/live", timeout=20)  # its CA is not known


def test_hsts_is_for_https_only(service: Service) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "on"}  # nobody is trusted
    reply = service.get("/health/live", headers=headers)
    assert "Strict-Transport-Security" not in reply.headers


def test_it_says_where_it_listens(secure: Service) -> None:
    wait_until(lambda: "Listening on" in (secure.folder / "log").read_text())
    assert f"Listening on https://127.0.0.1:{port(secure)}" in (secure.folder / "log").read_text()


def test_a_train_and_its_events_over_https(secure: Service) -> None:
    secure.wait_for_worker()
    job_id = secure.submit(FAST | SMALL)
    kinds = [event.event for event in job_events(secure, job_id)]
    assert kinds.count("epoch") == FAST["epochs"]
    downloaded = secure.get(f"/api/model/{job_id}/download")
    assert downloaded.status_code == 200 and len(downloaded.content) > 10_000


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_tls_is_refused(secure: Service, version: ssl.TLSVersion) -> None:
    context = client(secure)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", port(secure)), 20) as raw,
        pytest.raises(ssl.SSLError, match=r"(?i)protocol|version"),
    ):
        context.wrap_socket(raw, server_hostname="127.0.0.1")


def test_plain_http_is_not_answered(secure: Service) -> None:
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port(secure)}/health", timeout=20)
    assert secure.get("/health").ok
    assert "Traceback" not in (secure.folder / "log").read_text()


def files(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Return files that cannot be served, by the reason."""
    now = datetime.now(UTC)
    cert, key = write(folder, "good")
    _, other = write(folder, "other")
    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    (folder / "locked.key").write_bytes(
        loaded.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    (folder / "junk").write_bytes(b"\xff\x00")
    return {
        "is not the key of": (cert, other),
        "expired at": write(folder, "old", not_after=now - YEAR, not_before=now - 2 * YEAR),
        "is not valid before": write(
            folder, "early", not_before=now + YEAR, not_after=now + 2 * YEAR
        ),
        "is encrypted": (cert, folder / "locked.key"),
        "holds no certificate": (folder / "junk", key),
        "holds no private key": (cert, folder / "junk"),
        "Is a directory": (cert, folder),
        "No such file": (folder / "none.pem", key),
    }


@pytest.mark.parametrize(
    "reason",
    ["is not the key of", "expired at", "is not valid before", "is encrypted",
     "holds no certificate", "holds no private key", "Is a directory", "No such file"],
)  # fmt: skip
def test_files_that_cannot_be_served(tmp_path: Path, reason: str) -> None:
    cert, key = files(tmp_path)[reason]
    with pytest.raises(SettingsError, match=reason) as raised:
        check_certificate(cert, key)
    assert str(tmp_path) in str(raised.value)
    check_certificate(*write(tmp_path, "fine"))


@pytest.mark.parametrize("named", ["TLS_CERT", "TLS_KEY"])
def test_one_file_without_the_other(named: str) -> None:
    with pytest.raises(SettingsError, match=f"{named} needs TLS_"):
        Settings(**{named.lower(): "file.pem"})


def test_a_start_that_is_refused_is_one_line(tmp_path: Path) -> None:
    cert, _ = write(tmp_path, "one")
    _, key = write(tmp_path, "two")
    done = run_command(tmp_path, "serve", "--cert", str(cert), "--key", str(key))
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert str(key) in done.stderr and "is not the key" in done.stderr
    done = run_command(tmp_path, "serve", "--cert", str(cert))
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "TLS_KEY" in done.stderr
