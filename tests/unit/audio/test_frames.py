import numpy as np
import pytest

from ringback.audio.encodings import Decoding
from ringback.audio.frames import (
    LENGTHS,
    Broken,
    Chunk,
    Ended,
    Frame,
    Opened,
    Order,
    Progress,
    Refused,
    pack,
    pack_order,
    unpack,
    unpack_order,
)


@pytest.mark.parametrize(
    "frame",
    [
        Opened(2, None),
        Opened(1, 3.5),
        Chunk(1, 0.25),
        Progress(60.0),
        Ended(1, 3.25),
        Refused(400, "Bad Request", "Bad Request: …"),
        Broken("Traceback"),
    ],
)
def test_a_frame_arrives_as_it_was_sent(frame: Frame) -> None:
    (sent,) = pack(frame)
    header, payload = LENGTHS.unpack(sent[: LENGTHS.size])
    assert (header, payload) == (len(sent) - LENGTHS.size, 0)
    assert unpack(bytes(sent[LENGTHS.size :])) == frame


def test_samples_follow_their_header() -> None:
    samples = np.linspace(-1, 1, 1000, dtype=np.float32)
    head, payload = pack(Chunk(0, 1.5), samples[::2])
    assert LENGTHS.unpack(head[: LENGTHS.size])[1] == len(payload) == 2000
    np.testing.assert_array_equal(np.frombuffer(payload, np.float32), samples[::2])


def test_an_order_arrives_as_it_was_sent() -> None:
    order = Order("/data/a b.wav", Decoding("linear16", 8_000, 2, multichannel=True), 15.0)
    sent = pack_order(order)
    assert LENGTHS.unpack(sent[: LENGTHS.size]) == (len(sent) - LENGTHS.size, 0)
    assert unpack_order(sent[LENGTHS.size :]) == order
