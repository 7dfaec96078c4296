"""No test sleeps: it waits for a condition (`support.waiting.eventually`, `wait_until`), or lets real time
pass and says why (`real_pause`)."""

import ast
from pathlib import Path

TESTS = Path(__file__).parents[1]

ALLOWED = {
    "support/waiting.py": "the helpers themselves",
    "contract/places/flux_python.py": "audio in its own pace; runs in an SDK's own environment",
    "contract/places/livekit_flux.py": "audio in its own pace; runs in LiveKit's own environment",
    "contract/places/pipecat_flux.py": "audio in its own pace; runs in Pipecat's own environment",
    "contract/places/live_conversation.py": "audio in its own pace; runs in an SDK's own environment",
    "contract/places/livekit_stream.py": "audio in its own pace; runs in LiveKit's own environment",
    "contract/places/pipecat_pipeline.py": "audio in its own pace; runs in Pipecat's own environment",
}
"""Modules that call `sleep`, each with the reason."""


def sleeps(source: str) -> bool:
    return any(
        isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Attribute) and node.func.attr == "sleep")
            or (isinstance(node.func, ast.Name) and node.func.id == "sleep")
        )
        for node in ast.walk(ast.parse(source))
    )


def test_only_these_modules_sleep() -> None:
    found = {path.relative_to(TESTS).as_posix() for path in TESTS.rglob("*.py") if sleeps(path.read_text())}
    assert found == ALLOWED.keys(), "wait for a condition, or use `real_pause` with the reason"


def test_a_sleep_is_found() -> None:
    assert sleeps("import time\ntime.sleep(1)")
    assert sleeps("async def f():\n    await sleep(0)")
    assert not sleeps("# time.sleep(1)\nprogram = 'time.sleep(1)'")
