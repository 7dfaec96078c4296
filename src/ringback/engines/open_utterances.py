"""The states of utterances in the engine process, by the keys under which they are continued."""

import threading
from collections.abc import Sequence
from typing import Any

from ringback.audio.samples import Samples
from ringback.engines.base import Recognition, Transducer, UtteranceSpeech
from ringback.engines.messages import UtterancePart


class OpenUtterances:
    """Shared by the recognition threads; the serving process has each utterance in one batch at a time."""

    def __init__(self) -> None:
        self._states: dict[str, Any] = {}
        self._lock = threading.Lock()

    def feed(
        self, model: Transducer, parts: Sequence[UtterancePart], samples: Sequence[Samples]
    ) -> list[Recognition]:
        """The words so far of each utterance. When it raises, none of them is open any more."""
        speech = [
            UtteranceSpeech(self._taken(model, part), new, part.ends)
            for part, new in zip(parts, samples, strict=True)
        ]
        recognitions = model.feed(speech)
        with self._lock:
            self._states |= {
                part.utterance: each.state for part, each in zip(parts, speech, strict=True) if not part.ends
            }
        return recognitions

    def close(self, utterance: str) -> None:
        """It will not be ended."""
        with self._lock:
            self._states.pop(utterance, None)

    def __len__(self) -> int:
        return len(self._states)

    def _taken(self, model: Transducer, part: UtterancePart) -> Any:
        """Its state, which is not here while it is used. Raises `KeyError` where it is not open."""
        with self._lock:
            state = self._states.pop(part.utterance, None)
        if part.opens:
            return model.open()
        if state is None:
            raise KeyError(f"the utterance {part.utterance} is not open")
        return state
