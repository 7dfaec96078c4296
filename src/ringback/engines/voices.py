"""The speaker models: how the voices in speech sound. Only the engine process loads them, when asked first.

pyannote's segmentation 3.0 hears where another person begins to speak, CAM++ how a voice sounds; Silero says
where there is speech. The weights are those of the distribution `ringback-models` (docs/adr/0038-weights.md).
"""

import importlib.util
import json
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from ringback import onnx
from ringback.audio.samples import SAMPLE_RATE, Samples
from ringback.engines.voice_features import HOP, Features, voice_features
from ringback.engines.voice_windows import (
    LEAST,
    VAD_WINDOW,
    Classes,
    Stretch,
    VoiceWindow,
    changes,
    cut,
    embedded_first,
    in_doubt,
    owners,
    speech_in,
    windows,
)
from ringback.errors import Misconfigured
from ringback.listen.json_parts import JsonDiarizer
from ringback.listen.options import ListenOptions
from ringback.speakers.voices import Embeddings, Voice, unit
from ringback.system import return_freed_memory


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
            centre = json.loads((folder / _CENTRE).read_bytes())["centre"]
            self._centre = np.array(centre, np.float32)
        except Exception as error:  # what onnxruntime raises has no common name
            raise Misconfigured(
                f"the speaker models in {folder} cannot be read: {error}. Install them again: "
                "`make setup EXTRAS=speakers`, or `pip install --force-reinstall ./packages/ringback-models`."
            ) from error

    def find(self, segments: Sequence[Samples]) -> list[tuple[Voice, ...]]:
        """The voices in each segment, in order and without overlap."""
        voices = [self._voices(samples) for samples in segments]
        return_freed_memory()  # inputs of many lengths leave much of it between what is in use
        return voices

    def _voices(self, samples: Samples) -> tuple[Voice, ...]:
        if len(samples) < LEAST:
            return ()
        speech = [each for each in speech_in(self._speech(samples), len(samples)) if each.length >= LEAST]
        if not speech:
            return ()
        pieces = [piece for piece in cut(speech, self._changes(samples)) if piece.length >= LEAST]
        covered = [windows(piece) for piece in pieces]
        embeddings = self._embedded(voice_features(samples), covered)
        found = [
            window
            for piece, own in zip(pieces, covered, strict=True)
            for window in owners(piece, [each for each in own if each in embeddings])
        ]
        return tuple(_voice(window, embeddings[window.covered]) for window in found)

    def _speech(self, samples: Samples) -> list[float]:
        whole = np.pad(samples, (0, -len(samples) % VAD_WINDOW))
        return [probability for probability, _ in self._new_detector().judge(whole)]

    def _changes(self, samples: Samples) -> list[int]:
        count = max(1, -(-len(samples) // _SEGMENTED))
        length = len(samples) // count
        parts = samples[: count * length].reshape(count, 1, length)
        found: list[int] = []
        for first in range(0, count, _PARTS):
            (likely,) = self._segmentation.run(None, {"samples": parts[first : first + _PARTS]})
            classes_of_parts: Classes = likely.argmax(axis=-1)
            for number, classes in enumerate(classes_of_parts, first):
                found += changes(classes, number * length)
        return found

    def _embedded(self, features: Features, covered: Sequence[Sequence[Stretch]]) -> dict[Stretch, Samples]:
        """The embeddings of windows of stretches. Where one person goes on speaking, every second one."""
        first = [window for own in covered for window in embedded_first(own)]
        embeddings = dict(zip(first, self._embeddings(features, first), strict=True))
        others = [window for own in covered for window in in_doubt(own, embeddings)]
        return embeddings | dict(zip(others, self._embeddings(features, others), strict=True))

    def _embeddings(self, features: Features, found: Sequence[Stretch]) -> Embeddings:
        """Around the mean voice: without that, all people have much in common."""
        embeddings = np.empty((len(found), len(self._centre)), np.float32)
        for frames, numbers in _by_length(found):
            for batch in (numbers[i : i + _BATCH] for i in range(0, len(numbers), _BATCH)):
                inputs = np.stack([_features_of(features, found[number], frames) for number in batch])
                (embeddings[batch],) = self._embedding.run(None, {"features": inputs})
        # Of a recording whose samples are no numbers nothing is known, and no distance may be.
        around: Embeddings = np.nan_to_num(unit(embeddings) - self._centre)
        return unit(around)


_SEGMENTATION, _EMBEDDING, _CENTRE = (
    "speaker_segmentation.onnx",
    "speaker_embedding.onnx",
    "speaker_centre.json",
)
_FILES = (_SEGMENTATION, _EMBEDDING, _CENTRE)
_UUID = str(uuid.uuid5(uuid.NAMESPACE_OID, "ringback speakers 3"))
"""Another number for other weights or other rules."""
_BATCH = 4
"""Windows that are embedded at once: more are no quicker, and eight take twice the memory."""
_SEGMENTED = 10 * SAMPLE_RATE
"""Samples that the segmentation takes as one, at the most: so it was trained. Of more it has equal parts."""
_PARTS = 2
"""At once: that costs less than one by one, and each takes 19 MB meanwhile."""


def _by_length(found: Sequence[Stretch]) -> Iterator[tuple[int, list[int]]]:
    """The windows of each length, in whole tenths of a second, so that more of them share a batch."""
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for number, window in enumerate(found):
        groups[window.length // HOP // 10 * 10].append(number)
    yield from groups.items()


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


def _features_of(features: Features, window: Stretch, frames: int) -> Features:
    """The middle `frames` of the window, less what all of them have in common: the microphone, the room."""
    spare = window.length // HOP - frames
    first = window.start // HOP + spare // 2
    own = features[first : first + frames]
    centred: Features = own - own.mean(axis=0)
    return centred
