"""A language model's server in a thread: an OpenAI-compatible endpoint that answers as a test scripts it."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from support.waiting import wait_until

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


class LlmServer:
    """Listens on loopback, from entering to leaving."""

    def __init__(self, answer: Callable[[LlmRequest], LlmAnswer] = sensible) -> None:
        self.answer = answer
        self.requests: list[LlmRequest] = []
        self.released = threading.Event()
        """Ends every wait of `Told.seconds`."""

    def __enter__(self) -> Self:
        llm = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                requested = LlmRequest(self.path, headers, raw)
                llm.requests.append(requested)
                reported = llm.answer(requested)
                if reported.seconds:
                    llm.released.wait(reported.seconds)
                self.send_response(reported.status)
                for name, value in reported.headers.items():
                    self.send_header(name, value)
                if "content-length" not in reported.headers:
                    self.send_header("content-length", str(len(reported.body)))
                self.end_headers()
                self.wfile.write(reported.body)

            def log_message(self, *_: object) -> None:
                """Quiet: the test says what matters."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """A client that goes away in the middle is part of these tests."""

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def settings(self) -> dict[str, str]:
        """For a server's environment."""
        return {"RINGBACK_LLM_URL": self.url, "RINGBACK_LLM_MODEL": "scripted", "RINGBACK_LLM_API_KEY": KEY}

    def wait_for(self, count: int, seconds: float = 60) -> None:
        """Return once so many questions have come."""
        wait_until(
            lambda: len(self.requests) >= count,
            seconds,
            lambda: f"{len(self.requests)} questions came, not {count}",
        )
