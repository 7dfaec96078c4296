"""What a request adds to usage: the same when it ends, when it is stripped, and when it is erased."""

import msgspec
import pytest
from msgspec.structs import replace

from ringback.blobs import StoredDocument
from ringback.jobs.job import Job, JobId, Lane, State
from ringback.jobs.usage import HOUR, UsageAmount, UsageKey, Used, summed
from ringback.listen.options import ListenOptions
from ringback.transcription.request import TranscriptionOrder, TranscriptionResult
from ringback.usage import used_by

ENDING = TranscriptionResult(StoredDocument(inline="{}"), 3.0, 2, "uuid")


def job(order: TranscriptionOrder, *, tags: tuple[str, ...] = ()) -> Job:
    return Job(
        id=JobId("r"), kind="transcribe", lane=Lane("p"), project="p", payload=msgspec.json.encode(order),
        parent=None, accessor="k", method="async", tags=tags, state=State.DONE, tries=1, losses=0,
        created_at=10 * HOUR - 0.001, due_at=0.0, finished_at=20 * HOUR, code=200,
        result=msgspec.json.encode(ENDING),
    )  # fmt: skip


def test_it_counts_under_all_that_was_asked_in_the_hour_of_its_acceptance() -> None:
    options = ListenOptions(punctuate=True, keyterm=("Ringback",), tag=("b", "a"), extra={"a": "b"})
    order = TranscriptionOrder(options, "tiny.en", callback="sealed")
    assert used_by(job(order, tags=("b", "a", "b")), order, ENDING, 200) == Used(
        UsageKey(
            project="p",
            hour=9,
            accessor="k",
            endpoint="listen",
            method="async",
            model="tiny.en",
            model_id="uuid",
            language="en",
            features=("punctuate",),
            parameters=("punctuate", "keyterm", "callback"),
            tags=("a", "b"),
            succeeded=True,
        ),
        UsageAmount(1, 3.0, 6.0),
    )


def test_an_answer_without_audio_counts_as_a_request() -> None:
    order = TranscriptionOrder(ListenOptions(detect_language=("en", "de")), "tiny.en")
    refused = TranscriptionResult(StoredDocument(inline="{}"))
    used = used_by(replace(job(order), accessor=None), order, refused, 400)
    assert used.amount == UsageAmount(1, 0.0, 0.0)
    key = used.key
    assert (key.accessor, key.model_id, key.language, key.features) == ("", "", "multi", ())
    assert (key.parameters, key.succeeded) == (("detect_language",), False)
    assert used_by(job(order), order, None, 400).amount == UsageAmount(1)


@pytest.mark.parametrize("origin", [None, "https://a.example:443"])
def test_a_callback_counts_when_its_url_is_no_longer_kept(origin: str | None) -> None:
    stored = TranscriptionOrder(ListenOptions(), "tiny.en", callback="sealed", callback_destination=origin)
    stripped = msgspec.structs.replace(stored, callback=None)
    assert used_by(job(stored), stored, ENDING, 200).key.parameters == ("callback",)
    assert used_by(job(stripped), stripped, ENDING, 200).key.parameters == ("callback",) * (
        origin is not None
    )


def test_sums_are_of_the_same_key() -> None:
    order = TranscriptionOrder(ListenOptions(), "tiny.en")
    one, other = used_by(job(order), order, ENDING, 200), used_by(job(order), order, ENDING, 500)
    assert summed([one, other, one]) == {one.key: UsageAmount(2, 6.0, 12.0), other.key: other.amount}
