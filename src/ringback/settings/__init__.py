"""Every setting, its default and its check.

Read from (later wins): the defaults in `schema`, `ringback.toml`, the environment (`RINGBACK_<KEY>` or
`RINGBACK_<SECTION>_<KEY>`), the command line. The packaged `ringback.toml` is default and reference at
once; a test holds the two and `docs/settings.md` together.
"""

from ringback.settings.checks import contradictions
from ringback.settings.schema import (
    CallbackSettings,
    EngineSettings,
    FetchSettings,
    FluxSettings,
    LimitSettings,
    LlmSettings,
    MetricsSettings,
    Settings,
    WebhookSettings,
    keys,
    variable,
)
from ringback.settings.sources import CONFIG_FILE, load

__all__ = [
    "CONFIG_FILE",
    "CallbackSettings",
    "EngineSettings",
    "FetchSettings",
    "FluxSettings",
    "LimitSettings",
    "LlmSettings",
    "MetricsSettings",
    "Settings",
    "WebhookSettings",
    "contradictions",
    "keys",
    "load",
    "variable",
]
