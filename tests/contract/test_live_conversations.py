"""Recorded live conversations: what comes in, and word for word what goes out.

Each file of `conversations/` is one conversation in the shapes that Deepgram documents or was seen to send
(`from` names the page). Its steps are what the client does (`audio`, `text`, `frame`), what the recogniser
reports (`hears`), or the time (`at`, seconds); after each stands what the conversation says and does
at that moment, in order, key by key. Only the `metadata` of Results is written once, below.

The official SDKs' own types validate each message: Python 7 here, Python 5 in its own environment.
"""

import json
import subprocess
import warnings
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from deepgram.core.unchecked_base_model import construct_type
from deepgram.listen.v1.types.listen_v1configure_failure import ListenV1ConfigureFailure
from deepgram.listen.v1.types.listen_v1configure_success import ListenV1ConfigureSuccess
from deepgram.listen.v1.types.listen_v1error import ListenV1Error
from deepgram.listen.v1.types.listen_v1metadata import ListenV1Metadata
from deepgram.listen.v1.types.listen_v1results import ListenV1Results
from deepgram.listen.v1.types.listen_v1speech_started import ListenV1SpeechStarted
from deepgram.listen.v1.types.listen_v1utterance_end import ListenV1UtteranceEnd

from ringback.listen.json_parts import JsonEntity, JsonSearch
from ringback.listen.live import (
    Action,
    AudioOpened,
    Cause,
    CloseSocket,
    EndAudio,
    FeedAudio,
    FlushRecogniser,
    RecognitionEvent,
    RecognitionFinished,
    RecognitionResult,
    Reconfigure,
    SendMessage,
    SpeechStarted,
    Undecodable,
    VadProgress,
)
from ringback.transcript import Word
from support.conversations import MODEL, REQUEST, Json, Talk
from support.waiting import PATIENCE

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the SDK's own import of `websockets.legacy`
    from deepgram.listen.v1.socket_client import V1SocketClientResponse

HERE = Path(__file__).parent
PYTHON_5 = HERE.parent.parent / ".venvs" / "deepgram5" / "bin" / "python"
FILES = sorted((HERE / "conversations").glob("*.json"))
ALL = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
RESULTS_METADATA = {
    "request_id": REQUEST,
    "model_info": {"name": MODEL.name, "version": MODEL.version, "arch": MODEL.arch},
    "model_uuid": MODEL.uuid,
}
TYPES: dict[str, Any] = {
    "Results": ListenV1Results,
    "Metadata": ListenV1Metadata,
    "SpeechStarted": ListenV1SpeechStarted,
    "UtteranceEnd": ListenV1UtteranceEnd,
    "Error": ListenV1Error,
    "ConfigureSuccess": ListenV1ConfigureSuccess,
    "ConfigureFailure": ListenV1ConfigureFailure,
}
EVENTS: dict[str, type[RecognitionEvent]] = {
    "opened": AudioOpened,
    "heard": RecognitionResult,
    "speech_began": SpeechStarted,
    "reached": VadProgress,
    "undecodable": Undecodable,
    "finished": RecognitionFinished,
}


@ALL
def test_word_for_word(path: Path) -> None:
    record = json.loads(path.read_text())
    talk = Talk(record["query"], channels=None)
    for number, step in enumerate(record["steps"]):
        sent = [_as_written(action) for action in _take(talk, step)]
        # As text, so that the order of the keys counts too.
        assert json.dumps(sent, indent=1) == json.dumps(step.get("out", []), indent=1), (
            f"step {number}: {step}"
        )


def test_every_kind_of_message_has_been_recorded() -> None:
    assert {message["type"] for message in _all_messages()} == set(TYPES)


@pytest.mark.parametrize("kind", TYPES)
def test_the_python_sdk_validates_it(kind: str) -> None:
    """Strictly, which the SDK itself does not even do; and every field is one that its type declares."""
    for message in _all_messages():
        if message["type"] == kind:
            model = TYPES[kind].model_validate(message, strict=True)
            assert set(model.model_extra or {}) <= {"models", "model_info", "extra", "tags", "warnings"}
            lenient = construct_type(type_=cast(Any, V1SocketClientResponse), object_=message)
            assert type(lenient) is TYPES[kind]


def test_the_python_sdk_of_the_generation_before_validates_all_that_it_knows() -> None:
    if not PYTHON_5.exists():
        pytest.skip("deepgram-sdk 5 is not installed: run `make test`")
    known = [
        m for m in _all_messages() if m["type"] in {"Results", "Metadata", "SpeechStarted", "UtteranceEnd"}
    ]
    checked = subprocess.run(
        [str(PYTHON_5), str(HERE / "validate_live.py")],
        input=json.dumps(known),
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    assert json.loads(checked.stdout) == [message["type"] for message in known]


def test_the_rust_sdk_finds_what_it_requires() -> None:
    """Its `StreamResponse` wants each of these, and whole numbers as such."""
    required: dict[object, dict[str, type]] = {
        "Results": {
            "is_final": bool,
            "speech_final": bool,
            "from_finalize": bool,
            "start": float,
            "duration": float,
            "channel_index": list,
        },
        "Metadata": {
            "transaction_key": str,
            "request_id": str,
            "sha256": str,
            "created": str,
            "duration": float,
            "channels": int,
        },
    }
    for message in _all_messages():
        kinds = required.get(message["type"], {})
        assert {name: type(message[name]) for name in kinds} == kinds


def _take(talk: Talk, step: Json) -> list[Action]:
    talk.actions.clear()
    now = cast(float, step.get("at", talk.now))
    talk.tick(now)
    match step:
        case {"audio": str(data)}:
            talk.binary(data.encode())
        case {"text": str(text)}:
            talk.text(text)
        case {"frame": "empty"}:
            talk.binary(b"")
        case {"hears": dict(event)}:
            talk.hear(_event(cast(Json, event)))
    return list(talk.actions)


def _event(sent: Json) -> RecognitionEvent:
    fields = dict(sent)
    kind = EVENTS[cast(str, fields.pop("event"))]
    if kind is RecognitionResult:
        words = cast(list[tuple[str, float, float, float]], fields["words"])
        fields["words"] = tuple(Word(text, start, end, share) for text, start, end, share in words)
        fields["cause"] = Cause(cast(str, fields["cause"]))
        fields["entities"] = msgspec.convert(fields.get("entities", []), tuple[JsonEntity, ...])
        fields["search"] = msgspec.convert(fields.get("search", []), tuple[JsonSearch, ...])
    return kind(**fields)  # type: ignore[arg-type]  # the files' fields bear the events' names


def _as_written(action: Action) -> object:
    """A action as the files write it."""
    match action:
        case SendMessage(message):
            said = cast(Json, json.loads(message))
            if said["type"] == "Results":
                assert said.pop("metadata") == RESULTS_METADATA
            return said
        case CloseSocket(code, reason):
            return {"close": code, "reason": reason}
        case FeedAudio(data):
            return {"audio": data.decode()}
        case FlushRecogniser(channel):
            return {"flush": channel}
        case EndAudio():
            return "end"
        case Reconfigure(numerals, keyterms):
            return {"reconfigure": [numerals, keyterms]}


def _all_messages() -> list[Json]:
    """Every message of every conversation, as it went out."""
    messages: list[Json] = []
    for path in FILES:
        record = json.loads(path.read_text())
        talk = Talk(record["query"], channels=None)
        for step in record["steps"]:
            messages += [
                cast(Json, json.loads(w.message)) for w in _take(talk, step) if isinstance(w, SendMessage)
            ]
    return messages
