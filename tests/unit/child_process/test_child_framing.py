import socket
import threading

import msgspec
import numpy as np
import pytest

from ringback.audio import frames, live_frames
from ringback.audio.encodings import Decoding
from ringback.child_process.connection import ServerConnection
from ringback.child_process.framing import LENGTHS, pack
from ringback.engines import messages
from ringback.engines.base import Task, Urgency
from ringback.errors import Refusal

TO_CHILDREN = [
    (
        frames.TO_CHILD,
        frames.ReadOrder("/data/a b.wav", Decoding("linear16", 8_000, 2, multichannel=True), 15.0),
    ),
    (frames.TO_CHILD, frames.GoOn()),
    (frames.TO_CHILD, frames.Abandon()),
    (live_frames.TO_LIVE_CHILD, live_frames.BeginFile(Decoding(), "flac")),
    (live_frames.TO_LIVE_CHILD, live_frames.PutMarker(3)),
    (messages.TO_ENGINE, messages.Batch(1, Urgency.LIVE_FINAL, Task("tiny.en", "en"), (10, 20))),
]
FROM_CHILDREN = [
    (frames.FROM_CHILD, frames.FileOpened(2, None)),
    (frames.FROM_CHILD, frames.Chunk(1, 0.25, ((0.5, 1.0),))),
    (frames.FROM_CHILD, frames.FileEnded(1, 3.25)),
    (frames.FROM_CHILD, frames.FileRefused(400, "Bad Request", "Bad Request: …")),
    (frames.FROM_CHILD, frames.ReadFailed("Traceback")),
    (live_frames.FROM_LIVE_CHILD, live_frames.DecodedAudio(2)),
    (messages.FROM_ENGINE, messages.BatchFailed(4, "RuntimeError: …")),
]


@pytest.mark.parametrize(("decoder", "message"), [*TO_CHILDREN, *FROM_CHILDREN])
def test_a_message_arrives_as_it_was_sent(
    decoder: msgspec.msgpack.Decoder[object], message: msgspec.Struct
) -> None:
    (sent,) = pack(message)
    assert LENGTHS.unpack(sent[: LENGTHS.size]) == (len(sent) - LENGTHS.size, 0)
    assert decoder.decode(sent[LENGTHS.size :]) == message


def test_a_body_of_several_pieces_follows_its_header() -> None:
    samples = np.linspace(-1, 1, 1000, dtype=np.float32)
    head, *pieces = pack(frames.Chunk(0, 1.5), samples.data, b"", samples[:0].data, samples[::2].copy().data)
    assert LENGTHS.unpack(head[: LENGTHS.size])[1] == 6000
    body = np.frombuffer(b"".join(pieces), np.float32)
    np.testing.assert_array_equal(body, np.concatenate([samples, samples[::2]]))


def test_a_child_reads_frames_that_come_in_pieces_until_the_server_has_closed() -> None:
    ours, theirs = socket.socketpair()
    order = frames.ReadOrder("a", Decoding(), 1.0)
    sent = b"".join([*pack(order, b"1234"), *pack(frames.GoOn())])

    def send() -> None:
        with ours:
            for byte in sent:
                ours.sendall(bytes([byte]))
            ours.sendall(sent[:5])

    sending = threading.Thread(target=send)
    sending.start()
    with theirs:
        server = ServerConnection(theirs, frames.TO_CHILD)
        assert server.receive_message() == (order, bytearray(b"1234"))
        assert server.receive_message() == (frames.GoOn(), bytearray())
        assert server.receive_message() is None
        sending.join()
        with pytest.raises(ConnectionError):
            server.send_message(frames.TurnOver())


def test_a_refusal_keeps_its_words_on_the_way() -> None:
    refusal = Refusal(400, "Bad Request", "Bad Request: failed to process audio")
    assert frames.FileRefused.of(refusal).refusal.failure == refusal.failure
