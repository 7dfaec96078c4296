"""The live conversation: what a client's frames bring about, how it waits, how it ends."""

import hashlib
import json
from dataclasses import replace
from typing import cast

import pytest

from ringback.listen.live import (
    AUDIO_PAUSE,
    IDLE_TIMEOUT,
    RECOGNISER_TIMEOUT,
    AudioOpened,
    Cause,
    CloseReason,
    CloseSocket,
    EndAudio,
    FeedAudio,
    FlushRecogniser,
    RecognitionFinished,
    Reconfigure,
    Undecodable,
)
from ringback.listen.live_messages import MOST_ECHOED
from support.conversations import FACTS, MODEL, REQUEST, Json, Talk, final, interim, quiet, transcript

KEEP_ALIVE = '{"type":"KeepAlive"}'
CLOSE = '{"type":"CloseStream"}'


class TestAudio:
    def test_goes_to_the_recogniser_as_it_is(self) -> None:
        talk = Talk(channels=None).binary(b"one").binary(b"two")
        assert talk.fresh_wishes() == [FeedAudio(b"one"), FeedAudio(b"two")]
        assert talk.fresh() == []


class TestKeepAlive:
    """https://developers.deepgram.com/docs/audio-keep-alive"""

    def test_has_no_answer(self) -> None:
        talk = Talk().text(KEEP_ALIVE)
        assert talk.fresh() == []

    def test_ten_seconds_without_a_frame_end_the_stream(self) -> None:
        talk = Talk().hear(final("one", 1.0, Cause.LENGTH))
        talk.fresh()
        talk.fresh_wishes()
        talk.tick(IDLE_TIMEOUT - 0.01)
        assert talk.fresh_wishes() == []
        talk.tick(IDLE_TIMEOUT)
        assert talk.fresh_wishes() == [EndAudio()], "what was heard is still told"
        talk.hear(final("two", 2.0, Cause.END, start=1.0), RecognitionFinished(1, 2.0))
        results, metadata = talk.fresh()
        assert results["is_final"] is True
        assert (metadata["type"], metadata["sha256"], metadata["duration"]) == ("Metadata", "incomplete", 2.0)
        assert talk.closed_with == CloseSocket(1011, CloseReason.IDLE_TIMEOUT.reason)

    @pytest.mark.parametrize("text", [KEEP_ALIVE, '{"type":"Finalize"}', "what?"])
    def test_any_text_message_keeps_a_stream_with_audio(self, text: str) -> None:
        """The reason of the close names "audio data or a text message"."""
        talk = Talk()
        for seconds in range(9, 100, 9):
            talk.tick(seconds).text(text)
        assert EndAudio() not in talk.actions
        assert talk.conversation.deadline == 99 + IDLE_TIMEOUT

    def test_does_not_keep_a_stream_that_never_had_audio(self) -> None:
        talk = Talk(channels=None)
        for seconds in range(3, 10, 3):
            talk.tick(seconds).text(KEEP_ALIVE)
        assert talk.conversation.deadline == IDLE_TIMEOUT
        talk.tick(IDLE_TIMEOUT)
        assert talk.closed_with == CloseSocket(1011, CloseReason.IDLE_TIMEOUT.reason)

    def test_what_the_recogniser_reports_is_no_sign_of_the_client(self) -> None:
        talk = Talk().tick(9.0)
        talk.hear(final("one", 1.0), quiet(5.0, 1.0))
        assert talk.conversation.deadline == IDLE_TIMEOUT

    def test_a_silence_that_the_server_made_itself_does_not_count(self) -> None:
        talk = Talk()
        talk.conversation.resume(50.0)
        talk.tick(50.0)
        assert talk.conversation.deadline == 50.0 + IDLE_TIMEOUT


