"""Whisper's tokens: its special ones, those that it must not write, and tokens as text.

As in OpenAI's whisper/tokenizer.py (MIT), over the `tokenizer.json` that a converted model brings along.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tokenizers import Tokenizer

REPLACEMENT = "\ufffd"
"""What a tokenizer writes for bytes that are no character by themselves."""

# Speaker marks and annotations, which were not said: ( SPEAKING FOREIGN LANGUAGE ), [DAVID], ♪♪♪.
_ANNOTATIONS = (
    *'"#()*+/:;<=>@[\\]^_`{|}~「」『』',
    *("<<", ">>", "<<<", ">>>", "--", "---", "-(", "-[", "('", '("', "((", "))", "(((", ")))", "[[", "]]"),
    *("{{", "}}", "♪♪", "♪♪♪"),
)
_NOTES = "♩♪♫♬♭♮♯"
"""Characters that share their first token, whatever they are made of: it is nothing that is said."""
_NEVER_FIRST = (" -", " '")
"""Stand between words, never at the beginning of one."""


class WhisperTokens:
    """The tokens of one model. `multilingual`: its prompt names the language and the task."""

    def __init__(self, tokenizer_json: Path, *, multilingual: bool) -> None:
        self._tokenizer = Tokenizer.from_file(str(tokenizer_json))
        self.multilingual = multilingual
        self.start = self._special("<|startoftranscript|>")
        self.start_of_previous = self._special("<|startofprev|>")
        """Before the text that comes before the transcript's own."""
        self.no_speech = self._tokenizer.token_to_id("<|nospeech|>") or self._special("<|nocaptions|>")
        self.end_of_text = self._special("<|endoftext|>")
        self.first_timestamp = self._special("<|notimestamps|>") + 1

    def prompt(self, language: str) -> list[int]:
        """What a transcript in this language (`en`) begins with."""
        if not self.multilingual:
            return [self.start]
        return [self.start, self._special(f"<|{language}|>"), self._special("<|transcribe|>")]

    def languages(self, ids: Iterable[int]) -> dict[str, int]:
        """The languages of these tokens: `en` → its token. Raises `ValueError` for one that there is not."""
        found: dict[str, int] = {}
        for token in ids:
            name = self._tokenizer.id_to_token(token)
            if name is None:
                raise ValueError(f"its tokenizer.json has no token {token}")
            found[name.removeprefix("<|").removesuffix("|>")] = token
        return found

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, tokens: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(list(tokens))
        return text

    def suppressed(self) -> list[int]:
        """What a transcript must not contain, in order: annotations, and special tokens but for times."""
        special = ("<|transcribe|>", "<|translate|>", "<|startofprev|>", "<|startoflm|>")
        found = {self.start, self.no_speech, *map(self._special, special), *self._annotations()}
        return sorted(found)

    def split_at_characters(self, tokens: Sequence[int]) -> list[tuple[str, list[int]]]:
        """The fewest tokens that are whole characters, each with its text; tokens of a character that is cut
        off are left out. A character may take several tokens, in Chinese or Japanese mostly."""
        whole = self.decode(tokens)
        parts: list[tuple[str, list[int]]] = []
        group: list[int] = []
        at = 0
        for token in tokens:
            group.append(token)
            text = self.decode(group)
            broken = text.find(REPLACEMENT)
            # It stands in the whole text, too, where no further token would make a character of it.
            if broken < 0 or whole[at + broken : at + broken + 1] == REPLACEMENT:
                parts.append((text, group))
                group = []
                at += len(text)
        return parts

    def _annotations(self) -> Iterable[int]:
        for text in _NEVER_FIRST:
            yield self.encode(text)[0]
        for text in (*_ANNOTATIONS, *_NOTES):
            for written in (text, f" {text}"):
                tokens = self.encode(written)
                if len(tokens) == 1 or text in _NOTES:
                    yield tokens[0]

    def _special(self, name: str) -> int:
        token = self._tokenizer.token_to_id(name)
        if token is None:
            raise ValueError(f"its tokenizer.json has no token {name}")
        number: int = token
        return number
