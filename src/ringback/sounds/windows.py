"""Every few consecutive words of a text, by their sound. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ringback.sounds.likeness import Sound, joined, sounds_of


@dataclass(frozen=True, slots=True)
class Window:
    """The words `first` ≤ i < `end`, in one of the ways that they may be said."""

    first: int
    end: int
    sound: Sound


def windows(words: Sequence[str], sizes: range) -> Iterator[Window]:
    """All windows of these sizes (at least 1), those that say something; numbers in each way alike."""
    said = [sounds_of(word) for word in words]
    for size in sizes:
        for first in range(len(said) - size + 1):
            for sound in _ways(said[first : first + size]):
                if sound:
                    yield Window(first, first + size, sound)


def _ways(said: Sequence[tuple[Sound, ...]]) -> Iterator[Sound]:
    if all(len(ways) == 1 for ways in said):  # nearly every window
        yield joined([ways[0] for ways in said])
        return
    longest = max(said, key=len)
    for way in zip(*(_stretched(ways, len(longest)) for ways in said), strict=True):
        yield joined(way)


def _stretched(ways: tuple[Sound, ...], length: int) -> tuple[Sound, ...]:
    return ways + ways[-1:] * (length - len(ways))
