"""What ADR 0032 lists: places where we use what a library does not promise."""

import asyncio
import inspect
import logging
from collections.abc import Callable
from socket import socketpair
from typing import Any

import httptools
import numpy as np
import onnxruntime
import uvicorn
from huggingface_hub.utils.tqdm import tqdm
from websockets import server as websockets_server
from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import WebSocketURI

from ringback import onnx
from ringback.engines.onnx_graph import OnnxGraph

URI = WebSocketURI(False, "127.0.0.1", 80, "/", "")


def parameters(function: Callable[..., Any]) -> set[str]:
    return set(inspect.signature(function).parameters)


def test_a_client_connection_can_be_made_by_hand() -> None:
    assert parameters(ClientConnection) >= {"protocol", "ping_interval", "ping_timeout", "close_timeout"}
    assert parameters(ClientConnection.connection_made) == {"self", "transport"}
    assert parameters(ClientConnection.data_received) == {"self", "data"}
    assert parameters(ClientConnection.start_keepalive) == {"self"}


async def test_an_open_connection_needs_no_handshake_of_its_own() -> None:
    """What comes is read as frames at once; `response` stands in for the handshake."""
    socket = ClientConnection(ClientProtocol(URI, state=State.OPEN), ping_interval=None)
    socket.response = Response(101, "", Headers())
    ours, theirs = socketpair()
    with theirs:
        await asyncio.get_running_loop().create_connection(lambda: socket, sock=ours)
        theirs.sendall(b"\x81\x02hi")
        assert await socket.recv() == "hi"
        assert not socket.transport.is_closing()
        socket.transport.abort()
        await socket.wait_closed()


def test_protocols_can_begin_open() -> None:
    assert ClientProtocol(URI, state=State.OPEN, max_size=1).state is State.OPEN
    protocol = ServerProtocol(state=State.OPEN, max_size=1)
    assert (protocol.parser_exc, protocol.close_rcvd, protocol.close_sent) == (None, None, None)
    assert protocol.data_to_send() == []
    assert parameters(protocol.fail) == {"code", "reason"}
    assert parameters(protocol.process_request) == {"request"}
    assert parameters(ClientProtocol(URI).process_response) == {"response"}
    assert isinstance(ClientProtocol(URI).connect(), Request)
    assert parameters(Response) >= {"status_code", "reason_phrase", "headers"}


def test_where_the_server_side_logs() -> None:
    assert ServerProtocol().logger is logging.getLogger("websockets.server")
    assert websockets_server.__name__ == "websockets.server"


def test_what_the_parser_of_answers_may_be_lenient_about() -> None:
    class Callbacks:
        heads = 0

        def on_headers_complete(self) -> None:
            self.heads += 1

    callbacks = Callbacks()
    parser = httptools.HttpResponseParser(callbacks)
    parser.set_dangerous_leniencies(
        lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
    )
    parser.feed_data(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert callbacks.heads == 1


def test_the_hubs_progress_bar_can_be_overridden() -> None:
    bar = tqdm(total=5, unit="B", disable=True)  # type: ignore[no-untyped-call]
    assert (bar.n, bar.total) == (0, 5)
    assert parameters(tqdm.update) == {"self", "n"}


def test_a_session_can_forget_the_bytes_that_it_was_made_of() -> None:
    graph = OnnxGraph()
    value = graph.input("value", [1])
    graph.output(value, "same", [1])
    made = onnxruntime.InferenceSession(graph.model(), providers=["CPUExecutionProvider"])
    assert made._model_bytes == graph.model()
    session = onnx.session(graph.model())
    assert session._model_bytes is None
    assert session.run(None, {"value": np.array([3], np.float32)})[0] == [3]


def test_the_bare_server_of_the_benchmark_can_say_its_port() -> None:
    assert parameters(uvicorn.Server.startup) == {"self", "sockets"}
    assert inspect.iscoroutinefunction(uvicorn.Server.startup)
