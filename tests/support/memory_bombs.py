"""Small files that make a demuxer ask for much memory: indices that claim more than the file can hold."""

import struct


def box(name: bytes, *contents: bytes) -> bytes:
    body = b"".join(contents)
    return struct.pack(">I4s", 8 + len(body), name) + body


def full(name: bytes, *contents: bytes) -> bytes:
    """A box with version 0 and no flags."""
    return box(name, bytes(4), *contents)


def mp4(samples: int, tracks: int = 1, sample_size: int = 1, audio: int = 60_000) -> bytes:
    """An MP4 with `audio` bytes of a-law, whose index claims `samples` samples in each track."""
    head = box(b"ftyp", b"isom", struct.pack(">I", 512), b"isomiso2mp41")
    track = _track(samples, sample_size)
    movie = full(b"mvhd", struct.pack(">IIII", 0, 0, 8_000, samples & 0x7FFFFFFF), bytes(80))
    return head + box(b"moov", movie, track * tracks) + box(b"mdat", bytes(range(256)) * (audio // 256))


def _track(samples: int, sample_size: int) -> bytes:
    entry = box(
        b"alaw",
        bytes(6),
        struct.pack(">H", 1),
        struct.pack(">HHIHHHHI", 0, 0, 0, 1, 16, 0, 0, 8_000 << 16),
    )
    table = box(
        b"stbl",
        full(b"stsd", struct.pack(">I", 1), entry),
        full(b"stts", struct.pack(">III", 1, samples, 1024)),
        full(b"stsc", struct.pack(">IIII", 1, 1, samples, 1)),
        full(b"stsz", struct.pack(">II", sample_size, samples)),
        full(b"stco", struct.pack(">II", 1, 40)),
    )
    media = box(
        b"mdia",
        full(b"mdhd", struct.pack(">IIIIHH", 0, 0, 8_000, samples & 0x7FFFFFFF, 0x55C4, 0)),
        full(b"hdlr", bytes(4), b"soun", bytes(13)),
        box(
            b"minf",
            full(b"smhd", bytes(4)),
            box(b"dinf", full(b"dref", struct.pack(">I", 1), full(b"url "))),
            table,
        ),
    )
    return box(b"trak", full(b"tkhd", bytes(80)), media)


def fragments(samples: int) -> bytes:
    """An MP4 whose only fragment claims `samples` samples in a box without a byte for any of them."""
    extends = box(b"mvex", full(b"trex", struct.pack(">IIIII", 1, 1, 1024, 1, 0)))
    head = mp4(0, audio=256)
    movie = head[28 : head.index(b"mdat") - 4]
    run = full(b"trun", struct.pack(">I", samples))
    moof = box(b"moof", full(b"mfhd", bytes(4)), box(b"traf", full(b"tfhd", struct.pack(">I", 1)), run))
    return head[:28] + box(b"moov", movie[8:], extends) + moof + box(b"mdat", bytes(4_000))
