"""The settings: names, types, bounds and defaults; each is documented in `docs/settings.md`."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta

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


class FluxSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Turn-based streams (`/v2/listen`)."""

    end_turn_on_close: bool = False
    """Ours, not Deepgram's: whether CloseStream ends an open turn, with EndOfTurn and `trigger: manual`."""


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
    usage: Annotated[float, Meta(ge=0)] = 34_560_000.0
    """The hourly sums of requests, of which no record needs to be left."""


ComputeType = Literal[
    "default", "auto", "float32", "float16", "bfloat16",
    "int16", "int8", "int8_float32", "int8_float16", "int8_bfloat16",
]  # fmt: skip


class EngineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    threads: Annotated[int, Meta(ge=0, le=1_024)] = 0
    """Recognition threads; 0: one per core."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    batch: Annotated[int, Meta(ge=0, le=1_024)] = 0
    """Segments of speech, of any requests, that one batch has at the most; 0: 4 on a CPU, 16 on a GPU."""
    compute_type: ComputeType = "default"
    """As CTranslate2 calls them; `default`: int8 on a CPU, float16 on a GPU."""
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
    """Where they are sent, also to an address that callers may not name. Empty: no events are sent."""
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
    live_model: str = ""
    """The same for live streams; empty: `model`."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "text"] = "auto"
    """`json`, `text`, or `auto`: text on a terminal."""
    callback: CallbackSettings = CallbackSettings()
    limits: LimitSettings = LimitSettings()
    keep: KeepSettings = KeepSettings()
    flux: FluxSettings = FluxSettings()
    fetch: FetchSettings = FetchSettings()
    engine: EngineSettings = EngineSettings()
    llm: LlmSettings = LlmSettings()
    metrics: MetricsSettings = MetricsSettings()
    webhooks: WebhookSettings = WebhookSettings()
    dashboard: DashboardSettings = DashboardSettings()

    @property
    def data_path(self) -> Path:
        """The data folder, absolute."""
        return data_folder(self.data_dir, os.environ)

    def does(self, role: Literal["api", "transcribe", "deliver"]) -> bool:
        """Whether this process has that role."""
        return role in self.role or "all" in self.role


def keys() -> dict[str, Any]:
    """Every setting by its dotted key (`callback.retries`), with its default."""
    return {key: default for key, (_, default) in FIELDS.items()}


def variable(key: str) -> str:
    """The environment variable that sets this key."""
    return "RINGBACK_" + key.replace(".", "_").upper()


def data_folder(data_dir: str, environ: Mapping[str, str]) -> Path:
    """The data folder, absolute; `data_dir` as in the settings."""
    if data_dir:
        return Path(data_dir).expanduser().absolute()
    data_home = environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data_home).absolute() / "ringback"


_LISTEN_FORM = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")


def _fields() -> Iterator[tuple[str, tuple[Any, Any]]]:
    top = get_type_hints(Settings, include_extras=True)
    for field in msgspec.structs.fields(Settings):
        if isinstance(field.default, msgspec.Struct):
            section = get_type_hints(type(field.default), include_extras=True)
            for inner in msgspec.structs.fields(field.default):
                yield f"{field.name}.{inner.name}", (section[inner.name], inner.default)
        else:
            yield field.name, (top[field.name], field.default)


FIELDS: dict[str, tuple[Any, Any]] = dict(_fields())
"""Dotted key → its type, with its limits, and its default."""
