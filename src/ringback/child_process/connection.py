"""The child's side of its socket to the server; blocking."""

import socket
import threading
from typing import Generic, TypeVar

import msgspec

from ringback.child_process.framing import LENGTHS, Bytes, pack

ToChild = TypeVar("ToChild")


class ServerConnection(Generic[ToChild]):
    """When the server goes, however it goes, the socket ends: then so must the child."""

    def __init__(self, connection: socket.socket, decoder: msgspec.msgpack.Decoder[ToChild]) -> None:
        self._socket = connection
        self._decoder = decoder
        self._sending = threading.Lock()

    def send_message(self, message: msgspec.Struct, *body: Bytes) -> None:
        """Blocks while the server has not read what was sent before: its pace is the child's. May be called
        by any thread. Raises `ConnectionError` when the server is gone."""
        with self._sending:
            for buffer in pack(message, *body):
                self._socket.sendall(buffer)

    def receive_message(self) -> tuple[ToChild, bytearray] | None:
        """The next message and its body; None when the server has closed its side, or is gone."""
        lengths = self._read(LENGTHS.size)
        if lengths is None:
            return None
        header_size, body_size = LENGTHS.unpack(lengths)
        header, body = self._read(header_size), self._read(body_size)
        return None if header is None or body is None else (self._decoder.decode(header), body)

    def _read(self, size: int) -> bytearray | None:
        data = bytearray(size)
        rest = memoryview(data)
        while rest:
            try:
                count = self._socket.recv_into(rest)
            except ConnectionError:
                return None
            if count == 0:
                return None
            rest = rest[count:]
        return data