class TestPause:
    """Ours: what is open is told when a stream is kept open for ten seconds without audio."""

    def kept_open(self, query: str = "interim_results=true&utterance_end_ms=1000") -> Talk:
        """Ten seconds after its last audio, with words that are open."""
        talk = Talk(query).hear(interim("one two", 2.0))
        talk.fresh()
        talk.fresh_wishes()
        talk.tick(8.0).text(KEEP_ALIVE).tick(AUDIO_PAUSE - 0.01)
        assert talk.fresh_wishes() == []
        return talk.tick(AUDIO_PAUSE)

    def test_what_is_open_is_asked_for_once(self) -> None:
        talk = self.kept_open()
        assert talk.fresh_wishes() == [FlushRecogniser(None)]
        for seconds in range(11, 60, 7):
            talk.tick(seconds).text(KEEP_ALIVE)
        assert talk.fresh_wishes() == []

    def test_it_is_reported_as_the_end_of_speech(self) -> None:
        talk = self.kept_open().hear(final("one two", 2.0, Cause.FINALIZE))
        results, utterance_end = talk.fresh()
        assert (results["is_final"], results["speech_final"], results["from_finalize"]) == (True, True, False)
        assert transcript(results) == "one two"
        assert (utterance_end["type"], utterance_end["last_word_end"]) == ("UtteranceEnd", -1)

    def test_nothing_is_reported_where_nothing_is_open(self) -> None:
        talk = Talk().text(KEEP_ALIVE).tick(9.0).text(KEEP_ALIVE).tick(AUDIO_PAUSE)
        assert talk.hear(final("", 0.0, Cause.FINALIZE)).fresh() == []

    def test_words_that_were_final_already_get_their_utterance_end(self) -> None:
        query = "interim_results=true&utterance_end_ms=1000&endpointing=false"
        talk = Talk(query).hear(final("one", 2.0, Cause.LENGTH))
        talk.fresh()
        talk.tick(9.0).text(KEEP_ALIVE).tick(AUDIO_PAUSE)
        (utterance_end,) = talk.hear(final("", 2.0, Cause.FINALIZE, start=2.0)).fresh()
        assert (utterance_end["type"], utterance_end["last_word_end"]) == ("UtteranceEnd", 2.0)

    def test_after_more_audio_it_is_sent_again(self) -> None:
        talk = self.kept_open().hear(final("one two", 2.0, Cause.FINALIZE))
        talk.text(KEEP_ALIVE).tick(15.0).binary(b"audio")
        talk.fresh_wishes()
        talk.tick(20.0).text(KEEP_ALIVE).tick(25.0)
        assert talk.fresh_wishes() == [FlushRecogniser(None)]

    def test_a_finalize_on_its_way_is_still_answered_once(self) -> None:
        talk = self.kept_open().text('{"type":"Finalize"}')
        talk.hear(final("one two", 2.0, Cause.FINALIZE), final("", 2.0, Cause.FINALIZE, start=2.0))
        answers = [message for message in talk.fresh() if message["type"] == "Results"]
        assert [answer["from_finalize"] for answer in answers] == [True]

    def test_each_channel_is_reported(self) -> None:
        talk = Talk("multichannel=true", channels=2)
        talk.tick(9.0).text(KEEP_ALIVE).tick(AUDIO_PAUSE)
        events = [final("one", 1.0, Cause.FINALIZE, channel=channel) for channel in (0, 1)]
        assert [message["speech_final"] for message in talk.hear(*events).fresh()] == [True, True]

    def test_a_stream_without_audio_has_none(self) -> None:
        talk = Talk(channels=None).text(KEEP_ALIVE).tick(AUDIO_PAUSE)
        assert talk.closed_with == CloseSocket(1011, CloseReason.IDLE_TIMEOUT.reason)


