"""The same audio, once as a recording and once as a live stream through the server, is written alike: with
pauses inside cards, phone numbers, SSNs and dates.

The scripted recogniser knows each sound by its loudness, so that both hear the same words at the same times,
however the audio is cut.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ringback.audio.samples import SAMPLE_RATE, Samples
from support.live_client import CLOSE_STREAM, RAW, stream
from support.program import KEY, Program
from support.speech import samples_of

CLIP = Path(__file__).parent.parent / "audio" / "librivox_0920.flac"
SAID = (
    *("My card is", "4539", "1488", "0343 6467", "thanks."),
    *("Call me at", "617", "555", "4987", "please."),
    *("My social is", "123", "45", "6789", "okay."),
    *("We met on", "March third", "twenty twenty", "two", "I think."),
)
"""What is said, with a pause between each and the next."""
QUIETEST, LOUDEST = 0.1, 0.9
OPTIONS = {
    "formatted": "smart_format=true",
    "by type": "punctuate=true&redact=pci&redact=ssn&redact=phone_number&redact=date",
    "numbers": "smart_format=true&redact=numbers&detect_entities=true",
    "plain": "numerals=true&redact=ssn",
}
WRITTEN = {
    "formatted": "My card is 4539 1488 0343 6467 thanks. Call me at (617) 555-4987 please. "
    "My social is 123-45-6789 okay. We met on March 3, 2022 I think.",
    "by type": "My card is [CREDIT_CARD_1] thanks. Call me at [PHONE_NUMBER_1] please. "
    "My social is [SSN_1] okay. We met on [DATE_1] I think.",
    "numbers": "My card is [CREDIT_CARD_1] thanks. Call me at [PHONE_NUMBER_1] please. "
    "My social is [SSN_1] okay. We met on [DATE_1] I think.",
    "plain": "my card is 4539 1488 0343 6467 thanks call me at 617 555 4987 please "
    "my social is [SSN_1] okay we met on march 3rd 20 22 i think",
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("alike")
    script = folder / "script.json"
    steps = [
        {"words": words, "peak": [peak * 0.97, peak * 1.03]}
        for words, peak in zip(SAID, peaks(), strict=True)
    ]
    script.write_text(json.dumps({"steps": [*steps, {"words": "unknown"}], "bursts": True}))
    with Program(folder / "data", {"RINGBACK_MODEL": f"scripted:{script}"}) as running:
        running.wait_until_ready()
        yield running


def peaks() -> list[float]:
    """How loud each of `SAID` is: 12 % louder than the one before."""
    return [float(peak) for peak in np.geomspace(QUIETEST, LOUDEST, len(SAID))]


def audio(pauses: Sequence[float]) -> bytes:
    """Speech of the loudness of each of `SAID`, with silence of so many seconds behind each, in turn."""
    sound = spoken_sound()
    pieces = [np.zeros(SAMPLE_RATE, np.float32)]
    for peak, pause in zip(peaks(), cycle(pauses), strict=False):
        pieces += [sound * np.float32(peak), np.zeros(int(pause * SAMPLE_RATE), np.float32)]
    return (np.concatenate(pieces) * 32_767).astype("<i2").tobytes()


def spoken_sound() -> Samples:
    """Half a second of a voice without a pause, its loudest sample 1.0 and in the middle."""
    samples = samples_of(CLIP)
    middle = int(np.abs(samples).argmax())
    sound: Samples = samples[middle - SAMPLE_RATE // 4 : middle + SAMPLE_RATE // 4]
    return sound / np.float32(np.abs(sound).max())


async def streamed(program: Program, query: str, data: bytes) -> list[dict[str, Any]]:
    """The first alternative of each final."""
    async with stream(program.port, f"{RAW}&{query}", key=KEY) as client:
        await client.speak(data, pace=0)
        await client.send(CLOSE_STREAM)
        assert await client.closed(60) == 1000
    finals = [message for message in client.of("Results") if message["is_final"]]
    return [message["channel"]["alternatives"][0] for message in finals]


MIXED = (0.3, 0.9, 2.0, 0.5)


@pytest.mark.parametrize(
    ("options", "pauses"),
    [*((options, MIXED) for options in OPTIONS), ("by type", (2.0,)), ("formatted", (0.3,))],
)
async def test_the_same_audio_is_written_alike(
    program: Program, options: str, pauses: tuple[float, ...]
) -> None:
    data, query = audio(pauses), OPTIONS[options]
    reply = program.listen(data, f"{RAW}&{query}", "application/octet-stream")
    recorded = reply.json()["results"]["channels"][0]["alternatives"][0]
    live = await streamed(program, query, data)
    assert recorded["transcript"] == WRITTEN[options]
    assert " ".join(each["transcript"] for each in live if each["transcript"]) == WRITTEN[options]
    words = [word for each in live for word in each["words"]]
    assert [_text(word) for word in words] == [_text(word) for word in recorded["words"]]
    found = [entity for each in live for entity in each.get("entities", [])]
    assert [(each["label"], each["value"]) for each in found] == [
        (each["label"], each["value"]) for each in recorded.get("entities", [])
    ]


def _text(word: dict[str, Any]) -> tuple[str, str | None]:
    return word["word"], word.get("punctuated_word")
