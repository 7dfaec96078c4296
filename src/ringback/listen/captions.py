"""Captions from utterances: SubRip (SRT) and WebVTT (https://www.w3.org/TR/webvtt1/)."""

from collections.abc import Iterable, Iterator, Sequence

from ringback.transcript import Utterance, Word, joined

LINE = 42
"""Characters that fit on one line of a screen (EBU and Netflix say so); a caption has two."""

LONGEST = 7.0
"""Seconds that one caption may stand."""


def srt(utterances: Iterable[Utterance]) -> str:
    """Numbered captions with commas in their times; speech only, no styles. Above the first caption of each
    turn its speaker stands as `[speaker 0]`, as in those of Deepgram's library `deepgram-captions`."""
    blocks = []
    before: int | None = None
    for number, words in enumerate(cues(utterances), start=1):
        speaker = words[0].speaker
        turn = "" if speaker is None or speaker == before else f"[speaker {speaker}]\n"
        times = f"{_time(words[0].start, ',')} --> {_time(words[-1].end, ',')}"
        blocks.append(f"{number}\n{times}\n{turn}{_lines(words)}\n")
        before = speaker
    return "\n".join(blocks)


def vtt(utterances: Iterable[Utterance]) -> str:
    """A WebVTT file; `&`, `<` and `>` are escaped, as the cue text is markup. A speaker is a voice span."""
    blocks = (
        f"{_time(words[0].start, '.')} --> {_time(words[-1].end, '.')}\n"
        f"{_voice(words[0])}{_escaped(_lines(words))}\n"
        for words in cues(utterances)
    )
    return "\n".join(("WEBVTT\n", *blocks))


def cues(utterances: Iterable[Utterance]) -> Iterator[Sequence[Word]]:
    """Runs of words that fit on a screen, cut where a sentence or the room ends; none is empty."""
    for utterance in utterances:
        caption: list[Word] = []
        for word in utterance.words:
            if caption and not _fits([*caption, word]):
                yield caption
                caption = []
            caption.append(word)
            if word.text.endswith((".", "?", "!", "。")) and len(joined(caption)) >= LINE / 2:
                yield caption
                caption = []
        if caption:
            yield caption


def _fits(words: Sequence[Word]) -> bool:
    return len(joined(words)) <= 2 * LINE and words[-1].end - words[0].start <= LONGEST


def _lines(words: Sequence[Word]) -> str:
    """One line, or two of about equal length."""
    text = joined(words)
    if len(text) <= LINE:
        return text
    spaces = [place for place, letter in enumerate(text) if letter == " "]
    if not spaces:
        return text
    middle = min(spaces, key=lambda place: abs(place - len(text) / 2))
    return f"{text[:middle]}\n{text[middle + 1 :]}"


def _voice(word: Word) -> str:
    return "" if word.speaker is None else f"<v Speaker {word.speaker}>"


def _time(seconds: float, point: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}{point}{milliseconds % 1000:03}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
