"""Recordings of every kind through the installed program: languages, channels, URLs, tiers, failures."""

import http.server
import json
import struct
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import av
import numpy as np
import pytest

from support.accuracy import word_error_rate
from support.live_client import CLOSE_STREAM, RAW, stream
from support.program import KEY, Program, Reply
from support.receiver import Receiver
from support.speech import samples_of

AUDIO = Path(__file__).parent.parent / "audio"
CLIPS: list[dict[str, Any]] = json.loads((AUDIO / "manifest.json").read_text())


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with Program(tmp_path_factory.mktemp("data")) as program:
        program.wait_until_ready()
        yield program


def clip(language: str) -> dict[str, Any]:
    return next(entry for entry in CLIPS if entry["language"] == language)


def audio(entry: dict[str, Any]) -> bytes:
    path: str = entry["path"]
    return (AUDIO / path).read_bytes()


def channels(reply: Reply) -> list[Any]:
    assert reply.status == 200, reply.body
    found: list[Any] = reply.json()["results"]["channels"]
    return found


def transcript(channel: Any) -> str:
    text: str = channel["alternatives"][0]["transcript"]
    return text


def as_wav(entry: dict[str, Any]) -> tuple[np.ndarray[Any, np.dtype[np.int16]], int]:
    """Samples, shape (n,), and their rate."""
    with av.open(str(AUDIO / entry["path"])) as container:
        frames = list(container.decode(audio=0))
    samples = np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])
    return samples.astype(np.int16), frames[0].sample_rate


def wav_of(samples: np.ndarray[Any, np.dtype[np.int16]], rate: int) -> bytes:
    """A WAV file of `samples`, shape (channels, n)."""
    file = BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(len(samples))
        written.setsampwidth(2)
        written.setframerate(rate)
        written.writeframes(samples.T.tobytes())
    return file.getvalue()


@pytest.mark.parametrize("language", ["es", "fr"])
def test_a_language_that_is_named_or_found_out(program: Program, language: str) -> None:
    entry = clip(language)
    named = channels(program.listen(audio(entry), f"language={language}&punctuate=true"))
    found = channels(program.listen(audio(entry), "detect_language=true&punctuate=true"))
    assert "detected_language" not in named[0]
    assert found[0]["detected_language"] == language
    assert 0.5 < found[0]["language_confidence"] <= 1
    rate = word_error_rate([(entry["text"], transcript(named[0]))], language)
    print(f"{language}: word error rate {100 * rate:.0f} %: {transcript(named[0])}")
    assert rate < 0.5
    assert transcript(found[0]) == transcript(named[0])


def test_the_candidates_bound_what_is_found_out(program: Program) -> None:
    (channel,) = channels(program.listen(audio(clip("es")), "detect_language=it-IT&detect_language=PT"))
    assert channel["detected_language"] in {"it", "pt"}
    unknown = program.listen(audio(clip("es")), "detect_language=tlh")
    assert unknown.status == 400
    assert "tlh" in unknown.json()["err_msg"]


SWITCHING = ("phone_es_confbridge_begin_glorious_c", "librivox_0920", "phone_fr_dir_instr")
"""Spanish, English, French."""


def switching(pause: float) -> bytes:
    """One after the other, as loud as each other."""
    pieces = []
    for name in SWITCHING:
        samples = samples_of(AUDIO / f"{name}.flac")
        pieces += [samples * (0.3 / np.abs(samples).max()), np.zeros(round(pause * 16_000), np.float32)]
    return wav_of((np.concatenate(pieces) * 32_767).astype(np.int16)[None], 16_000)


def test_where_people_switch_languages_nothing_is_translated(program: Program) -> None:
    """The French part came back in English, when the language was found per chunk."""
    reply = program.listen(switching(0.75), "language=multi&utterances=true&language_hint=en-GB")
    (channel,) = channels(reply)
    (alternative,) = channel["alternatives"]
    assert "conferencia" in alternative["transcript"]
    assert "respectable" in alternative["transcript"]
    assert "appuyez" in alternative["transcript"]
    assert sorted(alternative["languages"]) == ["en", "es", "fr"]
    assert alternative["languages_hinted"] == ["en"]
    timed = [(word["language"], word["start"]) for word in alternative["words"]]
    spoken = [("es" if start < 5.5 else "en" if start < 12.3 else "fr") for _, start in timed]
    right = sum(language == expected for (language, _), expected in zip(timed, spoken, strict=True))
    assert right / len(timed) > 0.9
    assert {language for each in reply.json()["results"]["utterances"] for language in each["languages"]} == {
        "en",
        "es",
        "fr",
    }