class TestFinalizes:
    """https://developers.deepgram.com/docs/finalize"""

    @pytest.mark.parametrize("message", ['{"type":"Finalize"}', '{"type":"Finalize","channel":0}'])
    def test_each_has_an_answer_of_its_own(self, message: str) -> None:
        talk = Talk().text(message).text(message)
        talk.hear(*(final(f"n{n}", float(n), Cause.FINALIZE, start=n - 1.0) for n in (1, 2, 3)))
        assert [each["from_finalize"] for each in talk.fresh()] == [True, True, False]


class TestFinalize:
    """https://developers.deepgram.com/docs/finalize"""

    def test_flushes_and_the_answer_says_so(self) -> None:
        talk = Talk().text('{"type":"Finalize"}')
        assert talk.fresh_wishes()[-1] == FlushRecogniser(None)
        (message,) = talk.hear(final("so far", 1.0, Cause.FINALIZE)).fresh()
        flags = [message[flag] for flag in ("is_final", "speech_final", "from_finalize")]
        assert flags == [True, True, True], "as seen on Deepgram's wire"

    def test_is_answered_also_when_nothing_was_open(self) -> None:
        """Deepgram promises no answer then; Pipecat waits for one."""
        talk = Talk().hear(final("one", 1.0)).text('{"type":"Finalize"}')
        talk.fresh()
        (message,) = talk.hear(final("", 1.0, Cause.FINALIZE, start=1.0)).fresh()
        assert (message["start"], message["duration"]) == (1.0, 0.0)
        assert [message[flag] for flag in ("is_final", "speech_final", "from_finalize")] == [
            True,
            False,
            True,
        ]

    def test_each_is_answered_once_per_channel(self) -> None:
        talk = Talk("multichannel=true", channels=2).text('{"type":"Finalize"}')
        talk.text('{"type":"Finalize","channel":1}')
        assert talk.fresh_wishes()[-2:] == [FlushRecogniser(None), FlushRecogniser(1)]
        for channel in (0, 1, 1, 1, 0):
            talk.hear(final("", 0.0, Cause.FINALIZE, channel=channel))
        assert [message["channel_index"] for message in talk.fresh()] == [[0, 2], [1, 2], [1, 2]]

    def test_before_the_audio_is_understood_the_recogniser_finds_out(self) -> None:
        talk = Talk(channels=None).binary(b"x").text('{"type":"Finalize","channel":3}')
        assert talk.fresh_wishes() == [FeedAudio(b"x"), FlushRecogniser(3)]
        assert talk.hear(AudioOpened(1), final("", 0.0, Cause.FINALIZE)).fresh() == []

    def test_of_a_channel_that_the_audio_has_not_is_an_error(self) -> None:
        talk = Talk("multichannel=true", channels=2).text('{"type":"Finalize","channel":2}')
        (message,) = talk.fresh()
        assert message == {
            "type": "Error",
            "variant": "SchemaError",
            "description": "Could not deserialize last text message: the audio has no channel 2",
            "message": '{"type":"Finalize","channel":2}',
        }
        assert FlushRecogniser(2) not in talk.actions


