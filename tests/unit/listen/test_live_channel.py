"""What is said of what is heard on a channel, rule by rule with its page."""

from itertools import pairwise
from typing import cast

import pytest

from ringback.listen.json_parts import JsonEntity, JsonHit, JsonSearch
from ringback.listen.live import (
    AudioOpened,
    Cause,
    MessageKind,
    RecognitionFinished,
    RecognitionResult,
    SpeechStarted,
    VadProgress,
)
from ringback.transcript import Word
from support.conversations import Json, Talk, final, interim, quiet, spoken, transcript


def spans(messages: list[Json]) -> list[tuple[str, float, float, str]]:
    """What each message is (Results: interim, final, or with speech_final), its span and its words."""
    return [(_kind(m), *_span(m), transcript(m)) for m in messages if m["type"] == "Results"]


def _kind(message: Json) -> str:
    flags = ("is_final", "speech_final", "from_finalize")
    return "+".join(flag for flag in flags if message[flag]) or "interim"


def _span(message: Json) -> tuple[float, float]:
    start, duration = cast(float, message["start"]), cast(float, message["duration"])
    return start, round(start + duration, 3)


class TestInterimsAndFinals:
    """https://developers.deepgram.com/docs/understand-endpointing-interim-results"""

    def test_without_interim_results_there_are_only_finals(self) -> None:
        talk = Talk().hear(interim("one", 1.0), quiet(3.0, 0.0), final("one two", 2.0))
        assert spans(talk.fresh()) == [("is_final+speech_final", 0.0, 2.0, "one two")]

    def test_interims_grow_from_the_last_final_and_finals_follow_each_other(self) -> None:
        talk = Talk("interim_results=true")
        talk.hear(interim("one", 1.0), interim("one two", 2.0), final("one two", 2.5, Cause.LENGTH))
        talk.hear(interim("three", 3.5, start=2.5), final("three", 3.75, start=2.5))
        assert spans(talk.fresh()) == [
            ("interim", 0.0, 1.0, "one"),
            ("interim", 0.0, 2.0, "one two"),
            ("is_final", 0.0, 2.5, "one two"),
            ("interim", 2.5, 3.5, "three"),
            ("is_final+speech_final", 2.5, 3.75, "three"),
        ]

    def test_an_interim_that_its_final_has_overtaken_is_not_reported(self) -> None:
        talk = Talk("interim_results=true").hear(final("one", 1.0))
        talk.fresh()
        assert talk.hear(interim("on", 0.9)).fresh() == []

    def test_a_gap_or_a_step_back_in_what_the_recogniser_reports_is_not_sent(self) -> None:
        talk = Talk().hear(final("one", 1.0), final("two", 3.0, start=2.0), final("three", 2.5, start=1.0))
        assert [span[1:3] for span in spans(talk.fresh())] == [(0.0, 1.0), (1.0, 3.0), (3.0, 3.0)]

    def test_ends_and_starts_agree_to_the_millisecond(self) -> None:
        talk = Talk()
        for n in range(1, 1000):
            talk.hear(final("word", n * 0.1234567, start=(n - 1) * 0.1234567))
        found = spans(talk.fresh())
        assert all(one[2] == other[1] for one, other in pairwise(found))

    def test_silence_is_reported_by_an_interim_without_words_every_second(self) -> None:
        """Seen on the wire: empty interims that grow by a second, from the last final on."""
        talk = Talk("interim_results=true").hear(final("one", 1.0))
        talk.fresh()
        talk.hear(*(quiet(1.0 + n * 0.25, 0.9) for n in range(1, 10)))
        assert spans(talk.fresh()) == [("interim", 1.0, 2.0, ""), ("interim", 1.0, 3.0, "")]

    @pytest.mark.parametrize(("quiet_since", "silent"), [(1.0, True), (1.099, True), (1.1, False)])
    def test_silence_may_begin_less_than_a_word_after_the_last_final(
        self, quiet_since: float, silent: bool
    ) -> None:
        """The VAD puts the end of speech a little later than the final: there is no word in between."""
        talk = Talk("interim_results=true").hear(final("one", 1.0))
        talk.fresh()
        talk.hear(quiet(2.5, quiet_since))
        assert spans(talk.fresh()) == ([("interim", 1.0, 2.5, "")] if silent else [])

    def test_no_empty_interim_takes_back_words_that_are_still_open(self) -> None:
        talk = Talk("interim_results=true").hear(interim("one", 1.0))
        talk.fresh()
        talk.hear(quiet(5.0, 0.0), VadProgress(0, 6.0, 4.0), VadProgress(0, 7.0, None))
        assert talk.fresh() == []

    def test_silence_is_sent_again_once_the_words_are_final(self) -> None:
        talk = Talk("interim_results=true").hear(interim("one", 1.0), final("one", 1.5))
        talk.fresh()
        assert spans(talk.hear(quiet(2.5, 1.0)).fresh()) == [("interim", 1.5, 2.5, "")]

    def test_an_empty_interim_is_not_sent_while_somebody_speaks(self) -> None:
        talk = Talk("interim_results=true").hear(VadProgress(0, 2.0, None), VadProgress(0, 4.0, 2.5))
        assert talk.fresh() == []

    def test_empty_results_say_so_as_deepgram_does(self) -> None:
        (message,) = Talk().hear(final("", 3.0, Cause.SILENCE)).fresh()
        assert message["channel"] == {"alternatives": [{"transcript": "", "confidence": 0.0, "words": []}]}

    def test_a_span_without_length_and_words_is_no_message(self) -> None:
        talk = Talk("interim_results=true")
        assert talk.hear(interim("", 0.0), final("", 0.0, Cause.END), final("", 0.0)).fresh() == []

    def test_more_words_than_fit_become_several_finals_with_the_flags_on_the_last(self) -> None:
        words = tuple(Word("x" * 500, n * 0.01, n * 0.01, 1.0) for n in range(200))
        talk = (
            Talk()
            .text('{"type":"Finalize"}')
            .hear(RecognitionResult(0, 0.0, 2.0, words, True, Cause.FINALIZE))
        )
        found = spans(talk.fresh())
        assert len(found) == 5
        assert [span[0] for span in found] == ["is_final"] * 4 + ["is_final+speech_final+from_finalize"]
        assert [found[0][1], found[-1][2]] == [0.0, 2.0]
        assert all(one[2] == other[1] for one, other in pairwise(found))
        assert " ".join(span[3] for span in found) == " ".join(word.text for word in words)

    def test_not_even_absurd_word_times_tear_such_finals_apart(self) -> None:
        talk = Talk().hear(final("one", 1.0))
        talk.fresh()
        times = [5.0 if n % 2 else 0.0 for n in range(300)]
        words = tuple(Word("x" * 500, time, time, 1.0) for time in times)
        found = spans(talk.hear(RecognitionResult(0, 1.0, 2.0, words, True, Cause.LENGTH)).fresh())
        assert len(found) > 2
        assert [found[0][1], found[-1][2]] == [1.0, 2.0]
        assert all(one[2] == other[1] for one, other in pairwise(found))
        assert all(start <= end for _, start, end, _ in found)


