"""The check of the files that HTTPS is served with, before gunicorn loads them."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from utils.errors import SettingsError

_CERT, _KEY = "TLS_CERT", "TLS_KEY"  # the settings, as sentences name them


def check_certificate(cert: Path, key: Path) -> None:
    """Check that a certificate and its private key can be served now.

    Args:
        cert: a PEM file of the certificate, followed by those of its authorities.
        key: a PEM file of its private key, not encrypted.

    Raises:
        SettingsError: they cannot; the sentence names the file and the reason.
    """
    _check_dates(cert)
    _read(_KEY, key)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            cert, key, password=lambda: _refuse_password(key)
        )
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise SettingsError(
                f"{_KEY}: {key} is not the key of the certificate {cert}."
            ) from error
        reason = error.reason or "it holds no private key in PEM"
        raise SettingsError(f"{_KEY}: {key} cannot be served: {reason}.") from error


def _refuse_password(key: Path) -> str:
    raise SettingsError(f"{_KEY}: {key} is encrypted; the service cannot ask for its password.")


def _read(name: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{name}: {path} cannot be read: {error.strerror}.") from error


def _check_dates(path: Path) -> None:
    try:
        leaf, *_ = x509.load_pem_x509_certificates(_read(_CERT, path))
    except ValueError as error:
        raise SettingsError(f"{_CERT}: {path} holds no certificate in PEM.") from error
    now = datetime.now(UTC)
    if now > leaf.not_valid_after_utc:
        raise SettingsError(f"{_CERT}: {path} expired at {leaf.not_valid_after_utc.isoformat()}.")
    if now < leaf.not_valid_before_utc:
        raise SettingsError(
            f"{_CERT}: {path} is not valid before {leaf.not_valid_before_utc.isoformat()}."
        )