class TestConfigure:
    """https://developers.deepgram.com/docs/configure, https://developers.deepgram.com/changelog/2026/10/19:
    every Configure has exactly one answer."""

    @pytest.mark.parametrize(
        ("fields", "answer"),
        [
            ({}, {}),
            ({"features": {"punctuate": True}}, {}),
        ],
    )
    def test_what_changes_nothing_succeeds(self, fields: Json, answer: Json) -> None:
        talk = Talk("punctuate=true").text({"type": "Configure", **fields})
        assert talk.fresh() == [{"type": "ConfigureSuccess", "request_id": REQUEST, **answer}]

    def test_terms_for_a_model_that_takes_none_fail(self) -> None:
        talk = Talk("punctuate=true", facts=replace(FACTS, takes_terms=False))
        talk.text({"type": "Configure", "keyterms": ["Acme"], "features": {"numerals": True}})
        description = "This server cannot change `keyterms`: tiny.en takes no words to expect."
        assert talk.fresh() == [
            {
                "type": "ConfigureFailure",
                "request_id": REQUEST,
                "code": "CONFIGURE_INTERNAL_ERROR",
                "description": description,
            }
        ]
        assert talk.fresh_wishes() == [FeedAudio(b"audio")]
        talk.text({"type": "Configure", "keyterms": []})
        assert talk.fresh() == [{"type": "ConfigureSuccess", "request_id": REQUEST, "keyterms": []}]

    @pytest.mark.parametrize(
        ("fields", "code", "description"),
        [
            (
                {"keyterms": ["x "] * 501},
                "CONFIGURE_INTERNAL_ERROR",
                "Keyterm limit exceeded. The maximum number of keyterms is 100.",
            ),
            (
                {"keyterms": ["\ud800"]},
                "CONFIGURE_INTERNAL_ERROR",
                "A keyterm is no text: it has half of a surrogate pair.",
            ),
            (
                {"features": {"smart_format": True, "punctuate": True}, "processors": {"a": 1}},
                "CONFIGURE_INTERNAL_ERROR",
                "This server cannot change `smart_format`, `processors` during a stream.",
            ),
            (
                {"features": {"numerals": True, "smart_format": True}, "keyterms": ["x"]},
                "CONFIGURE_INTERNAL_ERROR",
                "This server cannot change `smart_format` during a stream.",
            ),
            (
                {"features": {"__class__": True}},
                "CONFIGURE_INTERNAL_ERROR",
                "This server cannot change `__class__` during a stream.",
            ),
        ],
    )
    def test_what_this_server_cannot_change_fails(self, fields: Json, code: str, description: str) -> None:
        talk = Talk("punctuate=true").text({"type": "Configure", **fields})
        assert talk.fresh() == [
            {"type": "ConfigureFailure", "request_id": REQUEST, "code": code, "description": description}
        ]

    @pytest.mark.parametrize(
        ("fields", "change", "answer"),
        [
            ({"keyterms": []}, Reconfigure(None, ()), {"keyterms": []}),
            ({"keyterms": ["Acme"]}, Reconfigure(None, ("Acme",)), {"keyterms": ["Acme"]}),
            ({"features": {"numerals": True}}, Reconfigure(True, None), {}),
            (
                {"features": {"numerals": False}, "keyterms": ["a b"]},
                Reconfigure(False, ("a b",)),
                {"keyterms": ["a b"]},
            ),
        ],
    )
    def test_numerals_and_keyterms_are_changed(self, fields: Json, change: Reconfigure, answer: Json) -> None:
        talk = Talk("punctuate=true").text({"type": "Configure", **fields})
        assert [each for each in talk.actions if isinstance(each, Reconfigure)] == [change]
        assert talk.fresh() == [{"type": "ConfigureSuccess", "request_id": REQUEST, **answer}]

    def test_sync_is_a_sign_of_life_without_an_answer(self) -> None:
        assert Talk().text('{"type":"Sync"}').fresh() == []
        assert Talk().text('{"type":"Sync","id":7}').fresh() == []


class TestUnreadable:
    def test_is_answered_and_the_stream_goes_on(self) -> None:
        talk = Talk().text('{ "type": "KeepAlive "}')
        assert talk.fresh() == [
            {
                "type": "Error",
                "variant": "SchemaError",
                "description": "Could not deserialize last text message: unknown variant `KeepAlive `, "
                "expected one of `CloseStream`, `Configure`, `Sync`, `KeepAlive`, `Finalize` "
                "at line 1 column 22",
                "message": '{ "type": "KeepAlive "}',
            }
        ]
        assert not talk.conversation.closed

    def test_of_a_giant_only_the_beginning_is_repeated(self) -> None:
        talk = Talk().text("\x01" * 10_000_000)
        (message,) = talk.fresh()
        assert message["message"] == "\x01" * MOST_ECHOED + "…"

    @pytest.mark.parametrize("text", ['{"type":"\\ud800"}', "\ud800", '"\\ud800"', "\x00\x7f\u2028"])
    def test_what_utf8_cannot_say_is_replaced(self, text: str) -> None:
        (message,) = Talk().text(text).fresh()
        assert message["type"] == "Error"