class TestEntitiesAndSearch:
    """https://developers.deepgram.com/docs/detect-entities, https://developers.deepgram.com/docs/search"""

    QUERY = "detect_entities=true&search=acme"
    HITS = (JsonSearch("acme", [JsonHit(0.9, 0.0, 1.0, "acme")]),)

    def test_they_stand_in_the_final_that_they_are_in(self) -> None:
        entity = JsonEntity("DATE", "may", 0.9, 1, 2)
        event = RecognitionResult(
            0, 0.0, 2.0, spoken("in may", 0.0, 2.0), True, Cause.ENDPOINT, (entity,), self.HITS
        )
        (message,) = Talk(self.QUERY).hear(event).fresh()
        written = [{"label": "DATE", "value": "may", "confidence": 0.9, "start_word": 1, "end_word": 2}]
        channel = cast(dict[str, list[Json]], message["channel"])
        assert message["entities"] == written
        assert channel["alternatives"][0]["entities"] == written
        assert channel["search"] == [
            {"query": "acme", "hits": [{"confidence": 0.9, "start": 0.0, "end": 1.0, "snippet": "acme"}]}
        ]

    def test_they_are_left_out_where_not_asked_for(self) -> None:
        event = RecognitionResult(
            0,
            0.0,
            1.0,
            spoken("may", 0.0, 1.0),
            True,
            Cause.END,
            (JsonEntity("DATE", "may", 1, 0, 1),),
            self.HITS,
        )
        (message,) = Talk().hear(event).fresh()
        assert "entities" not in message
        assert set(cast(Json, message["channel"])) == {"alternatives"}

    def test_in_several_finals_indices_count_from_each_ones_first_word(self) -> None:
        words = tuple(Word("x" * 500, n * 0.01, n * 0.01, 1.0) for n in range(200))
        entities = tuple(JsonEntity("DATE", str(n), 1.0, n, n + 1) for n in range(200))
        event = RecognitionResult(0, 0.0, 2.0, words, True, Cause.ENDPOINT, entities, self.HITS)
        messages = Talk(self.QUERY).hear(event).fresh()
        assert len(messages) == 5
        first = 0
        for message in messages:
            found = cast(list[Json], message["entities"])
            assert [each["start_word"] for each in found] == list(range(len(found)))
            assert [each["end_word"] for each in found] == list(range(1, len(found) + 1))
            assert [each["value"] for each in found] == [str(first + n) for n in range(len(found))]
            first += len(found)
        assert first == 200
        assert ["search" in cast(Json, message["channel"]) for message in messages] == [False] * 4 + [True]


