"""schemathesis asks a running server whatever /openapi.json allows, and much that it does not.

No answer may be a server error, or have a status, a content type, a header or a body that is not described.
The longer form (`slow`) asks more of the same.
"""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from ringback.settings import CallbackSettings, LimitSettings
from ringback.transcription.request import KIND, READ
from support.front import OWNER, Front, front

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]


@pytest.mark.parametrize(
    ("phases", "examples"),
    [("fuzzing", 4), pytest.param("coverage,fuzzing", 50, marks=pytest.mark.slow)],
)
async def test_no_answer_is_a_server_error_or_not_described(
    tmp_path: Path, phases: str, examples: int
) -> None:
    limits = LimitSettings(requests_per_key=0)
    async with front(tmp_path, limits=limits, callback=CallbackSettings(allow=("127.0.0.1",))) as api:
        transcriber = asyncio.create_task(transcribe(api))
        output, status = await schemathesis(api, tmp_path, phases, examples)
        transcriber.cancel()
        with suppress(asyncio.CancelledError):
            await transcriber
    print(output[-400:])
    assert status == 0, output[-12_000:]


async def transcribe(api: Front) -> None:
    """End whatever is asked for, so that callers get their answers."""

    async def end_each(kind: str) -> None:
        while True:
            with suppress(TimeoutError):
                await api.finish(await api.claim(kind))

    await asyncio.gather(end_each(KIND), end_each(READ))


async def schemathesis(api: Front, folder: Path, phases: str, examples: int) -> tuple[str, int]:
    """What it prints, and its exit status; it knows a project, a key and a request that are there."""
    await api.call("POST", "/v1/listen?callback=http%3A%2F%2F127.0.0.1:9%2F", data=b"RIFF")
    requests = (await api.call("GET", f"/v1/projects/{api.project}/requests")).json()["requests"]
    key = (await api.call("POST", f"/v1/projects/{api.project}/keys", json={})).json()["api_key_id"]
    config = folder / "schemathesis.toml"
    config.write_text(
        "[parameters]\n"
        f'"path.project_id" = "{api.project}"\n'
        f'"path.key_id" = "{key}"\n'
        f'"path.request_id" = "{requests[0]["request_id"]}"\n'
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)),
        *("run", f"{api.url}/openapi.json", "--header", f"Authorization: Token {OWNER}"),
        *("--checks", ",".join(CHECKS), "--phases", phases, "--mode", "all"),
        *("--max-examples", str(examples), "--generation-deterministic"),
        *("--request-timeout", "60", "--suppress-health-check", "all", "--no-color"),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return output.decode(), process.returncode or 0
