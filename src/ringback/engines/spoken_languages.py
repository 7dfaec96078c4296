"""Which language each phrase of a channel is in, and which is the channel's. Pure.

A model is sure of the language of five seconds of speech, and often wrong about one. So phrases are not
judged one by one: the most probable *sequence* of languages is sought (Viterbi), in which each change costs
as much as `_CHANGE`. A doubtful phrase between two of another language then counts as theirs, and a phrase or
two that are surely in another language do not.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from ringback.audio.phrases import Phrase
from ringback.engines.base import LanguageProbabilities, ModelInfo
from ringback.listen.options import ListenOptions
from ringback.transcript import Alternative, Channel, LanguageShare, Word


@dataclass(frozen=True, slots=True)
class IdentifiedPhrase:
    """A phrase, and how probably it is in each language."""

    phrase: Phrase
    probabilities: LanguageProbabilities


@dataclass(frozen=True, slots=True)
class LanguageStretch:
    """Samples `start` ≤ i < `end`: neighbouring phrases in one language."""

    start: int
    end: int
    language: str
    probabilities: LanguageProbabilities
    """The mean of its phrases', by their seconds of speech."""


@dataclass(frozen=True, slots=True)
class LanguageChoice:
    """What the caller says of the languages, in codes of the model."""

    candidates: tuple[str, ...] = ()
    """No others are considered; none: any."""
    hints: tuple[str, ...] = ()
    """Others need better evidence."""

    def among_candidates(self, probabilities: LanguageProbabilities) -> dict[str, float]:
        """The probability of each candidate, if it is one of them."""
        if not self.candidates:
            return dict(probabilities)
        shares = {language: probabilities.get(language, 0.0) for language in self.candidates}
        total = sum(shares.values())
        return {language: share / total if total else 1 / len(shares) for language, share in shares.items()}

    def evidence(self, each: IdentifiedPhrase, languages: Iterable[str]) -> dict[str, float]:
        """What the phrase says for each of these languages: a natural logarithm, at most 0."""
        shares = self._with_hints(self.among_candidates(each.probabilities))
        weight = each.phrase.seconds / _WHOLE_EVIDENCE
        return {
            language: weight * math.log(max(shares.get(language, 0.0), _LEAST_PROBABILITY))
            for language in languages
        }

    def _with_hints(self, shares: Mapping[str, float]) -> Mapping[str, float]:
        """The probabilities where those of languages that were not hinted at count for less. A phrase that is
        surely in one of them still is: what hints take from it is below `_LEAST_PROBABILITY`."""
        if not self.hints:
            return shares
        weighed = {
            language: share * (1.0 if language in self.hints else _UNHINTED)
            for language, share in shares.items()
        }
        total = sum(weighed.values())
        return {language: share / total for language, share in weighed.items()} if total else shares


def language_choice(options: ListenOptions, model: ModelInfo) -> LanguageChoice:
    """What these options say of the languages, as far as the model knows them."""
    wished = options.candidates, options.hinted_languages if options.code_switching else ()
    candidates, hints = (tuple(tag for tag in tags if tag in model.languages) for tags in wished)
    return LanguageChoice(candidates, hints)


@dataclass(frozen=True, slots=True)
class LanguageTracker:
    """What is known of the language of a channel after its last phrase."""

    choice: LanguageChoice = LanguageChoice()
    scores: Mapping[str, float] = field(default_factory=dict)
    """How much less probable each language is than the best one: a natural logarithm, from -`_CHANGE` to 0.
    Those left out have -`_CHANGE`, since a change is always possible. Empty: nothing was said yet."""

    def decide(self, phrases: Sequence[IdentifiedPhrase]) -> tuple[list[str], "LanguageTracker"]:
        """The languages of the next phrases, and what is known after them."""
        if not phrases:
            return [], self
        languages = sorted(
            {language for each in phrases for language in self.choice.among_candidates(each.probabilities)}
        )
        unknown = -_CHANGE if self.scores else 0.0
        steps = [{language: self.scores.get(language, unknown) for language in languages}]
        for each in phrases:
            before = steps[-1]
            floor = max(before.values()) - _CHANGE
            steps.append(
                {
                    language: max(before[language], floor) + evidence
                    for language, evidence in self.choice.evidence(each, languages).items()
                }
            )
        best = max(steps[-1].values())
        scores = {language: score - best for language, score in steps[-1].items() if score - best > -_CHANGE}
        return _best_path(steps), LanguageTracker(self.choice, scores)


