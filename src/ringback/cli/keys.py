"""`ringback keys`: who may use this server."""

import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from ringback.bootstrap.first_key import API_KEY_VARIABLE
from ringback.bootstrap.ledger import Ledger
from ringback.callbacks.signers import LONGEST_OVERLAP, OPERATOR, SERVER, Signers
from ringback.cli.ledger_access import find_key, find_project, run_in_ledger
from ringback.cli.options import Decorated, make_data_folder, settings_of, with_settings
from ringback.cli.output import printable
from ringback.clock import SystemClock
from ringback.errors import Misconfigured
from ringback.keys import (
    LARGEST_LIMIT,
    ApiKey,
    KeyLimits,
    new_secret,
    operators_key_id,
    secret_hash,
)
from ringback.retry_schedule import GRAMMAR, parse_schedule
from ringback.sealing import SECRET_KEY_FILE, Seal
from ringback.server.permissions import SCOPES

DAY = 86_400.0

DEFAULT = "default"
"""What stands for the server's setting."""


def _number_or_default(_: click.Context, __: click.Parameter, text: str | None) -> int | str | None:
    if text is None or text == DEFAULT:
        return text
    if text.isdecimal() and len(text) <= len(str(LARGEST_LIMIT)) and int(text) <= LARGEST_LIMIT:
        return int(text)
    raise click.BadParameter(f"{text!r} is neither a whole number up to {LARGEST_LIMIT} nor `{DEFAULT}`.")


def _of_project(what: str) -> Callable[[Decorated], Decorated]:
    return click.option("--project", metavar="PROJECT", help=what)


@click.group("keys")
def command() -> None:
    """Create, list and revoke API keys, whether or not the server runs.

    \b
    Examples:
      ringback keys create "night batch"
      ringback keys create "acme's owner" --project acme --scope owner
      ringback keys list
      ringback keys limits 6f1c2b0e-… --requests 20
      ringback keys revoke 6f1c2b0e-…
      ringback keys signing-secret 6f1c2b0e-…
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
@_of_project("The project that it belongs to [default: the first].")
@click.option("--tag", "tags", multiple=True, help="May repeat.")
@click.option(
    "--expires-in", type=click.FloatRange(min=0, min_open=True), metavar="DAYS", help="Ends by itself."
)
def create(
    *,
    config: Path | None,
    data_dir: str | None,
    comment: str,
    project: str | None,
    scopes: tuple[str, ...],
    tags: tuple[str, ...],
    expires_in: float | None,
) -> None:
    """Make a key and print its secret, once: only a hash of it is kept.

    The secret alone goes to standard output: KEY=$(ringback keys create backup).
    """
    now = SystemClock().now()
    secret = new_secret()

    async def add(ledger: Ledger) -> ApiKey:
        expires_at = None if expires_in is None else now + expires_in * DAY
        place = await find_project(ledger, project)
        key = ApiKey(str(uuid.uuid4()), place.id, comment, scopes, tags, now, expires_at)
        await ledger.add_key(key, secret_hash(secret))
        return key

    key = run_in_ledger(settings_of(config, data_dir), add)
    click.echo(f"Key {key.id} is made. Keep its secret now, it is not shown again:", err=True)
    click.echo(secret)


@command.command("list")
@with_settings
@_of_project("Its keys alone [default: those of all projects].")
def list_keys(config: Path | None, data_dir: str | None, project: str | None) -> None:
    """Show every key's identifier, age, scopes and comment; never a secret."""

    async def read(ledger: Ledger) -> list[tuple[str, ApiKey]]:
        projects = await ledger.projects()
        listed = projects if project is None else [await find_project(ledger, project)]
        named = {each.id: f"{printable(each.name)}  " if len(projects) > 1 else "" for each in projects}
        return [(named[each.id], key) for each in listed for key in await ledger.keys(each.id)]

    found = run_in_ledger(settings_of(config, data_dir), read)
    if not found:
        click.echo("There is no key yet: make one with `ringback keys create`.", err=True)
    for place, key in found:
        ends = f"ends {_day(key.expires_at)}" if key.expires_at is not None else "has no end"
        # The maker of a key, over HTTP, has chosen its comment and its scopes.
        chosen = printable(f"{','.join(key.scopes)}  {key.comment}")
        click.echo(f"{key.id}  made {_day(key.created_at)}  {ends}  {place}{chosen}")


@command.command("revoke")
@with_settings
@click.argument("key_id")
def revoke(config: Path | None, data_dir: str | None, key_id: str) -> None:
    """End a key, by the identifier that `ringback keys list` shows."""

    async def remove(ledger: Ledger) -> bool:
        key = await find_key(ledger, key_id)
        await ledger.remove_key(key.project, key.id)
        return key.id == operators_key_id(key.project)

    is_operators = run_in_ledger(settings_of(config, data_dir), remove)
    click.echo(f"Key {key_id} is revoked.", err=True)
    if is_operators:
        click.echo(
            f"It is the key that {API_KEY_VARIABLE} names: the server makes it again at its next start. To "
            "end it for good, set another value, or none, where the server gets its settings, and restart.",
            err=True,
        )


