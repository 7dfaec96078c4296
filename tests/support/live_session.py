"""Streams over a real server whose recognisers follow a script."""

import asyncio
import json

from websockets.exceptions import InvalidStatus

from ringback.engines.base import ModelInfo
from ringback.jobs.job import Job, JobId
from ringback.listen.options import ListenOptions
from support.front import Front
from support.live_client import (
    BYTES_PER_SECOND,
    CLOSE_STREAM,
    LiveClient,
    ScriptedRecogniser,
)
from support.waiting import PATIENCE

SECOND = bytes(BYTES_PER_SECOND)


class ScriptedRecognisers:
    """Makes the recognisers of all streams, and keeps them for the test to look at."""

    def __init__(self) -> None:
        self.all: list[ScriptedRecogniser] = []

    def __call__(self, options: ListenOptions, model: ModelInfo, request_id: JobId) -> ScriptedRecogniser:
        self.all.append(ScriptedRecogniser())
        return self.all[-1]


async def record(api: Front, request_id: str) -> Job:
    """The record of a stream that has ended."""
    async with asyncio.timeout(PATIENCE):
        return await api.ledger.wait_for_end(JobId(request_id))


async def spoken(client: LiveClient) -> None:
    await client.send(SECOND)
    await client.send(CLOSE_STREAM)
    assert await client.closed() == 1000


def words_of(refused: InvalidStatus, status: int) -> tuple[str, str]:
    """Code and message of a refused handshake, after looking at what every refusal has."""
    response = refused.response
    assert response.status_code == status
    assert response.body is not None
    body = json.loads(response.body)
    assert body["err_msg"] == response.headers["dg-error"]
    assert body["request_id"] == response.headers["dg-request-id"]
    return body.get("err_code") or body["error_code"], body["err_msg"]
