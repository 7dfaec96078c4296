"""`WS /v2/listen` with real speech, the real recogniser and the real turn model: the checks of the contract
that are about turns."""

import asyncio
import io
import json
import wave
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed

from support.accuracy import word_error_rate
from support.clips import Clip
from support.encoded import encoded
from support.live_client import LiveClient, stream
from support.program import KEY, Program
from support.speech import samples_of
from support.streamed import linear16
from support.turns import Turns
from support.waiting import PATIENCE

AUDIO = Path(__file__).parents[2] / "audio"
FIRST = AUDIO / "librivox_0930.flac"
SECOND = AUDIO / "phone_en_conf_onlyperson.flac"
SAID = "he might even have been made amiable himself"
SECOND_SAID = "You are currently the only person in this conference."
QUIET = bytes(32_000 * 2)
RAW = "model=flux-general-en&encoding=linear16&sample_rate=16000"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with Program(tmp_path_factory.mktemp("flux")) as program:
        program.wait_until_ready()
        yield program


@pytest.fixture(scope="module")
def call() -> bytes:
    """Two sentences with 2 s of quiet behind each."""
    return linear16(FIRST) + QUIET + linear16(SECOND) + QUIET


async def spoken(
    server: Program,
    audio: bytes,
    query: str = RAW,
    *,
    frame: int = 2_560,
    controls: dict[int, list[dict[str, Any]]] | None = None,
) -> LiveClient:
    """All audio as fast as the server takes it; `controls` by the frame behind which they are sent."""
    async with stream(server.port, query, key=KEY, path="/v2/listen") as client:
        for number, start in enumerate(range(0, len(audio), frame)):
            await client.send(audio[start : start + frame])
            for control in (controls or {}).get(number, []):
                await client.send(json.dumps(control))
        await client.send('{"type":"CloseStream"}')
        assert await client.closed(60) == 1000
    return client


async def turns_of(server: Program, audio: bytes, query: str = RAW, **options: Any) -> Turns:
    """Held to the laws."""
    turns = Turns((await spoken(server, audio, query, **options)).messages)
    turns.check(eager="eager" in query)
    return turns


def check_texts(turns: Turns) -> None:
    assert len(turns.texts) == 2
    assert word_error_rate([(SAID, turns.texts[0]), (SECOND_SAID, turns.texts[1])]) < 0.2


async def test_two_sentences_are_two_turns(server: Program, call: bytes) -> None:
    """18 to 26, without `eager_eot_threshold`."""
    turns = await turns_of(server, call)
    check_texts(turns)
    assert turns.events == ["StartOfTurn", "EndOfTurn"] * 2
    assert {end["trigger"] for end in turns.ends} == {"model"}
    assert all(end["end_of_turn_confidence"] >= 0.7 for end in turns.ends)


async def test_an_eager_end_comes_before_the_end(server: Program, call: bytes) -> None:
    """21 to 23."""
    turns = await turns_of(server, call, f"{RAW}&eot_threshold=0.9&eager_eot_threshold=0.4")
    check_texts(turns)
    assert len(turns.of("EagerEndOfTurn")) >= 2
    for eager, end in zip(turns.of("EagerEndOfTurn")[-1:], turns.ends[-1:], strict=True):
        assert eager["transcript"] == end["transcript"]
        assert eager["audio_window_end"] < end["audio_window_end"]


