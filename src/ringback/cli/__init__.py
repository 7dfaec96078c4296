"""The `ringback` command. Each command is a file of its own, imported when it is called."""

import importlib
from typing import Any

import click

from ringback import __version__
from ringback.cli.output import escaped_output
from ringback.errors import Misconfigured, Refusal
from ringback.jobs.store import LedgerUnavailable

COMMANDS = {
    "serve": "Start the server.",
    "migrate": "Bring the ledger's schema up to date.",
    "backup": "Copy ledger, recordings, results and secret key, beside a running server.",
    "keys": "Create, list and revoke API keys.",
    "projects": "Create, list, rename and delete projects: the tenants of a server.",
    "requests": "See what became of requests; fetch results, send them again, cancel, erase.",
    "usage": "Show hours and requests per day, by key, tag, model or method; as CSV, too.",
    "doctor": "Check that the server can start and work here; name the fix.",
    "receive": "Receive callbacks on this machine: print and verify them.",
    "mock": "Answer as Deepgram does, with what a script says: for tests.",
    "listen": "Stream a file, a pipe or the microphone to a server; show the text while it comes.",
    "transcribe": "Transcribe a file here, without a server.",
    "model": "List the models that are here; fetch another.",
    "settings": "Print every setting with its default and its meaning.",
}
"""Command → what it does. Each lives in the module here of the same name, as `command`."""


class _Commands(click.Group):
    """Imports a command's module when it is called, so that `ringback --help` does not load a recogniser."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"ringback.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def main(self, *args: Any, **kwargs: Any) -> Any:
        with escaped_output():
            return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Misconfigured as error:
            raise _ConfigurationError(str(error)) from error
        except LedgerUnavailable as error:
            raise click.ClickException(str(error)) from error
        except Refusal as refusal:
            raise click.ClickException(refusal.failure.err_msg) from refusal


class _ConfigurationError(click.ClickException):
    """What the operator must change: words, and no traceback."""

    exit_code = 2


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ringback")
def main() -> None:
    """Hand in your audio, hang up; Ringback calls you back with the transcript.

    A self-hosted speech-to-text server that speaks Deepgram's /v1/listen.

    \b
    Try it on one machine, in three terminals:
      RINGBACK_API_KEY=secret RINGBACK_CALLBACK_ALLOW=127.0.0.1 ringback serve
      ringback receive
      curl -H 'Authorization: Token secret' --data-binary @call.wav \\
        'http://127.0.0.1:8080/v1/listen?callback=http://127.0.0.1:8443/'

    \b
    Without a server:
      ringback transcribe call.wav
    """
