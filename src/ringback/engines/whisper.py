"""Whisper through CTranslate2, with windows no longer than the speech.

Whisper engines pad whatever they decode to 30 s. CTranslate2 takes shorter windows, which makes a short
segment several times cheaper; `guards` says what that needs to stay truthful. Only the engine process
imports this module.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import ctranslate2
import numpy as np
import numpy.typing as npt
import tokenizers
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens

from ringback.audio.samples import SAMPLE_RATE, Samples
from ringback.engines import guards
from ringback.engines.base import ModelInfo, Quality, Recognition, Task
from ringback.engines.mel import FRAMES_PER_SECOND, MelExtractor
from ringback.engines.weights import Weights
from ringback.engines.words import Piece, words_of
from ringback.errors import Misconfigured
from ringback.transcript import Word

FULL_WINDOW = 30.0
"""Seconds; the window that Whisper was trained on."""
_ENCODED_PER_SECOND = 50
_MOST_ATTENTION = FULL_WINDOW**2
"""Attention takes memory by the square of the window: a batch may take that of one full window."""
_MOST_RESTS = 4
_NO_SPEECH = 0.6
_WITHOUT_SPACES = frozenset({"zh", "ja", "th", "lo", "my", "yue"})


@dataclass(frozen=True, slots=True)
class _Heard:
    """What one decode made of one segment."""

    words: tuple[Word, ...]
    language: str
    language_confidence: float | None
    heard_until: float
    doubtful: bool


class Whisper:
    """One model, shared by the threads of the engine process: each call runs on the thread that makes it."""

    def __init__(
        self, weights: Weights, info: ModelInfo, device: str, compute_type: str, threads: int
    ) -> None:
        """Load it. `threads` is how many calls may run at once. Raises `Misconfigured` if it cannot be."""
        self.info = info
        self.device = _device(device)
        self._model = _load(weights, self.device, compute_type, threads)
        self._tokens = tokenizers.Tokenizer.from_file(str(weights.folder / "tokenizer.json"))
        self._mels = MelExtractor(self._model.n_mels)
        self._tokenizers: dict[str, Tokenizer] = {}
        self._lock = threading.Lock()
        english = self._tokenizer("en")
        self._suppressed = list(get_suppressed_tokens(english, [-1]))

    def warm(self) -> None:
        # Quiet noise: the least that runs every part.
        noise = np.random.default_rng(0).normal(0.0, 1e-3, SAMPLE_RATE).astype(np.float32)
        self.recognise([noise], Task(self.info.name, "en"))

    def recognise(self, batch: Sequence[Samples], task: Task) -> list[Recognition]:
        """One recognition per segment; the first one's language is found out when the task asks for it."""
        if task.quality is Quality.DRAFT:
            return self._drafted(batch, task)
        heard = self._guarded(batch, task, [task.language] * len(batch))
        for _ in range(_MOST_RESTS):
            due = [i for i, part in enumerate(heard) if _rest_is_due(part, batch[i])]
            if not due:
                break
            rests = [batch[i][_sample(heard[i].heard_until) :] for i in due]
            more = self._guarded(rests, task, [heard[i].language for i in due])
            for i, part in zip(due, more, strict=True):
                heard[i] = _followed(heard[i], part)
        return [Recognition(part.words, part.language, part.language_confidence) for part in heard]

    def _drafted(self, batch: Sequence[Samples], task: Task) -> list[Recognition]:
        """One decode each, up to where it loops. Speech that is cut off in the middle of a word often looks
        doubtful; it will be heard again anyway, a moment later and longer."""
        window = max(map(_seconds, batch)) + guards.PADDING
        heard = self._decode(batch, [task.language] * len(batch), task, window)
        return [
            Recognition(guards.unlooped(part.words), part.language, part.language_confidence)
            for part in heard
        ]

    def _guarded(self, batch: Sequence[Samples], task: Task, languages: Sequence[str | None]) -> list[_Heard]:
        """Decode; what looks doubtful once more, in a wider window."""
        accurate = task.quality is Quality.ACCURATE
        window = FULL_WINDOW if accurate else max(map(_seconds, batch)) + guards.PADDING
        heard = self._decode(batch, languages, task, window)
        again = [i for i, part in enumerate(heard) if part.doubtful]
        if again and window < FULL_WINDOW:
            segments = [batch[i] for i in again]
            wider = min(window + guards.WIDER, FULL_WINDOW)
            retried = self._decode(segments, [heard[i].language for i in again], task, wider)
            for i, part in zip(again, retried, strict=True):
                heard[i] = replace(part, language_confidence=heard[i].language_confidence)
        return heard

    def _decode(
        self, batch: Sequence[Samples], languages: Sequence[str | None], task: Task, window: float
    ) -> list[_Heard]:
        """Each segment in a window of this many seconds, so many at once as memory allows."""
        at_once = len(batch) if self.device == "cuda" else max(1, int(_MOST_ATTENTION / window**2))
        return [
            heard
            for i in range(0, len(batch), at_once)
            for heard in self._decode_at_once(
                batch[i : i + at_once], languages[i : i + at_once], task, window
            )
        ]

    def _decode_at_once(
        self, batch: Sequence[Samples], languages: Sequence[str | None], task: Task, window: float
    ) -> list[_Heard]:
        mels = self._mels.batch(batch, _frames(window))
        encoded = self._model.encode(ctranslate2.StorageView.from_array(mels))
        found = self._languages(encoded, languages, task.candidates)
        spoken = [language for language, _ in found]
        longest = max(map(_seconds, batch))
        cap = guards.token_cap(longest, english=all(language == "en" for language in spoken))
        results = self._model.generate(
            encoded,
            [self._prompt(language) for language in spoken],
            beam_size=5 if task.quality is Quality.ACCURATE else 1,
            max_length=2 * cap,  # CTranslate2 writes at most half of this
            suppress_tokens=self._suppressed,
            return_scores=True,
            return_no_speech_prob=True,
        )
        drafts = [
            self._draft(result, _seconds(segment), cap)
            for result, segment in zip(results, batch, strict=True)
        ]
        words = self._words(encoded, drafts, spoken, batch)
        return [self._judged(*facts) for facts in zip(results, drafts, words, found, batch, strict=True)]

    def _draft(self, result: Any, duration: float, cap: int) -> guards.Draft:
        tokenizer = self._tokenizer("en")
        return guards.believable(
            result.sequences_ids[0], tokenizer.eot, tokenizer.timestamp_begin, duration, cap
        )

    def _judged(
        self,
        result: Any,
        draft: guards.Draft,
        words: tuple[Word, ...],
        found: tuple[str, float | None],
        segment: Samples,
    ) -> _Heard:
        text = self._tokens.decode(draft.tokens)
        log_probability = float(result.scores[0])
        silent = result.no_speech_prob > _NO_SPEECH and guards.is_guess(log_probability)
        nothing = not words and guards.rest_is_due(0.0, _seconds(segment))
        return _Heard(
            words=() if silent else words,
            language=found[0],
            language_confidence=found[1],
            heard_until=_seconds(segment) if silent else draft.heard_until,
            doubtful=nothing or silent or guards.doubtful(text, log_probability),
        )

    def _languages(
        self, encoded: Any, asked: Sequence[str | None], candidates: Sequence[str]
    ) -> list[tuple[str, float | None]]:
        """The language of each segment, and how sure that is where it was found out."""
        if not self._model.is_multilingual:
            return [("en", None if language else 1.0) for language in asked]
        known = [(language, None) for language in asked if language is not None]
        if len(known) == len(asked):
            return [*known]
        return [
            (language, None) if language else _most_likely(ranked, candidates)
            for language, ranked in zip(asked, self._model.detect_language(encoded), strict=True)
        ]

    def _words(
        self, encoded: Any, drafts: Sequence[guards.Draft], languages: Sequence[str], batch: Sequence[Samples]
    ) -> list[tuple[Word, ...]]:
        words: list[tuple[Word, ...]] = [()] * len(drafts)
        for language in dict.fromkeys(languages):
            # The alignment takes one start sequence, and so one language, at a time.
            chosen = [i for i, draft in enumerate(drafts) if languages[i] == language and draft.tokens]
            if not chosen:
                continue
            tokenizer = self._tokenizer(language)
            aligned = self._model.align(
                _rows(encoded, chosen),
                tokenizer.sot_sequence,
                [list(drafts[i].tokens) for i in chosen],
                [min(_frames(_seconds(batch[i])), 3000) for i in chosen],
            )
            for i, alignment in zip(chosen, aligned, strict=True):
                pieces = _pieces(tokenizer, drafts[i].tokens, alignment)
                words[i] = words_of(
                    pieces, by_spaces=language not in _WITHOUT_SPACES, duration=drafts[i].heard_until
                )
        return words

    def _prompt(self, language: str) -> list[int]:
        prompt: list[int] = self._tokenizer(language).sot_sequence
        return prompt

    def _tokenizer(self, language: str) -> Tokenizer:
        with self._lock:
            if language not in self._tokenizers:
                self._tokenizers[language] = Tokenizer(
                    self._tokens, self._model.is_multilingual, task="transcribe", language=language
                )
            return self._tokenizers[language]


