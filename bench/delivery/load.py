"""What is delivered in a benchmark: the same for every subject."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SMALL, LARGE = 2_048, 102_400
"""Bytes: the transcript of a short clip, and of half an hour."""


@dataclass(frozen=True, slots=True)
class Delivery:
    path: str
    """Its own, so that the receiver can tell it from all others."""
    host: str
    """Address and port."""
    at: float = 0.0
    """Seconds after the phase's start at which it becomes due."""

    @property
    def url(self) -> str:
        return f"http://{self.host}{self.path}"


@dataclass(frozen=True, slots=True)
class Phase:
    """Deliveries that are measured together. All of them due at once, or each at its moment."""

    name: str
    """Its deliveries' paths begin with it."""
    deliveries: Sequence[Delivery]
    body_bytes: int = SMALL
    starts: float = 0.0
    """Seconds after the subject is up: for one that must know it beforehand."""
    patience: float = 60.0
    """Seconds from the start after which what has not come counts as not delivered."""

    @property
    def prefix(self) -> str:
        return f"/{self.name}/"

    @property
    def timed(self) -> bool:
        return any(delivery.at for delivery in self.deliveries)


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of a phase. `lags`: seconds from due to received, in the order of the deliveries, None for
    what never came; `cpu` seconds of the subject's whole tree."""

    count: int
    distinct: int
    seconds: float
    lags: Sequence[float | None]
    cpu: float


def body(size: int) -> str:
    """A JSON document of so many bytes."""
    return '{"results":"' + "x" * (size - 14) + '"}'


def ready(name: str, count: int, ports: Sequence[int], starts: float, body_bytes: int = SMALL) -> Phase:
    """So many, due together, spread over the ports of one address."""
    hosts = itertools.cycle(f"127.0.0.1:{port}" for port in ports)
    return Phase(
        name,
        [Delivery(f"/{name}/{number}", next(hosts)) for number in range(count)],
        body_bytes,
        starts,
    )


def steady(
    name: str, hosts: Iterator[str], rate: float, seconds: float, *, head: float = 0.0
) -> list[Delivery]:
    """One after the other at an even pace, `head` seconds after the phase's start."""
    numbers = range(int(rate * seconds))
    return [Delivery(f"/{name}/{number}", next(hosts), head + number / rate) for number in numbers]


def addresses(second: int, port: int) -> Iterator[str]:
    """Loopback has sixteen million addresses, each a destination of its own."""
    for third in range(1, 255):
        for fourth in range(1, 255):
            yield f"127.{second}.{third}.{fourth}:{port}"
