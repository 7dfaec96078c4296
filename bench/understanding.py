"""What sentiment, summary, topics and intents cost this server: built in, and with a language model.

Texts are drawn from the words of the clips' known texts: LexRank and VADER take the same time for sense and
nonsense. The language model is a child that answers at once: its own time is each model's matter.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from functools import partial

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from bench.harness import clips
from bench.harness.child import Child
from bench.harness.report import Report
from ringback.bootstrap.understanding import open_understanding
from ringback.clock import SystemClock
from ringback.listen.options import ListenOptions
from ringback.settings import LlmSettings
from ringback.transcription.written_text import sentences_of
from ringback.understanding.text import NumberedSentence
from ringback.understanding.understand import Understanding

THOUSAND, HOUR = 1_000, 9_840
"""Words; those of an hour of speech, as on the page of numbers."""
SIZES = {"1,000 words": THOUSAND, "an hour": HOUR}
WORDS_OF_SENTENCE = (4, 26)
BUILT_IN = {
    "sentiment": ListenOptions(sentiment=True),
    "summarize": ListenOptions(summarize="v2"),
}
BY_A_MODEL = {
    **BUILT_IN,
    "topics": ListenOptions(topics=True),
    "intents": ListenOptions(intents=True),
    "all four": ListenOptions(sentiment=True, summarize="v2", topics=True, intents=True),
}
HOUR_MS = 1_000.0
"""The aim: what is built in takes an hour of speech less than a second of a core."""


def run(repeats: int) -> Report:
    report = Report(
        "understanding",
        "sentiment, summary, topics and intents of 1,000 words and of an hour of speech",
        {
            "text": f"{HOUR:,} words, drawn from those of {clips.source()}, in sentences of 4 to 26",
            "cpu_ms": "processor time of this process, all threads",
            "asked": "a language model in a process of its own that answers at once",
            "kilobytes": "of all questions about the text, with their instructions and schemas",
        },
    )
    asyncio.run(_measure(report, repeats))
    for name in BUILT_IN:
        spent = report.median(f"{name}, built in, an hour", "cpu_ms")
        report.aim_at_most(f"processor time of {name}, built in, an hour, ms", spent, HOUR_MS)
    return report


async def _measure(report: Report, repeats: int) -> None:
    texts = {size: sentences_of(text_of(words)) for size, words in SIZES.items()}
    built_in = Understanding()
    await built_in.understand(
        texts["1,000 words"], BY_A_MODEL["all four"]
    )  # the lexicon is loaded at first use
    with Child("bench.load.language_model") as model:
        async with AsyncExitStack() as stack:
            settings = LlmSettings(url=model.facts["url"], model="scripted")
            asking = await open_understanding(settings, SystemClock(), stack)
            for repeat in range(repeats):
                for size, sentences in texts.items():
                    await _round(report, repeat, size, sentences, built_in, asking, model)


async def _round(
    report: Report,
    repeat: int,
    size: str,
    sentences: Sequence[NumberedSentence],
    built_in: Understanding,
    asking: Understanding,
    model: Child,
) -> None:
    report.add(f"VADER alone, {size}", repeat, **await _spent(partial(_vader, sentences)))
    for name, options in BUILT_IN.items():
        spent = await _spent(partial(built_in.understand, sentences, options))
        report.add(f"{name}, built in, {size}", repeat, **spent)
    for name, options in BY_A_MODEL.items():
        model.ask()
        spent = await _spent(partial(asking.understand, sentences, options))
        counts = model.ask()
        spent |= {"questions": counts["questions"], "kilobytes": counts["bytes"] / 1_000}
        report.add(f"{name}, asked, {size}", repeat, **spent)


async def _spent(work: Callable[[], Awaitable[object]]) -> dict[str, float]:
    started, cpu = time.perf_counter(), time.process_time()
    await work()
    return {
        "cpu_ms": (time.process_time() - cpu) * 1_000,
        "seconds": time.perf_counter() - started,
    }


async def _vader(sentences: Sequence[NumberedSentence]) -> None:
    for sentence in sentences:
        _VADER.polarity_scores(sentence.text)


_VADER = SentimentIntensityAnalyzer()


def text_of(count: int) -> str:
    """So many words, the same each time."""
    drawn = random.Random(1)
    known = [word.strip(".,?!").lower() for clip in clips.clips(0, 60) for word in clip.text.split()]
    return " ".join(_sentences(drawn, known, count))


def _sentences(drawn: random.Random, known: Sequence[str], count: int) -> Iterator[str]:
    while count > 0:
        words = drawn.choices(known, k=min(count, drawn.randint(*WORDS_OF_SENTENCE)))
        count -= len(words)
        yield f"{' '.join(words).capitalize()}."
