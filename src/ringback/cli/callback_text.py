"""A callback as text for people: the transcript, what was understood of a text, the error, the link, one
message of a live stream, or an operational webhook."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from ringback.cli.output import printable


def callback_lines(document: Any) -> list[str]:
    """A line for each channel of a transcript, one for anything else; what was said stays on its line."""
    return [printable(line) for line in _lines(document)]


def _lines(document: Any) -> list[str]:
    if not isinstance(document, dict):
        return [_UNKNOWN]
    try:
        return [_LIVE_MESSAGES[document["type"]](document)]
    except (KeyError, IndexError, TypeError, ValueError):
        pass  # it is no message of a live stream
    try:
        channels = document["results"]["channels"]
        return [_quoted(channel) for channel in channels]
    except (KeyError, IndexError, TypeError):
        pass  # it is no transcript
    return [_without_words(document)]


def _without_words(document: Any) -> str:
    if "results" in document:
        return "   ".join(_understood(document["results"])) or "(what was understood of a text)"
    if "err_msg" in document:
        code, message = str(document.get("err_code")), str(document["err_msg"])
        return message if message.startswith(code) else f"{code}: {message}"
    if "result_url" in document:
        return f"too large for this receiver; it is at {document['result_url']}"
    if is_operational(document):
        facts = (f"{name} {value}" for name, value in document["data"].items() if value is not None)
        return f"{document['type']}: {', '.join(facts)}"
    return _UNKNOWN


def _understood(results: Any) -> Iterator[str]:
    """Of a text: the summary, the average sentiment, the topics and intents."""
    with suppress(KeyError, TypeError):
        yield f"“{results['summary']['text']}”"
    with suppress(KeyError, TypeError):
        yield f"sentiment: {results['sentiments']['average']['sentiment']}"
    for plural, singular in (("topics", "topic"), ("intents", "intent")):
        with suppress(KeyError, TypeError):
            labels = [label[singular] for each in results[plural]["segments"] for label in each[plural]]
            yield f"{plural}: {', '.join(dict.fromkeys(labels)) or 'none'}"


def is_operational(document: Any) -> bool:
    """Whether it is an operational webhook (docs/webhooks.md), which is about no request of a caller."""
    return (
        isinstance(document, dict)
        and {"type", "timestamp", "data"} <= document.keys()
        and isinstance(document["data"], dict)
    )


def request_id_in(document: Any) -> str | None:
    """The request_id inside: in the metadata of a result, or in an error object."""
    if not isinstance(document, dict):
        return None
    metadata = document.get("metadata")
    holder = metadata if isinstance(metadata, dict) else document
    return holder.get("request_id")


def has_request_id(document: Any) -> bool:
    """Whether a request_id belongs into it: two messages of a live stream and operational webhooks have
    none."""
    if is_operational(document):
        return False
    return not (isinstance(document, dict) and document.get("type") in {"SpeechStarted", "UtteranceEnd"})


def _quoted(channel: Any) -> str:
    return f"“{channel['alternatives'][0]['transcript']}”"


def _results(document: Any) -> str:
    start, end = document["start"], document["start"] + document["duration"]
    standing = "final" if document["is_final"] else "may still change"
    return f"{_quoted(document['channel'])}   ({standing}, {start:.2f} to {end:.2f} s)"


_LIVE_MESSAGES: dict[str, Callable[[Any], str]] = {
    "Results": _results,
    "SpeechStarted": lambda document: f"speech, from {document['timestamp']:.2f} s",
    "UtteranceEnd": lambda document: "the utterance has ended",
    "Metadata": lambda document: f"the stream has ended, after {document['duration']:.2f} s",
}

_UNKNOWN = "(neither a transcript nor an error)"