async def test_who_speaks_on_resumes_the_turn(server: Program) -> None:
    """23: what was said stays as it is."""
    audio = linear16(FIRST) + bytes(32_000 * 45 // 100) + linear16(SECOND) + QUIET
    turns = await turns_of(server, audio, f"{RAW}&eot_threshold=0.9&eager_eot_threshold=0.3")
    resumed = turns.infos.index(turns.of("TurnResumed")[0])
    before, after = turns.infos[resumed - 1], turns.infos[resumed + 1]
    assert after["transcript"].startswith(turns.of("EagerEndOfTurn")[0]["transcript"])
    assert after["turn_index"] == before["turn_index"]


@pytest.mark.parametrize("milliseconds", [20, 50, 250])
async def test_the_size_of_the_pieces_does_not_matter(
    server: Program, call: bytes, milliseconds: int
) -> None:
    """16."""
    expected = await turns_of(server, call)
    turns = await turns_of(server, call, frame=32 * milliseconds)
    assert turns.texts == expected.texts
    for one, other in zip(turns.ends, expected.ends, strict=True):
        assert one["audio_window_end"] == pytest.approx(other["audio_window_end"], abs=0.001)


async def test_silence_brings_updates_and_nothing_else(server: Program) -> None:
    """17."""
    turns = await turns_of(server, bytes(320_000))
    ends = [each["audio_window_end"] for each in turns.infos]
    assert {each["event"] for each in turns.infos} == {"Update"}
    assert {(each["transcript"], each["turn_index"]) for each in turns.infos} == {("", 0)}
    assert 30 <= len(ends) <= 45
    steps = np.diff([0.0, *ends])
    assert steps.min() >= 0.15
    # A busy machine judges several steps of voice activity detection at once.
    assert np.median(steps) <= 0.3
    assert steps.max() <= 0.6


async def test_music_and_noise_open_no_turn(server: Program, corpus: list[Clip]) -> None:
    """17."""
    folder = corpus[0].path.parents[1] / "nospeech"
    for clip in sorted(folder.glob("*.flac")):
        turns = await turns_of(server, linear16(clip)[: 32_000 * 12])
        assert turns.events == [], clip.name


async def test_a_threshold_of_one_leaves_the_end_to_the_timeout(server: Program) -> None:
    """27."""
    audio = linear16(SECOND) + QUIET
    turns = await turns_of(server, audio, f"{RAW}&eot_threshold=1.0&eot_timeout_ms=1000")
    (end,) = turns.ends
    assert end["trigger"] == "timeout"
    # `SECOND` ends with speech.
    assert end["audio_window_end"] == pytest.approx(len(audio) / 32_000 - 1, abs=0.4)


async def test_force_end_turn_brings_what_was_said(server: Program, call: bytes) -> None:
    """28, 35: in the middle of the second sentence."""
    middle = (len(linear16(FIRST) + QUIET) + 32_000 * 2) // 2_560
    client = await spoken(server, call[: (middle + 1) * 2_560], controls={middle: [{"type": "ForceEndTurn"}]})
    turns = Turns(client.messages)
    turns.check(eager=False)
    assert [end["trigger"] for end in turns.ends] == ["model", "manual"]
    assert "only" in turns.texts[1]
    # Nothing was said behind it.
    assert [each["event"] for each in turns.infos[turns.infos.index(turns.ends[1]) + 1 :]] in ([], ["Update"])


async def test_close_stream_brings_the_last_words_and_no_end(server: Program) -> None:
    """34."""
    client = await spoken(server, linear16(SECOND))
    Turns(client.messages).check(eager=False)
    last = client.messages[-1]
    assert last["event"] == "Update"
    assert word_error_rate([(SECOND_SAID, last["transcript"])]) < 0.2
    assert Turns(client.messages).ends == []


async def test_configure_changes_the_next_end(server: Program, call: bytes) -> None:
    """30."""
    plain = await turns_of(server, call)
    change = {"type": "Configure", "thresholds": {"eot_threshold": 0.9}}
    later = await turns_of(server, call, controls={0: [change]})
    assert later.texts == plain.texts
    waits = [
        b["audio_window_end"] - a["audio_window_end"] for a, b in zip(plain.ends, later.ends, strict=True)
    ]
    assert all(0.2 < wait < 1.5 for wait in waits)


async def test_a_gap_in_the_audio_freezes_the_turn(server: Program, call: bytes) -> None:
    """36, 37: nothing comes while nothing is sent, and silence ends the turn as ever."""
    middle = 32_000 * 2
    async with stream(server.port, RAW, key=KEY, path="/v2/listen") as client:
        await client.send(call[:middle])
        async with asyncio.timeout(PATIENCE):
            while not any(each.get("transcript") for each in client.messages):
                await client.wait_for("TurnInfo", len(client.of("TurnInfo")) + 1)
        turn = Turns(client.messages)
        assert turn.events == ["StartOfTurn"]
        await client.send(call[middle:])
        await client.send('{"type":"CloseStream"}')
        assert await client.closed(60) == 1000
    turns = Turns(client.messages)
    turns.check(eager=False)
    check_texts(turns)


def sound(path: Path, rate: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The clip with quiet behind it, at another rate."""
    samples = np.concatenate([samples_of(path), np.zeros(32_000, np.float32)])
    if rate == 16_000:
        return samples
    resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
    frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
    frame.sample_rate = 16_000
    blocks = [each.to_ndarray()[0] for each in (*resampler.resample(frame), *resampler.resample(None))]
    return np.concatenate(blocks)


def raw(encoding: str, rate: int) -> tuple[bytes, str]:
    samples = sound(SECOND, rate)
    if encoding == "linear32":
        data = samples.astype("<f4").tobytes()
    elif encoding == "linear16":
        data = (samples * 32_767).astype("<i2").tobytes()
    else:
        codec = {"mulaw": "pcm_mulaw", "alaw": "pcm_alaw"}[encoding]
        file = encoded("wav", codec, rate, samples[None])
        data = file[file.index(b"data") + 8 :]
    return data, f"model=flux-general-en&encoding={encoding}&sample_rate={rate}"


def contained(form: str, codec: str, rate: int) -> tuple[bytes, str]:
    return encoded(form, codec, rate, sound(SECOND, rate)[None]), "model=flux-general-en"


def wav() -> tuple[bytes, str]:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        out.writeframes((sound(SECOND, 16_000) * 32_767).astype("<i2").tobytes())
    return file.getvalue(), "model=flux-general-en"


FORMS: dict[str, Callable[[], tuple[bytes, str]]] = {
    "linear16-8000": partial(raw, "linear16", 8_000),
    "linear16-48000": partial(raw, "linear16", 48_000),
    "linear32-24000": partial(raw, "linear32", 24_000),
    "mulaw-8000": partial(raw, "mulaw", 8_000),
    "alaw-44100": partial(raw, "alaw", 44_100),
    "wav": wav,
    "ogg": partial(contained, "ogg", "libopus", 48_000),
    "webm": partial(contained, "webm", "libopus", 48_000),
}


@pytest.mark.parametrize("form", FORMS)
async def test_the_same_words_in_every_form(server: Program, form: str) -> None:
    """14."""
    data, query = FORMS[form]()
    turns = await turns_of(server, data, query)
    assert word_error_rate([(SECOND_SAID, " ".join(turns.texts))]) < 0.3
    assert len(turns.ends) == 1


async def finals_of(server: Program, query: str) -> list[tuple[float, str]]:
    """Where the utterances of `/v1/listen` end, and their texts: of a sentence with a pause of 0.8 s in its
    middle."""
    sentence, middle = linear16(FIRST), 32_000 * 5 // 4
    audio = sentence[:middle] + bytes(32_000 * 8 // 10) + sentence[middle:] + QUIET
    query = f"encoding=linear16&sample_rate=16000&punctuate=true&endpointing=300{query}"
    async with stream(server.port, query, key=KEY) as client:
        await client.speak(audio, pace=0)
        await client.send('{"type":"CloseStream"}')
        assert await client.closed(60) == 1000
    finals = [each for each in client.of("Results") if each["speech_final"]]
    texts = (each["channel"]["alternatives"][0]["transcript"] for each in finals)
    return [(each["start"] + each["duration"], text) for each, text in zip(finals, texts, strict=True)]


async def test_version_one_may_wait_for_who_hesitates(server: Program) -> None:
    """`turn_detection=true` (ours)."""
    plain = await finals_of(server, "")
    waiting = await finals_of(server, "&turn_detection=true")
    assert [round(end, 1) for end, _ in plain][:1] == [pytest.approx(1.6, abs=0.2)]
    assert len(waiting) == len(plain) - 1
    assert waiting[0][1].startswith("He might")
    assert "himself" in waiting[0][1]


@pytest.mark.long
async def test_a_server_that_is_killed_leaves_a_record(tmp_path: Path, call: bytes) -> None:
    """40."""
    with Program(tmp_path) as program:
        program.wait_until_ready()
        with suppress(ConnectionClosed):
            async with stream(program.port, RAW, key=KEY, path="/v2/listen") as client:
                await client.send(call)
                await client.wait_for("TurnInfo", 10)
                program.kill()
                await client.closed()
        program.start()
        program.wait_until(
            lambda: program.request(client.request_id)["code"] is not None, 90, "the record is still open"
        )
        record = program.request(client.request_id)
    assert (record["path"], record["code"]) == ("/v2/listen", 500)
