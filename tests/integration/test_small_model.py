"""A real language model behind `llm.url`, far too small to understand anything: its answers have the form of
the schema and foolish content, and every result is whole all the same."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.program import Program
from support.waiting import PATIENCE

TESTS = Path(__file__).parents[1]
INTERPRETER = TESTS.parent / ".venvs" / "llm" / "bin" / "python"
TEXT = (
    "Thank you for calling the phone shop, this is Anna. My new phone is broken, and I hate that. I would "
    "like to have my money back as soon as you can, please. We are sorry about that, and you will have the "
    "whole amount on your card tomorrow morning. That is wonderful, thank you very much for your help. Bye."
)


@pytest.fixture(scope="module")
def llm_url() -> Iterator[str]:
    if not INTERPRETER.exists():
        pytest.skip("the small language model is not installed: run `make test-long`")
    command = [str(INTERPRETER), str(TESTS / "support" / "small_model.py")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as model:
        assert model.stdin is not None
        assert model.stdout is not None
        yield model.stdout.readline().strip() + "/v1"
        model.stdin.close()
        model.wait(PATIENCE)


def test_a_foolish_model_spoils_nothing_but_its_own_texts(tmp_path: Path, llm_url: str) -> None:
    settings = {
        "RINGBACK_LLM_URL": llm_url,
        "RINGBACK_LLM_MODEL": "smollm2",
        "RINGBACK_LLM_TIMEOUT": "150",
        "RINGBACK_LLM_TOTAL_TIMEOUT": "400",
        "RINGBACK_LLM_CONCURRENCY": "1",
    }
    query = "language=en&topics=true&custom_topic_mode=strict&custom_topic=Refund&custom_topic=Gardening"
    with Program(tmp_path, settings, checked=True) as program:
        answered = program.call(
            "POST",
            f"/v1/read?{query}&intents=true",
            json.dumps({"text": TEXT}).encode(),
            {"Content-Type": "application/json"},
            timeout=500,
        )
        log = program.log
    assert answered.status == 200
    metadata, results = answered.json()["metadata"], answered.json()["results"]
    # What it has answered in the form of the schema is there, what it has not brings a warning.
    failed = {each["parameter"] for each in metadata.get("warnings", ()) if each["type"] == "failed"}
    print(f"SmolLM2 135M failed at {sorted(failed) or 'nothing'}: {json.dumps(results)}")
    assert ("topics" in results) == ("topics" not in failed)
    assert ("intents" in results) == ("intents" not in failed)
    words = len(TEXT.split())
    for name, singular in (("topics", "topic"), ("intents", "intent")):
        for segment in results.get(name, {"segments": []})["segments"]:
            assert 0 <= segment["start_word"] <= segment["end_word"] < words
            assert segment["text"] in TEXT
            for label in segment[name]:
                assert 0 < len(label[singular]) <= 100
                assert 0 <= label["confidence_score"] <= 1
    named = {each["topic"] for segment in results["topics"]["segments"] for each in segment["topics"]}
    assert named <= {"Refund", "Gardening"}
    infos = [metadata[name] for name in metadata if name.endswith("_info")]
    assert sum(info["output_tokens"] for info in infos) > 0, "it has answered nothing at all"
    assert log.count("llm.failed") <= 8
