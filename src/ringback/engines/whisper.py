"""Whisper through CTranslate2, with windows no longer than the speech.

Whisper engines pad every segment to 30 s. CTranslate2 takes shorter windows, which makes a short segment
several times cheaper; `guards` has the checks that this needs. Only the engine process imports this module.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import ctranslate2
import numpy as np

from ringback.audio.samples import SAMPLE_RATE, Samples
from ringback.engines import guards
from ringback.engines.base import LanguageProbabilities, ModelInfo, Quality, Recognition, Task
from ringback.engines.batch_parts import FULL_WINDOW, BatchParts
from ringback.engines.keyterm_rescoring import DecodedSegment, KeytermRescorer
from ringback.engines.segment_encoder import (
    ENCODED_PER_SECOND,
    SegmentEncoder,
    chosen_rows,
    seconds_of,
    window_frames,
)
from ringback.engines.tokens import WhisperTokens
from ringback.engines.weights import Weights
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
        self.device = _device_for(device)
        self._parts = BatchParts(self.device)
        self._model = _load(weights, self.device, compute_type, threads)
        self.compute_type: str = self._model.compute_type
        self._tokens = _tokens(weights, multilingual=self._model.is_multilingual)
        self._encoder = SegmentEncoder(self._model, self.device)
        self._rescorer = KeytermRescorer(self._model, self._tokens, chosen_rows)
        self._suppressed = self._tokens.suppressed()

    def warm(self) -> None:
        # Quiet noise: enough to run every part once.
        noise = np.random.default_rng(0).normal(0.0, 1e-3, SAMPLE_RATE).astype(np.float32)
        self.recognise([noise], Task(self.info.name, "en"))

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
        if not self._model.is_multilingual:
            return [{"en": 1.0}] * len(batch)
        window = max(map(seconds_of, batch)) + guards.PADDING
        return [
            _probabilities(ranked)
            for ranked in self._parts.compute(
                batch, window, lambda part: self._model.detect_language(self._encoder.encode(part, window))
            )
        ]

    def _decode_drafts(self, batch: Sequence[Samples], task: Task) -> list[Recognition]:
        """Decode each segment once, up to a repetition loop.

        No fallback: speech that is cut off in the middle of a word often seems to need one, and it will be
        decoded again anyway, a moment later and longer.
        """
        window = max(map(seconds_of, batch)) + guards.DRAFT_PADDING
        decoded = self._decode(batch, task, window)
        return [Recognition(guards.before_repetition(part.words)) for part in decoded]

    def _decode_with_fallback(self, batch: Sequence[Samples], task: Task) -> list[_Decoded]:
        """Decode; segments that need a fallback once more, in a wider window."""
        accurate = task.quality is Quality.ACCURATE
        window = FULL_WINDOW if accurate else max(map(seconds_of, batch)) + guards.PADDING
        decoded = self._decode(batch, task, window)
        retry_indices = [i for i, part in enumerate(decoded) if part.needs_fallback]
        if retry_indices and window < FULL_WINDOW:
            segments = [batch[i] for i in retry_indices]
            wider = min(window + guards.FALLBACK_PADDING, FULL_WINDOW)
            for i, part in zip(retry_indices, self._decode(segments, task, wider), strict=True):
                decoded[i] = part
        return decoded

    def _decode(self, batch: Sequence[Samples], task: Task, window: float) -> list[_Decoded]:
        """Decode each segment in a window of `window` seconds."""
        return self._parts.compute(batch, window, lambda part: self._decode_batch(part, task, window))

    def _decode_batch(self, batch: Sequence[Samples], task: Task, window: float) -> list[_Decoded]:
        encoded = self._encoder.encode(batch, window)
        draft, english = task.quality is Quality.DRAFT, task.language == "en"
        cap = guards.token_cap(max(map(seconds_of, batch)), english=english, draft=draft)
        prompt = self._tokens.prompt(task.language)
        results = self._model.generate(
            encoded,
            [prompt] * len(batch),
            beam_size=5 if task.quality is Quality.ACCURATE else 1,
            max_length=guards.max_length(cap, len(prompt)),
            suppress_tokens=self._suppressed,
            return_scores=True,
            return_no_speech_prob=True,
        )
        texts = [
            self._usable_part(result, seconds_of(segment), None if draft else cap)
            for result, segment in zip(results, batch, strict=True)
        ]
        words = self._align_words(encoded, texts, task.language, batch)
        if task.terms and task.quality is not Quality.DRAFT:
            words = self._with_terms(encoded, words, batch, task)
        return [self._decoded_segment(*facts) for facts in zip(results, texts, words, batch, strict=True)]

    def _usable_part(self, result: Any, duration: float, cap: int | None) -> guards.DecodedText:
        tokens = self._tokens
        return guards.usable_part(
            result.sequences_ids[0], tokens.end_of_text, tokens.first_timestamp, duration, cap
        )

    def _decoded_segment(
        self,
        result: Any,
        usable: guards.DecodedText,
        words: tuple[Word, ...],
        segment: Samples,
    ) -> _Decoded:
        text = self._tokens.decode(usable.tokens)
        log_probability = float(result.scores[0])
        silent = result.no_speech_prob > _NO_SPEECH and guards.is_improbable(log_probability)
        nothing = not words and guards.remainder_is_due(0.0, seconds_of(segment))
        return _Decoded(
            words=() if silent else words,
            decoded_until=seconds_of(segment) if silent else usable.decoded_until,
            needs_fallback=nothing or silent or guards.needs_fallback(text, log_probability),
        )

    def _align_words(
        self, encoded: Any, texts: Sequence[guards.DecodedText], language: str, batch: Sequence[Samples]
    ) -> list[tuple[Word, ...]]:
        words: list[tuple[Word, ...]] = [()] * len(texts)
        chosen = [i for i, text in enumerate(texts) if text.tokens]
        if not chosen:
            return words
        aligned = self._model.align(
            chosen_rows(encoded, chosen),
            self._tokens.prompt(language),
            [list(texts[i].tokens) for i in chosen],
            [window_frames(seconds_of(batch[i])) for i in chosen],
        )
        for i, alignment in zip(chosen, aligned, strict=True):
            pieces = _pieces(self._tokens, texts[i].tokens, alignment)
            words[i] = words_of(
                pieces, by_spaces=language not in _WITHOUT_SPACES, duration=texts[i].decoded_until
            )
        return words

    def _with_terms(
        self, encoded: Any, words: Sequence[tuple[Word, ...]], batch: Sequence[Samples], task: Task
    ) -> list[tuple[Word, ...]]:
        segments = [
            DecodedSegment(said, task.language, window_frames(seconds_of(samples)))
            for said, samples in zip(words, batch, strict=True)
        ]
        return self._rescorer.rescore(encoded, segments, task.terms)


def _device_for(requested: str) -> str:
    """The device that this machine gives: `cpu` or `cuda`."""
    if requested != "auto":
        return requested
    return "cuda" if ctranslate2.get_cuda_device_count() > 0 else "cpu"


def _compute_type_on(device: str, requested: str) -> str:
    if requested != "default":
        return requested
    return "float16" if device == "cuda" else "int8"


def _load(weights: Weights, device: str, compute_type: str, threads: int) -> Any:
    compute_type = _compute_type_on(device, compute_type)
    try:
        return ctranslate2.models.Whisper(
            str(weights.folder),
            device=device,
            compute_type=compute_type,
            inter_threads=threads,
            intra_threads=1,
            files=weights.in_memory(),
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise Misconfigured(
            f"the model in {weights.folder} cannot be loaded on device {device!r} as {compute_type!r}: "
            f"{error}. Check that the folder holds a Whisper model converted for CTranslate2 "
            "(model.bin, config.json, tokenizer.json), and the settings engine.device and "
            "engine.compute_type."
        ) from error


def _tokens(weights: Weights, *, multilingual: bool) -> WhisperTokens:
    try:
        return WhisperTokens(weights.folder / "tokenizer.json", multilingual=multilingual)
    except Exception as error:  # `tokenizers` raises nothing more specific
        raise Misconfigured(
            f"the tokenizer in {weights.folder} cannot be used: {error}. Get the model again: remove the "
            "folder, then `ringback model pull NAME`."
        ) from error


def _pieces(tokenizer: WhisperTokens, tokens: Sequence[int], alignment: Any) -> list[Piece]:
    steps = np.array([step for step, _ in alignment.alignments])
    times = np.array([time for _, time in alignment.alignments]) / ENCODED_PER_SECOND
    # A path through (token, time): each token begins where the path first reaches it.
    starts = times[np.diff(steps, prepend=-1) > 0]
    pieces = []
    first = 0
    for text, group in tokenizer.split_at_characters(tokens):
        after = first + len(group)
        probabilities = tuple(map(float, alignment.text_token_probs[first:after]))
        pieces.append(Piece(text, float(starts[first]), float(starts[after]), probabilities))
        first = after
    return pieces


def _probabilities(ranked: Sequence[tuple[str, float]]) -> LanguageProbabilities:
    """`ranked`: tokens like `<|en|>`, each with its probability."""
    return {token[2:-2]: share for token, share in ranked if share >= _IMPOSSIBLE}


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