async def test_a_stream_follows_its_speakers_from_language_to_language(program: Program) -> None:
    with wave.open(BytesIO(switching(1.2))) as recording:
        spoken = recording.readframes(recording.getnframes())
    async with stream(
        program.port, f"{RAW}&language=multi&endpointing=100", key=KEY, ping_interval=None
    ) as client:
        await client.speak(spoken, pace=2.0)
        await client.send(CLOSE_STREAM)
        assert await client.closed(120) == 1000
    results = [message for message in client.messages if message["type"] == "Results"]
    alternatives = [result["channel"]["alternatives"][0] for result in results]
    said = " ".join(alternative["transcript"] for alternative in alternatives)
    assert all(word in said for word in ("conferencia", "respectable", "appuyez")), said
    words = [word for alternative in alternatives for word in alternative["words"]]
    assert {word["language"] for word in words} == {"es", "en", "fr"}
    assert all(set(each["languages"]) <= {"es", "en", "fr"} for each in alternatives if each["words"])


def noises() -> dict[str, np.ndarray[Any, np.dtype[np.int16]]]:
    """What is no speech, or next to none: samples at 16 kHz, shape (n,)."""
    chance = np.random.default_rng(1)
    times = np.arange(2 * 16_000) / 16_000
    return {
        "white noise": (chance.normal(0, 6_000, 2 * 16_000)).clip(-32_768, 32_767).astype(np.int16),
        "a tone": (20_000 * np.sin(2 * np.pi * 440 * times)).astype(np.int16),
        "clipped clicks": np.tile(np.array([32_767] + [0] * 799, np.int16), 80),
        "one sample": np.ones(1, np.int16),
        "the tenth of a second": samples_of_clip("en")[:1_600],
        "half a word of each": np.concatenate(
            [samples_of_clip(each)[8_000:12_000] for each in ("en", "es", "fr")] * 4
        ),
    }


def samples_of_clip(language: str) -> np.ndarray[Any, np.dtype[np.int16]]:
    return (samples_of(AUDIO / clip(language)["path"]) * 32_767).astype(np.int16)


@pytest.mark.parametrize(
    "query", ["language=multi", pytest.param("detect_language=true", marks=pytest.mark.long)]
)
def test_what_is_no_speech_in_any_language_is_answered(program: Program, query: str) -> None:
    for name, samples in noises().items():
        reply = program.listen(wav_of(samples[None], 16_000), query)
        (channel,) = channels(reply)
        words = channel["alternatives"][0]["words"]
        if query == "language=multi":
            assert all(word["language"] for word in words), name
        else:
            assert ("detected_language" in channel) == bool(words), name


def test_the_language_that_is_detected_is_that_of_most_of_the_recording(program: Program) -> None:
    spanish, english = (samples_of(AUDIO / f"{name}.flac") for name in SWITCHING[:2])
    both = np.concatenate([english, np.zeros(8_000, np.float32), *([spanish] * 3)])
    reply = program.listen(wav_of((both * 32_767).astype(np.int16)[None], 16_000), "detect_language=true")
    (channel,) = channels(reply)
    assert channel["detected_language"] == "es"
    assert 0.4 < channel["language_confidence"] < 0.95
    assert "respectable" in transcript(channel)
    assert "languages" not in channel["alternatives"][0]
    (warning,) = reply.json()["metadata"]["warnings"]
    assert (warning["parameter"], warning["type"]) == ("detect_language", "other_languages")
    assert "(en " in warning["message"]


def test_a_language_that_no_model_knows_is_refused(program: Program) -> None:
    refused = program.listen(audio(clip("en")), "language=tlh")
    assert refused.status == 400
    assert refused.json()["err_msg"].startswith("Bad Request: No such model/language/tier combination found.")


def test_each_channel_of_a_call_is_heard_by_itself(program: Program) -> None:
    left, rate = as_wav(next(entry for entry in CLIPS if entry["path"] == "librivox_0920.flac"))
    right, _ = as_wav(next(entry for entry in CLIPS if entry["path"] == "librivox_0930.flac"))
    both = np.zeros((2, max(len(left), len(right))), np.int16)
    both[0, : len(left)], both[1, : len(right)] = left, right
    recognised = channels(program.listen(wav_of(both, rate), "multichannel=true"))
    assert len(recognised) == 2
    assert "amiable woman" in transcript(recognised[0])
    assert "amiable himself" in transcript(recognised[1])
    (mixed,) = channels(program.listen(wav_of(both, rate), ""))
    assert transcript(mixed)


