"""Exposure: whether this machine alone can reach the service, or others, which requires keys."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address

from utils.auth.known_keys import KnownKeys
from utils.errors import SettingsError, Unavailable
from utils.settings import Settings


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Return whether a host, by name or address, is this machine's loopback interface."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_local(settings: Settings) -> bool:
    """Return whether only this machine can reach the service, by the settings."""
    # A proxy passes on requests of other machines.
    return is_loopback(settings.host) and not settings.trusted_proxies


def expect_access_control(settings: Settings, addresses: list[str]) -> None:
    """Refuse to start where other machines can call, without keys or an OpenID provider.

    Args:
        addresses: that the server listens on.

    Raises:
        SettingsError: there is neither; the sentence names the command that makes a key.
    """
    reached = [address for address in addresses if not is_loopback(address)]
    if is_local(settings) and not reached:
        return
    if settings.oidc_issuer or _may_have_keys(settings):
        return
    where = f"at {reached[0]}" if reached else "through TRUSTED_PROXIES"
    raise SettingsError(
        f"The service can be reached by other machines {where}, and there is no key yet. Make one: "
        "python run.py keys create NAME --role admin (or keep HOST at 127.0.0.1, without "
        "TRUSTED_PROXIES)."
    )


def _may_have_keys(settings: Settings) -> bool:
    known = KnownKeys(settings.resolved_database_url)
    try:
        return known.exist()
    except Unavailable:
        return True  # every call is refused until the database answers
    finally:
        known.close()
