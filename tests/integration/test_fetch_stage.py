"""The fetch stage: the audio of a URL is fetched by a job of its own, before its transcription."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from ringback.jobs.job import (
    LOSSES_BEFORE_PARKING,
    Done,
    JobId,
    Lease,
    Retry,
)
from ringback.listen.options import ListenOptions
from ringback.transcription.faults import AFTER_UNEXPECTED
from ringback.transcription.fetch import KIND as FETCH
from ringback.transcription.fetch import cancel_request, fetched, with_fetch
from ringback.transcription.request import (
    KIND,
    TranscriptionOrder,
    audio_key,
)
from ringback.transcription.retention import RetentionService
from support.clock import ManualClock
from support.transcribing import AUDIO, CALLBACK, Setup, document, job_for, setup_in


@pytest.fixture
async def setup(tmp_path: Path, manual_clock: ManualClock) -> AsyncIterator[Setup]:
    async with setup_in(tmp_path, manual_clock) as opened:
        yield opened


class TestFetchStage:
    """The audio of a URL is fetched by a job of its own, and the transcription is held until it has ended."""

    @staticmethod
    async def fetch_of(setup: Setup, order: TranscriptionOrder) -> Lease:
        """The claimed fetch of a request for this order."""
        await setup.ledger.add(with_fetch(job_for(order)))
        assert await setup.ledger.claim(KIND, 9, 60) == [], "it takes no place of recordings meanwhile"
        (lease,) = await setup.ledger.claim(FETCH, 9, 60)
        return lease

    @staticmethod
    async def transcription(setup: Setup) -> Lease:
        (lease,) = await setup.ledger.claim(KIND, 9, 60)
        return lease

    async def test_the_transcription_takes_what_was_fetched(self, setup: Setup) -> None:
        order = TranscriptionOrder(ListenOptions(), "tiny.en", url="")
        lease = await self.fetch_of(setup, order)
        outcome = await setup.fetcher(lease)
        assert isinstance(outcome, Done)
        assert await setup.ledger.settle(lease, outcome)
        transcription = await self.transcription(setup)
        end = await fetched(setup.ledger, transcription.job.id)
        assert end is not None
        assert end.sha256 == hashlib.sha256(AUDIO).hexdigest()
        assert await setup.blobs.get(audio_key(transcription.job.id)) == AUDIO
        done = await setup.transcriber(transcription)
        assert isinstance(done, Done)
        assert (await document(setup, done))["err_msg"].endswith("corrupt or unsupported data")

    async def test_a_failed_fetch_is_reported_by_the_transcription(self, setup: Setup) -> None:
        order = TranscriptionOrder(ListenOptions(), "tiny.en", url="https://example.com/a", callback=CALLBACK)
        lease = await self.fetch_of(setup, order)
        assert await setup.ledger.settle(lease, await setup.fetcher(lease))
        done = await setup.transcriber(await self.transcription(setup))
        assert isinstance(done, Done)
        assert (done.code, len(done.follow_ups)) == (400, 1)
        assert (await document(setup, done))["err_msg"] == "not from https://example.com/a"

    async def test_audio_that_may_come_later_is_fetched_again(self, setup: Setup) -> None:
        order = TranscriptionOrder(ListenOptions(), "tiny.en", url="https://busy.example", callback=CALLBACK)
        lease = await self.fetch_of(setup, order)
        outcome = await setup.fetcher(lease)
        assert isinstance(outcome, Retry)
        assert await setup.ledger.settle(lease, outcome)
        assert await setup.ledger.claim(KIND, 9, 60) == []

    @pytest.mark.parametrize("losses", [0, LOSSES_BEFORE_PARKING - 1])
    async def test_a_fault_of_ours_is_reported_in_the_end_too(self, setup: Setup, losses: int) -> None:
        order = TranscriptionOrder(
            ListenOptions(), "tiny.en", url="https://odd.example.com", callback=CALLBACK
        )
        lease = await self.fetch_of(setup, order)
        tries = 0 if losses else len(AFTER_UNEXPECTED.delays)
        outcome = await setup.fetcher(replace(lease, job=replace(lease.job, tries=tries, losses=losses)))
        assert await setup.ledger.settle(lease, outcome)
        done = await setup.transcriber(await self.transcription(setup))
        assert isinstance(done, Done)
        assert (done.code, len(done.follow_ups)) == (500, 1)

    async def test_cancelling_a_request_ends_its_fetch(self, setup: Setup) -> None:
        lease = await self.fetch_of(
            setup, TranscriptionOrder(ListenOptions(), "tiny.en", url="https://example.com")
        )
        assert lease.job.parent is not None
        assert await cancel_request(setup.ledger, lease.job.parent)
        assert await setup.ledger.extend([lease], 60) == set(), "so its worker ends it"
        assert await setup.ledger.claim(KIND, 9, 60) == []
        assert not await cancel_request(setup.ledger, lease.job.parent)

    async def test_what_a_fetch_left_is_forgotten_in_time(self, setup: Setup) -> None:
        lease = await self.fetch_of(
            setup, TranscriptionOrder(ListenOptions(), "tiny.en", url="https://example.com/secret")
        )
        assert await setup.ledger.settle(lease, await setup.fetcher(lease))
        setup.clock.advance(100)
        service = RetentionService(setup.blobs, setup.ledger, keep_results=0, keep_history=0, keep_usage=0)
        await service.round(asyncio.Event())
        # Its own fetch is forgotten, and the transcription that still waits fetches once more.
        assert await fetched(setup.ledger, JobId(str(lease.job.parent))) is None
        done = await setup.transcriber(await self.transcription(setup))
        assert isinstance(done, Done)
        assert done.code == 400