def test_raw_samples_are_read_as_the_query_says(program: Program) -> None:
    samples, rate = as_wav(clip("en"))
    (raw,) = channels(program.listen(samples.tobytes(), f"encoding=linear16&sample_rate={rate}"))
    (file,) = channels(program.listen(wav_of(samples[None], rate), ""))
    assert transcript(raw) == transcript(file) != ""


def test_silence_yields_an_empty_transcript(program: Program) -> None:
    reply = program.listen(wav_of(np.zeros((1, 16_000 * 5), np.int16), 16_000), "utterances=true")
    (channel,) = channels(reply)
    assert channel["alternatives"] == [{"transcript": "", "confidence": 0.0, "words": []}]
    assert reply.json()["results"]["utterances"] == []
    assert reply.json()["metadata"]["duration"] == 5.0


def test_a_file_without_any_samples_is_refused(program: Program) -> None:
    reply = program.listen(wav_of(np.zeros((1, 0), np.int16), 16_000), "")
    assert reply.status == 400
    assert reply.json()["err_msg"] == "Bad Request: failed to process audio: corrupt or unsupported data"


def test_word_times_follow_the_recording(program: Program) -> None:
    samples, rate = as_wav(clip("en"))
    later = np.concatenate([np.zeros(7 * rate, np.int16), samples])
    (early,) = channels(program.listen(wav_of(samples[None], rate), ""))
    (late,) = channels(program.listen(wav_of(later[None], rate), ""))
    words = late["alternatives"][0]["words"]
    assert all(7 <= word["start"] <= word["end"] <= len(later) / rate for word in words)
    first = early["alternatives"][0]["words"][0]["start"]
    assert words[0]["start"] == pytest.approx(first + 7, abs=0.3)


