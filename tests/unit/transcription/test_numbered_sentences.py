"""Sentences of several channels, and the numbers of their words."""

from ringback.features.finish import finish
from ringback.listen.options import ListenOptions
from ringback.transcript import Alternative, Channel, Transcript, Word
from ringback.transcription.understanding import numbered_sentences
from ringback.understanding.sentiment import sentiments_of

OPTIONS = ListenOptions(sentiment=True, multichannel=True)


def channel(*said: tuple[float, str]) -> Channel:
    """Sentences, each from its second on, a word every tenth of a second."""
    words = [
        Word(word, start + index / 10, start + index / 10 + 0.09, 0.9)
        for start, sentence in said
        for index, word in enumerate(sentence.split())
    ]
    return Channel(Alternative(tuple(words)))


CALLER = channel((0.0, "I hate this phone."), (3.0, "That is great, thank you."))
AGENT = channel((0.2, "Hello, how can I help?"), (3.1, "You are welcome."))


def test_words_are_numbered_sentence_by_sentence_in_the_order_in_which_these_begin() -> None:
    finished = finish(Transcript(9.0, (CALLER, AGENT)), OPTIONS)
    sentences, words = numbered_sentences(finished)
    assert [(each.text, each.start_word, each.end_word) for each in sentences] == [
        ("I hate this phone.", 0, 3),
        ("Hello, how can I help?", 4, 8),
        ("That is great, thank you.", 9, 13),
        ("You are welcome.", 14, 16),
    ]
    assert [len(each) for each in words] == [4, 5, 5, 3]


def test_segments_of_people_who_speak_at_once_do_not_overlap_and_cover_every_word() -> None:
    sentences, _ = numbered_sentences(finish(Transcript(9.0, (CALLER, AGENT)), OPTIONS))
    segments = sentiments_of(sentences, (-0.6, 0.4, 0.8, 0.0)).segments
    assert [(each.start_word, each.end_word) for each in segments] == [(0, 3), (4, 13), (14, 16)]
    assert all(len(each.text.split()) == each.end_word - each.start_word + 1 for each in segments)


def test_one_channel_is_numbered_in_order_of_time() -> None:
    sentences, _ = numbered_sentences(finish(Transcript(9.0, (CALLER, Channel())), OPTIONS))
    assert [(each.start_word, each.end_word) for each in sentences] == [(0, 3), (4, 8)]