class TestTheEnd:
    """https://developers.deepgram.com/docs/close-stream"""

    @pytest.mark.parametrize("frame", ["text", "frame"])
    def test_asked_for_waits_for_the_last_words(self, frame: str) -> None:
        talk = Talk("tag=t&extra=a:b&punctuate=true")
        talk.fresh_wishes()
        talk.text(CLOSE) if frame == "text" else talk.binary(b"")
        assert talk.fresh_wishes() == [EndAudio()]
        talk.hear(final("Bye.", 1.5, Cause.END), RecognitionFinished(1, 1.5))
        results, metadata = talk.fresh()
        assert [results[flag] for flag in ("is_final", "speech_final", "from_finalize")] == [
            True,
            True,
            False,
        ]
        assert metadata == {
            "type": "Metadata",
            "transaction_key": "deprecated",
            "request_id": REQUEST,
            "sha256": hashlib.sha256(b"audio").hexdigest(),
            "created": "2027-01-15T08:00:00.250Z",
            "duration": 1.5,
            "channels": 1,
            "models": [MODEL.uuid],
            "model_info": {MODEL.uuid: {"name": "tiny.en", "version": "2024-01-01", "arch": "whisper"}},
            "tags": ["t"],
            "extra": {"a": "b"},
        }
        assert talk.closed_with == CloseSocket(1000, "")
        assert talk.conversation.closed

    def test_without_audio_it_comes_at_once_and_names_no_models(self) -> None:
        talk = Talk("extra=a:b", channels=None).text(CLOSE)
        (metadata,) = talk.fresh()
        assert metadata["sha256"] == hashlib.sha256(b"").hexdigest()
        assert (metadata["duration"], metadata["channels"]) == (0.0, 0)
        assert not {"models", "model_info"} & set(metadata)
        assert talk.fresh_wishes() == [CloseSocket(1000, "")]

    def test_nothing_is_taken_once_it_was_asked_for(self) -> None:
        talk = Talk().text(CLOSE)
        talk.fresh_wishes()
        talk.binary(b"more").text('{"type":"Finalize"}').text("what?").text(CLOSE).binary(b"")
        assert talk.fresh_wishes() == []
        metadata = talk.hear(RecognitionFinished(1, 1.0)).fresh()[-1]
        assert metadata["sha256"] == hashlib.sha256(b"audio").hexdigest()

    def test_nothing_comes_after_the_close(self) -> None:
        talk = Talk().text(CLOSE).hear(RecognitionFinished(1, 1.0))
        talk.fresh()
        talk.fresh_wishes()
        talk.binary(b"x").text(CLOSE).hear(
            final("late", 2.0), RecognitionFinished(1, 2.0), Undecodable()
        ).tick(1e6)
        talk.end(CloseReason.FAILED)
        assert talk.fresh() == []
        assert talk.fresh_wishes() == []
        assert talk.conversation.deadline is None

    def test_undecodable_audio(self) -> None:
        """https://developers.deepgram.com/docs/stt-troubleshooting-websocket-data-and-net-errors"""
        talk = Talk(channels=None).binary(b"not audio").hear(Undecodable())
        (metadata,) = talk.fresh()
        assert (metadata["type"], metadata["duration"], metadata["channels"]) == ("Metadata", 0.0, 0)
        assert talk.closed_with == CloseSocket(1008, "DATA-0000")

    @pytest.mark.parametrize("ending", [e for e in CloseReason if not e.graceful])
    def test_a_reason_of_the_server_that_waits_for_nothing(self, ending: CloseReason) -> None:
        talk = Talk().hear(final("one", 2.5))
        talk.fresh()
        talk.fresh_wishes()
        (metadata,) = talk.end(ending).fresh()
        assert (metadata["sha256"], metadata["duration"], metadata["channels"]) == ("incomplete", 2.5, 1)
        assert talk.fresh_wishes() == [CloseSocket(ending.code, ending.reason)]

    @pytest.mark.parametrize("ending", [CloseReason.SERVER_STOPPING, CloseReason.CLIENT_GONE])
    def test_a_reason_of_the_server_that_lets_the_last_words_out(self, ending: CloseReason) -> None:
        talk = Talk()
        assert talk.conversation.end_stream(ending, 1.0) == [EndAudio()]
        assert talk.conversation.end_stream(CloseReason.SERVER_STOPPING, 1.0) == [], "the first reason stands"
        talk.hear(final("one", 2.5, Cause.END), RecognitionFinished(1, 2.5))
        assert [message["type"] for message in talk.fresh()] == ["Results", "Metadata"]
        assert talk.closed_with == CloseSocket(ending.code, ending.reason)

    def test_an_end_at_once_overtakes_one_that_waits(self) -> None:
        talk = Talk().text(CLOSE)
        assert talk.conversation.end_stream(CloseReason.CALLBACK_LOST, 1.0)[-1] == CloseSocket(
            1011, CloseReason.CALLBACK_LOST.reason
        )

    def test_a_recogniser_that_gives_no_sign_is_not_waited_for_for_ever(self) -> None:
        talk = Talk().text(CLOSE).tick(RECOGNISER_TIMEOUT - 1)
        talk.hear(quiet(1.0, 0.0)).tick(RECOGNISER_TIMEOUT + 1)
        assert talk.fresh() == [], "they are at work"
        talk.tick(2 * RECOGNISER_TIMEOUT - 1)
        assert talk.closed_with == CloseSocket(1011, CloseReason.FAILED.reason)
        assert talk.fresh()[-1]["type"] == "Metadata"

    def test_a_recogniser_that_finishes_unasked_has_failed(self) -> None:
        talk = Talk().hear(RecognitionFinished(1, 1.0))
        assert talk.closed_with == CloseSocket(1011, CloseReason.FAILED.reason)


