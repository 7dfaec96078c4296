"""A language model's server in a thread: an OpenAI-compatible endpoint that answers as a test scripts it."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from support.http_server import LoopbackServer, QuietHandler
from support.waiting import PATIENCE, wait_until

KEY = "sk-the-operators-own-key"


@dataclass(frozen=True)
class LlmRequest:
    """One request, as it came."""

    path: str
    headers: dict[str, str]
    """Names in lower case."""
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def question(self) -> str:
        return str(self.body["response_format"]["json_schema"]["name"])

    @property
    def data(self) -> Any:
        """The user's message, which is JSON."""
        return json.loads(self.body["messages"][1]["content"])


@dataclass(frozen=True)
class LlmAnswer:
    """One answer; at most `seconds` pass before it."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def completion(content: object, prompt_tokens: int = 100, completion_tokens: int = 10) -> LlmAnswer:
    """A chat completion whose message is this: text, or what becomes JSON."""
    text = content if isinstance(content, str) else json.dumps(content)
    document = {
        "id": "x",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens},
    }
    return LlmAnswer(body=json.dumps(document).encode())


def sensible(requested: LlmRequest) -> LlmAnswer:
    """What a model answers that does as it is told."""
    data = requested.data
    match requested.question:
        case "summary":
            return completion({"summary": "Someone says something."})
        case "sentiment":
            return completion(
                {"segments": [{"segment": each["segment"], "score": 0.5} for each in data["segments"]]}
            )
        case "topics" | "intents":
            label = {"label": requested.question.upper(), "confidence": 0.9}
            return completion({"segments": [{"segment": 1, "labels": [label]}]})
        case other:
            raise AssertionError(other)


class LlmServer(LoopbackServer):
    """Listens on loopback, from entering to leaving."""

    def __init__(self, answer: Callable[[LlmRequest], LlmAnswer] = sensible) -> None:
        super().__init__()
        self.answer = answer
        self.requests: list[LlmRequest] = []
        self.released = threading.Event()
        """Ends every wait of `LlmAnswer.seconds`."""

    def handler(self) -> type[QuietHandler]:
        llm = self

        class Handler(QuietHandler):
            def take_request(self) -> None:
                body = self.received_body()
                requested = LlmRequest(self.path, self.received_headers(), body)
                llm.requests.append(requested)
                answer = llm.answer(requested)
                if answer.seconds:
                    llm.released.wait(answer.seconds)
                self.answer(answer.status, answer.headers, answer.body)

        return Handler

    def release(self) -> None:
        self.released.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def settings(self) -> dict[str, str]:
        """For a server's environment."""
        return {"RINGBACK_LLM_URL": self.url, "RINGBACK_LLM_MODEL": "scripted", "RINGBACK_LLM_API_KEY": KEY}

    def wait_for(self, count: int, seconds: float = PATIENCE) -> None:
        """Return once so many questions have come."""
        wait_until(
            lambda: len(self.requests) >= count,
            seconds,
            lambda: f"{len(self.requests)} questions came, not {count}",
        )
