"""`ringback serve`: the server, until it is stopped."""

import gc
import sys
from pathlib import Path

import click

from ringback.cli.options import make_data_folder, settings_of, with_settings


@click.command("serve")
@with_settings
@click.option("--host", help="Address to listen on [default: 127.0.0.1]; 0.0.0.0 serves the network.")
@click.option("--port", type=int, help="Port to listen on [default: 8080]; 0 takes any free one.")
@click.option(
    "--role",
    metavar="ROLES",
    help="What to do: api, transcribe, deliver, several with commas [default: all]. Needs PostgreSQL.",
)
def command(
    config: Path | None, data_dir: str | None, host: str | None, port: int | None, role: str | None
) -> None:
    """Start the server. Nothing needs to be configured.

    The first start makes an API key and prints it, once; RINGBACK_API_KEY provides one instead.
    Every setting is an environment variable or a line in ringback.toml: see `ringback settings`.
    SIGTERM or Ctrl-C stops it; whatever it had accepted goes on at the next start, or on another node.

    \b
    Examples:
      ringback serve
      ringback serve --host 0.0.0.0 --port 9000 --data-dir /srv/ringback
      RINGBACK_CALLBACK_ALLOW=10.0.0.0/8,hooks.internal ringback serve
      ringback serve --role api,deliver
    """
    # Until the server is assembled, which turns it on: what the imports make stays, and going through it
    # again and again takes 0.1 s.
    gc.disable()
    from ringback.bootstrap.serving import serve  # noqa: PLC0415 - see above

    settings = settings_of(config, data_dir, host=host, port=port, role=role)
    make_data_folder(settings)
    sys.exit(serve(settings))
