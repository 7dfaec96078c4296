"""Tags and padding, measured; also those that are made to cost time."""

import io

from ringback.audio.tags import before_tags, behind_elements, behind_tags, id3_bytes, id3_size

EMPTY_ID3 = b"ID3\x04" + bytes(6)
APE = b"APETAGEX\xd0\x07\x00\x00\x40\x00\x00\x00"


def test_tags_behind_the_sound_are_measured() -> None:
    tags = (
        APE
        + bytes(16)
        + bytes(64)
        + b"ID3\x03\x00\x00\x00\x00\x00\x05title"
        + b"\x00" * 70
        + b"TAG"
        + b"x" * 125
    )
    for junk in (b"", b"junk"):
        data = b"sound" + tags + junk
        assert behind_tags(io.BytesIO(data), 5, len(data)) == 5 + len(tags)


def test_tags_at_the_end_are_measured() -> None:
    footer = APE + bytes(16)
    tags = bytes(32) + footer + b"TAG" + b"x" * 125  # Its 64 bytes: 32 of items, and the footer.
    data = b"sound" * 40 + tags
    assert before_tags(io.BytesIO(data), len(data)) == 200
    assert before_tags(io.BytesIO(data + bytes(5_000)), len(data) + 5_000) == 200
    assert before_tags(io.BytesIO(bytes(3_000)), 3_000) == 0
    assert before_tags(io.BytesIO(b"sound" * 40), 200) == 200


def test_id3_between_songs_is_measured() -> None:
    tag = b"ID3\x04\x00\x00\x00\x00\x01\x00" + b"c" * 128
    data = (b"song" * 100 + tag) * 3
    assert id3_size(tag) == len(tag)
    assert id3_bytes(io.BytesIO(data), 0, len(data)) == 3 * len(tag)


def test_elements_of_matroska_are_measured() -> None:
    elements = b"\xec\x85void!" + b"\x1cS\xbbk\x40\x03cue" + b"\xec\x80"
    for junk in (b"", b"\xa3junk"):
        data = b"block" + elements + junk
        assert behind_elements(io.BytesIO(data), 5, len(data)) == 5 + len(elements)
    assert behind_elements(io.BytesIO(b"\x00" * 100), 5, 100) == 5


def test_empty_tags_without_end_cost_no_time() -> None:
    data = EMPTY_ID3 * 400_000
    assert 0 < id3_bytes(io.BytesIO(data), 0, len(data)) < len(data)
    assert 0 < behind_tags(io.BytesIO(data), 0, len(data)) < len(data)
    data = b"\xec\x80" * 400_000
    assert 0 < behind_elements(io.BytesIO(data), 0, len(data)) < len(data)
