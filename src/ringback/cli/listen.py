"""`ringback listen FILE|-|mic`: a client of the live `/v1/listen`, which shows the text while it comes."""

import asyncio
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

import click
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.frames import CloseCode

from ringback import __version__
from ringback.cli import audio_sources
from ringback.cli.audio_sources import AudioSource, RawFormat
from ringback.cli.output import printable
from ringback.cli.server_client import ServerClient, ServerRefused, with_server
from ringback.cli.stream_display import StreamDisplay, display_for
from ringback.errors import Misconfigured
from ringback.service import until

KEEP_ALIVE_SECONDS = 4.0
"""Deepgram advises 3 to 5 (https://developers.deepgram.com/docs/audio-keep-alive)."""

LISTEN_PATH = "/v1/listen"

INTERRUPTED = 130
"""Exit status after a second Ctrl-C."""


@click.command("listen")
@with_server
@click.argument("source", metavar="FILE|-|mic")
@click.option("--model", help="A model's name [default: the server's].")
@click.option("--language", help="What is spoken [default: en], such as es or fr, if the model knows it.")
@click.option(
    "--interim/--no-interim",
    default=None,
    help="Ask for text that may still change [default: on a terminal, where it changes in place].",
)
@click.option(
    "--endpointing",
    default="300",
    show_default=True,
    metavar="MS|false",
    help="Silence that ends an utterance.",
)
@click.option("--json", "as_json", is_flag=True, help="Print every message as it comes, one on a line.")
@click.option(
    "--pace",
    type=click.Choice(["real-time", "fast"]),
    help="How fast to send [default: a FILE in real time, the rest as it comes].",
)
@click.option("--encoding", help="For raw audio without a header: linear16, mulaw, opus …")
@click.option("--sample-rate", type=click.IntRange(min=1), metavar="HZ", help="For raw audio.")
@click.option("--channels", type=click.IntRange(min=1), help="For raw audio [default: 1].")
@click.option(
    "-p",
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Any other parameter of /v1/listen; may repeat.",
)
def command(
    server: ServerClient,
    /,
    *,
    source: str,
    as_json: bool,
    interim: bool | None,
    pace: str | None,
    encoding: str | None,
    sample_rate: int | None,
    channels: int | None,
    parameters: tuple[str, ...],
    **options: str | None,
) -> None:
    """Stream sound to a server and show what is said, while it is said.

    FILE is sent as it is, whatever its container: wav, ogg, webm, flac … `-` reads standard input, `mic` the
    default microphone. Ctrl-C ends the sound and shows the last of the text; once more leaves at once.

    \b
    Examples:
      ringback listen call.wav
      ringback listen mic
      ringback listen call.wav --pace fast --json --interim
      ffmpeg -i film.mp4 -f s16le -ar 16000 -ac 1 - |
        ringback listen - --encoding linear16 --sample-rate 16000
    """
    if interim is None:
        interim = sys.stdout.isatty() and not as_json
    audio = _source(source, _raw(encoding, sample_rate, channels), pace)
    defaults = {"interim_results": "true" if interim else None, **audio.parameters, **options}
    display = display_for(as_json)
    try:
        status = asyncio.run(_listen(server, _query(parameters, defaults), audio, display))
    finally:
        display.end()
    sys.exit(status)


async def _listen(
    server: ServerClient, query: list[tuple[str, str]], audio: AudioSource, display: StreamDisplay
) -> int:
    address = "ws" + server.address.removeprefix("http") + LISTEN_PATH
    try:
        socket = await connect(
            f"{address}?{urlencode(query)}",
            additional_headers={"Authorization": f"Token {server.key}"},
            user_agent_header=f"ringback/{__version__}",
            compression=None,
            proxy=None,
        )
    except InvalidStatus as refusal:
        raise ServerRefused(refusal.response.status_code, _reason(refusal)) from refusal
    except (OSError, InvalidHandshake) as error:
        raise click.ClickException(
            f"No answer from {address} ({error}): is `ringback serve` running there? "
            "--server names another place."
        ) from error
    async with socket:
        return await _run_stream(socket, audio, display)


