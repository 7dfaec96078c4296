"""How the bytes are to be opened: a container, which says its own format, or one of Deepgram's raw encodings.

`encoding`, `sample_rate` and `channels` describe audio without a header
(https://developers.deepgram.com/docs/encoding). Many clients name an encoding although their file has a
header that says the same: where the first bytes are those of a container, the container counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ringback.audio.formats import CONTAINERS, DECODERS
from ringback.errors import Refusal

MOST_CHANNELS = 20
"""Deepgram's limit for `multichannel` (https://developers.deepgram.com/docs/multichannel)."""
LONGEST = 48 * 3600.0
"""Seconds. A few kilobytes can claim, and even decode to, years of silence."""
LOWEST_RATE, HIGHEST_RATE = 4_000, 400_000
"""Hz; what claims to lie outside is junk, or an attempt to make much out of little."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """How to read the bytes of one recording."""

    encoding: str | None = None
    """A raw encoding of `ENCODINGS`; None: a container, recognised by its content."""
    sample_rate: int | None = None
    """Hz; read only with `encoding`."""
    channels: int | None = None
    """Read only with `encoding`; None: one."""
    multichannel: bool = False
    """False: all channels are mixed down to one."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The arguments for FFmpeg."""

    format: str | None
    """A demuxer's name; None: find out, among `CONTAINERS`."""
    options: Mapping[str, str]

    def without(self, demuxer: str) -> "Opening":
        """The same, but what FFmpeg takes for this form is refused at once."""
        others = [name for name in self.options["format_whitelist"].split(",") if name != demuxer]
        return Opening(self.format, {**self.options, "format_whitelist": ",".join(others)})


def opening(decoding: Decoding, head: bytes) -> Opening:
    """How FFmpeg has to open audio that begins with `head` (16 bytes are enough).

    Raises `Refusal` (400) for an encoding that is unknown, lacks its `sample_rate`, or cannot be read back
    from a file; the message names the fix.
    """
    if decoding.encoding is None or has_header(head):
        return Opening(None, _SAFE | {"format_whitelist": ",".join(CONTAINERS)})
    encoding = decoding.encoding.lower()
    if encoding in PACKETS_ONLY:
        raise _refusal(
            f"encoding={encoding} names bare packets, whose boundaries a file does not keep; "
            "send them in an Ogg or WebM container and leave encoding out"
        )
    if encoding not in _DEMUXERS:
        raise _unknown(encoding)
    demuxer = _DEMUXERS[encoding]
    options = _SAFE | {"format_whitelist": demuxer}
    if encoding in SAMPLES:
        options |= {"sample_rate": str(rate_of(decoding)), "ch_layout": f"{channels_of(decoding)}C"}
    return Opening(demuxer, options)


def last_resort(head: bytes) -> Opening | None:
    """How to open what FFmpeg did not know by its content, and what begins like a form that it knows only by
    a file's name; None: there is none."""
    if head[:1] in _SBC_SYNC:
        return Opening("sbc", _SAFE | {"format_whitelist": "sbc"})
    return None


def live_opening(decoding: Decoding, head: bytes, kind: str | None = None) -> Opening | None:
    """How FFmpeg has to open a file of a stream that begins with `head`; None: its frames are bare packets.

    `decoding` was found good by `check_live`, and is in lower case. `kind`: what the file was found to be
    (`signatures.Header`). Less is looked at than of a recording: it is not here yet.
    """
    if decoding.encoding in PACKETS_ONLY and not has_header(head):
        return None
    plan = opening(decoding, head)
    demuxer = plan.format or (kind if kind in CONTAINERS else None)
    demuxer = demuxer or next((name for at, magic, name in _MAGIC if _starts(head, at, magic)), None)
    options = {**plan.options, **_SOON}
    if demuxer is None and not has_header(head):
        options["formatprobesize"] = str(UNKNOWN_BYTES)
    if demuxer == "wav":
        # Who streams does not know the length yet: what the header says is often that of the first buffer.
        options["ignore_length"] = "1"
    return Opening(demuxer, options)


def check_live(decoding: Decoding) -> None:
    """Raises `Refusal` (400) for a live stream that could not be understood, before it begins; the message
    names the fix. Without an encoding the format is detected from the stream."""
    if decoding.encoding is None:
        return
    encoding = decoding.encoding.lower()
    if encoding not in ENCODINGS:
        raise _unknown(encoding)
    if encoding in SAMPLES or encoding == "speex":
        rate_of(decoding)
    channels_of(decoding)