@contextmanager
def web(files: dict[str, bytes]) -> Iterator[str]:
    """A web server on loopback; unknown paths are 404."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = files.get(self.path)
            self.send_response(200 if body is not None else 404)
            self.send_header("content-length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def in_matroska(samples: np.ndarray[Any, np.dtype[np.int16]], rate: int, hole_at: float) -> bytes:
    """FLAC in Matroska, with 20 s of which nothing was recorded."""
    file = BytesIO()
    with av.open(file, "w", format="matroska") as written:
        sound = written.add_stream("flac", rate=rate, layout="mono")
        packets = []
        for at in range(0, len(samples), 960):
            frame = av.AudioFrame.from_ndarray(samples[None, at : at + 960], format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
            packets += sound.encode(frame)
        for packet in [*packets, *sound.encode(None)]:
            assert packet.pts is not None
            assert packet.time_base is not None
            if packet.pts * packet.time_base >= hole_at:
                packet.pts += int(20 / packet.time_base)
                packet.dts = packet.pts
            written.mux(packet)
    return file.getvalue()


def test_a_hole_in_the_recording_is_time_for_words_and_utterances(program: Program) -> None:
    samples, rate = as_wav(clip("en"))
    once = samples.astype(np.int16)
    reply = program.listen(
        in_matroska(np.concatenate((once, once)), rate, len(once) / rate),
        "utterances=true",
    )
    words = channels(reply)[0]["alternatives"][0]["words"]
    starts = [word["start"] for word in words]
    assert starts == sorted(starts)
    second = [start for start in starts if start > len(once) / rate]
    assert second[0] == pytest.approx(starts[0] + len(once) / rate + 20, abs=0.6)
    assert abs(len(second) - len(words) / 2) <= 2
    document = reply.json()
    assert document["metadata"]["duration"] == pytest.approx(2 * len(once) / rate + 20, abs=0.2)
    assert "warnings" not in document["metadata"]
    assert all(each["end"] - each["start"] < 20 for each in document["results"]["utterances"])


def test_a_recording_heard_in_part_says_so_to_the_waiting_and_to_the_called_back(program: Program) -> None:
    samples, rate = as_wav(clip("en"))
    cut = wav_of(samples[None], rate)
    cut = cut[: len(cut) // 2]
    warnings = program.listen(cut, "").json()["metadata"]["warnings"]
    assert [warning["type"] for warning in warnings] == ["partial"]
    assert "50 % of the seconds" in warnings[0]["message"]
    with Receiver() as receiver:
        assert program.listen(cut, f"callback={quote(receiver.url)}").status == 200
        (callback,) = receiver.wait_for(bool)
    assert callback.json()["metadata"]["warnings"] == warnings


def test_audio_behind_a_url(program: Program) -> None:
    entry = clip("en")
    with web({"/talk.flac": audio(entry)}) as site:
        body = json.dumps({"url": f"{site}/talk.flac"}).encode()
        fetched = program.listen(body, "punctuate=true", "application/json")
        sent = program.listen(audio(entry), "punctuate=true")
    assert channels(fetched) == channels(sent)
    assert fetched.json()["metadata"]["sha256"] == sent.json()["metadata"]["sha256"]


def test_audio_that_does_not_come_is_reported_to_the_waiting_and_to_the_called_back(program: Program) -> None:
    with web({}) as site, Receiver() as receiver:
        body = json.dumps({"url": f"{site}/nothing.wav"}).encode()
        waited = program.listen(body, "", "application/json")
        program.listen(body, f"callback={quote(receiver.url)}", "application/json")
        (callback,) = receiver.wait_for(bool)
    assert waited.status == 400
    assert waited.json()["err_code"] == "REMOTE_CONTENT_ERROR"
    assert callback.headers["ringback-status"] == "400"
    assert callback.json()["err_msg"] == waited.json()["err_msg"]


def test_the_accurate_tier_hears_at_least_as_well(tmp_path: Path, program: Program) -> None:
    english = [entry for entry in CLIPS if entry["language"] == "en"]
    with Program(tmp_path, {"RINGBACK_ENGINE_QUALITY": "accurate"}) as accurate:
        rates = [
            word_error_rate(
                (entry["text"], transcript(channels(server.listen(audio(entry), ""))[0])) for entry in english
            )
            for server in (program, accurate)
        ]
    print(f"word error rate: fast {100 * rates[0]:.1f} %, accurate {100 * rates[1]:.1f} %")
    assert rates[1] < 0.1


def tones(*peaks: float) -> bytes:
    """Speech as loud as each of `peaks`, with pauses: the scripted engine tells them apart by loudness."""
    samples, rate = as_wav(clip("en"))
    loudest = float(np.abs(samples).max())
    pause = np.zeros(3 * rate, np.int16)
    pieces = [
        piece for peak in peaks for piece in ((samples * (peak * 32_767 / loudest)).astype(np.int16), pause)
    ]
    return wav_of(np.concatenate(pieces)[None], rate)


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A server whose engine dies of loud speech and stumbles once over quiet speech."""
    folder = tmp_path_factory.mktemp("scripted")
    script = folder / "script.json"
    script.write_text(
        json.dumps(
            {
                "steps": [
                    {"peak": [0.75, 1.0], "then": "crash"},
                    {"peak": [0.0, 0.2], "then": "crash", "once": True, "words": "quiet words"},
                    {"words": "plain words"},
                ]
            }
        )
    )
    with Program(folder / "data", {"RINGBACK_MODEL": f"scripted:{script}"}) as program:
        program.wait_until_ready()
        yield program


def test_a_crash_of_the_engine_costs_nothing_but_time(scripted: Program) -> None:
    (channel,) = channels(scripted.listen(tones(0.1, 0.5), ""))
    assert transcript(channel) == "quiet words plain words"


def test_speech_that_always_crashes_the_engine_fails_its_request_alone(scripted: Program) -> None:
    with Receiver() as receiver:
        poison = scripted.listen(tones(0.9), f"callback={quote(receiver.url)}").json()["request_id"]
        (channel,) = channels(scripted.listen(tones(0.5), ""))
        (callback,) = receiver.wait_for(bool, seconds=120)
    assert transcript(channel) == "plain words"
    assert callback.headers["dg-request-id"] == poison
    assert callback.headers["ringback-status"] == "500"
    assert callback.json()["err_code"] == "Internal Server Error"
    assert scripted.request(poison)["code"] == 500


def test_a_lying_header_does_not_cost_memory(program: Program) -> None:
    lying = bytearray(wav_of(np.zeros((1, 16_000), np.int16), 16_000))
    lying[40:44] = struct.pack("<I", 0xFFFF_FFF0)
    reply = program.listen(bytes(lying), "")
    assert reply.status == 200
    assert reply.json()["metadata"]["duration"] == pytest.approx(1.0, abs=0.1)
