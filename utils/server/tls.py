"""HTTPS: the certificate that is served, checked at start and taken in anew when it is renewed."""

from __future__ import annotations

import ssl
import threading
from datetime import UTC, datetime
from pathlib import Path

from utils.errors import SettingsError
from utils.logs import logger

log = logger("tls")
_CERT, _KEY = "TLS_CERT", "TLS_KEY"  # the settings, as sentences name them


class Certificate:
    """The files of a certificate and its key, and the context that connections are made with.

    Raises:
        SettingsError: the files cannot be served; the sentence names file and reason.
    """

    def __init__(self, cert: Path, key: Path) -> None:
        self._cert, self._key = cert, key
        self._lock = threading.Lock()
        self._seen = self._stamp()
        self._context = self._load()

    def context(self) -> ssl.SSLContext:
        """The context for a new connection; of the files as they are, unless they are no use."""
        with self._lock:
            stamp = self._stamp()
            if stamp != self._seen:
                self._seen = stamp
                try:
                    self._context = self._load()
                    log.info("took in the certificate that changed", file=str(self._cert))
                except SettingsError as error:  # half of it may be written: the rest changes it
                    log.error("kept the certificate from before", reason=str(error))
            return self._context

    def _stamp(self) -> tuple[int, ...]:
        try:
            return tuple(path.stat().st_mtime_ns for path in (self._cert, self._key))
        except OSError:
            return ()

    def _load(self) -> ssl.SSLContext:
        _expect_valid(self._cert)
        _read(_KEY, self._key)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self._cert, self._key, password=self._refuse_password)
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise SettingsError(
                    f"{_KEY}: {self._key} is not the key of the certificate {self._cert}."
                ) from error
            why = error.reason or "it holds no private key in PEM"
            raise SettingsError(f"{_KEY}: {self._key} cannot be served: {why}.") from error
        return context

    def _refuse_password(self) -> str:
        raise SettingsError(
            f"{_KEY}: {self._key} is encrypted, and nobody is there to be asked for its password."
        )


def _read(name: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{name}: {path} cannot be read: {error.strerror}.") from error


def _expect_valid(path: Path) -> None:
    """Refuse what is no certificate, or none at this time."""
    from cryptography import x509  # where HTTPS is not served here, nobody waits for it

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
