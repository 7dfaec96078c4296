"""Deepgram's words for audio that could not be fetched (https://developers.deepgram.com/docs/errors)."""

from typing import assert_never

from ringback.egress.responses import FetchFailed, FetchReason
from ringback.errors import Refusal


def refusal_of(failed: FetchFailed) -> Refusal:
    """A failed fetch as the answer to the request that named the URL."""
    return remote_content_refusal(failed.reason, failed.detail)


def remote_content_refusal(reason: FetchReason, detail: str) -> Refusal:
    """The whole answer to a request whose `url` yields no audio; our detail follows Deepgram's text."""
    text = _text(reason, detail)
    if reason is not FetchReason.CLIENT_ERROR:
        text = f"{text} ({detail})"
    return Refusal(400, "REMOTE_CONTENT_ERROR", text, reason=f"the audio behind the url: {reason}")


def _text(reason: FetchReason, detail: str) -> str:
    match reason:
        case FetchReason.BAD_URL:
            return "Could not parse URL as URI."
        case FetchReason.BLOCKED:
            return "URL for media download must be publicly routable."
        case FetchReason.CLIENT_ERROR:
            return f"The remote server hosting the media returned a client error: {detail}."
        case FetchReason.UNRESOLVABLE | FetchReason.NO_DATA:
            return "The remote server hosting the media failed to return valid data."
        case FetchReason.TOO_MANY_REDIRECTS:
            return "The remote server hosting the media sent too many redirects."
        case FetchReason.BAD_LOCATION:
            return "The remote server hosting the media sent a redirect with a bad `location` header."
        case _:
            assert_never(reason)
