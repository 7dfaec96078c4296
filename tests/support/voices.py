"""Made-up voices: each person has a direction of their own, and never sounds quite the same."""

import numpy as np

from ringback.speakers.voices import DIMENSIONS, Voice


class People:
    """`people.says("b", 3.0, 4.5)`: a voice of the second person."""

    def __init__(self, seed: int = 1, spread: float = 0.3) -> None:
        """`spread`: how different one person sounds from one time to the next; 1: as from anybody."""
        self._random = np.random.default_rng(seed)
        self._own = self._random.normal(size=(26, DIMENSIONS))
        self._spread = spread

    def says(self, who: str, start: float, end: float, *, goes_on: bool = False) -> Voice:
        own = self._own["abcdefghijklmnopqrstuvwxyz".index(who)]
        recognised = (1 - self._spread) * own + self._spread * self._random.normal(size=DIMENSIONS)
        embedding = (recognised / np.linalg.norm(recognised)).astype(np.float32)
        return Voice(start, end, (start + end) / 2, end - start, goes_on, embedding.tobytes())

    def talk(self, *turns: tuple[str, float], gap: float = 0.25) -> list[tuple[str, Voice]]:
        """Turns one after the other, as (who, seconds); long ones in several voices of 1.5 s."""
        said: list[tuple[str, Voice]] = []
        at = 0.0
        for who, seconds in turns:
            parts = max(1, round(seconds / 1.5))
            said += [
                (who, self.says(who, at + seconds * n / parts, at + seconds * (n + 1) / parts))
                for n in range(parts)
            ]
            at += seconds + gap
        return said
