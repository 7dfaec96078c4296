"""`ringback migrate`: the schema of the ledger, before the nodes of a new version start."""

import asyncio
from pathlib import Path

import click

from ringback.bootstrap.ledger import begin_with_new_store, migrate
from ringback.cli.options import make_data_folder, settings_of, with_settings
from ringback.clock import SystemClock
from ringback.errors import Misconfigured


@click.command("migrate")
@with_settings
@click.option(
    "--new-blob-store",
    is_flag=True,
    help="Begin with the empty store at blobs_url: what lies in the one before is lost to this ledger.",
)
def command(config: Path | None, data_dir: str | None, *, new_blob_store: bool) -> None:
    """Make the ledger's schema, or bring it up to date; say from which version to which.

    `ringback serve` does the same at its start. Nodes of the version before go on working meanwhile, and
    after it. Several may call this at once: one does the work, the others wait for it.

    \b
    Examples:
      ringback migrate
      RINGBACK_DATABASE_URL=postgresql://ringback@db/ringback … ringback migrate
    """
    settings = settings_of(config, data_dir)
    make_data_folder(settings)
    done = asyncio.run(migrate(settings))
    if done.before == done.after:
        click.echo(f"The ledger's schema is up to date: version {done.after}.")
    elif done.before:
        click.echo(f"The ledger's schema went from version {done.before} to {done.after}.")
    else:
        click.echo(f"The ledger is made, with schema version {done.after}.")
    if new_blob_store:
        if not settings.blobs_url:
            raise Misconfigured("blobs_url is not set: recordings and results lie in the data folder.")
        asyncio.run(begin_with_new_store(settings, SystemClock()))
        click.echo("The store at blobs_url is this ledger's from now on.")
