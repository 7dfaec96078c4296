"""Whisper, with windows no longer than the speech.

Whisper engines pad every segment to 30 s. The network takes shorter windows, which makes a short segment
several times cheaper; `guards` has the checks that this needs. Only the engine process imports this module.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ringback.audio.samples import SAMPLE_RATE, Samples
from ringback.engines import guards
from ringback.engines.base import LanguageProbabilities, ModelInfo, Quality, Recognition, Task
from ringback.engines.batch_parts import FULL_WINDOW, BatchParts
from ringback.engines.keyterm_rescoring import DecodedSegment, KeytermRescorer
from ringback.engines.tokens import WhisperTokens
from ringback.engines.weights import Weights
from ringback.engines.whisper_loading import load_network
from ringback.engines.whisper_network import Encoded, Generated, LocatedText, Search, TokenTimes
from ringback.engines.words import Piece, words_of
from ringback.errors import Misconfigured
from ringback.transcript import Word

_MAX_REMAINDERS = 4
_NO_SPEECH = 0.6
_IMPOSSIBLE = 1e-4
"""Languages less probable than this are not reported; there are about a hundred."""
_WITHOUT_SPACES = frozenset({"zh", "ja", "th", "lo", "my", "yue"})


@dataclass(frozen=True, slots=True)
class _Decoded:
    """One decoded segment."""

    words: tuple[Word, ...]
    decoded_until: float
    needs_fallback: bool


class Whisper:
    """One model, shared by the threads of the engine process: each call runs on the thread that makes it."""

    def __init__(
        self, weights: Weights, info: ModelInfo, device: str, compute_type: str, threads: int
    ) -> None:
        """Load it. `threads` is how many calls may run at once. Raises `Misconfigured` if it cannot be."""
        self.info = info
        self._multilingual = len(info.languages) > 1
        self._tokens = _tokens(weights, multilingual=self._multilingual)
        self._network, self.device = load_network(weights, self._tokens, device, compute_type, threads)
        self.compute_type = self._network.compute_type
        self._parts = BatchParts(self.device)
        self._rescorer = KeytermRescorer(self._network, self._tokens)

    def warm(self) -> None:
        # A little quiet sound, and a draft: enough to run every part once. Not noise: numpy's takes 3 MB.
        sound = (1e-3 * np.sin(np.arange(SAMPLE_RATE // 4))).astype(np.float32)
        self.recognise([sound], Task(self.info.name, "en", quality=Quality.DRAFT))

    def recognise(self, batch: Sequence[Samples], task: Task) -> list[Recognition]:
        if task.quality is Quality.DRAFT:
            return self._decode_drafts(batch, task)
        decoded = self._decode_with_fallback(batch, task)
        for _ in range(_MAX_REMAINDERS):
            due = [i for i, part in enumerate(decoded) if _remainder_is_due(part, batch[i])]
            if not due:
                break
            remainders = [batch[i][_sample(decoded[i].decoded_until) :] for i in due]
            for i, part in zip(due, self._decode_with_fallback(remainders, task), strict=True):
                decoded[i] = _appended(decoded[i], part)
        return [Recognition(part.words) for part in decoded]

    def identify(self, batch: Sequence[Samples]) -> list[LanguageProbabilities]:
        if not self._multilingual:
            return [{"en": 1.0}] * len(batch)
        ranked = self._parts.compute(
            batch,
            _longest_window(batch, guards.PADDING),
            lambda part: self._network.languages(self._encoded(part, guards.PADDING)),
        )
        return [_probabilities(each) for each in ranked]

    def _decode_drafts(self, batch: Sequence[Samples], task: Task) -> list[Recognition]:
        """Decode each segment once, up to a repetition loop.

        No fallback: speech that is cut off in the middle of a word often seems to need one, and it will be
        decoded again anyway, a moment later and longer.
        """
        decoded = self._decode(batch, task, guards.DRAFT_PADDING)
        return [Recognition(guards.before_repetition(part.words)) for part in decoded]

    def _decode_with_fallback(self, batch: Sequence[Samples], task: Task) -> list[_Decoded]:
        """Decode; segments that need a fallback once more, in a wider window."""
        padding = FULL_WINDOW if task.quality is Quality.ACCURATE else guards.PADDING
        decoded = self._decode(batch, task, padding)
        retry_indices = [i for i, part in enumerate(decoded) if part.needs_fallback]
        if retry_indices and padding < FULL_WINDOW:
            segments = [batch[i] for i in retry_indices]
            wider = padding + guards.FALLBACK_PADDING
            for i, part in zip(retry_indices, self._decode(segments, task, wider), strict=True):
                decoded[i] = part
        return decoded

    def _decode(self, batch: Sequence[Samples], task: Task, padding: float) -> list[_Decoded]:
        """Decode each segment in a window that is longer than it by so many seconds of silence."""
        return self._parts.compute(
            batch, _longest_window(batch, padding), lambda part: self._decode_batch(part, task, padding)
        )

    def _encoded(self, batch: Sequence[Samples], padding: float) -> Encoded:
        return self._network.encode(batch, [_window(segment, padding) for segment in batch])

    def _decode_batch(self, batch: Sequence[Samples], task: Task, padding: float) -> list[_Decoded]:
        encoded = self._encoded(batch, padding)
        draft, english = task.quality is Quality.DRAFT, task.language == "en"
        caps = [guards.token_cap(seconds_of(segment), english=english, draft=draft) for segment in batch]
        beams = 5 if task.quality is Quality.ACCURATE else 1
        with_terms = bool(task.terms) and not draft
        search = Search(self._tokens.prompt(task.language), caps, beams, encoded_is_reused=with_terms)
        results = self._network.generate(encoded, search)
        texts = [
            self._usable_part(result, seconds_of(segment), None if draft else cap)
            for result, segment, cap in zip(results, batch, caps, strict=True)
        ]
        words = self._locate_words(encoded, results, texts, task.language, batch)
        if with_terms:
            words = self._with_terms(encoded, words, task)
        return [self._decoded_segment(*facts) for facts in zip(results, texts, words, batch, strict=True)]

    def _usable_part(self, result: Generated, duration: float, cap: int | None) -> guards.DecodedText:
        tokens = self._tokens
        return guards.usable_part(result.tokens, tokens.end_of_text, tokens.first_timestamp, duration, cap)

    def _decoded_segment(
        self,
        result: Generated,
        usable: guards.DecodedText,
        words: tuple[Word, ...],
        segment: Samples,
    ) -> _Decoded:
        text = self._tokens.decode(usable.tokens)
        log_probability = result.log_probability
        silent = result.no_speech > _NO_SPEECH and guards.is_improbable(log_probability)
        nothing = not words and guards.remainder_is_due(0.0, seconds_of(segment))
        return _Decoded(
            words=() if silent else words,
            decoded_until=seconds_of(segment) if silent else usable.decoded_until,
            needs_fallback=nothing or silent or guards.needs_fallback(text, log_probability),
        )

    def _locate_words(
        self,
        encoded: Encoded,
        results: Sequence[Generated],
        texts: Sequence[guards.DecodedText],
        language: str,
        batch: Sequence[Samples],
    ) -> list[tuple[Word, ...]]:
        words: list[tuple[Word, ...]] = [()] * len(texts)
        located = [
            LocatedText(row, text.tokens, result, seconds_of(segment))
            for row, (result, text, segment) in enumerate(zip(results, texts, batch, strict=True))
            if text.tokens
        ]
        if not located:
            return words
        times = self._network.locate(encoded, self._tokens.prompt(language), located)
        for text, of_tokens in zip(located, times, strict=True):
            words[text.row] = words_of(
                _pieces(self._tokens, text.tokens, of_tokens),
                by_spaces=language not in _WITHOUT_SPACES,
                duration=texts[text.row].decoded_until,
            )
        return words

    def _with_terms(
        self, encoded: Encoded, words: Sequence[tuple[Word, ...]], task: Task
    ) -> list[tuple[Word, ...]]:
        segments = [DecodedSegment(said, task.language) for said in words]
        return self._rescorer.rescore(encoded, segments, task.terms)


def _tokens(weights: Weights, *, multilingual: bool) -> WhisperTokens:
    try:
        return WhisperTokens(weights.folder / "tokenizer.json", multilingual=multilingual)
    except Exception as error:  # `tokenizers` raises nothing more specific
        raise Misconfigured(
            f"the tokenizer in {weights.folder} cannot be used: {error}. Get the model again: remove the "
            "folder, then `ringback model pull NAME`."
        ) from error


def _pieces(tokenizer: WhisperTokens, tokens: Sequence[int], times: TokenTimes) -> list[Piece]:
    starts = times.starts
    pieces = []
    first = 0
    for text, group in tokenizer.split_at_characters(tokens):
        after = first + len(group)
        probabilities = tuple(times.probabilities[first:after])
        pieces.append(Piece(text, starts[first], starts[after], probabilities))
        first = after
    return pieces


def _probabilities(ranked: Sequence[tuple[str, float]]) -> LanguageProbabilities:
    return {language: share for language, share in ranked if share >= _IMPOSSIBLE}


def _remainder_is_due(decoded: _Decoded, segment: Samples) -> bool:
    return decoded.decoded_until > 0 and guards.remainder_is_due(decoded.decoded_until, seconds_of(segment))


def _appended(decoded: _Decoded, rest: _Decoded) -> _Decoded:
    """Both, one after the other; a remainder without words ends the segment."""
    at = decoded.decoded_until
    until = at + rest.decoded_until if rest.words else float("inf")
    return replace(
        decoded, words=decoded.words + tuple(word.shifted(at) for word in rest.words), decoded_until=until
    )


def _sample(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)


def _window(segment: Samples, padding: float) -> float:
    return min(seconds_of(segment) + padding, FULL_WINDOW)


def _longest_window(batch: Sequence[Samples], padding: float) -> float:
    return max(_window(segment, padding) for segment in batch)


def seconds_of(segment: Samples) -> float:
    return len(segment) / SAMPLE_RATE