class TestUtteranceEndBeforeAFinal:
    """https://developers.deepgram.com/docs/utterance-end: words come late where nothing else was reported."""

    def test_a_gap_before_the_words_of_a_final_is_told_before_it(self) -> None:
        talk = Talk("interim_results=true&utterance_end_ms=1000").hear(final("one", 1.0, Cause.LENGTH))
        talk.fresh()
        talk.hear(RecognitionResult(0, 1.0, 6.0, spoken("two", 5.0, 6.0), True, Cause.LENGTH))
        gap, result = talk.fresh()
        assert (gap["type"], gap["last_word_end"]) == ("UtteranceEnd", 1.0)
        assert transcript(result) == "two"


class TestKinds:
    """By these a callback's relay and a slow client's queue know what may be dropped."""

    def test_each_message_has_its_kind(self) -> None:
        talk = Talk("interim_results=true&vad_events=true&utterance_end_ms=1000", channels=2)
        talk.hear(SpeechStarted(1, 0.5), interim("one", 1.0, channel=1), final("one", 1.5, channel=1))
        talk.hear(quiet(3.0, 1.5, channel=1)).text("what?").text({"type": "Configure", "keyterms": []})
        talk.text({"type": "Configure", "features": {"diarize": True}}).text('{"type":"CloseStream"}')
        talk.hear(RecognitionFinished(2, 3.0))
        assert [(kind, message["type"]) for kind, message in talk.said] == [
            (MessageKind.SPEECH_STARTED, "SpeechStarted"),
            (MessageKind.INTERIM, "Results"),
            (MessageKind.FINAL, "Results"),
            (MessageKind.UTTERANCE_END, "UtteranceEnd"),
            (MessageKind.INTERIM, "Results"),
            (MessageKind.ANSWER, "Error"),
            (MessageKind.ANSWER, "ConfigureSuccess"),
            (MessageKind.ANSWER, "ConfigureFailure"),
            (MessageKind.METADATA, "Metadata"),
        ]
        indices = [message.get("channel_index") or message.get("channel") for message in talk.fresh()[:5]]
        assert indices == [[1, 2]] * 5


