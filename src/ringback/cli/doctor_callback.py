"""`ringback doctor callback`: whether a callback to this URL arrives, and which phase fails if not."""

import asyncio
import sys
from pathlib import Path

import click

from ringback.callbacks.trial import Step, Trial, trial
from ringback.cli.options import settings_of, with_settings
from ringback.cli.output import printable
from ringback.clock import SystemClock
from ringback.egress.client import EgressClient
from ringback.egress.policy import Policy
from ringback.egress.responses import Limits
from ringback.settings import CallbackSettings

ANSWER_LINES = 5


@click.command("callback")
@with_settings
@click.argument("url")
@click.option(
    "--method",
    type=click.Choice(["POST", "PUT"], case_sensitive=False),
    default="POST",
    show_default=True,
    help="How it is sent, as with `callback_method`.",
)
def command(config: Path | None, data_dir: str | None, url: str, method: str) -> None:
    """Send a sample callback to URL from this machine, and tell each step of it.

    The same rules hold as in the server: address policy, ports, time limits. The sample is not signed. A
    presigned URL gets it as its object. The exit status is 0 when a receiver took it, and 1 when not.

    \b
    Examples:
      ringback doctor callback https://receiver.example/hook
      ringback doctor callback --method PUT 'https://bucket.example/key?X-Amz-Signature=…'
    """
    settings = settings_of(config, data_dir).callback
    sample = asyncio.run(_send_sample(settings, url, method.upper()))
    for step in sample.steps:
        click.echo(_line(step))
    _print_result(sample)
    sys.exit(0 if sample.delivered else 1)


async def _send_sample(settings: CallbackSettings, url: str, method: str) -> Trial:
    policy = Policy(settings.allow, settings.ports)
    async with EgressClient(policy, SystemClock()) as egress:
        return await trial(
            egress,
            policy,
            url,
            clock=SystemClock(),
            limits=Limits(settings.connect_timeout, settings.timeout),
            method=method,
        )


def _line(step: Step) -> str:
    mark = click.style("✓", fg="green") if step.ok else click.style("✗", fg="red")
    took = "" if step.seconds is None else f" ({step.seconds * 1000:.1f} ms)"
    return f"{mark} {step.phase.replace('_', ' '):<11} {printable(step.said)}{took}"


def _print_result(sample: Trial) -> None:
    if sample.hint is not None:
        click.echo(f"{'':<13} → {printable(sample.hint)}")
    if sample.answer is not None and not sample.delivered:
        click.echo("The beginning of its answer:")
        for line in sample.answer.splitlines()[:ANSWER_LINES]:
            click.echo(f"  {printable(line[:200])}")
    if sample.request_id is not None:
        click.echo(f"The sample's request_id: {sample.request_id}")
    click.echo("A callback arrives." if sample.delivered else "A callback would not arrive.")
