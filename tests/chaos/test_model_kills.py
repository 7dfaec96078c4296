"""The server is killed while the language model is asked: the job is taken up again, and calls back once."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from support.llm import LlmAnswer, LlmRequest, LlmServer, sensible
from support.program import Program
from support.receiver import Receiver

CLIP = Path(__file__).parents[1] / "audio" / "librivox_0920.flac"
TEXT = "My new phone is broken, and I would like to have my money back. " * 6

pytestmark = pytest.mark.chaos


def read(program: Program, query: str) -> str:
    body = json.dumps({"text": TEXT}).encode()
    path = f"/v1/read?language=en&topics=true&summarize=true&{query}"
    answered = program.call("POST", path, body, {"Content-Type": "application/json"})
    return str(answered.json()["request_id"])


def transcribe(program: Program, query: str) -> str:
    return str(program.listen(CLIP.read_bytes(), f"topics=true&{query}").json()["request_id"])


@pytest.mark.parametrize(("send", "questions"), [(read, 2), (transcribe, 1)], ids=["read", "listen"])
def test_a_kill_while_the_model_is_asked_costs_nothing(
    tmp_path: Path, send: Callable[[Program, str], str], questions: int
) -> None:
    killed = threading.Event()

    def answer(request: LlmRequest) -> LlmAnswer:
        """Nothing until the kill; what comes after it is another process's."""
        return sensible(request) if killed.is_set() else LlmAnswer(seconds=3600)

    with (
        LlmServer(answer) as llm,
        Receiver() as receiver,
        Program(tmp_path, llm.settings) as program,
    ):
        program.wait_until_ready()
        request_id = send(program, f"callback={quote(receiver.url)}")
        llm.wait_for(questions)
        program.kill()
        killed.set()
        assert receiver.received == []
        program.start()
        receiver.wait_for(lambda arrived: len(arrived) == 1)
        # A second copy would come before what was asked for later.
        later = read(program, f"callback={quote(receiver.url)}&tag=later")
        arrived = receiver.wait_for(
            lambda arrived: any(callback.headers["dg-request-id"] == later for callback in arrived)
        )
        record = program.request(request_id)
    assert [callback.headers["dg-request-id"] for callback in arrived] == [request_id, later]
    topics = arrived[0].json()["results"]["topics"]["segments"][0]["topics"]
    assert topics == [{"topic": "TOPICS", "confidence_score": 0.9}]
    assert (record["code"], len(record["ringback"]["deliveries"])) == (200, 1)
    assert len(llm.requests) == 2 * questions + 2