class TestSpeechFinal:
    """https://developers.deepgram.com/docs/understand-endpointing-interim-results"""

    @pytest.mark.parametrize(
        ("cause", "closes"),
        [(Cause.ENDPOINT, True), (Cause.END, True), (Cause.LENGTH, False), (Cause.FINALIZE, False)],
    )
    def test_a_pause_and_the_end_close_an_utterance(self, cause: Cause, closes: bool) -> None:
        """FINALIZE: without a Finalize it is as LENGTH."""
        (message,) = Talk().hear(final("one", 1.0, cause)).fresh()
        assert message["speech_final"] is closes

    def test_without_endpointing_silence_closes_nothing(self) -> None:
        talk = Talk("endpointing=false").hear(final("one", 1.0), final("", 5.0, Cause.SILENCE, start=1.0))
        assert [span[0] for span in spans(talk.fresh())] == ["is_final", "is_final"]

    def test_silence_after_a_long_span_closes_what_that_left_open(self) -> None:
        """A client that joins the finals up to `speech_final` would wait for it in vain otherwise."""
        talk = Talk("endpointing=300").hear(final("one", 1.0, Cause.LENGTH))
        talk.hear(final("", 1.2, Cause.SILENCE), final("", 4.0, Cause.SILENCE), final("", 7.0, Cause.SILENCE))
        assert [span[0] for span in spans(talk.fresh())] == [
            "is_final",
            "is_final",
            "is_final+speech_final",
            "is_final",
        ]

    def test_silence_out_of_nowhere_closes_nothing(self) -> None:
        """Deepgram does send `speech_final` then, at which voice agents answered an utterance that was not
        spoken."""
        talk = Talk().hear(final("", 3.0, Cause.SILENCE), final("", 6.0, Cause.SILENCE))
        assert [span[0] for span in spans(talk.fresh())] == ["is_final", "is_final"]

    def test_speech_that_was_reported_and_then_taken_back_is_closed(self) -> None:
        """A client that heard SpeechStarted, or saw an interim, waits for the end of that speech."""
        talk = Talk("vad_events=true").hear(SpeechStarted(0, 0.5), final("", 3.0, Cause.SILENCE))
        assert talk.fresh()[-1]["speech_final"] is True
        talk = Talk("interim_results=true").hear(interim("hm", 1.0), final("", 3.0, Cause.SILENCE))
        assert talk.fresh()[-1]["speech_final"] is True

    def test_the_end_closes_only_what_is_open(self) -> None:
        talk = Talk().hear(final("one", 1.0), final("", 2.0, Cause.END, start=1.0))
        assert [span[0] for span in spans(talk.fresh())] == ["is_final+speech_final", "is_final"]


class TestSpeechStarted:
    """https://developers.deepgram.com/docs/speech-started"""

    def test_only_where_asked_for(self) -> None:
        assert Talk().hear(SpeechStarted(0, 0.5)).fresh() == []

    def test_its_shape(self) -> None:
        talk = Talk("vad_events=true&multichannel=true", channels=2).hear(SpeechStarted(1, 0.5004))
        assert talk.fresh() == [{"type": "SpeechStarted", "channel": [1, 2], "timestamp": 0.5}]


