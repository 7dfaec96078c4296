"""Real speech with known text through the installed program: the server adds no errors to its engine's."""

from pathlib import Path
from urllib.parse import quote

from ringback.audio.encodings import Decoding
from ringback.audio.reader import SpeechChunk
from ringback.cli.local_engine import LocalEngine, local_engine
from ringback.engines.base import Task, Urgency
from ringback.settings import load
from support.accuracy import word_error_rate
from support.clips import Clip
from support.program import Program
from support.receiver import Receiver

NOISE = 0.007
"""Differences below 0.7 points are noise on sets of this size."""

FAR_TOO_MANY = 0.08
"""The engine's own figure on these clips is about half of it."""


async def test_the_server_hears_what_its_engine_hears(corpus: list[Clip], tmp_path: Path) -> None:
    clips = [clip for clip in corpus if clip.language == "en" and clip.channels == 1 and clip.text]
    spoken = [clip.text or "" for clip in clips]
    async with local_engine(load(environ={"RINGBACK_DATA_DIR": str(tmp_path / "bare")})) as engine:
        bare = word_error_rate(
            zip(spoken, [await recognised(engine, clip.path) for clip in clips], strict=True)
        )
    with Program(tmp_path / "served") as program:
        served = word_error_rate(zip(spoken, called_back(program, clips), strict=True))
    seconds = sum(clip.duration for clip in clips)
    print(
        f"word error rate over {len(clips)} clips, {seconds:.0f} s: "
        f"{100 * served:.1f} % through callbacks, {100 * bare:.1f} % by the engine alone"
    )
    assert served < FAR_TOO_MANY
    assert abs(served - bare) < NOISE


async def recognised(engine: LocalEngine, path: Path) -> str:
    """What the engine makes of a clip, one chunk after the other."""
    words = []
    async with engine.reader.read(path, Decoding()) as pieces:
        async for piece in pieces:
            if isinstance(piece, SpeechChunk):
                task = Task(engine.catalogue.default.name)
                recognition = await engine.pool.recognise(piece.samples, task, Urgency.RECORDING)
                words += [word.text for word in recognition.words]
    return " ".join(words)


def called_back(program: Program, clips: list[Clip]) -> list[str]:
    """What arrives by callback for each clip, all of them handed in at once."""
    with Receiver() as receiver:
        query = f"punctuate=true&callback={quote(receiver.url)}"
        ids = [program.listen(clip.path.read_bytes(), query).json()["request_id"] for clip in clips]
        arrived = receiver.wait_for(lambda received: len(received) >= len(clips), seconds=240)
    documents = {callback.headers["dg-request-id"]: callback.json() for callback in arrived}
    return [documents[each]["results"]["channels"][0]["alternatives"][0]["transcript"] for each in ids]
