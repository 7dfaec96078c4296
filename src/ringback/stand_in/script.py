"""What a stand-in is told to answer: rules, the first that fits counts. Pure.

Each type reads itself from JSON; unknown fields are refused, so that a misspelt one does not go unnoticed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ringback.errors import Misconfigured

Seconds = Annotated[float, Meta(ge=0, le=86_400)]


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which requests a rule is for: all that is named here must be so."""

    kind: Literal["recording", "live", "other"] | None = None
    """`recording`: a POST to `/v1/listen` or `/v1/audio/transcriptions`; `live`: a stream; `other`: the
    rest."""
    method: str | None = None
    path: str | None = None
    query: Mapping[str, str] = {}
    """Parameters that must be there with this value, each once at least."""
    fields: Mapping[str, str] = {}
    """The same of a form's fields."""
    headers: Mapping[str, str] = {}
    """Names in any case."""
    sha256: str | None = None
    """Of the body, in hexadecimal digits: this very recording."""
    url: str | None = None
    """That the body names: `{"url": …}`."""


class Saying(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Words without a pause between them."""

    text: str
    """As it would be printed; without `punctuate` it is sent in plain words, as Deepgram does."""
    start: Seconds | None = None
    """None: half a second after the one before."""
    end: Seconds | None = None
    """None: 0.4 s for each word after the start. The words share the time evenly."""
    confidence: Annotated[float, Meta(ge=0, le=1)] = 0.99
    speaker: Annotated[int, Meta(ge=0)] | None = None
    """Shown where `diarize` asks for it."""
    channel: Annotated[int, Meta(ge=0, le=19)] = 0
    """With `multichannel`; else all is one channel."""
    completeness: Annotated[float, Meta(ge=0, le=1)] = 1.0
    """Of turn-based streams: how complete it sounds, which says how much silence ends the turn."""


class Close(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """That a live stream is closed before its time."""

    after: Annotated[int, Meta(ge=0)] = 0
    """Finals that are sent before it; 0: none, at the first audio."""
    code: Annotated[int, Meta(ge=1000, le=4999)] = 1011
    reason: Annotated[str, Meta(max_length=123)] = ""
    cut: bool = False
    """The connection breaks, without a close frame."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is answered to requests that fit: words, a document, or an error; and how."""

    when: When = When()
    times: Annotated[int, Meta(ge=1)] | None = None
    """So often; then the rule is used up. None: always."""

    transcript: str | None = None
    """What is said, as one saying."""
    says: tuple[Saying, ...] = ()
    """What is said, one after the other."""
    language: str | None = None
    """What `detect_language` finds."""
    duration: Seconds | None = None
    """Of the audio; None: until the end of the last saying."""
    document: Any = None
    """Any JSON, answered as it stands, at any path."""
    status: Annotated[int, Meta(ge=200, le=599)] = 200
    """400 and above: an error, with Deepgram's words for this status unless `err_code` and `err_msg` say
    others. Of a live stream: the handshake's."""
    err_code: str | None = None
    err_msg: str | None = None
    retry_after: Annotated[int, Meta(ge=0)] | None = None

    delay: Seconds = 0.0
    """Before the answer; of a live stream, before the handshake's."""
    cut: Literal["before", "within"] | None = None
    """The connection breaks before the answer, or in the middle of it."""

    late: Seconds = 0.0
    """Live: so much later than its words each final is sent."""
    silent: bool = False
    """Live: nothing is ever sent, whatever comes, and the socket stays open."""
    close: Close | None = None
    """Live: it is closed before its time."""
    bytes_per_second: Annotated[int, Meta(ge=1)] = 32_000
    """Live: how much audio is a second where `encoding` does not tell."""

    def __post_init__(self) -> None:
        if self.transcript is not None and self.says:
            raise ValueError("give either `transcript` or `says`")

    @property
    def sayings(self) -> tuple[Saying, ...]:
        return self.says if self.transcript is None else (Saying(self.transcript),)


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """All that one stand-in is told."""

    rules: tuple[Rule, ...] = ()
    """None fits: 400 `NO_RULE`, which says what was asked. No rules at all: `DEFAULT`."""
    keys: tuple[str, ...] = ()
    """API keys that are accepted; none: any."""
    callback_tries: Annotated[int, Meta(ge=1, le=100)] = 11
    """Deepgram's: the first and ten more."""
    callback_retry_seconds: Seconds = 0.05
    """Between two tries; 30 at Deepgram."""


DEFAULT = Rule(when=When(kind="recording"), transcript="This is the stand-in, and it always hears this.")
DEFAULT_LIVE = msgspec.structs.replace(DEFAULT, when=When(kind="live"))


def read_script(text: bytes | str) -> Script:
    """Raises `msgspec.DecodeError`, which says where the mistake is."""
    return _SCRIPT.decode(text)


def read_rule(text: bytes | str) -> Rule:
    """One rule; raises as `read_script` does."""
    return _RULE.decode(text)


def load_script(path: Path) -> Script:
    """The script in a file. Raises `Misconfigured`."""
    try:
        return read_script(path.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise Misconfigured(f"the script {path} cannot be read: {error}") from error


_SCRIPT = msgspec.json.Decoder(Script)
_RULE = msgspec.json.Decoder(Rule)
