"""What a live stream brought, and the laws that every stream keeps."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np

from support.speech import samples_of

Message = dict[str, Any]


def linear16(path: Path) -> bytes:
    """A recording as raw samples: 16 kHz, one channel, 16 bits, little-endian."""
    return (samples_of(path) * 32_767).clip(-32_768, 32_767).astype(np.dtype("<i2")).tobytes()


@dataclass(frozen=True)
class Stream:
    """The messages of one stream, in the order in which they came."""

    messages: Sequence[Message]

    def of(self, kind: str) -> list[Message]:
        return [message for message in self.messages if message["type"] == kind]

    @property
    def finals(self) -> list[Message]:
        return [message for message in self.of("Results") if message["is_final"]]

    @property
    def interims(self) -> list[Message]:
        return [message for message in self.of("Results") if not message["is_final"]]

    @property
    def transcript(self) -> str:
        return said(self.finals)

    @property
    def metadata(self) -> Message:
        """The summary, which every stream brings once, at its end."""
        (metadata,) = self.of("Metadata")
        assert self.messages[-1] is metadata
        return metadata

    def check(self, seconds: float, sha256: str) -> None:
        """The laws of a stream of one channel that was heard to its end
        (https://developers.deepgram.com/docs/understand-endpointing-interim-results, docs/close-stream)."""
        metadata = self.metadata
        UUID(metadata["request_id"])
        assert (metadata["channels"], metadata["sha256"]) == (1, sha256)
        assert abs(metadata["duration"] - seconds) < 0.1
        reached = 0.0
        for message in self.finals:
            assert message["channel_index"] == [0, 1]
            assert message["metadata"]["request_id"] == metadata["request_id"]
            assert abs(message["start"] - reached) < 0.002, "finals follow each other without gaps"
            reached = message["start"] + message["duration"]
            words = message["channel"]["alternatives"][0]["words"]
            for word in words:
                assert message["start"] - 0.002 <= word["start"] <= word["end"] <= reached + 0.002
            assert message["speech_final"] is not None
        assert abs(reached - seconds) < 0.1, "the finals reach the end"


def said(finals: Sequence[Message]) -> str:
    """What a user would put together from these finals."""
    texts = (message["channel"]["alternatives"][0]["transcript"] for message in finals)
    return " ".join(text for text in texts if text)