def _device(wanted: str) -> str:
    if wanted != "auto":
        return wanted
    return "cuda" if ctranslate2.get_cuda_device_count() > 0 else "cpu"


def _load(weights: Weights, device: str, compute_type: str, threads: int) -> Any:
    if compute_type == "default":
        compute_type = "float16" if device == "cuda" else "int8"
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


def _rows(encoded: Any, chosen: Sequence[int]) -> Any:
    """Some segments of an encoder output; all of them need no copy."""
    if len(chosen) == encoded.shape[0]:
        return encoded
    on_cpu = encoded if encoded.device == "cpu" else encoded.to_device(ctranslate2.Device.cpu)
    if on_cpu.dtype != ctranslate2.DataType.float32:
        on_cpu = on_cpu.to(ctranslate2.DataType.float32)
    rows: npt.NDArray[np.float32] = np.asarray(on_cpu)[list(chosen)]
    return ctranslate2.StorageView.from_array(np.ascontiguousarray(rows))


def _pieces(tokenizer: Tokenizer, tokens: Sequence[int], alignment: Any) -> list[Piece]:
    steps = np.array([step for step, _ in alignment.alignments])
    times = np.array([time for _, time in alignment.alignments]) / _ENCODED_PER_SECOND
    # A path through (token, time): each token begins where the path first reaches it.
    starts = times[np.diff(steps, prepend=-1) > 0]
    texts, groups = tokenizer.split_tokens_on_unicode(list(tokens))
    pieces = []
    first = 0
    for text, group in zip(texts, groups, strict=True):
        after = first + len(group)
        probabilities = tuple(map(float, alignment.text_token_probs[first:after]))
        pieces.append(Piece(text, float(starts[first]), float(starts[after]), probabilities))
        first = after
    return pieces


