"""Every documented query parameter of `/v1/listen` and `/v1/read`, in one table.

`listen.options` parses by it, and `docs/parameters.md` is held to it by a test.
"""

from collections.abc import Mapping, Sequence

from ringback.listen.parameter import EVERY, LIVE, MANY, RECORDED, TEXT, WHOLE, Mode, Parameter, Support
from ringback.listen.values import (
    BOOLEAN,
    DETECTION,
    ENDPOINTING,
    KEY_AND_VALUE,
    KEYWORD,
    LANGUAGE,
    LANGUAGE_TAG,
    REDACTION,
    REPLACEMENT,
    SCHEDULE,
    choice,
    integer,
    seconds,
    text,
)

SERVED, IGNORED = Support
_SPEC = "reference/speech-to-text/listen-pre-recorded"
_LIVE = "reference/speech-to-text/listen-streaming"
_MODES = choice("extended", "strict")
_OLD = text(2048, empty=True)
_TURN_DETECTION = "Ours: hold `speech_final` back where the speaker seems to hesitate; needs `EXTRAS=turns`."

PARAMETERS: tuple[Parameter, ...] = (
    # Callback
    Parameter(
        "callback",
        text(8192, empty=True),
        SERVED,
        "docs/callback",
        "Answer at once with a `request_id` and send the result to this URL.",
        default="",
        modes=WHOLE,
    ),
    Parameter(
        "callback",
        text(8192, empty=True),
        SERVED,
        "docs/callback",
        "Send each message to this URL instead of the caller: one request each over `http` or `https`, "
        "one socket over `ws` or `wss`.",
        default="",
        modes=LIVE,
    ),
    Parameter(
        "callback_method",
        choice("POST", "PUT", any_case=True),
        SERVED,
        "docs/callback",
        "How the callback is sent.",
        default="POST",
        modes=WHOLE,
    ),
    Parameter(
        "callback_method",
        choice("POST", "PUT", "GET", "DELETE", any_case=True),
        SERVED,
        _LIVE,
        "How the callback is sent.",
        default="POST",
        modes=LIVE,
    ),
    Parameter(
        "callback_schedule",
        SCHEDULE,
        SERVED,
        "callbacks.md",
        "Ours, not Deepgram's: the pauses before each retry of the callback.",
        default="",
        modes=EVERY,
    ),
    Parameter(
        "inspect_response",
        BOOLEAN,
        SERVED,
        "docs/callback",
        "Send each message to the caller too, not to the callback alone.",
        modes=LIVE,
    ),
    # Model and language
    Parameter("model", text(200), SERVED, "docs/model", "The model to use.", default=""),
    Parameter("version", text(100), SERVED, "docs/version", "The model's version.", default="latest"),
    Parameter("language", LANGUAGE, SERVED, "docs/language", "The language spoken.", default="en"),
    Parameter(
        "language",
        LANGUAGE,
        SERVED,
        "docs/text-summarization",
        "The language of the text; English alone is read.",
        default="",
        modes=TEXT,
        required=True,
    ),
    Parameter(
        "language_hint",
        LANGUAGE_TAG,
        SERVED,
        "docs/nova-3-language-prompting",
        "Languages to expect, with `language=multi` only.",
        default="",
        repeats=50,
    ),
    Parameter(
        "detect_language",
        DETECTION,
        SERVED,
        "docs/language-detection",
        "Find out the language that most of each channel is in; language tags restrict the candidates.",
        repeats=50,
        modes=RECORDED,
    ),
    # Text
    Parameter(
        "punctuate", BOOLEAN, SERVED, "docs/punctuation", "Punctuation and capitals; adds `punctuated_word`."
    ),
    Parameter(
        "smart_format",
        BOOLEAN,
        SERVED,
        "docs/smart-format",
        "Punctuation and paragraphs; numbers, dates, times, amounts, phone numbers, mail and web addresses "
        "as people write them.",
    ),
    Parameter(
        "paragraphs",
        BOOLEAN,
        SERVED,
        "docs/paragraphs",
        "Sentences and paragraphs; turns `punctuate` on.",
        modes=RECORDED,
    ),
    Parameter(
        "utterances",
        BOOLEAN,
        SERVED,
        "docs/utterances",
        "Stretches of speech without a long pause, as `results.utterances`.",
        modes=RECORDED,
    ),
    Parameter(
        "utt_split",
        seconds(3600),
        SERVED,
        "docs/utterance-split",
        "A longer pause than this starts a new utterance.",
        default="0.8",
        modes=RECORDED,
    ),
    Parameter("filler_words", BOOLEAN, SERVED, "docs/filler-words", "Keep “uh” and “um”; English."),
    Parameter("numerals", BOOLEAN, SERVED, "docs/numerals", "Spoken numbers as digits."),
    Parameter(
        "measurements", BOOLEAN, SERVED, "docs/measurements", "Units after numbers abbreviated; English."
    ),
    Parameter(
        "dictation",
        BOOLEAN,
        SERVED,
        "docs/dictation",
        "“Comma” becomes “,”; English. Without `punctuate=true` it has no effect.",
    ),
    Parameter("profanity_filter", BOOLEAN, SERVED, "docs/profanity-filter", "Profanity as asterisks."),
    Parameter(
        "redact",
        REDACTION,
        SERVED,
        "docs/redaction",
        "Replace what is sensitive by labels; several values may also be joined with commas.",
        repeats=100,
    ),
    Parameter(
        "search",
        text(500),
        SERVED,
        "docs/search",
        "Find terms by their sound: `search` of each channel, with times, confidence and snippet.",
        default="",
        repeats=50,
    ),
    Parameter(
        "replace",
        REPLACEMENT,
        SERVED,
        "docs/find-and-replace",
        "Replace words in the transcript; no replacement: delete them.",
        default="",
        repeats=200,
    ),
    Parameter(
        "keywords",
        KEYWORD,
        SERVED,
        "docs/keywords",
        "Words to expect: with a boost above 0 like `keyterm`, else a warning.",
        default="",
        repeats=200,
    ),
    Parameter(
        "keyterm",
        text(500),
        SERVED,
        "docs/keyterm",
        "Terms to expect, written as here; at most 100, together of 500 tokens.",
        default="",
        repeats=500,
    ),
    # Speakers and channels
    Parameter("multichannel", BOOLEAN, SERVED, "docs/multichannel", "Each channel on its own."),
    Parameter(
        "diarize",
        BOOLEAN,
        SERVED,
        "docs/diarization",
        "Who speaks: `speaker` of each word; needs `EXTRAS=speakers`.",
    ),
    Parameter(
        "diarize_model",
        choice("latest", "v1", "v2"),
        SERVED,
        "docs/diarization",
        "Turns `diarize` on; there is one diarizer, by any of these names.",
        default="",
        modes=RECORDED,
    ),
    Parameter(
        "diarize_model",
        choice("latest", "v1"),
        SERVED,
        "docs/diarization",
        "Turns `diarize` on; there is one diarizer, by any of these names.",
        default="",
        modes=LIVE,
    ),
    # The audio
    Parameter(
        "encoding",
        choice(
            *("linear16", "linear32", "flac", "alaw", "mulaw", "amr-nb", "amr-wb"),
            *("opus", "ogg-opus", "speex", "g729"),
        ),
        SERVED,
        "docs/encoding",
        "How audio without a header is encoded.",
        default="",
    ),
    Parameter(
        "sample_rate",
        integer(4_000, 192_000),
        SERVED,
        "docs/sample-rate",
        "Samples per second (Hz) of audio without a header; needed with `linear16`, `linear32`, "
        "`mulaw`, `alaw` and `speex`.",
        default="",
    ),
    Parameter(
        "channels",
        integer(1, 20),
        SERVED,
        "docs/channels",
        "Channels of audio without a header; read only with `encoding`.",
        default="",
    ),
    # Labels
    Parameter(
        "tag",
        text(128, empty=True),
        SERVED,
        "docs/stt-tagging",
        "Labels, repeated in `metadata.tags` and in the request history.",
        default="",
        repeats=MANY,
        modes=EVERY,
    ),
    Parameter(
        "extra",
        KEY_AND_VALUE,
        SERVED,
        "docs/extra-metadata",
        "Repeated as the object `metadata.extra`; of a key given twice the last value counts.",
        default="",
        repeats=MANY,
    ),
    Parameter(
        "mip_opt_out",
        BOOLEAN,
        SERVED,
        "docs/the-deepgram-model-improvement-partnership-program",
        "Always honoured: nothing is kept to improve a model; [what it means with `llm.url`]"
        "(understanding.md#where-text-goes).",
        modes=EVERY,
    ),
    Parameter(
        "alternatives",
        integer(1, 100),
        SERVED,
        _SPEC,
        "Always one; asking for more brings a warning.",
        default="1",
    ),
    # Understanding
    Parameter(
        "summarize",
        choice("true", "false", "v2"),
        SERVED,
        "docs/summarization",
        "A summary, as `results.summary`; `true` and `v2` are the same.",
        modes=WHOLE,
    ),
    Parameter(
        "topics",
        BOOLEAN,
        SERVED,
        "docs/topic-detection",
        "What is spoken of, as `results.topics`; needs `llm.url`.",
        modes=WHOLE,
    ),
    Parameter(
        "custom_topic",
        text(500),
        SERVED,
        "docs/topic-detection",
        "Topics to look for, with `topics=true`.",
        default="",
        repeats=100,
        modes=WHOLE,
    ),
    Parameter(
        "custom_topic_mode",
        _MODES,
        SERVED,
        "docs/topic-detection",
        "`strict`: only the given topics.",
        default="extended",
        modes=WHOLE,
    ),
    Parameter(
        "intents",
        BOOLEAN,
        SERVED,
        "docs/intent-recognition",
        "What speakers want, as `results.intents`; needs `llm.url`.",
        modes=WHOLE,
    ),
    Parameter(
        "custom_intent",
        text(500),
        SERVED,
        "docs/intent-recognition",
        "Intents to look for, with `intents=true`.",
        default="",
        repeats=100,
        modes=WHOLE,
    ),
    Parameter(
        "custom_intent_mode",
        _MODES,
        SERVED,
        "docs/intent-recognition",
        "`strict`: only the given intents.",
        default="extended",
        modes=WHOLE,
    ),
    Parameter(
        "sentiment",
        BOOLEAN,
        SERVED,
        "docs/sentiment-analysis",
        "Whether what is said is positive, neutral or negative, as `results.sentiments`; in recordings also "
        "on each word, sentence, paragraph and utterance.",
        modes=WHOLE,
    ),
    Parameter(
        "detect_entities",
        BOOLEAN,
        SERVED,
        "docs/detect-entities",
        "Names, places, dates and the like; turns `punctuate` on.",
    ),
    # Live streams
    Parameter(
        "interim_results",
        BOOLEAN,
        SERVED,
        "docs/interim-results",
        "Results that may still change, about every second.",
        modes=LIVE,
    ),
    Parameter(
        "endpointing",
        ENDPOINTING,
        SERVED,
        "docs/endpointing",
        "Silence that ends a span of speech and sets `speech_final`; less than 300 counts as 300; "
        "`false`: never.",
        default="10",
        modes=LIVE,
    ),
    Parameter(
        "utterance_end_ms",
        integer(1_000, 5_000),
        SERVED,
        "docs/utterance-end",
        "Send UtteranceEnd after such a gap between words; needs `interim_results=true`.",
        default="",
        modes=LIVE,
    ),
    Parameter(
        "vad_events", BOOLEAN, SERVED, "docs/speech-started", "Send SpeechStarted messages.", modes=LIVE
    ),
    Parameter(
        "no_delay",
        BOOLEAN,
        SERVED,
        "docs/smart-format",
        "Never hold words back to see whether a number goes on.",
        modes=LIVE,
    ),
    Parameter("turn_detection", BOOLEAN, SERVED, "live.md", _TURN_DETECTION, modes=LIVE),
    # Of old clients
    Parameter("tier", _OLD, IGNORED, _SPEC, "The model's tier: name a `model` instead.", default=""),
    Parameter("ner", _OLD, IGNORED, _SPEC, "Old name of `detect_entities`."),
    Parameter("detect_topics", _OLD, IGNORED, _SPEC, "Old name of `topics`."),
    Parameter("analyze_sentiment", _OLD, IGNORED, _SPEC, "Old name of `sentiment`."),
    Parameter("translate", _OLD, IGNORED, _SPEC, "Translation.", default=""),
    Parameter("keyword_boost", _OLD, IGNORED, _SPEC, "How `keywords` act.", default=""),
    Parameter("diarize_version", _OLD, IGNORED, _SPEC, "Old name of `diarize_model`.", default=""),
    Parameter("times", _OLD, IGNORED, _SPEC, "Word times: they are always there.", default="true"),
)


def by_name(mode: Mode) -> Mapping[str, Parameter]:
    """The parameters that have a meaning in this mode."""
    return _BY_NAME[mode]


def required_names(mode: Mode) -> Sequence[str]:
    """Those without which a request is refused."""
    return _REQUIRED[mode]


_BY_NAME = {mode: {p.name: p for p in PARAMETERS if mode in p.modes} for mode in Mode}
_REQUIRED = {mode: [p.name for p in by_name(mode).values() if p.required] for mode in Mode}