def unreadable() -> Refusal:
    """Deepgram's message for audio that cannot be decoded (https://developers.deepgram.com/docs/errors)."""
    return _refusal("failed to process audio: corrupt or unsupported data")


def index_too_large() -> Refusal:
    """For a container whose index alone would not fit into memory."""
    return _refusal("failed to process audio: the index claims more samples than a recording can have")


def too_many_channels() -> Refusal:
    return _refusal(
        f"failed to process audio: more than {MOST_CHANNELS} channels; without multichannel they are mixed"
    )


def too_long() -> Refusal:
    return _refusal(f"failed to process audio: longer than {LONGEST / 3600:g} hours; split the recording")


def _unknown(encoding: str) -> Refusal:
    return _refusal(f"unknown encoding '{encoding}'; known are {', '.join(ENCODINGS)}")


def rate_of(decoding: Decoding) -> int:
    """Hz of raw samples. Raises `Refusal` when it is missing or absurd."""
    if decoding.sample_rate is None:
        raise _refusal(f"encoding={decoding.encoding} needs sample_rate, for example sample_rate=16000")
    if not LOWEST_RATE <= decoding.sample_rate <= HIGHEST_RATE:
        raise _refusal(
            f"sample_rate={decoding.sample_rate} is out of range; "
            f"{LOWEST_RATE} to {HIGHEST_RATE} Hz can be read"
        )
    return decoding.sample_rate


def channels_of(decoding: Decoding) -> int:
    """Interleaved channels of raw samples. Raises `Refusal` when there cannot be so many."""
    channels = 1 if decoding.channels is None else decoding.channels
    if not 1 <= channels <= MOST_CHANNELS:
        raise _refusal(f"channels={channels} is out of range; 1 to {MOST_CHANNELS} can be read")
    return channels


def _refusal(reason: str) -> Refusal:
    return Refusal(400, "Bad Request", f"Bad Request: {reason}")


def has_header(head: bytes) -> bool:
    """Whether these are the first bytes of a container."""
    return any(_starts(head, at, magic) for at, magic, _ in _MAGIC)


def _starts(head: bytes, at: int, magic: bytes) -> bool:
    return head[at : at + len(magic)] == magic


SAMPLES = {"linear16": "s16le", "linear32": "f32le", "mulaw": "mulaw", "alaw": "alaw"}
"""Encodings that are nothing but samples, so that only the caller knows their rate. linear32 is
floating point (https://developers.deepgram.com/docs/encoding)."""

_DEMUXERS = SAMPLES | {
    "flac": "flac",
    "amr-nb": "amrnb",
    "amr-wb": "amrwb",
    "g729": "g729",
    "ogg-opus": "ogg",
}

PACKETS_ONLY = ("opus", "speex")
"""Bare packets: of a live stream each frame is one."""

ENCODINGS = (*_DEMUXERS, *PACKETS_ONLY)
"""All names that `Decoding.encoding` knows."""

_MAGIC = (
    (8, b"WAVE", "wav"),
    (0, b"RIFF", None),  # avi
    (0, b"RF64", "wav"),
    (0, b"fLaC", "flac"),
    (0, b"OggS", "ogg"),
    (0, b"#!AMR", "amr"),
    (0, b"ID3", None),  # mp3 or aac
    (0, b"FORM", "aiff"),
    (0, b"caff", "caf"),
    (0, b".snd", "au"),
    (0, b"\x1aE\xdf\xa3", "matroska"),  # and WebM
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),  # wma, wmv
    (4, b"ftyp", "mov"),  # mp4, m4a, 3gp, mov
)
"""Where a container's first bytes stand, what they are, and the demuxer that they call for, if it is one."""

_SBC_SYNC = (b"\x9c", b"\xad")
"""SBC and mSBC."""

_SAFE = {"protocol_whitelist": "none", "codec_whitelist": ",".join(DECODERS), "max_streams": "128"}
"""FFmpeg reads from the file that we have opened and may open nothing else, whatever a file asks for. It
decodes sound only: without the second, pictures and subtitles would be decoded in search of their form. And
it looks at no more tracks than an honest file has: each packet costs a look at all of them."""

UNKNOWN_BYTES = 8_000
"""By so many bytes a stream without a header must show what it is. Raw samples whose `encoding` was left out
get that answer within two seconds even at one byte for each of 8,000 samples a second."""

_SOON = {"probesize": "32768", "formatprobesize": "32768", "analyzeduration": "1"}
"""For live streams: FFmpeg would look at up to five seconds before it gave the first sample out, and at 1 MiB
of what has no header before it gave up."""
