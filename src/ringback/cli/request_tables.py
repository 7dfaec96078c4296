"""Tables and pages of `ringback requests`. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from ringback.cli.output import printable

ANSWER_SHOWN = 200
"""Characters of a receiver's answer."""

GOOD, BAD, WAITING = "green", "red", "yellow"

_COLOURS = {
    "done": GOOD, "delivered": GOOD, "transcribed": GOOD, "read": GOOD, "parked": BAD, "cancelled": BAD,
    "healthy": GOOD, "failing": WAITING, "open": BAD, "queued": WAITING, "leased": WAITING, "held": WAITING,
}  # fmt: skip


def requests_table(records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """One line per request, newest first."""
    rows = [
        (
            record["request_id"],
            moment(record["created"]),
            record["method"],
            _code(record["code"]),
            "text" if record.get("path") == "/v1/read" else length(record["response"]["details"]["duration"]),
            _callback(record["callback"]),
            tags_of(record["response"]["details"]),
        )
        for record in records
    ]
    return table(("REQUEST", "CREATED (UTC)", "METHOD", "STATUS", "AUDIO", "CALLBACK", "TAGS"), rows)


def deliveries_table(records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """One line per delivery, newest first."""
    rows = [
        (
            record["request_id"],
            moment(record["created"]),
            _coloured(_state_name(record["state"])),
            _code(record["code"]),
            str(record["tries"]),
            _next_try(record),
            printable(record["destination"]),
            tags_of(record),
        )
        for record in records
    ]
    heads = ("REQUEST", "CREATED (UTC)", "STATE", "CODE", "TRIES", "NEXT (UTC)", "DESTINATION", "TAGS")
    return table(heads, rows)


def destinations_table(records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """One line per destination, those that fail first."""
    rows = [
        (
            printable(record["destination"]),
            _coloured(record["state"]),
            str(record["failures"]),
            moment(record["last_success"]) if record["last_success"] else "-",
            moment(record["next_attempt_at"]) if record["next_attempt_at"] else "-",
            str(record["waiting"]),
            str(record["parked"]),
        )
        for record in records
    ]
    heads = ("DESTINATION", "STATE", "FAILURES", "LAST SUCCESS (UTC)", "NEXT (UTC)", "WAITING", "PARKED")
    return table(heads, rows)


def request_page(record: Mapping[str, Any]) -> Iterator[str]:
    """Everything about one request."""
    details, ours = record["response"]["details"], record["ringback"]
    yield f"Request   {record['request_id']}"
    yield f"State     {_coloured(ours['state'])}{_with_code(record['code'])}{_progress(ours['progress'])}"
    key = printable(str(record["api_key_id"]))
    yield f"Asked     {moment(record['created'])} UTC, {record['method']}, by key {key}"
    if record["response"].get("completed"):
        yield f"Ended     {moment(record['response']['completed'])} UTC"
    yield f"Audio     {length(details['duration'])}, {with_noun(details['channels'], 'channel', 'channels')}"
    if details["tags"]:
        yield f"Tags      {tags_of(details)}"
    yield f"Result    {'kept' if ours['result_kept'] else 'not kept'}"
    if ours["callback_origin"]:
        yield f"Callback  {printable(ours['callback_origin'])}"
    for delivery in ours["deliveries"]:
        yield ""
        yield from _delivery(delivery)
    if any(delivery["state"] == "parked" for delivery in ours["deliveries"]):
        yield ""
        yield f"To send it again: ringback requests redeliver {record['request_id']}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns as wide as their widest cell, two spaces apart; colours take no room."""
    lines = [heads, *rows]
    widths = [max(len(click.unstyle(line[at])) for line in lines) for at in range(len(heads))]
    for line in lines:
        gaps = [width - len(click.unstyle(cell)) for cell, width in zip(line, widths, strict=True)]
        padded = [cell + " " * gap for cell, gap in zip(line, gaps, strict=True)]
        yield "  ".join(padded).rstrip()


def tags_of(record: Mapping[str, Any]) -> str:
    return ", ".join(map(printable, record["tags"]))


def moment(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M:%S")


def length(seconds: float) -> str:
    """`1:02:03`, `4:05`, or `-` for none."""
    if not seconds:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def with_noun(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _delivery(delivery: Mapping[str, Any]) -> Iterator[str]:
    again = f", next attempt {moment(delivery['next_attempt_at'])} UTC" if delivery["next_attempt_at"] else ""
    if why := _wait_reason(delivery):
        again += f": {why}"
    state = _coloured(_state_name(delivery["state"]))
    yield f"Delivery  {delivery['id']}"
    yield f"          {state}{_with_code(delivery['code'])} to {printable(delivery['destination'])}{again}"
    if delivery["webhook_id"] != delivery["id"]:
        yield f"          webhook-id {delivery['webhook_id']}: it was sent before"
    for number, attempt in enumerate(delivery["attempts"], start=1):
        yield f"  {number:>3}.    {_attempt(attempt)}"
        if answer := attempt["detail"].get("answer"):
            yield f"          “{printable(answer)[:ANSWER_SHOWN].strip()}”"


def _next_try(delivery: Mapping[str, Any]) -> str:
    """When it is tried next, and whether that is so because its receiver fails."""
    at = delivery["next_attempt_at"]
    time = "-" if at is None else moment(at)
    return f"{time} (breaker)" if _reason(delivery) == "breaker" else time


def _wait_reason(delivery: Mapping[str, Any]) -> str:
    """What a person would not expect; nothing for a retry that is not due yet."""
    match _reason(delivery):
        case "breaker":
            failed = with_noun(delivery["waiting"]["failures"], "attempt", "attempts")
            return (
                f"{failed} in a row failed here; the receiver gets one delivery at a time until one succeeds"
            )
        case "order":
            return "it goes after those before it"
        case _:
            return ""


def _reason(delivery: Mapping[str, Any]) -> str | None:
    """Why it waits; servers of older versions do not say."""
    waiting = delivery.get("waiting")
    return None if waiting is None else waiting["reason"]


def _attempt(attempt: Mapping[str, Any]) -> str:
    detail = attempt["detail"]
    facts = [moment(attempt["started"]), _coloured(attempt["outcome"]) + _with_code(attempt["code"])]
    total = (detail.get("phases") or {}).get("total")
    if total is not None:
        facts.append(f"{total * 1000:.0f} ms")
    facts += [printable(str(detail[name])) for name in ("address", "reason") if detail.get(name)]
    return "  ".join(facts)


def _callback(callback: Mapping[str, Any] | None) -> str:
    if callback is None:
        return "-"
    if callback["completed"]:
        return click.style("delivered", fg=GOOD)
    if not callback["attempts"]:
        return click.style("waiting", fg=WAITING)
    tries = with_noun(callback["attempts"], "try", "tries")
    return click.style(f"{callback['code'] or 'no answer'} after {tries}", fg=BAD)


def _progress(progress: Mapping[str, Any] | None) -> str:
    if progress is None:
        return ""
    whole = f" of {length(progress['duration'])}" if progress["duration"] else ""
    return f", {length(progress['seconds'])}{whole} heard"


def _code(code: int | None) -> str:
    if code is None:
        return "-"
    return click.style(str(code), fg=GOOD if code < 300 else BAD)


def _with_code(code: int | None) -> str:
    return "" if code is None else f" {_code(code)}"


def _state_name(state: str) -> str:
    """A delivery that is done was delivered."""
    return "delivered" if state == "done" else state


def _coloured(word: str) -> str:
    return click.style(word, fg=_COLOURS.get(word, BAD))
