"""The speaker models: how the voices in speech sound. Only the engine process loads them, when asked first.

pyannote's segmentation 3.0 hears where another person begins to speak, CAM++ how a voice sounds; Silero says
where there is speech. The weights are those of the distribution `ringback-models` (docs/adr/0038-weights.md).
"""

import importlib.util
import uuid
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ringback import onnx
from ringback.audio.samples import SAMPLE_RATE, Samples
from ringback.engines.voice_features import HOP, Features, voice_features
from ringback.engines.voice_windows import (
    LEAST,
    VAD_WINDOW,
    Classes,
    Stretch,
    VoiceWindow,
    blocks,
    changes,
    cut,
    speech_in,
    windows,
)
from ringback.errors import Misconfigured
from ringback.listen.json_parts import JsonDiarizer
from ringback.listen.options import ListenOptions
from ringback.speakers.voices import Voice, unit


def speaker_models_folder() -> Path | None:
    """Where the models' files lie; None: the extra is not installed."""
    package = importlib.util.find_spec("ringback_models")
    if importlib.util.find_spec("fastcluster") is None:
        return None
    if package is None or not package.submodule_search_locations:
        return None
    folder = Path(package.submodule_search_locations[0])
    return folder if all((folder / name).exists() for name in _FILES) else None


def diarizer(options: ListenOptions, *, live: bool) -> JsonDiarizer | None:
    """What the metadata name as the diarizer. There is one, by the name that was asked for; Deepgram's newest
    is v2 for recordings and v1 for streams."""
    if not options.diarize:
        return None
    newest = "v1" if live else "v2"
    return JsonDiarizer(_UUID, newest if options.diarize_model in {None, "latest"} else options.diarize_model)


Frames = npt.NDArray[np.float32]
"""What the embedder hears in each 20 ms; shape (1, 512, frames)."""


class SpeakerModels:
    """Thread-safe: sessions of onnxruntime are."""

    def __init__(self, folder: Path) -> None:
        """Load them, to run in one thread at a time. Raises `Misconfigured` if they cannot be read."""
        try:
            # Here, because the serving process is not to carry onnxruntime.
            from ringback.audio.speech import Detector, Silero  # noqa: PLC0415

            self._new_detector = partial(Detector, Silero())
            self._segmentation = onnx.session(folder / _SEGMENTATION)
            self._embedding = onnx.session(folder / _EMBEDDING)
            self._pooling = onnx.session(folder / _POOLING)
        except Exception as error:  # what onnxruntime raises has no common name
            raise Misconfigured(
                f"the speaker models in {folder} cannot be read: {error}. Install them again: "
                "`make setup EXTRAS=speakers`, or `pip install --force-reinstall ./packages/ringback-models`."
            ) from error

    def find(self, segments: Sequence[Samples]) -> list[tuple[Voice, ...]]:
        """The voices in each segment, in order and without overlap."""
        voices = [self._voices(samples) for samples in segments]
        onnx.give_back_memory()
        return voices

    def _voices(self, samples: Samples) -> tuple[Voice, ...]:
        if len(samples) < LEAST:
            return ()
        speech = [each for each in speech_in(self._speech(samples), len(samples)) if each.length >= LEAST]
        if not speech:
            return ()
        features = voice_features(samples)
        pieces = [each for each in cut(speech, self._changes(samples)) if each.length >= LEAST]
        return tuple(voice for piece in pieces for voice in self._voices_in(piece, features))

    def _speech(self, samples: Samples) -> list[float]:
        whole = np.pad(samples, (0, -len(samples) % VAD_WINDOW))
        return [probability for probability, _ in self._new_detector().judge(whole)]

    def _changes(self, samples: Samples) -> list[int]:
        """Equal parts of the samples are heard at once: two take less than twice the time of one."""
        count = -(-len(samples) // _SEGMENTED)
        length = len(samples) // count
        parts = samples[: count * length].reshape(count, 1, length)
        (likely,) = self._segmentation.run(None, {"samples": parts})
        classes: Classes = likely.argmax(axis=-1)
        return [place for number, part in enumerate(classes) for place in changes(part, number * length)]

    def _voices_in(self, piece: Stretch, features: Features) -> Iterator[Voice]:
        """Of a piece in which one person speaks. Its windows overlap: what the embedder hears in each frame
        is computed once for all of them."""
        frames = np.concatenate([self._frames(block, features) for block in blocks(piece, _FRAME)], axis=2)
        for window in windows(piece):
            first = (window.covered.start - piece.start) // _FRAME
            own = frames[:, :, first : first + window.covered.length // _FRAME]
            (embedding,) = self._pooling.run(None, {"frames": own})
            # Of a recording whose samples are no numbers nothing is known, and no distance may be.
            yield _voice(window, unit(np.nan_to_num(embedding))[0])

    def _frames(self, block: Stretch, features: Features) -> Frames:
        own = features[block.start // HOP : block.end // HOP]
        # Less what all of it has in common: the microphone, the room.
        inputs = (own - own.mean(axis=0))[None]
        (frames,) = self._embedding.run(["frames"], {"features": inputs})
        covered: Frames = frames
        return covered


_SEGMENTATION, _EMBEDDING, _POOLING = (
    "speaker_segmentation.onnx",
    "speaker_embedding.onnx",
    "speaker_pooling.onnx",
)
_FILES = (_SEGMENTATION, _EMBEDDING, _POOLING)
_UUID = str(uuid.uuid5(uuid.NAMESPACE_OID, "ringback speakers 2"))
"""Another number for other weights or other rules."""
_FRAME = 2 * HOP
"""Samples from one frame of the embedder to the next."""
_SEGMENTED = 15 * SAMPLE_RATE // 2
"""Samples that the segmentation hears as one, at the most; it was trained on 10 s."""


def _voice(window: VoiceWindow, embedding: Samples) -> Voice:
    covered, owns = window.covered, window.owns
    return Voice(
        start=owns.start / SAMPLE_RATE,
        end=owns.end / SAMPLE_RATE,
        middle=(covered.start + covered.end) / 2 / SAMPLE_RATE,
        covered=covered.length / SAMPLE_RATE,
        goes_on=window.goes_on,
        embedding=embedding.tobytes(),
    )
