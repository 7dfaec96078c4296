"""Every query parameter of `WS /v2/listen`, in one table: `flux_options` parses by it, and `docs/flux.md` is
held to it by a test."""

from ringback.listen.parameter import MANY, Parameter, Support
from ringback.listen.values import (
    BOOLEAN,
    SCHEDULE,
    any_of,
    choice,
    decimal,
    integer,
    shaped,
    text,
)

FLUX_ENGLISH, FLUX_MULTILINGUAL = "flux-general-en", "flux-general-multi"
HINTED_LANGUAGES = ("en", "es", "fr", "de", "hi", "ru", "pt", "ja", "it", "nl")
"""https://developers.deepgram.com/docs/flux/language-prompting"""

LANGUAGE_HINT = shaped(
    f"one of {', '.join(f'`{language}`' for language in HINTED_LANGUAGES)}, with a region or without",
    rf"({'|'.join(HINTED_LANGUAGES)})(-[A-Za-z0-9]{{2,8}}){{0,2}}",
    35,
)
EOT_THRESHOLD, EAGER_EOT_THRESHOLD = decimal(0.5, 1.0), decimal(0.3, 0.9)
EOT_TIMEOUT = integer(500, 60_000)

SERVED = Support.SERVED
_CONFIGURATION = "docs/flux/configuration"
_QUICKSTART = "docs/flux/quickstart"

FLUX_PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        "model",
        choice(FLUX_ENGLISH, FLUX_MULTILINGUAL),
        SERVED,
        _QUICKSTART,
        "Required. It chooses the language; the recogniser is the one that this server has for it.",
        default="",
    ),
    # The audio
    Parameter(
        "encoding",
        choice("linear16", "linear32", "mulaw", "alaw", "opus", "ogg-opus"),
        SERVED,
        _QUICKSTART,
        "How audio without a header is encoded; one channel. Left out for WAV, Ogg and WebM.",
        default="",
    ),
    Parameter(
        "sample_rate",
        any_of(8_000, 16_000, 24_000, 44_100, 48_000),
        SERVED,
        _QUICKSTART,
        "Samples per second (Hz); needed with `linear16`, `linear32`, `mulaw` and `alaw`.",
        default="",
    ),
    # Turns
    Parameter(
        "eot_threshold",
        EOT_THRESHOLD,
        SERVED,
        _CONFIGURATION,
        "The confidence at which a turn ends; 1.0: only `eot_timeout_ms` and ForceEndTurn end it.",
        default="0.7",
    ),
    Parameter(
        "eager_eot_threshold",
        EAGER_EOT_THRESHOLD,
        SERVED,
        _CONFIGURATION,
        "The confidence at which EagerEndOfTurn is sent, at most `eot_threshold`; left out: never.",
        default="",
    ),
    Parameter(
        "eot_timeout_ms",
        EOT_TIMEOUT,
        SERVED,
        _CONFIGURATION,
        "Silence that ends a turn, whatever the confidence.",
        default="5000",
    ),
    # Words
    Parameter(
        "keyterm",
        text(500),
        SERVED,
        "docs/keyterm",
        "Terms to expect, written as here; at most 100, together of 500 tokens.",
        default="",
        repeats=100,
    ),
    Parameter(
        "language_hint",
        LANGUAGE_HINT,
        SERVED,
        "docs/flux/language-prompting",
        "Languages to expect, with `model=flux-general-multi` only; several may be joined with commas.",
        default="",
        repeats=50,
    ),
    Parameter("numerals", BOOLEAN, SERVED, "docs/numerals", "Spoken numbers as digits."),
    Parameter("profanity_filter", BOOLEAN, SERVED, "docs/profanity-filter", "Profanity as asterisks."),
    Parameter(
        "redact",
        choice("numbers", "aggressive_numbers"),
        SERVED,
        "docs/redaction",
        "As one `*` each: `numbers` any three digits in a row, `aggressive_numbers` every number.",
        default="",
        repeats=2,
    ),
    # Labels
    Parameter(
        "tag",
        text(128, empty=True),
        SERVED,
        "docs/stt-tagging",
        "Labels, repeated in the request history.",
        default="",
        repeats=MANY,
    ),
    Parameter(
        "mip_opt_out",
        BOOLEAN,
        SERVED,
        "docs/the-deepgram-model-improvement-partnership-program",
        "Always honoured: nothing is kept to improve a model.",
    ),
    # Callback, ours
    Parameter(
        "callback",
        text(8192, empty=True),
        SERVED,
        "live.md",
        "Ours, not Deepgram's: messages go to this URL instead of the caller; over `http` and `https` each "
        "EndOfTurn, over `ws` and `wss` everything.",
        default="",
    ),
    Parameter(
        "callback_method",
        choice("POST", "PUT", "GET", "DELETE", any_case=True),
        SERVED,
        "live.md",
        "Ours: how the callback is sent.",
        default="POST",
    ),
    Parameter(
        "callback_schedule",
        SCHEDULE,
        SERVED,
        "callbacks.md",
        "Ours: the pauses before each retry of the callback.",
        default="",
    ),
    Parameter(
        "inspect_response",
        BOOLEAN,
        SERVED,
        "live.md",
        "Ours: send everything to the caller too, not to the callback alone.",
    ),
)
