"""The speakers of one live channel's finals: asked of the engine while their words are recognised."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from ringback.speakers.labels import RecognisedWords
from ringback.speakers.live import LiveSpeakers
from ringback.streaming.segmenter_steps import SampleRange
from ringback.streaming.speech_recogniser import SpeechRecogniser
from ringback.transcript import Word

Words = tuple[Word, ...]


class SpeakerLabels:
    """`enabled`: False leaves words without speakers."""

    def __init__(self, recogniser: SpeechRecogniser, *, enabled: bool) -> None:
        self._recogniser = recogniser
        self._speakers = LiveSpeakers() if enabled else None

    @contextmanager
    def listening(self, speech: SampleRange) -> Iterator[Callable[[Words], Awaitable[Words]]]:
        """What gives the words of a final in these samples, once they are known, their speakers."""
        speakers = self._speakers
        if speakers is None:
            yield _as_they_are
            return
        voices = asyncio.ensure_future(self._recogniser.voices(speech))

        async def labelled(words: Words) -> Words:
            recognised = RecognisedWords(words, await voices)
            # Of a long stream it takes a while: not on the loop that serves everybody.
            return await asyncio.to_thread(speakers.label, recognised)

        try:
            yield labelled
        finally:
            voices.cancel()


async def _as_they_are(words: Words) -> Words:
    return words
