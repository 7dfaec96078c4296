"""`ringback keys`: who may use this server."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import click

from ringback.cli.places import made_data_folder, settings_of, with_settings
from ringback.clock import SystemClock
from ringback.errors import Misconfigured
from ringback.keys import ApiKey, KeyStore, Project, new_secret, secret_hash
from ringback.settings import Settings
from ringback.storage.sqlite import SqliteLedger

DAY = 86_400.0

SCOPES = ("member", "admin", "owner", "usage:write", "keys:write")
"""What `server.auth` gives rights for."""

T = TypeVar("T")


@click.group("keys")
def command() -> None:
    """Create, list and revoke API keys, whether or not the server runs.

    \b
    Examples:
      ringback keys create "night batch"
      ringback keys list
      ringback keys revoke 6f1c2b0e-…
    """


@command.command("create")
@with_settings
@click.argument("comment", default="")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    default=("member",),
    show_default=True,
    help="What the key may do; may repeat.",
)
@click.option("--tag", "tags", multiple=True, help="May repeat.")
@click.option(
    "--expires-in", type=click.FloatRange(min=0, min_open=True), metavar="DAYS", help="Ends by itself."
)
def create(
    *,
    config: Path | None,
    data_dir: str | None,
    comment: str,
    scopes: tuple[str, ...],
    tags: tuple[str, ...],
    expires_in: float | None,
) -> None:
    """Make a key and print its secret, once: only a hash of it is kept.

    The secret alone goes to standard output: KEY=$(ringback keys create backup).
    """
    now = SystemClock().now()
    secret = new_secret()

    async def add(ledger: KeyStore, project: Project) -> ApiKey:
        expires_at = None if expires_in is None else now + expires_in * DAY
        key = ApiKey(str(uuid.uuid4()), project.id, comment, scopes, tags, now, expires_at)
        await ledger.add_key(key, secret_hash(secret))
        return key

    key = _in_ledger(settings_of(config, data_dir), add)
    click.echo(f"Key {key.id} is made. Keep its secret now, it is not shown again:", err=True)
    click.echo(secret)


@command.command("list")
@with_settings
def list_keys(config: Path | None, data_dir: str | None) -> None:
    """Show every key's identifier, age, scopes and comment; never a secret."""

    async def read(ledger: KeyStore, project: Project) -> list[ApiKey]:
        return list(await ledger.keys(project.id))

    found = _in_ledger(settings_of(config, data_dir), read)
    if not found:
        click.echo("There is no key yet: make one with `ringback keys create`.", err=True)
    for key in found:
        ends = f"ends {_day(key.expires_at)}" if key.expires_at is not None else "has no end"
        click.echo(f"{key.id}  made {_day(key.created_at)}  {ends}  {','.join(key.scopes)}  {key.comment}")


@command.command("revoke")
@with_settings
@click.argument("key_id")
def revoke(config: Path | None, data_dir: str | None, key_id: str) -> None:
    """End a key, by the identifier that `ringback keys list` shows."""

    async def remove(ledger: KeyStore, project: Project) -> bool:
        return await ledger.remove_key(project.id, key_id)

    if not _in_ledger(settings_of(config, data_dir), remove):
        raise Misconfigured(f"There is no key {key_id}: `ringback keys list` shows those that there are.")
    click.echo(f"Key {key_id} is revoked.", err=True)


def _in_ledger(settings: Settings, work: Callable[[KeyStore, Project], Awaitable[T]]) -> T:
    """Run `work` on the default project of the ledger, which is made if there is none yet."""

    async def run() -> T:
        path = made_data_folder(settings) / "ringback.db"
        async with await SqliteLedger.open(path, SystemClock(), serving=False) as ledger:
            (project, *_) = await ledger.projects()
            return await work(ledger, project)

    return asyncio.run(run())


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