class TestUtteranceEnd:
    """https://developers.deepgram.com/docs/utterance-end"""

    QUERY = "interim_results=true&utterance_end_ms=1000"

    def ends(self, talk: Talk) -> list[object]:
        return [m["last_word_end"] for m in talk.fresh() if m["type"] == "UtteranceEnd"]

    def test_the_concrete_example_of_the_page(self) -> None:
        talk = Talk(self.QUERY).hear(interim("Hello", 0.5), interim("Hello there", 1.0))
        words = (Word("Hello", 0.1, 0.6, 0.9), Word("there", 0.7, 1.2, 0.9))
        talk.hear(RecognitionResult(0, 0.0, 2.0, words, True, Cause.LENGTH), quiet(2.1, 1.3))
        assert self.ends(talk) == []
        talk.hear(quiet(2.2, 1.3))
        assert talk.said[0][1] == {"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 1.2}
        talk.hear(quiet(3.5, 1.3))
        assert self.ends(talk) == [1.2], "each gap is told once"

    def test_the_gap_is_seen_late_where_words_follow_it(self) -> None:
        """The page's second example: it fires though speech continues, before the words that follow."""
        talk = Talk("interim_results=true&utterance_end_ms=2000")
        talk.hear(final("Hello there.", 3.4, Cause.LENGTH), interim("", 4.7, start=3.4))
        talk.fresh()
        words = (Word("I'm", 5.5, 5.7, 0.9),)
        talk.hear(RecognitionResult(0, 3.4, 5.7, words, False, Cause.UPDATE))
        assert [message["type"] for message in talk.fresh()] == ["UtteranceEnd", "Results"]

    def test_words_within_the_gap_begin_another_wait(self) -> None:
        talk = Talk(self.QUERY).hear(final("one", 1.0, Cause.LENGTH))
        talk.hear(
            RecognitionResult(0, 1.0, 2.5, spoken("two", 1.5, 2.0), False, Cause.UPDATE), quiet(2.9, 2.0)
        )
        talk.hear(
            RecognitionResult(0, 1.0, 2.5, spoken("two", 1.5, 2.0), True, Cause.LENGTH), quiet(2.9, 2.0)
        )
        assert self.ends(talk) == []
        talk.hear(quiet(3.0, 2.0))
        assert self.ends(talk) == [2.0]

    def test_noise_does_not_hold_it_up(self) -> None:
        """Speech detection hears something; the recogniser finds no words in it."""
        talk = Talk(self.QUERY).hear(final("one", 1.0, Cause.LENGTH), VadProgress(0, 2.5, None))
        assert self.ends(talk) == []
        assert self.ends(talk.hear(interim("", 2.5, start=1.0))) == [1.0]

    def test_after_speech_final_it_says_minus_one(self) -> None:
        talk = Talk(self.QUERY).hear(final("one", 1.0), quiet(2.0, 1.0))
        assert self.ends(talk) == [-1]

    def test_words_after_speech_final_are_reported_as_such(self) -> None:
        talk = Talk(self.QUERY).hear(final("one", 1.0), final("two", 2.0, Cause.LENGTH, start=1.0))
        assert self.ends(talk.hear(quiet(3.0, 2.0))) == [2.0]

    def test_no_words_no_end(self) -> None:
        talk = Talk(self.QUERY).hear(final("", 3.0, Cause.SILENCE), quiet(9.0, 0.0))
        assert self.ends(talk) == []

    def test_not_where_not_asked_for(self) -> None:
        talk = Talk("interim_results=true").hear(final("one", 1.0, Cause.LENGTH), quiet(9.0, 1.0))
        assert self.ends(talk) == []


class TestChannels:
    """https://developers.deepgram.com/docs/multichannel"""

    def test_each_has_its_own_spans_and_index(self) -> None:
        talk = Talk("multichannel=true", channels=2)
        talk.hear(final("left", 1.0, channel=0), final("right", 2.0, channel=1))
        talk.hear(final("again", 3.0, start=1.0, channel=0))
        messages = talk.fresh()
        assert [message["channel_index"] for message in messages] == [[0, 2], [1, 2], [0, 2]]
        assert [span[1:3] for span in spans(messages)] == [(0.0, 1.0), (0.0, 2.0), (1.0, 3.0)]

    def test_what_nobody_opened_is_not_reported(self) -> None:
        talk = Talk(channels=None)
        talk.binary(b"x").hear(
            final("early", 1.0), AudioOpened(1), final("stray", 1.0, channel=1), AudioOpened(7)
        )
        assert talk.fresh() == []
        (message,) = talk.hear(final("one", 1.0)).fresh()
        assert message["channel_index"] == [0, 1]
