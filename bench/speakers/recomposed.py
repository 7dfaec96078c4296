"""Conversations made of the turns of the composed ones once more: nothing was chosen on them.

The same readers meet others, in another order; half of the conversations are over the telephone. A seed
makes the same ones each time.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from bench.harness.audio import RATE, decoded
from bench.speakers.interruptions import write_wav
from bench.speakers.talks import Talk, Turn
from ringback.audio.samples import Samples

SPOILT = ("quick", "overlap", "noise", "phone")
"""Talks with one of these in their name lend no turns."""
PEOPLE, QUICK_PEOPLE = (2, 2, 3, 2, 3, 4), (2, 2, 3)
"""How many take part, one conversation after the other."""
LONGEST = 75.0
"""Seconds; it ends earlier when its people have no more to say."""
LEAST_TURN = 0.3
"""Seconds."""
LEAST_PART = 4.0
"""Seconds that each of them speaks."""
GAP, QUICK_GAP = (0.15, 0.9), (0.0, 0.04)
"""Seconds from one turn to the next."""
TURN, QUICK_TURN = (1.6, 6.4), (0.8, 3.2)
"""Seconds, at least and at most: longer turns are cut at a quiet place."""

Voices = Mapping[str, list[Samples]]
"""The turns of each reader."""


def recomposed(
    talks: Iterable[Talk], folder: Path, count: int, *, quick: bool, seed: int = 20_261_130
) -> Iterator[Talk]:
    """So many of them, written to `folder`; none without talks to take turns from."""
    turns = _turns_by_reader(talks)
    random = np.random.default_rng([seed, quick])
    kinds = QUICK_PEOPLE if quick else PEOPLE
    readers = sorted(name for name, own in turns.items() if _seconds(own) >= 2 * LEAST_PART)
    if len(readers) < max(kinds):
        return
    number = 0
    while number < count:
        people = random.choice(readers, kinds[number % len(kinds)], replace=False).tolist()
        samples, spoken = _conversation({name: turns[name] for name in people}, random, quick=quick)
        if min(sum(turn.end - turn.start for turn in spoken if turn.speaker == name) for name in people) < (
            LEAST_PART
        ):
            continue
        on_phone = number // len(kinds) % 2 == 1
        name = f"{'quick' if quick else 'recomposed'}_{number:02}_{len(people)}{'_phone' if on_phone else ''}"
        path = folder / f"{name}.wav"
        write_wav(path, _telephone(samples) if on_phone else samples)
        yield Talk(name, path, tuple(spoken))
        number += 1


def _turns_by_reader(talks: Iterable[Talk]) -> dict[str, list[Samples]]:
    found: dict[str, list[Samples]] = {}
    for talk in talks:
        if any(word in talk.name for word in SPOILT):
            continue
        samples = decoded(talk.path)
        for turn in (each for each in talk.turns if each.end - each.start >= LEAST_TURN):
            found.setdefault(turn.speaker, []).append(samples[int(turn.start * RATE) : int(turn.end * RATE)])
    return found


def _seconds(turns: Iterable[Samples]) -> float:
    return sum(map(len, turns)) / RATE


def _conversation(turns: Voices, random: np.random.Generator, *, quick: bool) -> tuple[Samples, list[Turn]]:
    """Turns of these people in an order by chance, until one of them alone has something to say."""
    remaining = {name: _shuffled(own, random, quick=quick) for name, own in turns.items()}
    parts = [np.zeros(int(0.4 * RATE), np.float32)]
    spoken: list[Turn] = []
    at = len(parts[0])
    before = ""
    while at < LONGEST * RATE and len(willing := [name for name, own in remaining.items() if own]) > 1:
        others = [name for name in willing if name != before]
        before = str(random.choice(willing if random.random() < _STAYS else others))
        own = _levelled(remaining[before].pop(), random)
        gap = np.zeros(int(random.uniform(*(QUICK_GAP if quick else GAP)) * RATE), np.float32)
        spoken.append(Turn(at / RATE, (at + len(own)) / RATE, before))
        parts += [own, gap]
        at += len(own) + len(gap)
    samples = np.concatenate(parts)
    return samples + random.standard_normal(len(samples), np.float32) * _FAINT, spoken


def _shuffled(turns: list[Samples], random: np.random.Generator, *, quick: bool) -> list[Samples]:
    ordered = [turns[number] for number in random.permutation(len(turns))]
    return [part for turn in ordered for part in _parts(turn, random, QUICK_TURN if quick else TURN)]


def _parts(turn: Samples, random: np.random.Generator, seconds: tuple[float, float]) -> Iterator[Samples]:
    """The turn, cut at quiet places so that no part is longer."""
    least, most = seconds
    while len(turn) > most * RATE:
        first, last = int(least * RATE), int(random.uniform(0.45, 0.9) * most * RATE)
        power = np.convolve(turn[first:last] ** 2, np.ones(640) / 640, "same")
        at = first + int(power.argmin())
        yield turn[:at]
        turn = turn[at:]
    yield turn


def _levelled(turn: Samples, random: np.random.Generator) -> Samples:
    """As loud as all others but for 3 dB, without clicks at its ends."""
    loudness = 0.06 * 10 ** random.uniform(-0.15, 0.15)
    own = turn * np.float32(loudness / np.sqrt(np.square(turn).mean() + 1e-9))
    fade = np.linspace(0.0, 1.0, _FADE, dtype=np.float32)
    own[:_FADE] *= fade
    own[-_FADE:] *= fade[::-1]
    return own


def _telephone(samples: Samples) -> Samples:
    """200 to 3,600 Hz, in the 8 bits of mu-law."""
    spectrum = np.fft.rfft(samples)
    frequencies = np.fft.rfftfreq(len(samples), 1 / RATE)
    spectrum[(frequencies < 200) | (frequencies > 3_600)] = 0
    filtered = np.fft.irfft(spectrum, len(samples))
    filtered *= 0.7 / max(1e-9, np.abs(filtered).max())
    coded = np.round(np.sign(filtered) * np.log1p(255 * np.abs(filtered)) / np.log(256) * 127) / 127
    decoded_again: Samples = (np.sign(coded) * (256 ** np.abs(coded) - 1) / 255).astype(np.float32)
    return decoded_again


_STAYS = 0.3
"""How probably anyone may speak next, and not only someone else."""
_FADE = RATE // 200
"""Samples."""
_FAINT = np.float32(2e-4)
"""Noise, so that nothing is digital silence."""
