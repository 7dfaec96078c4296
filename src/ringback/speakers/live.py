"""The speakers of a live stream: voices are clustered again at each final, and each word is labelled once.

A label never changes. At each final all voices so far are clustered; a cluster keeps the number that most of
it was labelled with. A cluster without one is a new speaker only if most of it is in this final, or if little
of it was labelled before: otherwise a cluster that is divided would make two speakers of one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ringback.speakers.clusters import MOST_SPEAKERS, LeastSpeech, clustering
from ringback.speakers.labels import LabelledVoice, RecognisedWords, labelled_voices, voices_of
from ringback.speakers.voices import Voice, embeddings_of
from ringback.transcript import Word

LEAST = LeastSpeech(1.2, 4.0)
"""Of speech that make a new speaker. Less than in a recording: a wrong label of earlier speech stays. However
long the call is, `highest` suffices, so that a person who joins late is soon known."""

MOST_MISLABELLED = 4.0
"""Seconds of a new speaker that may have been labelled as another's; with more, a cluster without a number is
rather part of a divided one. A speaker with short turns is labelled as another for some of them, and never
has most of their speech in one final."""

MOST_VOICES = 1_000
"""Voices that are remembered: some 20 minutes of speech, clustered in 40 ms. Of more, every second one of the
speaker with the most stands for its neighbour too."""


@dataclass(slots=True)
class _PastVoice:
    voice: Voice
    seconds: float
    """Of speech that it stands for."""
    speaker: int | None
    """None: of the final that is being labelled."""


class LiveSpeakers:
    """One channel."""

    def __init__(self) -> None:
        self._voices: list[_PastVoice] = []
        self._count = 0  # Speakers so far.
        self._last = 0  # Who spoke last.

    def label(self, recognised: RecognisedWords) -> tuple[Word, ...]:
        """The words of the next final with their speakers; without, if its voices were not computed."""
        if recognised.voices is None:
            return recognised.words
        labelled, numbers = self._add(recognised.voices_with_words)
        words = []
        for word, voice in zip(recognised.words, voices_of(recognised.words, labelled), strict=True):
            self._last = self._last if voice is None else numbers[voice.cluster]
            words.append(replace(word, speaker=self._last))
        return tuple(words)

    def _add(self, voices: Sequence[Voice]) -> tuple[list[LabelledVoice], dict[int, int]]:
        """Remember these voices; their clusters, and the speaker of each cluster."""
        if not voices:
            return [], {}
        self._voices += [_PastVoice(voice, voice.seconds, None) for voice in voices]
        found = clustering(
            embeddings_of([each.voice for each in self._voices]),
            np.array([each.seconds for each in self._voices]),
            np.array([each.voice.covered for each in self._voices]),
            LEAST,
        )
        labels: list[int] = found.labels.tolist()
        numbers = self._numbers(labels, len(found.centroids))
        for each, label in zip(self._voices, labels, strict=True):
            each.speaker = numbers[label] if each.speaker is None else each.speaker
        if len(self._voices) > MOST_VOICES:
            self._thin()
        return labelled_voices(voices, found.labels[-len(voices) :], found.centroids), numbers

    def _numbers(self, labels: Sequence[int], clusters: int) -> dict[int, int]:
        """The number of each cluster."""
        labelled = np.zeros((clusters, self._count))
        new = np.zeros(clusters)
        for each, label in zip(self._voices, labels, strict=True):
            if each.speaker is None:
                new[label] += each.seconds
            else:
                labelled[label, each.speaker] += each.seconds
        # By then most of a newcomer's speech is labelled as another's, and a little more.
        allowed = max(MOST_MISLABELLED, 1.5 * LEAST.of(float(labelled.sum() + new.sum())))
        numbers = dict(_matched(labelled))
        for label in dict.fromkeys(labels):  # In order of their first voice.
            if label in numbers:
                continue
            is_new = labelled[label].sum() < max(new[label], allowed)
            if is_new and self._count < MOST_SPEAKERS:
                numbers[label] = self._count
                self._count += 1
            else:
                numbers[label] = int(labelled[label].argmax())
        return numbers

    def _thin(self) -> None:
        """Drop every second voice of the speaker with the most; the one before it stands for both."""
        held = np.bincount([each.speaker or 0 for each in self._voices])
        most = int(held.argmax())
        thinned: list[_PastVoice] = []
        before: _PastVoice | None = None
        for each in self._voices:
            if each.speaker == most and before is not None:
                before.seconds += each.seconds
                before = None
                continue
            before = each if each.speaker == most else before
            thinned.append(each)
        self._voices = thinned


def _matched(labelled: np.ndarray) -> Iterator[tuple[int, int]]:
    """Clusters with the numbers that most of them was labelled with, each once: the largest share first."""
    free = labelled.copy()
    while free.size and free.max() > 0:
        cluster, number = np.unravel_index(free.argmax(), free.shape)
        yield int(cluster), int(number)
        free[cluster, :] = 0
        free[:, number] = 0
