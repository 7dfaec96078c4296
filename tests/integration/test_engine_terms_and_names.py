"""The real engine process: terms that are easily misheard, lists that would break it, and the names model."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
import pytest_asyncio

from ringback.engines.base import Task, Urgency
from ringback.engines.messages import EngineSetup
from ringback.engines.pool import EnginePool
from ringback.listen.options import Mode, parse
from ringback.transcript import joined
from support.accuracy import word_error_rate
from support.kernels import COMPUTE_TYPE
from support.speech import samples_of

AUDIO = Path(__file__).parent.parent / "audio"

HOSTILE = (
    *("", " ", "\u200b", "?!", "\ud7ff", "\x00", "x" * 10_000, "a " * 5_000, "💥" * 300, "ﷺ" * 50),
    *("<|endoftext|>", "<|startofprev|>" * 20, "<|notimestamps|>", "1" * 500, "é" * 60, "中文" * 30),
    *("temporarily un available", "press", "Press", "PRESS", "temp. greeting!", "greet@ing.com", "the"),
)
PAGE = (Path(__file__).parents[2] / "docs" / "parameters.md").read_text()
EXAMPLES = re.findall(r"^\| `(\w+\.flac)` \| `(.+?)` \| `(.+?)` \|$", PAGE, re.MULTILINE)
MANY = tuple(f"{word}{number}" for number in range(25) for word in ("Greeting ", "press", "Tempo", "messa"))


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EnginePool]:
    """One engine process for the whole file: none of its tests may cost it."""
    models = tmp_path_factory.mktemp("models")
    pool = EnginePool(EngineSetup("tiny.en", str(models), 1, compute_type=COMPUTE_TYPE))
    stopping = asyncio.Event()
    service = asyncio.create_task(pool.run(stopping))
    try:
        yield pool
    finally:
        stopping.set()
        await service


async def test_hostile_and_long_lists_of_terms_leave_the_engine_alive(pool: EnginePool) -> None:
    speech = samples_of(AUDIO / "phone_en_vm_tempgreeting2.flac")
    bare = await pool.recognise(speech, Task("tiny.en"), Urgency.RECORDING)
    pid = pool.pid
    for terms in (HOSTILE, MANY):
        recognised = await pool.recognise(speech, Task("tiny.en", terms=terms), Urgency.RECORDING)
        assert recognised.words
        assert (recognised.words[0].start, recognised.words[-1].end) == (
            bare.words[0].start,
            bare.words[-1].end,
        )
    await pool.recognise(speech[:4_000], Task("tiny.en", terms=HOSTILE), Urgency.RECORDING)
    assert pool.pid == pid, "the engine process was replaced"


async def test_a_term_is_written_as_asked_and_other_words_stay(pool: EnginePool) -> None:
    speech = samples_of(AUDIO / "librivox_0880.flac")
    bare = await pool.recognise(speech, Task("tiny.en"), Urgency.RECORDING)
    longest = max(bare.words, key=lambda word: len(word.bare))
    shouted = longest.bare.upper()
    reported = Task("tiny.en", terms=(shouted, "Kubernetes", "Reykjavik"))
    recognised = await pool.recognise(speech, reported, Urgency.RECORDING)
    assert joined(recognised.words).lower() == joined(bare.words).lower()
    assert [word.start for word in recognised.words] == [word.start for word in bare.words]


@pytest.mark.parametrize(("clip", "query", "written"), EXAMPLES)
async def test_an_example_of_the_documentation(pool: EnginePool, clip: str, query: str, written: str) -> None:
    """Word for word but for one in ten: another processor's kernels decode a little differently."""
    terms = parse(parse_qsl(query), Mode.RECORDED).terms
    task = Task("tiny.en", terms=terms)
    recognised = await pool.recognise(samples_of(AUDIO / clip), task, Urgency.RECORDING)
    text = joined(recognised.words)
    assert word_error_rate([(written, text)]) <= 0.1
    assert [term for term in terms if term in text] == [term for term in terms if term in written]


async def test_names_are_found_in_words_however_many_and_strange_they_are(pool: EnginePool) -> None:
    text = ["hello", "this", "is", "John", "Smith", "and", "I", "live", "in", "Springfield", "thanks"]
    assert pool.finds_names
    names = await pool.find_names(text, Urgency.LIVE_FINAL)
    found = {(" ".join(text[each.first : each.end]), each.kind) for each in names}
    assert {("John", "name_given"), ("Smith", "name_family"), ("Springfield", "location_city")} <= found
    assert all(0.5 <= each.confidence <= 1.0 for each in names)
    long = (["well"] * 590 + text) * 2
    whole = await pool.find_names(long, Urgency.RECORDING, "job", "project/key")
    spans = [(each.first, each.end) for each in whole]
    assert spans == sorted(spans)
    assert [each.kind for each in whole if long[each.first] == "John"] == ["name_given"] * 2
    assert await pool.find_names([], Urgency.RECORDING) == ()
    hostile = ["", "\x00", "\u200b", "x" * 10_000, "ﷺ" * 500, "[SEP]", "💥" * 100, "한국어" * 200]
    assert isinstance(await pool.find_names(hostile, Urgency.RECORDING), tuple)
