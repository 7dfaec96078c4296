"""What is wrong between settings that are each well formed."""

import ipaddress
import re
from collections.abc import Iterator

from ringback.retry_schedule import GRAMMAR as SCHEDULE_GRAMMAR
from ringback.retry_schedule import parse_schedule
from ringback.settings.schema import LlmSettings, Settings

WITHIN = (
    ("callback", "connect_timeout", "timeout"),
    ("fetch", "connect_timeout", "timeout"),
    ("fetch", "response_timeout", "timeout"),
    ("llm", "connect_timeout", "timeout"),
    ("llm", "timeout", "total_timeout"),
)
"""Section, a time limit, and the one that covers it."""

_KEY_FORM = re.compile(r"[!-~]+")
_PUBLIC_URL_FORM = re.compile(r"https?://[A-Za-z0-9.\[\]:_-]+/?")
_WEBHOOK_FORM = re.compile(r"https?://[!-~]+")
_LLM_URL_FORM = re.compile(r"https?://[^\s/?#]+(/[^\s?#]*)?")
_DATABASE_FORM = re.compile(r"postgres(ql)?://[^\s/]*/[^\s/?]+(\?\S*)?")
_BLOBS_FORM = re.compile(r"(s3|gs|az)://[A-Za-z0-9][^\s@]*|file:///\S+")
_ADDRESS_FORM = re.compile(r"[0-9.]+(/[0-9.]+)?|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*(/\d+)?")
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?"
_HOST_FORM = re.compile(rf"(\*\.)?({_LABEL}\.)*(?![0-9]+\.?$|0[xX][0-9a-fA-F]*\.?$){_LABEL}\.?")
"""A name, or with `*.` all names below it; one that ends in a number is an address to URL parsers."""


def contradictions(settings: Settings) -> list[str]:
    """What is wrong between settings that are each well formed: one line each, with the fix."""
    faults = [fault for entry in settings.callback.allow if (fault := _allow_fault(entry))]
    faults += [fault for entry in settings.trusted_proxies if (fault := _network_fault(entry))]
    for section, shorter, longer in WITHIN:
        limits = getattr(settings, section)
        part, whole = getattr(limits, shorter), getattr(limits, longer)
        if part > whole:
            faults.append(
                f"{section}.{shorter} = {part:g} is longer than {section}.{longer} = {whole:g}, which covers "
                f"the whole exchange: lower {section}.{shorter} or raise {section}.{longer}"
            )
    if fault := _schedule_fault(settings.callback.schedule):
        faults.append(fault)
    if settings.keep.history < settings.keep.results:
        faults.append(
            f"keep.history = {settings.keep.history:g} is shorter than keep.results = "
            f"{settings.keep.results:g}: a result is found through its record"
        )
    if settings.public_url and not _PUBLIC_URL_FORM.fullmatch(settings.public_url):
        faults.append("public_url: must be http(s)://host[:port], without a path")
    if settings.metrics.listen and not _is_port(settings.metrics.address):
        listen = settings.metrics.listen[:200]
        faults.append(f"metrics.listen = {listen!r}: write host:port, such as 127.0.0.1:9464")
    if settings.webhooks.url and not _WEBHOOK_FORM.fullmatch(settings.webhooks.url):
        faults.append("webhooks.url: must be http(s)://host[:port]/path")
    if not settings.webhooks.failing_after:
        faults.append("webhooks.failing_after: name at least one number of failures, such as 5")
    faults += _cluster_faults(settings)
    faults += _llm_faults(settings.llm)
    if settings.api_key and not _KEY_FORM.fullmatch(settings.api_key):
        faults.append("api_key: must be printable ASCII without spaces, as it travels in a header")
    return faults


def _allow_fault(entry: str) -> str | None:
    """What `egress.policy` would say of this entry; a test holds the two together."""
    try:
        ipaddress.ip_network(entry)
    except ValueError as error:
        if _ADDRESS_FORM.fullmatch(entry):
            return f"callback.allow: {error}: write a network such as 10.0.0.0/8, or one address"
    else:
        return None
    if not _HOST_FORM.fullmatch(entry):
        return (
            f"callback.allow: {entry!r} is neither an address, a network nor a host name: "
            "write 127.0.0.1, 10.0.0.0/8, hooks.internal or *.internal, without scheme, port or path"
        )
    return None


def _is_port(address: tuple[str, int] | None) -> bool:
    return address is not None and 0 < address[1] < 1 << 16


def _network_fault(entry: str) -> str | None:
    try:
        ipaddress.ip_network(entry)
    except ValueError as error:
        return f"trusted_proxies: {error}: write a network such as 10.0.0.0/8, or one address"
    return None


def _cluster_faults(settings: Settings) -> Iterator[str]:
    """What would let several processes work past one another. Addresses are never shown: they may hold a
    password."""
    database, blobs = settings.database_url, settings.blobs_url
    if database and not _DATABASE_FORM.fullmatch(database):
        yield "database_url: must be postgresql://user:password@host:port/database"
    if blobs and not _BLOBS_FORM.fullmatch(blobs):
        yield "blobs_url: must be s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or file:///folder"
    if not settings.role:
        yield "role: names nothing to do: write api, transcribe, deliver, several of them, or all"
    elif not all(settings.does(role) for role in ("api", "transcribe", "deliver")) and not database:
        yield (
            f"role = {','.join(settings.role)} leaves work to other processes, and several cannot share a "
            "SQLite file: set RINGBACK_DATABASE_URL=postgresql://…, or let this one do all (role = all)"
        )
    if database and not blobs:
        yield (
            "database_url is set and blobs_url is not: other nodes could not read what this one stores in "
            "its own folder. Set RINGBACK_BLOBS_URL=s3://bucket/prefix, or file:///folder if all share it"
        )
    if database and not settings.secret_key:
        yield (
            "database_url is set and secret_key is not: all nodes need the same one, to open what the others "
            "have sealed. Set RINGBACK_SECRET_KEY to a long random text (openssl rand -hex 32)"
        )


def _llm_faults(llm: LlmSettings) -> Iterator[str]:
    """The URL is never shown: it may hold a password."""
    if llm.url and not _LLM_URL_FORM.fullmatch(llm.url):
        yield "llm.url: must be http(s)://host[:port]/v1, the base URL of an OpenAI-compatible server"
    if llm.url and not llm.model:
        yield "llm.url is set and llm.model is not: name the model as its server calls it"
    if llm.api_key and not _KEY_FORM.fullmatch(llm.api_key):
        yield "llm.api_key: must be printable ASCII without spaces, as it travels in a header"


def _schedule_fault(text: str) -> str | None:
    if not text:
        return None
    try:
        parse_schedule(text)
    except ValueError as error:
        return f"callback.schedule = {text[:200]!r}: {error}: write {SCHEDULE_GRAMMAR.replace('`', '')}"
    return None
