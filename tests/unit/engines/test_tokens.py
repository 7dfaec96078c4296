"""Tokens are those that faster-whisper, the reference, makes of the same tokenizer."""

from pathlib import Path

import pytest
import tokenizers
from faster_whisper.tokenizer import Tokenizer as Reference
from faster_whisper.transcribe import get_suppressed_tokens
from hypothesis import given
from hypothesis import strategies as st

from ringback.engines.tokens import REPLACEMENT, WhisperTokens
from ringback.engines.weights import WhisperKind, find

MODELS = {"tiny.en": False, "base": True}
TOKENIZERS = {name: find(name, Path("/none")).folder / "tokenizer.json" for name in MODELS}
THEIR_TOKENIZERS = {name: tokenizers.Tokenizer.from_file(str(path)) for name, path in TOKENIZERS.items()}
OURS = {name: WhisperTokens(TOKENIZERS[name], multilingual=many) for name, many in MODELS.items()}
BOTH = pytest.mark.parametrize("model", list(MODELS))
TEXTS = [
    " And so, my fellow Americans, ask not what your country can do for you.",
    " 今日はとても良い天気ですね。𠮷野家で牛丼を食べました。",
    " ฉันรักภาษาไทย  नमस्ते दुनिया  Привет, мир! ¿Qué tal? Ça va?",
    " naïve café \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f600 ♪ ﷽ a\u0301",
    f" a genuine {REPLACEMENT} and {REPLACEMENT}{REPLACEMENT}",
    "",
]


def reference(model: str, language: str = "en") -> Reference:
    return Reference(THEIR_TOKENIZERS[model], MODELS[model], task="transcribe", language=language)


@BOTH
def test_special_tokens(model: str) -> None:
    ours, theirs = OURS[model], reference(model)
    assert (ours.end_of_text, ours.first_timestamp) == (theirs.eot, theirs.timestamp_begin)
    assert ours.start_of_previous == theirs.sot_prev


@BOTH
def test_prompts_of_every_language(model: str) -> None:
    for language in WhisperKind().describe(model, Path("/none")).languages:
        assert OURS[model].prompt(language) == reference(model, language).sot_sequence


@BOTH
def test_what_must_not_be_written(model: str) -> None:
    assert OURS[model].suppressed() == list(get_suppressed_tokens(reference(model), [-1]))


@BOTH
@pytest.mark.parametrize("text", TEXTS)
def test_text_is_split_at_characters(model: str, text: str) -> None:
    ours, theirs = OURS[model], reference(model)
    tokens = theirs.encode(text)
    assert ours.encode(text) == tokens
    assert ours.decode(tokens) == theirs.decode(tokens)
    for until in range(len(tokens) + 1):  # also where the last character is cut off
        texts, groups = theirs.split_tokens_on_unicode(tokens[:until])
        assert ours.split_at_characters(tokens[:until]) == list(zip(texts, groups, strict=True))


@given(st.lists(st.integers(0, 50_256), max_size=12))
def test_any_tokens_are_split_as_the_reference_splits_them(tokens: list[int]) -> None:
    texts, groups = reference("base").split_tokens_on_unicode(tokens)
    assert OURS["base"].split_at_characters(tokens) == list(zip(texts, groups, strict=True))


def test_a_tokenizer_without_whispers_tokens_is_an_error(tmp_path: Path) -> None:
    other = tokenizers.Tokenizer(tokenizers.models.BPE())
    other.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ValueError, match="startoftranscript"):
        WhisperTokens(tmp_path / "tokenizer.json", multilingual=True)
