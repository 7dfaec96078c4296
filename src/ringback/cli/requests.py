"""`ringback requests`: what a server was asked, what became of it, and having it sent again."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from ringback.cli.options import Decorated, with_json, with_period, with_tags
from ringback.cli.request_tables import (
    deliveries_table,
    destinations_table,
    request_page,
    requests_table,
    with_noun,
)
from ringback.cli.server_client import ServerClient, given, query_of, with_server

STATES = ("waiting", "running", "delivered", "parked", "cancelled")

DELIVERIES = ("delivery", "deliveries")


@click.group("requests")
def command() -> None:
    """See what became of requests and their callbacks; fetch, send again, cancel. Asks a server over HTTP.

    \b
    Examples:
      ringback requests list --status failed
      ringback requests show 4f8f2c1e-…
      ringback requests result 4f8f2c1e-… > transcript.json
      ringback requests deliveries --state parked
      ringback requests redeliver 4f8f2c1e-…
      ringback requests redeliver --destination https://receiver.example --dry-run
    """


def _delivery_filters(command: Decorated) -> Decorated:
    """The filters of deliveries."""
    destination = click.option(
        "--destination", metavar="URL", help="To this host; whatever stands behind the port is not looked at."
    )
    code = click.option("--code", type=click.IntRange(100, 999), help="The receiver's last status.")
    return destination(code(with_period(with_tags(command))))


@command.command("list")
@with_server
@click.option("--status", type=click.Choice(["succeeded", "failed"]), help="By the transcription's end.")
@click.option("--method", type=click.Choice(["sync", "async", "streaming"]), help="async: with a callback.")
@with_period
@with_tags
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="How many.")
@with_json
def list_requests(
    remote: ServerClient,
    /,
    *,
    status: str | None,
    method: str | None,
    limit: int,
    as_json: bool,
    **where: Any,
) -> None:
    """List requests, newest first.

    Each with the status of its transcription and the state of its callback.
    """
    query = [("limit", str(limit)), *query_of(status=status, method=method, **where)]
    found = remote.get(f"{remote.project}/requests", query)
    _show_list(found, "requests", requests_table, as_json)


@command.command("deliveries")
@with_server
@click.option("--state", "states", type=click.Choice(STATES), multiple=True, help="May repeat.")
@_delivery_filters
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="How many.")
@click.option("--before", metavar="KEY", help="Go on behind a page: its `next`.")
@with_json
def list_deliveries(
    remote: ServerClient,
    /,
    *,
    states: tuple[str, ...],
    limit: int,
    before: str | None,
    as_json: bool,
    **where: Any,
) -> None:
    """List callbacks across all requests.

    Newest first: what is parked, what waits, where it goes. `redeliver` takes the same filters.
    """
    query = [
        ("limit", str(limit)),
        *(("state", state) for state in states),
        *query_of(before=before, **where),
    ]
    found = remote.get(f"{remote.project}/deliveries", query)
    _show_list(found, "deliveries", deliveries_table, as_json)
    if found["next"] and not as_json:
        click.echo(f"There are more: --before {found['next']}", err=True)


@command.command("destinations")
@with_server
@click.option("--failures", type=click.IntRange(min=0), help="Those that failed so often in a row.")
@click.option("--all-projects", is_flag=True, help="Of every project; needs an operator's key.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=100, show_default=True, help="How many.")
@with_json
def list_destinations(
    remote: ServerClient, /, *, failures: int | None, all_projects: bool, limit: int, as_json: bool
) -> None:
    """List where callbacks go, and how each place does.

    Those that fail come first: when something last got through, when it is tried next, what waits for it and
    what was given up. `ringback requests redeliver --destination URL` sends all of that again.
    """
    path = "/v1/destinations" if all_projects else f"{remote.project}/destinations"
    found = remote.get(path, [("limit", str(limit)), *query_of(failures=failures)])
    _show_list(found, "destinations", destinations_table, as_json)


@command.command("show")
@with_server
@click.argument("request_id")
@with_json
def show(remote: ServerClient, /, *, request_id: str, as_json: bool) -> None:
    """Show one request with every attempt at its callback, and what the receiver said."""
    found = remote.get(f"{remote.project}/requests/{request_id}")
    _show(found, as_json, request_page(found["request"]))


@command.command("result")
@with_server
@click.argument("request_id")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file instead of the screen."
)
def result(remote: ServerClient, /, *, request_id: str, output: Path | None) -> None:
    """Fetch a result document.

    As long as the server keeps it (`keep.results`, a week).
    """
    document = remote.fetch(f"{remote.project}/requests/{request_id}/result")
    if output is None:
        click.echo(document.decode(errors="replace"))
    else:
        output.write_bytes(document)


@command.command("redeliver")
@with_server
@click.argument("request_id", required=False)
@click.option("--url", help="Send it here instead; needs a key with scope admin or owner.")
@click.option(
    "--method",
    type=click.Choice(["POST", "PUT"], case_sensitive=False),
    help="With --url [default: as before].",
)
@click.option("--delivery", metavar="ID", help="This one of the request's deliveries.")
@click.option(
    "--state",
    type=click.Choice(["parked", "delivered", "cancelled"]),
    default="parked",
    show_default=True,
    help="Without REQUEST_ID: those that ended so.",
)
@_delivery_filters
@click.option("--dry-run", is_flag=True, help="Only say how many there are.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_json
def redeliver(
    remote: ServerClient,
    /,
    *,
    request_id: str | None,
    url: str | None,
    method: str | None,
    delivery: str | None,
    state: str,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    **where: Any,
) -> None:
    """Send results again: of one request, or of many.

    That of REQUEST_ID; or, without one, every callback that the filters find, once you have said yes.
    A parked callback goes on as the same delivery. One that was delivered is sent once more with the same
    webhook-id, by which receivers know duplicates. Many are paced by what each receiver bears.

    \b
    Examples:
      ringback requests redeliver 4f8f2c1e-…
      ringback requests redeliver 4f8f2c1e-… --url https://other.example/hook
      ringback requests redeliver --destination https://receiver.example --dry-run
      ringback requests redeliver --start 2026-11-22 --yes
    """
    if request_id is not None:
        if dry_run or any(where.values()):
            raise click.UsageError("Name a REQUEST_ID or filters, not both.")
        _redeliver_one(remote, request_id, {"url": url, "method": method, "delivery_id": delivery}, as_json)
        return
    if url or method or delivery:
        raise click.UsageError("--url, --method and --delivery are for one REQUEST_ID.")
    filters = {"state": state, **given(**where)}
    filters |= {"tag": list(tags)} if (tags := filters.pop("tags", ())) else {}
    if not yes:
        _confirm(remote, filters, dry_run=dry_run, as_json=as_json)
    if not dry_run:
        _redeliver_many(remote, filters, as_json)


@command.command("cancel")
@with_server
@click.argument("request_id")
@with_json
def cancel(remote: ServerClient, /, *, request_id: str, as_json: bool) -> None:
    """End a request and its callbacks, as far as they have not ended."""
    done = remote.post(f"{remote.project}/requests/{request_id}/cancel", {})
    _show(done, as_json, [f"Cancelled: {', '.join(done['cancelled'])}"])


@command.command("delete")
@with_server
@click.argument("request_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_json
def delete(remote: ServerClient, /, *, request_id: str, yes: bool, as_json: bool) -> None:
    """Erase a request: it is cancelled, and its recording, result, callbacks and record go.

    There is no way back.
    """
    if not yes:
        click.confirm(f"Erase the request {request_id} and all that is kept of it?", abort=True, err=True)
    done = remote.delete(f"{remote.project}/requests/{request_id}")
    _show(done, as_json, [f"Erased: {done['request_id']}"])


def _redeliver_one(remote: ServerClient, request_id: str, body: dict[str, Any], as_json: bool) -> None:
    done = remote.post(f"{remote.project}/requests/{request_id}/redeliver", given(**body))
    lines = [f"Due again: {delivery['id']}" for delivery in done["deliveries"]]
    _show(done, as_json, lines)


def _confirm(remote: ServerClient, filters: dict[str, Any], *, dry_run: bool, as_json: bool) -> None:
    """Say what would be sent again; go on only if that is wanted."""
    found = remote.post(f"{remote.project}/deliveries/redeliver", {**filters, "dry_run": True})
    many = ("at least " if found["next"] else "") + with_noun(found["matching"], *DELIVERIES)
    if dry_run:
        _show(found, as_json, [f"{many} would be sent again.", *found["first"]])
    elif not found["matching"] and not found["next"]:
        raise click.ClickException("There is nothing to send again.")
    else:
        click.confirm(f"Send {many} again?", abort=True, err=True)


def _redeliver_many(remote: ServerClient, filters: dict[str, Any], as_json: bool) -> None:
    """Call by call, each of which ends at a bound, until there is nothing more."""
    total = {"redelivered": 0, "skipped": 0}
    position: str | None = None
    while True:
        done = remote.post(f"{remote.project}/deliveries/redeliver", given(**filters, before=position))
        total = {name: count + done[name] for name, count in total.items()}
        position = done["next"]
        if position is None:
            break
        click.echo(f"{total['redelivered']} so far …", err=True)
    skipped = f" {total['skipped']} left out: no longer kept." if total["skipped"] else ""
    _show(total, as_json, [f"Due again: {with_noun(total['redelivered'], *DELIVERIES)}.{skipped}"])


def _show_list(
    found: Any, name: str, table: Callable[[Sequence[Mapping[str, Any]]], Iterable[str]], as_json: bool
) -> None:
    if found[name] or as_json:
        _show(found, as_json, table(found[name]))
    else:
        click.echo(f"There are no such {name}.", err=True)


def _show(document: Any, as_json: bool, lines: Iterable[str]) -> None:
    output_lines = [json.dumps(document, indent=2, ensure_ascii=False)] if as_json else lines
    for line in output_lines:
        click.echo(line)
