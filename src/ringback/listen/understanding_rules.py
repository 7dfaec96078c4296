"""What of a request's understanding is served: what needs a language model, how long a text may be, and the
words of refusals and warnings. Pure.

https://developers.deepgram.com/docs/summarization, /docs/text-summarization and their kin.
"""

from collections.abc import Iterator

from ringback.errors import Refusal
from ringback.listen.options import ListenOptions
from ringback.listen.parameter_warnings import ParameterWarning

ASKED_FOR = ("summarize", "topics", "intents", "sentiment")
"""Parameters that ask for something to be understood."""

NEEDS_MODEL = ("topics", "intents")
"""Those that nothing built in serves."""

MOST_TOKENS = 150_000
"""Of one text (https://developers.deepgram.com/docs/text-summarization)."""

BYTES_PER_TOKEN = 4
"""Of English, in UTF-8; counted so where no tokenizer has counted."""

MOST_TEXT_BYTES = MOST_TOKENS * BYTES_PER_TOKEN
"""Of a text that is read."""


def asks_for_understanding(options: ListenOptions) -> bool:
    return any(getattr(options, name) for name in ASKED_FOR)


def check_served(options: ListenOptions, *, has_model: bool) -> None:
    """Raises `Refusal` (400) where nothing that a text is to be read for can be served; what is served beside
    something that is not, comes with a warning."""
    requested = [name for name in ASKED_FOR if getattr(options, name)]
    if not requested:
        names = ", ".join(f"`{name}`" for name in ASKED_FOR)
        raise Refusal(400, "INVALID_QUERY_PARAMETER", f"Nothing was asked for: set one of {names} to `true`.")
    if not has_model and set(requested) <= set(NEEDS_MODEL):
        message = " ".join(_needs_model(name) for name in requested)
        raise Refusal(400, "INVALID_QUERY_PARAMETER", message, parameter=requested[0])


def too_long() -> Refusal:
    """Of a text beyond `MOST_TOKENS` (https://developers.deepgram.com/docs/text-summarization)."""
    return Refusal(
        400,
        "TOKEN_LIMIT_EXCEEDED",
        f"Text input for /v1/read currently supports up to {MOST_TOKENS // 1_000}K tokens. Please revise "
        "your text input to fit within the defined token limit.",
    )


def tokens_of(text: str) -> int:
    """How many tokens a text counts as."""
    return -(-len(text.encode(errors="replace")) // BYTES_PER_TOKEN)


def understanding_warnings(options: ListenOptions, *, has_model: bool) -> Iterator[ParameterWarning]:
    """What of the options is not served, whatever the text is. A warning's `type` is `unsupported` or
    `ignored`."""
    for name in NEEDS_MODEL:
        if getattr(options, name) and not has_model:
            yield ParameterWarning(name, "unsupported", _needs_model(name))


def extractive(why: str | None = None, *, cut: bool = False) -> ParameterWarning:
    """The summary is made of the text's own sentences; None: because there is no language model. `cut`: the
    text has long ones, of which it may have parts."""
    why = why or f"a summary in words of its own needs a language model: {_SETTING}"
    sentences = "sentences, and parts of long sentences," if cut else "sentences"
    message = f"The summary consists of the most central {sentences} of the text; {why}."
    return ParameterWarning("summarize", "extractive", message)


def unsupported_language(options: ListenOptions, language: str) -> tuple[ParameterWarning, ...]:
    """A recording turned out to be in another language than English."""
    return tuple(
        ParameterWarning(name, "unsupported_language", f"`{name}` is for English; this is `{language}`.")
        for name in ASKED_FOR
        if getattr(options, name)
    )


_SETTING = "its operator can name one with the setting `llm.url`"


def _needs_model(name: str) -> str:
    return f"`{name}` needs a language model, which this server has none of: {_SETTING}."
