"""Tokens of an OpenID provider: their caller and role, once signature and claims are checked."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from hashlib import sha256
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import jwt
import orjson
from cachetools import TTLCache

from utils.auth.caller import Caller
from utils.auth.exposure import is_loopback
from utils.auth.roles import ROLES
from utils.errors import Forbidden, SettingsError, Unauthorized, Unavailable
from utils.logs import logger
from utils.settings import Settings

_ALGORITHMS = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
]  # fmt: skip
_LEEWAY = 30.0  # seconds that clocks may differ
_TIMEOUT = 2.0  # seconds for the provider to answer each of two requests
_MOST_WAITING = 8  # requests that wait for the provider at once
_KEYS_LIFESPAN = 3600.0  # seconds that its keys are used before they are fetched again
_COOLDOWN = 30.0  # seconds between two fetches for unknown keys, and after a failed fetch
_TOKEN_LIFESPAN = 60.0  # seconds that a checked token is not checked again
_NO_ANSWER = "The OpenID provider does not answer."
_MAX_TOKENS = 1000
_MAX_SHOWN = 200  # characters
_MAX_DOCUMENT = 1_000_000  # bytes

log = logger("access")


class Provider:
    """The OpenID provider of the settings. Safe to share between threads.

    Raises:
        SettingsError: OIDC_ISSUER is not an https URL.
    """

    def __init__(self, settings: Settings) -> None:
        self._issuer, self._audience = settings.oidc_issuer, settings.oidc_audience
        self._claim = settings.oidc_role_claim
        if not _is_safe(self._issuer):
            raise SettingsError(
                f"OIDC_ISSUER must be an https:// URL. Received: {self._issuer[:_MAX_SHOWN]!r}"
            )
        self._keys = _ProviderKeys(self._issuer)
        self._lock = threading.Lock()
        self._checked: TTLCache[bytes, tuple[Caller, float]] = TTLCache(
            _MAX_TOKENS, _TOKEN_LIFESPAN
        )

    def caller(self, token: str) -> tuple[Caller, float]:
        """Return the caller of a token and its expiry in seconds since 1970.

        Raises:
            Unauthorized: it is not of this provider and audience, or it has expired.
            Forbidden: it names no role.
            Unavailable: the provider's keys cannot be fetched now.
        """
        digest = sha256(token.encode()).digest()
        with self._lock:
            known = self._checked.get(digest)
        if known and time.time() < known[1]:
            return known
        claims = self._claims(token)
        found = self._caller_of(claims), float(claims["exp"])
        with self._lock:
            self._checked[digest] = found
        return found

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in _ALGORITHMS:  # before any fetch
                raise jwt.InvalidAlgorithmError("its algorithm is not supported")
            claims: dict[str, Any] = jwt.decode(
                token,
                self._keys.of_token(header.get("kid")),
                algorithms=_ALGORITHMS,
                audience=self._audience,
                issuer=self._issuer,
                leeway=_LEEWAY,
                options={
                    "require": ["exp", "iss", "aud", "sub"],
                    "enforce_minimum_key_length": True,
                },
            )
        except jwt.ExpiredSignatureError:
            raise Unauthorized("The token has expired.") from None
        except (jwt.PyJWTError, RecursionError) as error:
            raise Unauthorized(f"The token is not valid: {_reason(error)}.") from None
        return claims

    def _caller_of(self, claims: Mapping[str, Any]) -> Caller:
        named = _words(_claim(claims, self._claim))
        roles = [role for role in ROLES if role in named]
        if not roles:
            raise Forbidden(
                f"The token names no role of this service: its claim {self._claim!r} must hold "
                "read, write or admin."
            )
        name = claims.get("preferred_username") or claims.get("name") or claims["sub"]
        return Caller(f"oidc:{claims['sub']}"[:_MAX_SHOWN], str(name)[:_MAX_SHOWN], roles[-1])


class _ProviderKeys(jwt.PyJWKClient):
    """The public keys of an issuer, found by its discovery document.

    A provider that does not answer is contacted once per cool-down; the keys of the last fetch
    are used until their lifespan ends.
    """

    def __init__(self, issuer: str) -> None:
        super().__init__(
            issuer, lifespan=_KEYS_LIFESPAN, timeout=_TIMEOUT, cooldown_duration=_COOLDOWN
        )
        self._issuer = issuer
        self._retry_at = float("-inf")
        self._places = threading.BoundedSemaphore(_MOST_WAITING)

    def of_token(self, kid: str | None) -> jwt.PyJWK:
        """Return the key of an id; without an id, the only key.

        Raises:
            Unauthorized: the provider has no such key.
            Unavailable: the keys cannot be fetched now.
        """
        try:
            if kid is None and len(keys := self.get_signing_keys()) == 1:
                return keys[0]
            return self.get_signing_key(str(kid))
        except jwt.PyJWKClientError:
            raise Unauthorized(
                "The token is not valid: its key is none of the provider's."
            ) from None

    def fetch_data(self) -> Any:
        """Return the key set, fetched from the provider.

        Raises:
            Unavailable: the provider does not answer, or did not a moment ago.
        """
        if time.monotonic() < self._retry_at or not self._places.acquire(blocking=False):
            raise Unavailable(_NO_ANSWER)
        try:
            self.uri = self._keys_url()
            return super().fetch_data()
        except (OSError, ValueError, HTTPException, jwt.PyJWTError) as error:
            self._retry_at = time.monotonic() + self.cooldown_duration
            log.warning("cannot fetch the OpenID provider's keys", error=_reason(error))
            raise Unavailable(_NO_ANSWER) from error
        finally:
            self._places.release()

    def _keys_url(self) -> str:
        found = _document(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != self._issuer:
            raise ValueError("its configuration is of another issuer")
        url = str(found.get("jwks_uri"))
        if not _is_safe(url):
            raise ValueError("the address of its keys is not https")
        return url


def _document(url: str) -> dict[str, Any]:
    with urlopen(url, timeout=_TIMEOUT) as reply:  # noqa: S310  # nosec B310  # the safe issuer
        found = orjson.loads(reply.read(_MAX_DOCUMENT))
    if not isinstance(found, dict):
        raise ValueError("its configuration is not a JSON object")
    return found


def _is_safe(url: str) -> bool:
    """Return whether a connection to a URL is encrypted, or stays on this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or else by its path, as in `realm_access.roles`."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _words(value: Any) -> list[Any]:
    if isinstance(value, str):
        return value.split()
    return value if isinstance(value, list) else []


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:_MAX_SHOWN].rstrip(".")
