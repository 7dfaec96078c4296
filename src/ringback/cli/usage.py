"""`ringback usage`: what a project has used, for the screen or a spreadsheet."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import click

from ringback.cli.options import with_json, with_period, with_tags
from ringback.cli.output import printable
from ringback.cli.request_tables import table
from ringback.cli.server_client import ServerClient, query_of, with_server

GROUPINGS = ("accessor", "endpoint", "feature_set", "method", "models", "tags")

HEADS = ("day", "group", "requests", "hours", "channel_hours")

FORMULA = frozenset("=+-@\t\r")
"""What a spreadsheet takes for the beginning of a formula; a caller may have put it into a tag."""


@click.command("usage")
@with_server
@click.option("--by", "grouping", type=click.Choice(GROUPINGS), help="Break each day down by this.")
@with_period
@click.option("--accessor", metavar="KEY_ID", help="Asked with this key.")
@click.option("--method", type=click.Choice(["sync", "async", "streaming"]), help="async: with a callback.")
@click.option("--model", metavar="UUID", help="Recognised by this model.")
@with_tags
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values with a line of heads.")
@with_json
def command(remote: ServerClient, /, *, as_csv: bool, as_json: bool, **where: Any) -> None:
    """Show requests and hours of audio per day. Asks a server over HTTP.

    The last 30 days, unless told otherwise. HOURS is the audio's length, CHANNEL HOURS that of all its
    channels.

    \b
    Examples:
      ringback usage
      ringback usage --by tags --start 2026-11-01 --end 2026-11-30
      ringback usage --by accessor --csv > november.csv
    """
    if as_csv and as_json:
        raise click.UsageError("Name --csv or --json, not both.")
    found = remote.get(f"{remote.project}/usage/breakdown", query_of(**where))
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        rows = list(_rows(found["results"], where["grouping"]))
        click.echo(csv_text(rows) if as_csv else "\n".join(usage_table(rows)))
    if not found["ringback"]["complete"]:
        click.echo("There are more groups than one answer holds: ask for a shorter period.", err=True)


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """With a line of heads. What looks like a formula stands behind an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADS)
    writer.writerows([_no_formula(cell) for cell in row] for row in rows)
    return text.getvalue().rstrip("\n")


def usage_table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """One line per day and group."""
    heads = [head.upper().replace("_", " ") for head in HEADS]
    return table(heads, [[printable(cell) for cell in row] for row in rows])


def _rows(results: Iterable[Mapping[str, Any]], grouping: str | None) -> Iterator[tuple[str, ...]]:
    for result in results:
        group = result["grouping"].get(grouping) if grouping else "all"
        yield (
            result["grouping"]["start"],
            group or "none",
            str(result["requests"]),
            f"{result['hours']:.4f}",
            f"{result['total_hours']:.4f}",
        )


def _no_formula(cell: str) -> str:
    return f"'{cell}" if cell[:1] in FORMULA else cell
