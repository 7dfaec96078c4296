"""`ringback backup`: a copy of the data folder, whether or not the server runs."""

import asyncio
from pathlib import Path

import click

from ringback.bootstrap.backup import back_up
from ringback.cli.options import settings_of, with_settings
from ringback.cli.output import ProgressBar
from ringback.errors import Misconfigured


@click.command("backup")
@with_settings
@click.argument("target", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
def command(config: Path | None, data_dir: str | None, target: Path) -> None:
    """Copy ledger, recordings, results and secret key into DIR, beside a running server or without one.

    DIR must be empty or not there yet; only its owner can read what is in it. It holds one moment: nothing
    that was accepted before it is missing. To restore, stop the server, copy DIR's contents into an empty
    data folder, and start it there.

    \b
    Examples:
      ringback backup /backup/$(date +%F)
      ringback backup /backup/today --data-dir /var/lib/ringback
    """
    settings = settings_of(config, data_dir)
    try:
        with ProgressBar("Copying") as bar:
            done = asyncio.run(back_up(settings, target, bar.advance))
    except OSError as error:
        raise Misconfigured(f"The backup in {target} is not complete: {error}") from None
    click.echo(f"{target} holds {_what(done.blobs)}, {done.size / (1 << 20):.1f} MiB.", err=True)
    if done.blobs is None:
        click.echo("Recordings and results lie at blobs_url: back them up with that store's tools.", err=True)
    if done.missing:
        click.echo(
            f"{done.missing} recordings that wait to be transcribed are lost from the data folder: the log "
            "of the server says more.",
            err=True,
        )
    if done.secret_key:
        click.echo("secret.key is in it: with it one can open the callers' URLs in the ledger.", err=True)
    else:
        click.echo("RINGBACK_SECRET_KEY is not in it: without it this backup cannot be used.", err=True)


def _what(blobs: int | None) -> str:
    return "the ledger" if blobs is None else f"the ledger and {blobs} recordings and results"
