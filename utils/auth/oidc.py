"""Tokens of an OpenID provider: who they say is calling, once signature and claims hold."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import orjson

from utils.auth.caller import Caller
from utils.auth.exposure import is_loopback
from utils.auth.roles import ROLES
from utils.errors import Forbidden, SettingsError, Unauthorized, Unavailable
from utils.lazy_imports import IMPORTS
from utils.logs import logger
from utils.settings import Settings

if TYPE_CHECKING:
    from jwt import PyJWK

_ALGORITHMS = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
]  # fmt: skip
_LEEWAY = 30.0  # seconds that clocks may differ
_TIMEOUT = 5.0  # seconds for the provider to answer
_FRESH = 3600.0  # seconds that its keys are used before they are fetched again
_OUTAGE = 86_400.0  # seconds that they hold while it does not answer
_AGAIN = 30.0  # seconds between two fetches, at the least
_REMEMBERED_FOR = 60.0  # seconds
_REMEMBERED = 1000  # tokens
_SHOWN = 200  # characters
_DOCUMENT = 1_000_000  # bytes

log = logger("access")


class Provider:
    """The provider of the settings. Safe to share between threads.

    Raises:
        SettingsError: OIDC_ISSUER is not an https URL.
    """

    def __init__(self, settings: Settings) -> None:
        self._issuer, self._audience = settings.oidc_issuer, settings.oidc_audience
        self._claim = settings.oidc_role_claim
        if not _is_safe(self._issuer):
            raise SettingsError(
                f"OIDC_ISSUER must be an https:// URL. Received: {self._issuer[:_SHOWN]!r}"
            )
        self._fetching = threading.Lock()
        self._keys: Mapping[str | None, PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._secret = secrets.token_bytes(32)
        self._remembered: OrderedDict[bytes, tuple[Caller, float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def caller(self, token: str) -> tuple[Caller, float]:
        """(whoever a token is of, when it ends in seconds since 1970).

        Raises:
            Unauthorized: it is none of this provider for this audience, or it has expired.
            Forbidden: it names no role.
            Unavailable: the provider's keys cannot be had now.
        """
        digest = blake2b(token.encode(), key=self._secret).digest()
        known = self._remembered.get(digest)
        if known and time.monotonic() < known[2] and time.time() < known[1]:
            return known[0], known[1]
        claims = self._claims(token)
        caller = self._caller_of(claims)
        with self._lock:
            until = time.monotonic() + _REMEMBERED_FOR
            self._remembered[digest] = caller, float(claims["exp"]), until
            while len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)
        return caller, float(claims["exp"])

    def _claims(self, token: str) -> dict[str, Any]:
        with IMPORTS:
            import jwt

        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in _ALGORITHMS:  # before the provider is asked for anything
                raise jwt.InvalidAlgorithmError("its algorithm is none of those that are taken")
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key(header.get("kid")),
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
        return Caller(f"oidc:{claims['sub']}"[:_SHOWN], str(name)[:_SHOWN], roles[-1])

    def _key(self, kid: str | None) -> PyJWK:
        """The public key of an id; one that is not known has them fetched anew, now and then."""
        age = time.monotonic() - self._fetched_at
        if kid not in self._keys or age > _FRESH:
            self._fetch(kid)
        if time.monotonic() - self._fetched_at > _OUTAGE:
            raise Unavailable("The OpenID provider does not answer.")
        if kid not in self._keys:
            raise Unauthorized("The token is not valid: its key is none of the provider's.")
        return self._keys[kid]

    def _fetch(self, kid: str | None) -> None:
        with IMPORTS:
            from jwt import PyJWKSet, PyJWTError

        if not self._fetching.acquire(timeout=_TIMEOUT if kid not in self._keys else 0):
            return
        try:
            if time.monotonic() - self._tried_at < _AGAIN:
                return
            self._tried_at = time.monotonic()
            found = PyJWKSet.from_dict(_document(self._keys_url()))
            self._keys = _usable(found.keys)
            self._fetched_at = time.monotonic()
        except (OSError, ValueError, PyJWTError) as error:
            log.warning("the OpenID provider's keys cannot be had", error=str(error)[:_SHOWN])
        finally:
            self._fetching.release()

    def _keys_url(self) -> str:
        found = _document(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != self._issuer:
            raise ValueError("its configuration is of another issuer")
        return str(found.get("jwks_uri"))


def _document(url: str) -> dict[str, Any]:
    if not _is_safe(url):
        raise URLError("an address of the provider is not https")
    with urlopen(url, timeout=_TIMEOUT) as reply:  # noqa: S310  # nosec B310  # looked at above
        found = orjson.loads(reply.read(_DOCUMENT))
    if not isinstance(found, dict):
        raise ValueError("what it sent is no JSON object")
    return found


def _is_safe(url: str) -> bool:
    """Whether nobody on the way can change what comes from a URL."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))


def _usable(keys: list[PyJWK]) -> dict[str | None, PyJWK]:
    """Public keys that sign, by id; the only one there is also without."""
    signing = [
        key
        for key in keys
        if key.key_type in ("RSA", "EC", "OKP") and key.public_key_use in (None, "sig")
    ]
    named: dict[str | None, PyJWK] = {key.key_id: key for key in signing}
    return named | ({None: signing[0]} if len(signing) == 1 else {})


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or else by the path that the name is."""
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
    return (str(error) or type(error).__name__)[:_SHOWN].rstrip(".")