class TestWhatIsTold:
    def test_each_results_names_the_request_the_model_and_extra(self) -> None:
        """https://developers.deepgram.com/docs/extra-metadata; receivers tell streams apart by it."""
        (message,) = Talk("extra=who:me").hear(final("one", 1.0)).fresh()
        assert message["metadata"] == {
            "request_id": REQUEST,
            "model_info": {"name": "tiny.en", "version": "2024-01-01", "arch": "whisper"},
            "model_uuid": MODEL.uuid,
            "extra": {"who": "me"},
        }

    def test_what_is_not_done_is_reported_from_the_first_results_on(self) -> None:
        talk = (
            Talk("alternatives=2&tier=nova")
            .hear(final("one", 1.0))
            .text(CLOSE)
            .hear(RecognitionFinished(1, 1.0))
        )
        results, metadata = talk.fresh()
        unsupported = {
            "parameter": "alternatives",
            "type": "unsupported",
            "message": "This server gives `alternatives=1` only.",
        }
        assert cast(Json, results["metadata"])["warnings"] == [unsupported]
        assert [cast(Json, w)["parameter"] for w in cast(list[object], metadata["warnings"])] == [
            "alternatives",
            "tier",
        ]

    def test_punctuation_is_reported_beside_the_bare_word(self) -> None:
        (plain,) = Talk().hear(final("Hello,", 1.0)).fresh()
        (punctuated,) = Talk("punctuate=true").hear(final("Hello,", 1.0)).fresh()
        assert "punctuated_word" not in json.dumps(plain)
        assert (
            '"word": "hello", "start": 0.0, "end": 1.0, "confidence": 0.9, "punctuated_word": "Hello,"'
            in (json.dumps(punctuated))
        )
