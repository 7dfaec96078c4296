"""Every setting, its default and its check, in one place.

Read from (later wins): the defaults below, `ringback.toml`, the environment (`RINGBACK_<KEY>` or
`RINGBACK_<SECTION>_<KEY>`). The packaged `ringback.toml` is default and reference at once; a test holds
the two and `docs/settings.md` together.
"""

import msgspec


class CallbackSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where callbacks may go, and how often they are tried (https://developers.deepgram.com/docs/callback)."""

    allow: tuple[str, ...] = ()
    """CIDRs and host names that may be called, or fetched from, although they are not public."""
    ports: tuple[int, ...] = (80, 443, 8080, 8443)
    """Ports that a callback may name; empty: any (written `any`)."""
    retries: int = 10
    retry_delay: float = 30.0
    connect_timeout: float = 1.0
    timeout: float = 10.0
    concurrency: int = 64
    """Deliveries in flight at once, over all receivers."""


class LimitSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    upload_bytes: int = 2_000_000_000
    """Largest audio, uploaded or fetched; Deepgram's limit is 2 GB."""
    processing_seconds: float = 600.0
    """A waiting (synchronous) caller gets 504 after this long."""
    header_seconds: float = 5.0
    """Time for a client to send its request line and headers."""
    body_bytes_per_second: int = 1_000
    """A request body slower than this over 30 s is refused (408)."""


class FetchSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Fetching the audio that a `{"url": …}` body names."""

    connect_timeout: float = 1.0
    response_timeout: float = 60.0
    """Seconds until the response's headers."""
    timeout: float = 1_800.0
    """Seconds for the whole fetch."""


class EngineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    threads: int = 0
    """Recognition threads; 0: one per core."""
    device: str = "auto"
    """`cpu`, `cuda` or `auto`."""
    compute_type: str = "default"
    """CTranslate2's compute type; `default`: int8 on a CPU, float16 on a GPU."""
    quality: str = "fast"
    """`fast` (short windows, greedy) or `accurate` (full windows, beam 5)."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    data_dir: str = ""
    """Empty: `$XDG_DATA_HOME/ringback` (usually `~/.local/share/ringback`)."""
    host: str = "127.0.0.1"
    port: int = 8080
    api_key: str = ""
    """A key that always works, beside those in the ledger; empty: one is made on the first start."""
    model: str = "tiny.en"
    """The model behind Deepgram's model names: a known name, or a folder with a CTranslate2 model."""
    log_level: str = "info"
    log_format: str = "auto"
    """`json`, `text`, or `auto`: text on a terminal."""
    callback: CallbackSettings = CallbackSettings()
    limits: LimitSettings = LimitSettings()
    fetch: FetchSettings = FetchSettings()
    engine: EngineSettings = EngineSettings()
