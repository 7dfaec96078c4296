"""The speakers of a live stream: clustered anew at each final, and told once.

What was told never changes. At each final all voices so far are clustered; a cluster keeps the number that
most of it was told under, and what is left over is a new speaker only if most of it is being told now, or
little of it was told. Otherwise a cluster that falls apart would make two of one who was told already.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ringback.speakers.clusters import MOST_SPEAKERS, clustering
from ringback.speakers.labels import LabelledVoice, RecognisedWords, labelled_voices, voices_of
from ringback.speakers.voices import Voice, embeddings_of
from ringback.transcript import Word

LEAST_SECONDS = 1.2
"""Of speech that make somebody new. Fewer than in a recording: what was told as another's stays another's."""

MOST_MISTOLD = 4.0
"""Seconds of somebody new that may have been told as another's; with more, a cluster that is left over is
rather one that fell apart. Who speaks in short turns is told as another for some of them, and never has most
of their speech in the turn that is being told."""

MOST_KEPT = 1_000
"""Voices that are remembered: some eight minutes of speech, clustered in 40 ms. Of more, every second one
of the speaker with the most stands for its neighbour too."""


@dataclass(slots=True)
class _ToldVoice:
    voice: Voice
    seconds: float
    """Of speech that it stands for."""
    speaker: int | None
    """None: it is being told now."""


class LiveSpeakers:
    """One channel."""

    def __init__(self) -> None:
        self._voices: list[_ToldVoice] = []
        self._count = 0  # Speakers told so far.
        self._last = 0  # Who spoke last.

    def label(self, heard: RecognisedWords) -> tuple[Word, ...]:
        """The words of the next final with their speakers; none, where the voices could not be looked for."""
        if heard.voices is None:
            return heard.words
        labelled, numbers = self._tell(heard.voices_with_words)
        words = []
        for word, voice in zip(heard.words, voices_of(heard.words, labelled), strict=True):
            self._last = self._last if voice is None else numbers[voice.cluster]
            words.append(replace(word, speaker=self._last))
        return tuple(words)

    def _tell(self, voices: Sequence[Voice]) -> tuple[list[LabelledVoice], dict[int, int]]:
        """Remember these voices; their clusters, and the speakers that clusters are told as."""
        if not voices:
            return [], {}
        self._voices += [_ToldVoice(voice, voice.seconds, None) for voice in voices]
        found = clustering(
            embeddings_of([each.voice for each in self._voices]),
            np.array([each.seconds for each in self._voices]),
            np.array([each.voice.heard for each in self._voices]),
            LEAST_SECONDS,
        )
        labels: list[int] = found.labels.tolist()
        numbers = self._numbers(labels, len(found.centroids))
        for each, label in zip(self._voices, labels, strict=True):
            each.speaker = numbers[label] if each.speaker is None else each.speaker
        if len(self._voices) > MOST_KEPT:
            self._thin()
        return labelled_voices(voices, found.labels[-len(voices) :], found.centroids), numbers

    def _numbers(self, labels: Sequence[int], clusters: int) -> dict[int, int]:
        """The number of each cluster."""
        told = np.zeros((clusters, self._count))
        new = np.zeros(clusters)
        for each, label in zip(self._voices, labels, strict=True):
            if each.speaker is None:
                new[label] += each.seconds
            else:
                told[label, each.speaker] += each.seconds
        numbers = dict(_matched(told))
        for label in dict.fromkeys(labels):  # In order of their first voice.
            if label in numbers:
                continue
            is_new = told[label].sum() < max(new[label], MOST_MISTOLD)
            if is_new and self._count < MOST_SPEAKERS:
                numbers[label] = self._count
                self._count += 1
            else:
                numbers[label] = int(told[label].argmax())
        return numbers

    def _thin(self) -> None:
        """Of the speaker with the most voices, every second one goes; the one before it stands for it."""
        held = np.bincount([each.speaker or 0 for each in self._voices])
        most = int(held.argmax())
        kept: list[_ToldVoice] = []
        before: _ToldVoice | None = None
        for each in self._voices:
            if each.speaker == most and before is not None:
                before.seconds += each.seconds
                before = None
                continue
            before = each if each.speaker == most else before
            kept.append(each)
        self._voices = kept


def _matched(told: np.ndarray) -> Iterator[tuple[int, int]]:
    """Clusters with the numbers that most of them was told under, each once: the largest share first."""
    free = told.copy()
    while free.size and free.max() > 0:
        cluster, number = np.unravel_index(free.argmax(), free.shape)
        yield int(cluster), int(number)
        free[cluster, :] = 0
        free[:, number] = 0