def _best_path(steps: Sequence[Mapping[str, float]]) -> list[str]:
    """The language of each phrase; `steps` are the scores before the first phrase and after each."""
    language = _best(steps[-1])
    path = [language]
    for before in reversed(steps[1:-1]):
        if before[language] < max(before.values()) - _CHANGE:
            language = _best(before)
        path.append(language)
    return path[::-1]


def _best(scores: Mapping[str, float]) -> str:
    return max(scores, key=lambda language: scores[language])


def stretches_of(phrases: Sequence[IdentifiedPhrase], languages: Sequence[str]) -> Iterator[LanguageStretch]:
    """The phrases of one segment, joined where neighbours are in the same language."""
    for language, group in groupby(zip(languages, phrases, strict=True), key=lambda pair: pair[0]):
        members = [each for _, each in group]
        yield LanguageStretch(
            members[0].phrase.start,
            members[-1].phrase.end,
            language,
            _mean((each.phrase.seconds, each.probabilities) for each in members),
        )


def _mean(weighted: Iterable[tuple[float, LanguageProbabilities]]) -> dict[str, float]:
    sums: defaultdict[str, float] = defaultdict(float)
    total = 0.0
    for weight, probabilities in weighted:
        total += max(weight, _LEAST_SECONDS)
        for language, share in probabilities.items():
            sums[language] += max(weight, _LEAST_SECONDS) * share
    return {language: share / total for language, share in sums.items()}


@dataclass(frozen=True, slots=True)
class SpokenStretch:
    """What was recognised in a stretch: words that last `seconds` together."""

    seconds: float
    language: str
    probabilities: LanguageProbabilities


def detected_channel(
    words: tuple[Word, ...], stretches: Sequence[SpokenStretch], choice: LanguageChoice
) -> Channel:
    """A channel with these words and the language that most of it was said in
    (https://developers.deepgram.com/docs/language-detection). Without words it has no language."""
    total = sum(each.seconds for each in stretches)
    if not total:
        return Channel(Alternative(words))
    shares = _shares((each.language, each.seconds / total) for each in stretches)
    dominant = shares[0].language
    confidences = _mean((each.seconds, _believed(each, choice)) for each in stretches)
    return Channel(
        Alternative(words),
        dominant,
        confidences.get(dominant, 0.0),
        tuple(shares[1:]),
        tuple(
            _shares(
                (language, each.seconds / total)
                for each in stretches
                if (language := _excluded_language(each, choice))
            )
        ),
    )


def _believed(each: SpokenStretch, choice: LanguageChoice) -> LanguageProbabilities:
    """How probable each candidate is, given that it must be one of them; but as the model heard it where that
    was surely none of them."""
    if _excluded_language(each, choice) is not None:
        return each.probabilities
    return choice.among_candidates(each.probabilities)


def _excluded_language(each: SpokenStretch, choice: LanguageChoice) -> str | None:
    """The language that this was rather said in, and that is no candidate."""
    probable = _best(each.probabilities)
    sure = each.probabilities[probable] >= _SURE
    return probable if choice.candidates and probable not in choice.candidates and sure else None


def _shares(parts: Iterable[tuple[str, float]]) -> list[LanguageShare]:
    """By language, the largest first."""
    sums: defaultdict[str, float] = defaultdict(float)
    for language, share in parts:
        sums[language] += share
    ordered = sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))
    return [LanguageShare(language, share) for language, share in ordered]


_CHANGE = 2.5
"""What a change of language costs: as much as the evidence of a phrase that is 12 times as probable."""
_WHOLE_EVIDENCE = 2.0
"""Seconds of speech that count as one piece of evidence: a phrase of four seconds is two of them."""
_LEAST_PROBABILITY = 0.003
"""One phrase does not decide everything, however sure the model is."""
_UNHINTED = 1 / math.e
"""What the probability of a language that was not hinted at counts: it must be nearly three times as probable
as one that was. With much less a hint has speech in other languages translated."""
_LEAST_SECONDS = 0.02
_SURE = 0.5
