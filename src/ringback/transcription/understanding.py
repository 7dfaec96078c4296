"""What is understood of a recording: its finished words as sentences to `understanding`, and back.

The words are those of the result: what `redact` hides, profanity that is masked and words that are replaced
are so before anything else sees them.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence

from ringback.features.finish import Finished, language_of
from ringback.listen.json_parts import SentimentOfWords
from ringback.listen.options import ListenOptions
from ringback.listen.text_languages import is_english
from ringback.listen.understanding_parts import Summary, Understood
from ringback.listen.understanding_rules import asks_for_understanding, unsupported_language
from ringback.transcript import Word
from ringback.understanding.text import NumberedSentence
from ringback.understanding.understand import Understanding


async def understand_recording(
    finished: Finished, options: ListenOptions, understanding: Understanding, caller: str = ""
) -> tuple[Understood, SentimentOfWords]:
    """What was understood, and the sentiment of each word. Never raises for what a model does."""
    if not asks_for_understanding(options):
        return Understood(), SentimentOfWords()
    language = main_language(finished, options)
    if not is_english(language):
        return _not_english(options, language), SentimentOfWords()
    sentences, words = await asyncio.to_thread(numbered_sentences, finished)
    understood = await understanding.understand(sentences, options, caller)
    if understood.scores is None:
        return understood, SentimentOfWords()
    return understood, SentimentOfWords(zip(understood.scores, words, strict=True))


def main_language(finished: Finished, options: ListenOptions) -> str:
    """That of most words, over all channels."""
    spoken: Counter[str] = Counter()
    for channel in finished.transcript.channels:
        spoken[language_of(channel, options)] += len(channel.alternative.words)
    return spoken.most_common(1)[0][0] if spoken else options.language


def numbered_sentences(finished: Finished) -> tuple[list[NumberedSentence], list[Sequence[Word]]]:
    """The sentences of all channels in the order in which they begin, and the words of each.

    Words are numbered as they then follow one another: people who speak at the same time, each on a channel,
    still make segments that do not overlap.
    """
    assert finished.sentences is not None
    channels = [channel.alternative.words for channel in finished.transcript.channels]
    found = [
        (channels[channel][each.first].start, channel, each)
        for channel, sentences in enumerate(finished.sentences)
        for each in sentences
    ]
    found.sort(key=lambda entry: entry[:2])
    sentences = []
    first = 0
    for _, _, each in found:
        end = first + each.end - each.first
        sentences.append(NumberedSentence(each.text, first, end - 1))
        first = end
    return sentences, [channels[channel][each.first : each.end] for _, channel, each in found]


def _not_english(options: ListenOptions, language: str) -> Understood:
    summary = None
    if options.summarize:
        summary = Summary(f"Summaries are made of English; this is `{language}`.", success=False)
    return Understood(summary=summary, warnings=unsupported_language(options, language))