@command.command("limits")
@with_settings
@click.argument("key_id")
@click.option(
    "--requests",
    callback=_number_or_default,
    metavar="N|default",
    help="Recordings that may wait or run at once; 0: no limit.",
)
@click.option(
    "--queued-bytes",
    callback=_number_or_default,
    metavar="N|default",
    help="Bytes of uploaded audio that may wait or run at once; 0: no limit.",
)
@click.option(
    "--daily-audio-seconds",
    callback=_number_or_default,
    metavar="N|default",
    help="Seconds of audio in a day of UTC, every channel counted; 0: no limit.",
)
@click.option(
    "--schedule", metavar="TEXT|default", help="Of its callbacks: standard, deepgram, or pauses (10s,5m,2h)."
)
def limits(
    config: Path | None, data_dir: str | None, key_id: str, schedule: str | None, **given: Any
) -> None:
    """Show or change what a key may have in work.

    Without options it only shows. `default` goes back to the server's setting. A running server notices
    within a second.
    """
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if schedule is not None:
        changes["schedule"] = _schedule(schedule)

    async def change(ledger: Ledger) -> tuple[KeyLimits, float]:
        key = await find_key(ledger, key_id)
        changed = replace(key.limits, **{k: None if v == DEFAULT else v for k, v in changes.items()})
        if changes:
            await ledger.set_limits(key.project, key.id, changed)
        return changed, (await ledger.audio_used([key.id]))[key.id]

    changed, used = run_in_ledger(settings_of(config, data_dir), change)
    for name, value in asdict(changed).items():
        limit = "the server's setting" if value is None else value if value != 0 else "no limit"
        click.echo(f"{name.replace('_', ' '):<19} {limit}")
    click.echo(f"{'audio seconds today':<19} {used:.0f}")


@command.command("signing-secret")
@with_settings
@click.argument("key_id", required=False)
@click.option("--rotate", is_flag=True, help="Make a new secret; the old one still signs for --overlap.")
@click.option(
    "--overlap",
    default="24h",
    show_default=True,
    callback=lambda _context, _option, text: _overlap(text),
    help="How long the old secret still signs: 90s, 30m, 24h; 0s ends it at once.",
)
def signing_secret(
    config: Path | None, data_dir: str | None, key_id: str | None, *, rotate: bool, overlap: float
) -> None:
    """Show the secret that signs a key's callbacks, for those who verify them.

    KEY_ID is the identifier that `ringback keys list` shows, `server` for the server's own public keys, or
    `operator` for the secret of operational webhooks.
    Without it: the key that RINGBACK_API_KEY names, or the only one that there is.
    Each stands alone on a line of standard output, the newest first: docs/signing.md says how to use them.
    """
    settings = settings_of(config, data_dir)
    seal = Seal.of(settings.secret_key, make_data_folder(settings) / SECRET_KEY_FILE)

    async def show(ledger: Ledger) -> list[str]:
        signers = Signers(ledger, seal, SystemClock())
        first = await find_project(ledger, None)
        signer = key_id or _default_key(await ledger.keys(first.id), operators_key_id(first.id))
        if signer not in (SERVER, OPERATOR):
            await find_key(ledger, signer)
        if not (rotate and signer == SERVER):  # that is the way out when the secret key is lost
            await signers.prepare()
        if rotate:
            await signers.rotate(signer, overlap)
        if signer == SERVER:
            return await signers.public_keys()
        return [secret.text for secret in await signers.open_secrets(signer)]

    for line in run_in_ledger(settings, show):
        click.echo(line)


def _default_key(keys: Sequence[ApiKey], operators: str) -> str:
    """The key that is meant where none is named."""
    found = [key.id for key in keys]
    if operators in found:
        return operators
    if len(found) == 1:
        return found[0]
    raise Misconfigured(f"There are {len(found)} keys: name one that `ringback keys list` shows.")


def _overlap(text: str) -> float:
    match = re.fullmatch(r"([0-9]{1,7})([smh])", text)
    seconds = float(match[1]) * {"s": 1.0, "m": 60.0, "h": 3_600.0}[match[2]] if match else -1.0
    if not 0 <= seconds <= LONGEST_OVERLAP:
        raise click.BadParameter("write 90s, 30m or 24h; at most 720h")
    return seconds


def _schedule(text: str) -> str:
    if text != DEFAULT:
        try:
            parse_schedule(text)
        except ValueError as error:
            raise click.BadParameter(f"{error}: write {GRAMMAR}", param_hint="--schedule") from None
    return text


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
