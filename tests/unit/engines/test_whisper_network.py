"""What Whisper's networks have in common."""

import pytest

from ringback.engines.whisper_network import window_frames


@pytest.mark.parametrize(
    ("seconds", "frames"), [(0.0, 2), (1.0, 102), (1.011, 102), (30.0, 3000), (99.0, 3000)]
)
def test_a_window_has_an_even_number_of_frames_and_at_most_thirty_seconds(
    seconds: float, frames: int
) -> None:
    assert window_frames(seconds) == frames