def _most_likely(ranked: Sequence[tuple[str, float]], candidates: Sequence[str]) -> tuple[str, float]:
    """The best language, and its share of the probability among the candidates."""
    shares = [(token[2:-2], probability) for token, probability in ranked]
    if candidates:
        shares = [(language, share) for language, share in shares if language in candidates] or shares
    total = sum(share for _, share in shares) or 1.0
    language, share = max(shares, key=lambda pair: pair[1])
    return language, share / total


def _rest_is_due(heard: _Heard, segment: Samples) -> bool:
    return heard.heard_until > 0 and guards.rest_is_due(heard.heard_until, _seconds(segment))


def _followed(heard: _Heard, rest: _Heard) -> _Heard:
    """Both in a row; a rest in which nothing is heard leaves nothing to look for."""
    at = heard.heard_until
    until = at + rest.heard_until if rest.words else float("inf")
    return replace(
        heard, words=heard.words + tuple(word.shifted(at) for word in rest.words), heard_until=until
    )


def _seconds(segment: Samples) -> float:
    return len(segment) / SAMPLE_RATE


def _sample(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)


def _frames(seconds: float) -> int:
    """Mel frames of a window; an even number, because the encoder halves it."""
    return min(2 * int(seconds * FRAMES_PER_SECOND / 2 + 1), int(FULL_WINDOW) * FRAMES_PER_SECOND)