async def _run_stream(socket: ClientConnection, audio: AudioSource, display: StreamDisplay) -> int:
    """Two lanes: the sound goes out while the text comes in. Ends when the server has closed."""
    stopping = _stop_at_signals()
    sending = asyncio.create_task(_send(socket, audio, stopping))
    keeping = asyncio.create_task(_keep_alive(socket))
    try:
        with suppress(ConnectionClosed):
            async for text in socket:
                if isinstance(text, str):
                    display.show_message(text, msgspec.json.decode(text))
    except asyncio.CancelledError:
        socket.transport.abort()
        return INTERRUPTED
    finally:
        keeping.cancel()
        sending.cancel()
    with suppress(asyncio.CancelledError, ConnectionClosed):
        await sending
    if socket.close_code == CloseCode.NORMAL_CLOSURE:
        return 0
    reason = f": {printable(socket.close_reason)}" if socket.close_reason else "."
    raise click.ClickException(f"The server ended the stream ({socket.close_code}){reason}")


def _stop_at_signals() -> asyncio.Event:
    """Set by the first Ctrl-C or SIGTERM; the second cancels the task that asked for it."""
    stopping = asyncio.Event()
    task = asyncio.current_task()
    assert task is not None

    def stop() -> None:
        if stopping.is_set():
            task.cancel()
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    return stopping


async def _send(socket: ClientConnection, audio: AudioSource, stopping: asyncio.Event) -> None:
    """All of the sound, until its end or `stopping`; then the word that it has ended."""
    try:
        await until(stopping, _send_paced(socket, audio))
        await socket.send('{"type":"CloseStream"}')
    except OSError as error:
        await socket.close()
        raise click.ClickException(f"The sound broke off: {error}") from error


async def _send_paced(socket: ClientConnection, audio: AudioSource) -> None:
    started, sent = time.monotonic(), 0
    async for piece in audio_sources.read_in_thread(audio.pieces):
        if audio.bytes_per_second is not None:
            due = started + sent / audio.bytes_per_second
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        await socket.send(piece)
        sent += len(piece)


async def _keep_alive(socket: ClientConnection) -> None:
    """The server ends a stream after 10 s without a message; a microphone or a pipe may pause for longer."""
    with suppress(ConnectionClosed):
        while True:
            await asyncio.sleep(KEEP_ALIVE_SECONDS)
            await socket.send('{"type":"KeepAlive"}')


def _source(source: str, raw: RawFormat | None, pace: str | None) -> AudioSource:
    if source == "mic":
        return audio_sources.microphone_source()
    if source == "-":
        return audio_sources.standard_input_source(raw, paced=pace == "real-time")
    if not Path(source).is_file():
        raise Misconfigured(f"There is no file {source}: name one, `-` for standard input, or `mic`.")
    return audio_sources.file_source(Path(source), raw, paced=pace != "fast")


def _raw(encoding: str | None, sample_rate: int | None, channels: int | None) -> RawFormat | None:
    if encoding is None:
        if sample_rate is not None or channels is not None:
            raise Misconfigured("--sample-rate and --channels describe raw audio: name its --encoding too.")
        return None
    if sample_rate is None:
        raise Misconfigured("Raw audio does not tell its sample rate: name it with --sample-rate.")
    return RawFormat(encoding, sample_rate, channels or 1)


def _query(parameters: tuple[str, ...], defaults: Mapping[str, str | None]) -> list[tuple[str, str]]:
    """What `-p` says, and of the rest what it leaves open; readable text unless it says otherwise."""
    given = [(name, text) for name, _, text in (parameter.partition("=") for parameter in parameters)]
    named = {name for name, _ in given}
    if not named & {"smart_format", "punctuate"}:
        given.append(("smart_format", "true"))
    return given + [(name, text) for name, text in defaults.items() if text is not None and name not in named]


def _reason(refusal: InvalidStatus) -> str:
    """In the server's words, which it says in a header because many clients cannot see a body."""
    return printable(refusal.response.headers.get("dg-error", "")) or refusal.response.reason_phrase
