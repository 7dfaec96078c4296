"""A server whose model for live streams is a transducer, as its clients see it: live streams of both kinds,
recordings, what it refuses. The transducer is small and knows a few recordings by heart: it shows that the
adapter works, and nothing of accuracy."""

import asyncio
import os
import signal
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from ringback.audio.samples import SAMPLE_RATE
from support.accuracy import word_error_rate
from support.live_client import CLOSE_STREAM, FINALIZE, RAW, refusal, stream
from support.program import KEY, Program
from support.speech import samples_of
from support.transducer import AUDIO, FOLDER, MODEL, SPOKEN
from support.waiting import eventually

SENTENCE = "librivox_0920.flac"
STREAMS = 16


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("transducer")
    environment = {"RINGBACK_LIVE_MODEL": MODEL, "RINGBACK_LIMITS_STREAMS": "32"}
    with Program(folder / "data", environment) as running:
        running.wait_until_ready()
        yield running


def audio(name: str, *, silence: float = 0.5) -> bytes:
    samples = np.pad(samples_of(AUDIO / name), int(silence * SAMPLE_RATE))
    return (samples * 32_767).astype("<i2").tobytes()


def finals(messages: list[dict[str, Any]]) -> str:
    texts = [
        each["channel"]["alternatives"][0]["transcript"]
        for each in messages
        if each["type"] == "Results" and each["is_final"]
    ]
    return " ".join(filter(None, texts))


async def transcribed(program: Program, name: str, query: str = RAW) -> list[dict[str, Any]]:
    async with stream(program.port, query, key=KEY) as client:
        await client.speak(audio(name), pace=4.0)
        await client.send(CLOSE_STREAM)
        assert await client.closed() == 1000
        return client.messages


async def test_interims_grow_into_finals(program: Program) -> None:
    messages = await transcribed(program, SENTENCE, f"{RAW}&interim_results=true")
    results = [each for each in messages if each["type"] == "Results"]
    interims = [each for each in results if not each["is_final"]]
    assert finals(messages) == SPOKEN[SENTENCE]
    assert any(each["channel"]["alternatives"][0]["transcript"] for each in interims)
    assert any(each["speech_final"] for each in results)
    times = [
        (word["start"], word["end"])
        for each in results
        if each["is_final"]
        for word in each["channel"]["alternatives"][0]["words"]
    ]
    assert times == sorted(times)
    assert messages[-1]["type"] == "Metadata"
    assert "onnx-" in str(messages[-1]["model_info"])


async def test_a_finalize_gives_the_words_so_far(program: Program) -> None:
    speech = audio(SENTENCE, silence=0.0)
    half = len(speech) // 4 * 2
    async with stream(program.port, f"{RAW}&endpointing=false", key=KEY) as client:
        await client.speak(speech[:half], pace=0)
        await client.send(FINALIZE)
        await eventually(lambda: any(each.get("from_finalize") for each in client.messages))
        so_far = finals(client.messages)
        await client.speak(speech[half:], pace=0)
        await client.send(CLOSE_STREAM)
        assert await client.closed() == 1000
        whole = finals(client.messages)
    # The model was never taught to begin in the middle: what is behind the cut proves order, not words.
    assert so_far
    assert SPOKEN[SENTENCE].startswith(so_far)
    assert whole.startswith(so_far)


async def test_sixteen_streams_at_once(program: Program) -> None:
    names = [name for name in SPOKEN for _ in range(3)][:STREAMS]
    streams = await asyncio.gather(*(transcribed(program, name) for name in names))
    pairs = [(SPOKEN[name], finals(messages)) for name, messages in zip(names, streams, strict=True)]
    for name, (spoken, recognised) in zip(names, pairs, strict=True):
        if name.startswith("librivox"):  # those without a pause, at which the others may be cut
            assert recognised == spoken
    assert word_error_rate(pairs) < 0.2


async def test_a_killed_engine_costs_the_stream_no_word(program: Program) -> None:
    speech = audio(SENTENCE)
    half = len(speech) // 4 * 2
    async with stream(program.port, f"{RAW}&interim_results=true&endpointing=false", key=KEY) as client:
        await client.speak(speech[:half], pace=4.0)
        await eventually(lambda: len(client.of("Results")) > 1)
        (engine,) = [each for each in program.tree() if "ringback.engines.child" in each.cmdline()]
        os.kill(engine.pid, signal.SIGKILL)
        await client.speak(speech[half:], pace=4.0)
        await client.send(CLOSE_STREAM)
        assert await client.closed() == 1000
    assert finals(client.messages) == SPOKEN[SENTENCE]


async def test_turns_are_told(program: Program) -> None:
    query = f"model=flux-general-en&{RAW}"
    async with stream(program.port, query, key=KEY, path="/v2/listen") as client:
        await client.speak(audio(SENTENCE, silence=1.0), pace=0)
        await client.send(b"\0" * 2 * 6 * SAMPLE_RATE)
        await eventually(lambda: any(each.get("event") == "EndOfTurn" for each in client.messages))
        await client.send(CLOSE_STREAM)
        await client.closed()
    ends = [each["transcript"] for each in client.messages if each.get("event") == "EndOfTurn"]
    assert " ".join(ends).lower() == SPOKEN[SENTENCE]


def test_recordings_have_their_own_model_and_may_ask_for_this_one(program: Program) -> None:
    def transcribe(query: str) -> tuple[str, str]:
        document = program.listen((AUDIO / SENTENCE).read_bytes(), query).json()
        (model,) = document["metadata"]["model_info"].values()
        return model["arch"], document["results"]["channels"][0]["alternatives"][0]["transcript"]

    assert transcribe("model=nova-3")[0] == "whisper"
    arch, text = transcribe(f"model={FOLDER.name}")
    assert arch == "transducer"
    # A recording is cut to its speech, where the model was not taught to begin.
    assert word_error_rate([(SPOKEN[SENTENCE], text)]) < 0.6


async def test_it_cannot_tell_languages_apart(program: Program) -> None:
    query = f"{RAW}&model={FOLDER.name}&language=multi"
    refused = await refusal(program.port, query, key=KEY)
    assert refused.response.status_code == 400


async def test_turns_with_keyterms_are_refused(program: Program) -> None:
    """There are no warnings in their answers."""
    query = f"model=flux-general-en&{RAW}&keyterm=amiable"
    refused = await refusal(program.port, query, key=KEY, path="/v2/listen")
    assert refused.response.status_code == 400
    assert "keyterm" in refused.response.headers["dg-error"]


async def test_keyterms_are_warned_of(program: Program) -> None:
    messages = await transcribed(program, "librivox_0880.flac", f"{RAW}&keyterm=amiable")
    (warning,) = [each for each in messages[-1]["warnings"] if each["parameter"] == "keyterm"]
    assert FOLDER.name in warning["message"]
