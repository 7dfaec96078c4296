"""Where `ringback listen` takes its sound from: a file, standard input or a microphone."""

import asyncio
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ringback.errors import Misconfigured

PIECE_SECONDS = 0.1
"""Deepgram advises messages of 20 to 250 ms."""

PIECE_BYTES = 16_384
"""Where the rate is not known."""

MICROPHONE_HZ = 16_000

_SAMPLE_BYTES = {"linear16": 2, "linear32": 4, "mulaw": 1, "alaw": 1}


@dataclass(frozen=True, slots=True)
class RawFormat:
    """Audio without a header, as its sender describes it."""

    encoding: str
    sample_rate: int
    """Hz."""
    channels: int = 1

    @property
    def parameters(self) -> dict[str, str]:
        return {
            "encoding": self.encoding,
            "sample_rate": str(self.sample_rate),
            "channels": str(self.channels),
        }

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel; 0 where a codec decides."""
        return _SAMPLE_BYTES.get(self.encoding, 0) * self.channels


@dataclass(frozen=True, slots=True)
class AudioSource:
    """Audio in pieces, and the query parameters that describe it."""

    pieces: Iterator[bytes]
    """May block; read in a thread of its own."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    bytes_per_second: float | None = None
    """How fast to send; None: as it comes."""


def file_source(path: Path, raw: RawFormat | None, paced: bool) -> AudioSource:
    """A recording, at the pace of its sound if `paced`. Raises Misconfigured where that is not known."""
    rate = _raw_rate(raw) if raw is not None else _container_rate(path) if paced else None
    if paced and rate is None:
        raise Misconfigured(f"How long {path} lasts is not known: send it with --pace fast.")
    return AudioSource(_read_file(path, _piece_bytes(raw, rate)), _parameters(raw), rate if paced else None)


def standard_input_source(raw: RawFormat | None, paced: bool) -> AudioSource:
    """What is piped in: as it comes, or at the pace of its sound. Raises Misconfigured."""
    rate = _raw_rate(raw)
    if paced and rate is None:
        raise Misconfigured(
            "Only raw samples can be paced when they come through a pipe: name their --encoding and "
            "--sample-rate, or leave --pace out."
        )
    return AudioSource(
        _read_standard_input(_piece_bytes(raw, rate)), _parameters(raw), rate if paced else None
    )


def microphone_source() -> AudioSource:
    """The default microphone. Raises Misconfigured where none can be opened."""
    raw = RawFormat("linear16", MICROPHONE_HZ)
    return AudioSource(_open_microphone(), raw.parameters)


async def read_in_thread(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces, read in a daemon thread, because a read may block for ever.

    At most a few pieces wait here, so that a fast reader does not fill the memory.
    """
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
    slots = threading.Semaphore(4)
    closed = threading.Event()

    def put(what: bytes | Exception | None) -> None:
        slots.acquire()
        with suppress(RuntimeError):  # The loop has ended.
            loop.call_soon_threadsafe(waiting.put_nowait, what)

    def read() -> None:
        try:
            for piece in pieces:
                put(piece)
                if closed.is_set():
                    return
        except Exception as error:
            put(error)
        else:
            put(None)

    threading.Thread(target=read, name="source", daemon=True).start()
    try:
        while (piece := await waiting.get()) is not None:
            slots.release()
            if isinstance(piece, Exception):
                raise piece
            yield piece
    finally:
        closed.set()
        slots.release()


def _parameters(raw: RawFormat | None) -> dict[str, str]:
    return {} if raw is None else raw.parameters


def _raw_rate(raw: RawFormat | None) -> float | None:
    if raw is None or not raw.frame_bytes:
        return None
    return float(raw.sample_rate * raw.frame_bytes)


def _container_rate(path: Path) -> float | None:
    import av  # noqa: PLC0415 - heavy, and needed for nothing else

    try:
        with av.open(str(path)) as container:
            seconds = (container.duration or 0) / 1_000_000
    except (av.FFmpegError, ValueError):
        return None
    return path.stat().st_size / seconds if seconds > 0 else None


def _piece_bytes(raw: RawFormat | None, rate: float | None) -> int:
    """About 100 ms; of raw samples a whole number of frames."""
    if rate is None:
        return PIECE_BYTES
    size = max(1, int(rate * PIECE_SECONDS))
    frame = raw.frame_bytes if raw is not None else 1
    return max(frame, size - size % frame)


def _read_file(path: Path, size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(size):
            yield piece


def _read_standard_input(size: int) -> Iterator[bytes]:
    # Not through sys.stdin, whose lock a thread that hangs in a read would hold at the end of the process.
    while piece := os.read(sys.stdin.fileno(), size):
        yield piece


def _open_microphone() -> Iterator[bytes]:
    """The sound of the first way to a microphone that gives any."""
    failures = []
    for recorder_output in (_alsa_recorder(), *_recorders()):
        try:
            first = next(recorder_output, b"")
        except OSError as error:
            failures.append(str(error))
            continue
        if first:
            return _with_first(first, recorder_output)
    reasons = f" ({'; '.join(failures)})" if failures else ""
    raise Misconfigured(
        f"No microphone can be opened{reasons}. Install arecord (alsa-utils), parec (pulseaudio-utils) or "
        "ffmpeg, and check that this user may use the sound devices (group audio); or pipe sound in: "
        "`COMMAND | ringback listen - --encoding linear16 --sample-rate 16000`."
    )


def _with_first(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _alsa_recorder() -> Iterator[bytes]:
    """Through the FFmpeg inside PyAV, if the kernel shows a device that records."""
    if not any(Path("/dev/snd").glob("pcmC*D*c")):
        return
    import av  # noqa: PLC0415 - heavy, and needed for nothing else

    resampler = av.AudioResampler("s16", "mono", MICROPHONE_HZ)
    try:
        with av.open("default", format="alsa") as device:
            for frame in device.decode(audio=0):
                for resampled in resampler.resample(frame):
                    yield resampled.to_ndarray().tobytes()
    except av.FFmpegError as error:
        raise OSError(f"ALSA: {error}") from error


_RECORDERS = {
    "arecord": "-q -t raw -f S16_LE -r 16000 -c 1",
    "parec": "--format=s16le --rate=16000 --channels=1 --latency-msec=100",
    "ffmpeg": "-nostdin -loglevel error -f pulse -i default -f s16le -ar 16000 -ac 1 -",
}
"""Programs that write the default microphone's sound to standard output, and how to ask them."""


def _recorders() -> Iterator[Iterator[bytes]]:
    for name, arguments in _RECORDERS.items():
        if (program := shutil.which(name)) is not None:
            yield _record_with(program, arguments.split())


def _record_with(program: str, arguments: list[str]) -> Iterator[bytes]:
    """Raises OSError, with the program's last words, when it ends without a sound."""
    size = int(MICROPHONE_HZ * 2 * PIECE_SECONDS)
    got_audio = False
    with subprocess.Popen(  # noqa: S603 - the commands above, found in the user's own PATH
        [program, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as recorder:
        assert recorder.stdout is not None
        assert recorder.stderr is not None
        try:
            while piece := recorder.stdout.read(size):
                got_audio = True
                yield piece
            if not got_audio:
                words = recorder.stderr.read().decode(errors="replace").strip().splitlines()
                raise OSError(f"{Path(program).name}: {words[-1] if words else 'gave no sound'}")
        finally:
            recorder.terminate()
