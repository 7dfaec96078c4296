"""Audio files made on the spot, in whatever form FFmpeg can write."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from support.encoded import add_sound

Signal = npt.NDArray[np.float32]
MakeAudio = Callable[..., Path]


@pytest.fixture
def tone() -> Callable[..., Signal]:
    """A sine of `seconds` at `rate`, shape (1, n)."""

    def make(hertz: float, seconds: float, rate: int, volume: float = 0.5) -> Signal:
        time = np.arange(int(seconds * rate)) / rate
        signal: Signal = (volume * np.sin(2 * np.pi * hertz * time)).astype(np.float32)[None, :]
        return signal

    return make


@pytest.fixture
def make_audio(tmp_path: Path) -> MakeAudio:
    """Write `signal` (channels, n) as `format` with `codec`; `video` adds a moving picture."""

    def make(
        signal: Signal,
        rate: int,
        form: str,
        codec: str,
        *,
        video: bool = False,
        options: dict[str, str] | None = None,
    ) -> Path:
        path = tmp_path / f"{form}-{codec}-{signal.shape[0]}"
        layout = {1: "mono", 2: "stereo"}.get(signal.shape[0], f"{signal.shape[0]}C")
        with av.open(str(path), "w", format=form, options=options or {}) as file:
            picture = file.add_stream("mpeg4", rate=10) if video else None
            if picture is not None:
                picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
            sound = add_sound(file, codec, rate, layout)
            if codec == "wmav2":
                sound.bit_rate = 64_000
            step = max(rate // 10, 1)
            for at in range(0, signal.shape[1], step):
                if picture is not None:
                    file.mux(picture.encode(av.VideoFrame(64, 48, "yuv420p")))
                pcm = (signal[:, at : at + step] * 32767).astype(np.int16).T.reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm), format="s16", layout=layout)
                frame.sample_rate = rate
                frame.pts, frame.time_base = at, Fraction(1, rate)
                file.mux(sound.encode(frame))
            file.mux(sound.encode(None))
            if picture is not None:
                file.mux(picture.encode(None))
        return path

    return make
