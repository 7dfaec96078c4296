"""`ringback mock`: a deterministic Deepgram for tests."""

import asyncio
import signal
from pathlib import Path

import click

from ringback import telemetry
from ringback.stand_in.script import Script, load_script
from ringback.stand_in.server import StandIn


@click.command("mock")
@click.argument("script", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, help="Port to listen on; 0 takes any free one.")
def command(script: Path | None, host: str, port: int) -> None:
    """Answer as Deepgram does, with what SCRIPT says: transcripts, errors, delays, broken connections.

    It hears nothing and keeps nothing: no recogniser, no data folder, no key. Point the program under test at
    it, then ask it what was asked: GET /stand-in/requests. docs/stand-in.md has the script's form.

    \b
    Examples:
      ringback mock
      ringback mock answers.json --port 9000
      curl http://127.0.0.1:8080/stand-in/requests
    """
    telemetry.configure("warning", "auto")
    asyncio.run(_serve(StandIn(Script() if script is None else load_script(script), host, port)))


async def _serve(stand_in: StandIn) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await stand_in.serve(lambda: click.echo(f"The stand-in listens on {stand_in.url}"), stopping)
