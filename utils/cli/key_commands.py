"""`python run.py keys …`: makes, lists and revokes API keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from utils.auth.keys import MAX_DAYS, MAX_NAME, id_of, is_name
from utils.auth.roles import ROLES, Role
from utils.errors import InvalidInput
from utils.settings import Settings

if TYPE_CHECKING:
    from utils.auth.key_store import KeyStore

_DAYS = click.IntRange(1, MAX_DAYS)
_FORM = "{:<12} {:<7} {:<9} {:<17} {:<17} {}"


@click.group("keys")
def keys() -> None:
    """Make, list and revoke the API keys of callers."""


@keys.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default="read", show_default=True,
              help="read: read and forecast; write: also make and delete; admin: all.")  # fmt: skip
@click.option("--days", type=_DAYS, help="Days that it is valid (default: until it is revoked).")
@click.pass_obj
def create(chosen: Settings, name: str, role: Role, days: int | None) -> None:
    """Make a key for NAME, a person or a program, and print it, once."""
    if not is_name(name):
        raise InvalidInput.of("NAME", f"must be 1 to {MAX_NAME} printable characters", name[:200])
    key = _store(chosen).add(name.strip(), role, days)
    _audit(chosen, "key.create", str(id_of(key)))
    click.echo(key)
    click.echo("Keep it: it is not stored and cannot be shown again. To call with it:", err=True)
    click.echo("  curl -H 'Authorization: Bearer KEY' …", err=True)


@keys.command("list")
@click.pass_obj
def list_keys(chosen: Settings) -> None:
    """List all keys and their state."""
    click.echo(_FORM.format("ID", "ROLE", "STATE", "MADE (UTC)", "EXPIRES (UTC)", "NAME"))
    for key in _store(chosen).all():
        times = (_when(key.created_at), _when(key.expires_at))
        click.echo(_FORM.format(key.id, key.role, key.state, *times, key.name))


@keys.command()
@click.argument("id")
@click.pass_obj
def revoke(chosen: Settings, id: str) -> None:
    """Revoke the key of an ID; running servers refuse it within seconds."""
    store = _store(chosen)
    store.revoke(id)
    _audit(chosen, "key.revoke", id)
    click.echo(f"Key {id} is revoked.")
    if not store.unrevoked():
        click.echo("It was the last one: on loopback, the service is open again.", err=True)


def _store(chosen: Settings) -> KeyStore:
    from utils.auth.key_store import KeyStore

    return KeyStore(chosen.resolved_database_url)


def _audit(chosen: Settings, action: str, id: str) -> None:
    from utils.http import audit

    audit.by_command(chosen, action, id)


def _when(at: float | None) -> str:
    return "-" if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"
