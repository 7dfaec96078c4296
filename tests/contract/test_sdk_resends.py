"""The SDKs send a request again when its answer is lost; with `Idempotency-Key` it stays one request."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.lossy_front import LossyFront
from support.program import KEY, Program
from support.receiver import Receiver
from support.waiting import PATIENCE

HERE = Path(__file__).parent


@pytest.mark.parametrize("program", ["places/resend.py", "js/resend.mjs"])
def test_a_request_whose_answer_was_lost_is_not_made_twice(
    program: str, server: Program, receiver: Receiver, clip: Path
) -> None:
    interpreter = sys.executable if program.endswith(".py") else shutil.which("node")
    if interpreter is None or not (HERE / "js" / "node_modules" / "@deepgram").exists():
        pytest.skip("there is no node here, or `make test` has not fetched @deepgram/sdk")
    callback_url = f"{receiver.url}/{program}"
    with LossyFront(server.port) as front:
        given = {"url": front.url, "key": KEY, "clip": str(clip), "callback_url": callback_url}
        command = [interpreter, str(HERE / program), json.dumps({**given, "word": f"once, {program}"})]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    request_id = done.stdout.strip()
    assert front.answers == [{"request_id": request_id}] * 2
    arrived = receiver.wait_for(lambda all_: any(each.path.endswith(program) for each in all_))
    assert [each.json()["metadata"]["request_id"] for each in arrived if each.path.endswith(program)] == [
        request_id
    ]
