"""Every setting, its default and its check, in one place.

Read from (later wins): the defaults below, `ringback.toml`, the environment (`RINGBACK_<KEY>` or
`RINGBACK_<SECTION>_<KEY>`), the command line. The packaged `ringback.toml` is default and reference at
once; a test holds the two and `docs/settings.md` together.
"""

import difflib
import ipaddress
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from ringback.errors import Misconfigured
from ringback.retry_schedule import GRAMMAR as SCHEDULE_GRAMMAR
from ringback.retry_schedule import parse_schedule

Seconds = Annotated[float, Meta(gt=0, le=86_400)]
Port = Annotated[int, Meta(ge=1, le=65_535)]


class CallbackSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where callbacks may go, and how often they are tried (https://developers.deepgram.com/docs/callback)."""

    allow: tuple[str, ...] = ()
    """CIDRs, host names and `*.names` that may be called, or fetched from, although they are not public."""
    ports: tuple[Port, ...] = (80, 443, 8080, 8443)
    """Ports that a callback may name; empty: any (written `any`)."""
    retries: Annotated[int, Meta(ge=0, le=1_000)] = 10
    retry_delay: Annotated[float, Meta(ge=0, le=86_400)] = 30.0
    """Seconds from the end of one attempt to the start of the next."""
    schedule: str = ""
    """`standard`, or the pauses before each retry (`5s,5m,30m`); empty: `retries` times `retry_delay`."""
    connect_timeout: Seconds = 1.0
    timeout: Seconds = 10.0
    """Seconds for a whole attempt, from the connection to the answer."""
    concurrency: Annotated[int, Meta(ge=1, le=10_000)] = 512
    """Deliveries in flight at once, over all receivers."""
    live_backlog: Annotated[int, Meta(ge=1, le=1_000_000)] = 10_000
    """Responses of one live stream that may wait for their HTTP receiver; at more the stream is closed."""
    reconnect_seconds: Annotated[float, Meta(ge=0, le=3_600)] = 0.0
    """Ours, not Deepgram's: how long a live stream may try to get a lost WebSocket callback back."""


class LimitSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    upload_bytes: Annotated[int, Meta(ge=1)] = 2_000_000_000
    """Largest audio, uploaded or fetched; Deepgram's limit is 2 GB."""
    processing_seconds: Seconds = 600.0
    """A waiting (synchronous) caller gets 504 after this long."""
    start_seconds: Annotated[float, Meta(ge=0, le=86_400)] = 120.0
    """For a ledger or an object store that cannot be used yet when the server starts; then it gives up."""
    header_seconds: Seconds = 5.0
    """Time for a client to send its request line and headers."""
    body_bytes_per_second: Annotated[int, Meta(ge=0)] = 1_000
    """A request body slower than this over 30 s is refused (408)."""
    disk_reserve_bytes: Annotated[int, Meta(ge=0)] = 268_435_456
    """New work is refused (503) where it would leave less free on the disk: what was accepted needs room to
    end."""
    requests_per_key: Annotated[int, Meta(ge=0)] = 0
    """Recordings of one key that may wait or run at once (429 above); 0: no limit. A key may have its own."""
    queued_bytes_per_key: Annotated[int, Meta(ge=0)] = 0
    """Bytes of uploaded audio of one key that may wait or run at once (429 above); 0: no limit."""
    daily_audio_seconds_per_key: Annotated[int, Meta(ge=0)] = 0
    """Seconds of audio, every channel counted, that one key may use in a day of UTC (429 above); 0: no limit.
    A key may have its own."""
    daily_audio_seconds_per_project: Annotated[int, Meta(ge=0)] = 0
    """The same for all keys of one project together."""
    streams: Annotated[int, Meta(ge=0, le=100_000)] = 0
    """Live streams at once (429 above); 0: eight per core."""
    streams_per_key: Annotated[int, Meta(ge=0, le=100_000)] = 0
    """Live streams of one key at once, on one node (429 above); 0: three quarters of `streams`."""
    streams_per_project: Annotated[int, Meta(ge=0, le=100_000)] = 0
    """Live streams of one project at once, on one node (429 above); 0: seven eighths of `streams`."""
    connections_per_address: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    """Connections from one address at once (503 above); 0: half of all that there may be."""
    oldest_due_seconds: Seconds = 600.0
    """`/v1/status` fails (503) when a job that could be taken up has waited for longer than this."""


class FetchSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Fetching the audio that a `{"url": …}` body names."""

    connect_timeout: Seconds = 1.0
    response_timeout: Seconds = 60.0
    """Seconds until the response's headers."""
    timeout: Seconds = 1_800.0
    """Seconds for the whole fetch."""
    bytes_per_second: Annotated[int, Meta(ge=0)] = 1_000
    """Audio that comes slower than this over 30 s is given up; 0: no such limit."""


class KeepSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For how long things are kept after a request has ended, in seconds."""

    results: Annotated[float, Meta(ge=0)] = 604_800.0
    """Documents: what a parked callback would send again, and what can be fetched by `request_id`."""
    audio: Annotated[float, Meta(ge=0)] = 0.0
    history: Annotated[float, Meta(ge=0)] = 2_592_000.0
    """The record of a request and of its attempts. Not shorter than `results`."""


ComputeType = Literal[
    "default", "auto", "float32", "float16", "bfloat16",
    "int16", "int8", "int8_float32", "int8_float16", "int8_bfloat16",
]  # fmt: skip


class EngineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    threads: Annotated[int, Meta(ge=0, le=1_024)] = 0
    """Recognition threads; 0: one per core."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    compute_type: ComputeType = "default"
    """CTranslate2's compute type; `default`: int8 on a CPU, float16 on a GPU."""
    quality: Literal["fast", "accurate"] = "fast"
    """`fast` (short windows, greedy) or `accurate` (full windows, beam 5)."""
    sandbox: bool = True
    """False: the engine process keeps all rights of the server's user. Decoders never do."""
    warn_substitution: bool = False
    """Whether a result whose `model` names one of Deepgram's says in its warnings which model served it."""


class LlmSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A language model behind an OpenAI-compatible API, for topics, intents, summaries and sentiment."""

    url: str = ""
    """Its base URL, with `/v1` where the server has it (`http://127.0.0.1:11434/v1`). Empty: none."""
    model: str = ""
    """The name by which its server knows it."""
    api_key: str = ""
    """Sent as `Authorization: Bearer`; empty: none."""
    connect_timeout: Seconds = 5.0
    timeout: Seconds = 60.0
    """Seconds for one question, answer included."""
    total_timeout: Seconds = 300.0
    """Seconds for all questions about one text; then the result does without."""
    concurrency: Annotated[int, Meta(ge=1, le=1_000)] = 4
    """Questions at once, over all requests of this process."""
    context_tokens: Annotated[int, Meta(ge=4_096, le=10_000_000)] = 8_192
    """The model's context; longer texts are asked about in parts."""


class MetricsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where metrics are read."""

    listen: str = ""
    """`host:port`: `/metrics` there alone, without a key. Empty: on the server's own port, for operators."""

    @property
    def address(self) -> tuple[str, int] | None:
        """The host and the port of `listen`; None: it has no address of its own."""
        found = _LISTEN_FORM.fullmatch(self.listen)
        return None if found is None else (found["host"].strip("[]"), int(found["port"]))


EventName = Literal[
    "delivery.parked", "destination.failing", "destination.recovered", "queue.stalled", "queue.recovered",
    "disk.low", "disk.recovered", "key.expiring", "node.lost",
]  # fmt: skip


class WebhookSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Operational webhooks: events for the operator."""

    url: str = ""
    """Where they are sent, also to an address that callers may not name. Empty: nobody is told."""
    events: tuple[EventName, ...] = ()
    """Those that are sent; empty: all of them."""
    failing_after: tuple[Annotated[int, Meta(ge=1, le=1_000_000)], ...] = (5, 50)
    """Failures of a destination in a row, at each of which `destination.failing` is sent."""
    stalled_seconds: Seconds = 120.0
    """`queue.stalled`, when work that could be taken up was not for so long."""
    disk_bytes: Annotated[int, Meta(ge=0)] = 2_000_000_000
    """`disk.low`, when less is free; 0: never."""
    expiring_seconds: Annotated[float, Meta(ge=0, le=31_536_000)] = 604_800.0
    """`key.expiring`, so long before a key ends."""


class DashboardSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    enabled: bool = True
    """False: the pages at `/` and `/docs` are not there."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    data_dir: str = ""
    """Empty: `$XDG_DATA_HOME/ringback` (usually `~/.local/share/ringback`)."""
    database_url: str = ""
    """`postgresql://…`: the ledger of many machines. Empty: a SQLite file in the data folder."""
    blobs_url: str = ""
    """`s3://bucket/prefix`, `gs://…`, `az://…` or `file:///…`: audio and results. Empty: the data folder."""
    role: tuple[Literal["api", "transcribe", "deliver", "all"], ...] = ("all",)
    """What this process does: HTTP and live streams, recordings, callbacks, or everything. Ask `does`."""
    host: Annotated[str, Meta(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8080
    """0: any free port, named in the log."""
    api_key: str = ""
    """A key that always works, beside those in the ledger; empty: one is made on the first start."""
    secret_key: str = ""
    """What callback URLs and signing secrets are encrypted with in the ledger; several, with commas: the
    first encrypts, all decrypt. Empty: `secret.key` in the data folder, made on the first start."""
    public_url: str = ""
    """Where callers reach this server (`https://speech.example.com`), for links in callbacks."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks of proxies of your own: their `X-Forwarded-For` says whose a request is."""
    model: Annotated[str, Meta(min_length=1)] = "tiny.en"
    """The model behind Deepgram's model names: a known name, or a folder with a CTranslate2 model."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "text"] = "auto"
    """`json`, `text`, or `auto`: text on a terminal."""
    callback: CallbackSettings = CallbackSettings()
    limits: LimitSettings = LimitSettings()
    keep: KeepSettings = KeepSettings()
    fetch: FetchSettings = FetchSettings()
    engine: EngineSettings = EngineSettings()
    llm: LlmSettings = LlmSettings()
    metrics: MetricsSettings = MetricsSettings()
    webhooks: WebhookSettings = WebhookSettings()
    dashboard: DashboardSettings = DashboardSettings()

    @property
    def data_path(self) -> Path:
        """The data folder, absolute."""
        return _data_path(self.data_dir, os.environ)

    def does(self, role: Literal["api", "transcribe", "deliver"]) -> bool:
        """Whether this process has that role."""
        return role in self.role or "all" in self.role


def load(
    config: Path | None = None,
    options: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """Read, convert and check all settings; nothing else is started before.

    `config` is the file to read (default: `RINGBACK_CONFIG`, `./ringback.toml`, or `ringback.toml` in the
    data folder, whichever is there first). `options` are settings from the command line by dotted key;
    `None` ones are left out. Raises `Misconfigured` naming every key that is wrong, its value and the fix.
    """
    given = {key: value for key, value in (options or {}).items() if value is not None}
    faults: list[str] = []
    found: dict[str, _Given] = {}
    for each in (*_from_file(config, given, environ, faults), *_from_environment(environ, faults)):
        found[each.key] = each
    for key, value in given.items():
        found[key] = _Given(key, value, "--" + key.replace(".", "-").replace("_", "-"))

    values = {each.key: value for each in found.values() if (value := _converted(each, faults)) is not None}
    settings = _assembled(values)
    faults += contradictions(settings)
    if faults:
        raise Misconfigured("\n".join(faults))
    return settings


def contradictions(settings: Settings) -> list[str]:
    """What is wrong between settings that are each well formed: one line each, with the fix."""
    faults = [fault for entry in settings.callback.allow if (fault := _allow_fault(entry))]
    faults += [fault for entry in settings.trusted_proxies if (fault := _network_fault(entry))]
    for section, shorter, longer in _WITHIN:
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
    faults += _half_a_cluster(settings)
    faults += _llm_faults(settings.llm)
    if settings.api_key and not _KEY_FORM.fullmatch(settings.api_key):
        faults.append("api_key: must be printable ASCII without spaces, as it travels in a header")
    return faults


def keys() -> dict[str, Any]:
    """Every setting by its dotted key (`callback.retries`), with its default."""
    return {key: default for key, (_, default) in _FIELDS.items()}


def variable(key: str) -> str:
    """The environment variable that sets this key."""
    return "RINGBACK_" + key.replace(".", "_").upper()


CONFIG_VARIABLE = "RINGBACK_CONFIG"
CONFIG_FILE = "ringback.toml"
"""In the working directory or the data folder."""

_SECRETS = frozenset(
    {"api_key", "secret_key", "database_url", "blobs_url", "llm.api_key", "llm.url", "webhooks.url"}
)
_WITHIN = (
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
_LISTEN_FORM = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")
_DATABASE_FORM = re.compile(r"postgres(ql)?://[^\s/]*/[^\s/?]+(\?\S*)?")
_BLOBS_FORM = re.compile(r"(s3|gs|az)://[A-Za-z0-9][^\s@]*|file:///\S+")
_ADDRESS_FORM = re.compile(r"[0-9.]+(/[0-9.]+)?|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*(/\d+)?")
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?"
_HOST_FORM = re.compile(rf"(\*\.)?({_LABEL}\.)*(?![0-9]+\.?$|0[xX][0-9a-fA-F]*\.?$){_LABEL}\.?")
"""A name, or with `*.` all names below it; one that ends in a number is an address to URL parsers."""


@dataclass(frozen=True, slots=True)
class _Given:
    """A value as it was given, and by whom."""

    key: str
    value: Any
    origin: str


def _fields() -> Iterator[tuple[str, tuple[Any, Any]]]:
    top = get_type_hints(Settings, include_extras=True)
    for field in msgspec.structs.fields(Settings):
        if isinstance(field.default, msgspec.Struct):
            section = get_type_hints(type(field.default), include_extras=True)
            for inner in msgspec.structs.fields(field.default):
                yield f"{field.name}.{inner.name}", (section[inner.name], inner.default)
        else:
            yield field.name, (top[field.name], field.default)


_FIELDS: dict[str, tuple[Any, Any]] = dict(_fields())
"""Dotted key → its type, with its limits, and its default."""


def _from_file(
    config: Path | None, given: Mapping[str, Any], environ: Mapping[str, str], faults: list[str]
) -> Iterator[_Given]:
    path = _file(config, given, environ)
    if path is None:
        return
    try:
        document = tomllib.loads(path.read_text())
    except OSError as error:
        raise Misconfigured(
            f"{path}: cannot be read ({error.strerror}): check the path and its rights"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}: is not TOML: {error}") from None
    for key, value in _flattened(document):
        if key in _FIELDS:
            yield _Given(key, value, str(path))
        else:
            faults.append(f"{path}: there is no setting {key!r}{_nearest(key, _FIELDS)}")


def _file(config: Path | None, given: Mapping[str, Any], environ: Mapping[str, str]) -> Path | None:
    if config is not None:
        return config
    if environ.get(CONFIG_VARIABLE):
        return Path(environ[CONFIG_VARIABLE])
    data_dir = str(given.get("data_dir") or environ.get(variable("data_dir"), ""))
    candidates = (Path(CONFIG_FILE), _data_path(data_dir, environ) / CONFIG_FILE)
    return next((path for path in candidates if path.is_file()), None)


def _flattened(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, dict):
            for inner, inner_value in value.items():
                yield f"{name}.{inner}", inner_value
        else:
            yield name, value


def _from_environment(environ: Mapping[str, str], faults: list[str]) -> Iterator[_Given]:
    known = {variable(key): key for key in _FIELDS}
    for name, value in environ.items():
        if not name.startswith("RINGBACK_") or name == CONFIG_VARIABLE:
            continue
        if name not in known:
            faults.append(
                f"environment: there is no setting {name}{_nearest(name, known)}{_kubernetes(value)}"
            )
        elif value:  # an empty variable is one that is not set
            yield _Given(known[name], value, name)


def _converted(given: _Given, faults: list[str]) -> Any:
    """The value in its field's type, or None after naming the fault."""
    expected, _ = _FIELDS[given.key]
    value = given.value
    try:
        if get_origin(expected) is tuple and isinstance(value, str):
            any_port = given.key == "callback.ports" and value.strip().lower() == "any"
            value = [] if any_port else [part.strip() for part in value.split(",") if part.strip()]
        return msgspec.convert(value, expected, strict=given.origin != variable(given.key))
    except msgspec.ValidationError:
        shown = "***" if given.key in _SECRETS else repr(given.value)
        hint = _kubernetes(str(given.value))
        faults.append(f"{given.key} = {shown} ({given.origin}): must be {_wanted(given.key)}{hint}")
        return None


def _assembled(given: Mapping[str, Any]) -> Settings:
    values = dict(given)
    for section, shorter, longer in _WITHIN:
        part, whole = f"{section}.{shorter}", f"{section}.{longer}"
        if part not in values and whole in values:  # a default gives way to what was asked for
            values[part] = min(_FIELDS[part][1], values[whole])
    top = {key: value for key, value in values.items() if "." not in key}
    for field in msgspec.structs.fields(Settings):
        if isinstance(field.default, msgspec.Struct):
            inner = {k.partition(".")[2]: v for k, v in values.items() if k.startswith(field.name + ".")}
            top[field.name] = msgspec.structs.replace(field.default, **inner)
    return Settings(**top)


def _wanted(key: str) -> str:
    """What a value must be, in words."""
    expected, _ = _FIELDS[key]
    if key == "callback.ports":
        return "a list of ports from 1 to 65535 (in the environment: 80,443), or 'any'"
    if expected is bool:
        return "true or false"
    if get_origin(expected) is Literal:
        return "one of " + ", ".join(get_args(expected))
    if key == "role":
        return "api, transcribe, deliver, several of them (in the environment: api,deliver), or all"
    if get_origin(expected) is tuple:
        return "a list of texts (in the environment: with commas between them)"
    return _wanted_number(*get_args(expected)) if _is_number(expected) else "a text, and not an empty one"


def _is_number(expected: Any) -> bool:
    return get_origin(expected) is Annotated and get_args(expected)[0] in (int, float)


def _wanted_number(base: type, limits: Meta) -> str:
    noun = "a whole number" if base is int else "a number"
    if limits.gt is not None:
        return f"{noun} above {limits.gt} and up to {limits.le}"
    return f"{noun} from {limits.ge}" + (f" to {limits.le}" if limits.le is not None else " up")


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else "; docs/settings.md lists them all"


def _kubernetes(value: str) -> str:
    if not re.match(r"(tcp|udp)://", value):
        return ""
    return " (Kubernetes makes such variables for a service named ringback: set enableServiceLinks: false)"


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


def _half_a_cluster(settings: Settings) -> Iterator[str]:
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


def _data_path(data_dir: str, environ: Mapping[str, str]) -> Path:
    if data_dir:
        return Path(data_dir).expanduser().absolute()
    data_home = environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data_home).absolute() / "ringback"
