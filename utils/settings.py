"""The settings of the service: one table, read from the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

from utils.errors import SettingsError

ROOT = Path(__file__).resolve().parent.parent
Network = IPv4Network | IPv6Network
_AUDIT = "audit.jsonl"


def _setting(default: Any, help: str, low: int | None = None, high: int | None = None) -> Any:
    return field(default=default, metadata={"help": help, "low": low, "high": high})


@dataclass(frozen=True)
class Settings:
    """The settings; the environment variable of each is its name in capitals.

    Relative paths are taken from the project's folder, wherever the command is run.
    """

    host: str = _setting("127.0.0.1", "address that the web server listens on")
    port: int = _setting(5000, "port that the web server listens on", 1, 65535)
    tls_cert: str = _setting(
        "", "file (PEM) of the certificate and its chain; with it, HTTPS is served"
    )
    tls_key: str = _setting("", "file (PEM) of the certificate's private key, not encrypted")
    trusted_proxies: str = _setting(
        "", "addresses or networks, comma-separated, whose X-Forwarded-… headers are trusted"
    )
    model_store: str = _setting(
        "saved_models", "trained models: a folder, or a URL of fsspec (s3://bucket/prefix)"
    )
    data_store: str = _setting("saved_data", "stored data sets: a folder, or a URL of fsspec")
    database_url: str = _setting(
        "sqlite:///saved_data/jobs.sqlite", "database of the training jobs, as a SQLAlchemy URL"
    )
    workers: int = _setting(1, "training workers that `serve` starts (0: none)", 0, 64)
    worker_id: str = _setting(
        "",
        "name of this worker (default: host name); each start adds an id of its own",
    )
    worker_memory_mb: int = _setting(
        0, "memory of each worker, in MB (0: its share of 80 % of the machine's)", 0
    )
    training_threads: int = _setting(
        1, "threads of each training; one is fastest up to 256 units at least", 1, 256
    )
    queue_poll_ms: int = _setting(
        1000,
        "milliseconds between two looks of a worker for new jobs, which wait half of them; "
        "fewer cost an idle worker more processor time",
        50,
        60_000,
    )
    checkpoint_seconds: int = _setting(
        5, "seconds between two checkpoints of a training, at least", 0, 86_400
    )
    jobs_kept_days: int = _setting(
        30, "days of running service that ended jobs are kept", 1, 36_500
    )
    web_processes: int = _setting(2, "processes of the web server", 1, 64)
    web_threads: int = _setting(96, "threads of each web process", 4, 512)
    web_memory_mb: int = _setting(
        0, "memory of each web process, in MB (0: its share of half of the machine's)", 0
    )
    drain_seconds: int = _setting(
        25, "seconds in which open requests must end when the web server is stopped", 1, 3600
    )
    max_waiting: int = _setting(8, "requests that wait for a job in each web process", 1, 256)
    max_streams: int = _setting(64, "event streams of each web process", 1, 256)
    model_cache_mb: int = _setting(
        256, "memory for models that each web process keeps open, in MB", 1, 1_000_000
    )
    max_rows: int = _setting(10_000_000, "rows of one data set", 1)
    max_json_mb: int = _setting(16, "size of a JSON body, in MB", 1, 1024)
    max_upload_mb: int = _setting(512, "size of an uploaded table, in MB, also unpacked", 1)
    max_series: int = _setting(100_000, "series of one data set", 1)
    max_epochs: int = _setting(10_000, "epochs of a training", 1, 10_000)
    max_units: int = _setting(1024, "units of each LSTM layer", 1, 1024)
    max_horizon: int = _setting(365, "steps of a forecast, also of a backtest", 1, 365)
    max_streams_per_caller: int = _setting(
        16, "event streams of one key in each web process (without keys: MAX_STREAMS)", 1, 256
    )
    max_queued_jobs: int = _setting(1000, "jobs of one caller that wait for a worker", 1)
    max_data_mb: int = _setting(20_000, "size of all stored data sets together, in MB", 1)
    max_models_mb: int = _setting(
        20_000, "size of all stored models together, in MB, above which none is trained", 1
    )
    rate_limits: str = _setting(
        "auto",
        "rate limits: `on`, `off`, or `auto` (not for this machine without a key)",
    )
    rate_cheap: str = _setting(
        "3000/minute", "cheap requests of one caller per second, minute, hour or day"
    )
    rate_expensive: str = _setting(
        "60/minute", "expensive requests of one caller (that make, read or train much), likewise"
    )
    rate_store: str = _setting(
        "",
        "where they are counted: empty for the memory of each web process, or the URL of a Redis "
        "(redis://…) for all processes and machines together",
    )
    master_data: str = _setting(
        "", "file (YAML, JSON or CSV) of plants, products and panel sizes: see docs/master-data.md"
    )
    cors_origins: str = _setting(
        "http://localhost:4200", "origins that browsers may call from, comma-separated"
    )
    oidc_issuer: str = _setting(
        "", "issuer URL of an OpenID provider whose tokens are accepted beside keys"
    )
    oidc_audience: str = _setting("", "audience that its tokens must have")
    oidc_role_claim: str = _setting(
        "roles", "claim of its tokens with read, write or admin; dots separate nested names"
    )
    audit_log: str = _setting(
        "",
        "file of the audit log, or `stdout` (default: audit.jsonl beside the SQLite database, "
        "else among the data sets, else stdout)",
    )
    log_format: str = _setting("text", "format of log lines: `text` or `json`")
    log_level: str = _setting("INFO", "lowest level that is logged: DEBUG, INFO, WARNING, ERROR")

    def __post_init__(self) -> None:
        for item in fields(self):
            value, low, high = getattr(self, item.name), item.metadata["low"], item.metadata["high"]
            if (low is not None and value < low) or (high is not None and value > high):
                rule = f"from {low} to {high}" if high is not None else f"at least {low}"
                raise SettingsError(f"{item.name.upper()} must be {rule}. Received: {value}")
        _one_of("LOG_FORMAT", self.log_format, ("text", "json"))
        _one_of("LOG_LEVEL", self.log_level, ("DEBUG", "INFO", "WARNING", "ERROR"))
        if bool(self.oidc_issuer) != bool(self.oidc_audience):
            raise SettingsError("OIDC_ISSUER and OIDC_AUDIENCE must be set together, or neither.")
        _both("TLS_CERT", self.tls_cert, "TLS_KEY", self.tls_key)
        _networks("TRUSTED_PROXIES", self.trusted_proxies)
        _one_of("RATE_LIMITS", self.rate_limits, ("auto", "on", "off"))
        _rate("RATE_CHEAP", self.rate_cheap)
        _rate("RATE_EXPENSIVE", self.rate_expensive)
        if not re.match(r"\Z|rediss?://[^/]", self.rate_store):
            raise SettingsError(
                "RATE_STORE must be empty, or like redis://HOST:PORT/0. Received: "
                f"{self.rate_store.partition('://')[0]!r}…"  # the rest may hold a password
            )
        held = self.max_waiting + self.max_streams
        if held > self.web_threads * 3 // 4:
            raise SettingsError(
                "MAX_WAITING + MAX_STREAMS must be at most three quarters of WEB_THREADS, so that "
                "waiting trains and open streams never take the threads of other requests. "
                f"Received: {self.max_waiting} + {self.max_streams} of {self.web_threads}"
            )

    @property
    def origins(self) -> list[str]:
        """Return the allowed origins."""
        return [origin.strip() for origin in self.cors_origins.split(",") if origin.strip()]

    @property
    def tls_files(self) -> tuple[Path, Path] | None:
        """Return the files of certificate and private key, if HTTPS is served."""
        return (ROOT / self.tls_cert, ROOT / self.tls_key) if self.tls_cert else None

    @property
    def proxies(self) -> list[Network]:
        """Return the networks of the trusted proxies."""
        return _networks("TRUSTED_PROXIES", self.trusted_proxies)

    @property
    def audit_file(self) -> Path | None:
        """Return the file of the audit log; None: standard output."""
        if self.audit_log:
            return None if self.audit_log == "stdout" else ROOT / self.audit_log
        kind, _, rest = self.resolved_database_url.partition(":///")
        if kind.startswith("sqlite"):
            return Path(rest.partition("?")[0]).with_name(_AUDIT)
        return None if "://" in self.data_location else Path(self.data_location, _AUDIT)

    @property
    def model_location(self) -> str:
        """Return the location of the models: a URL, or an absolute folder."""
        return _location(self.model_store)

    @property
    def data_location(self) -> str:
        """Return the location of the data sets: a URL, or an absolute folder."""
        return _location(self.data_store)

    @property
    def master_file(self) -> Path | None:
        """Return the file of master data, if there is one."""
        return ROOT / self.master_data if self.master_data else None

    @property
    def resolved_database_url(self) -> str:
        """Return the database URL with an absolute SQLite path."""
        prefix = "sqlite:///"
        if self.database_url.startswith(prefix):
            return prefix + str(ROOT / self.database_url.removeprefix(prefix))
        return self.database_url


def _location(text: str) -> str:
    return text if "://" in text else str(ROOT / text)


def _both(name: str, value: str, other: str, its: str) -> None:
    if bool(value) != bool(its):
        given, missing = (name, other) if value else (other, name)
        raise SettingsError(f"{given} needs {missing}: HTTPS takes both. Received: {value or its}")


def _networks(name: str, text: str) -> list[Network]:
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            found.append(ip_network(part))
        except ValueError as error:
            raise SettingsError(
                f"{name} must be addresses or networks, comma-separated. Received: {error}"
            ) from error
    return found


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise SettingsError(f"{name} must be one of {', '.join(allowed)}. Received: {value!r}")


def _rate(name: str, value: str) -> None:
    if not re.fullmatch("[1-9][0-9]{0,8}/(second|minute|hour|day)", value):
        raise SettingsError(
            f"{name} must be a whole number per second, minute, hour or day, like 60/minute. "
            f"Received: {value!r}"
        )


def read(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of an environment, by default of the process.

    Raises:
        SettingsError: a value breaks its rule; the sentence names variable, rule and value.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    for item in fields(Settings):
        text = environ.get(item.name.upper(), "").strip()
        if text:
            values[item.name] = _parse(item.name.upper(), text, type(item.default))
    return Settings(**values)


def _parse(name: str, text: str, kind: type) -> Any:
    if kind is not int:
        return text
    try:
        return int(text)
    except ValueError as error:
        raise SettingsError(f"{name} must be a whole number. Received: {text!r}") from error


def table() -> list[tuple[str, str, str]]:
    """Return (variable, default, help) of every setting, for `--help` and docs/settings.md."""
    return [
        (item.name.upper(), str(item.default), item.metadata["help"]) for item in fields(Settings)
    ]
