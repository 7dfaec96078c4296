"""The server's side of reading recordings: the child processes that decode, and who uses them when.

Callers share the children, and the cores that these work on, in fair turns: a child works for one turn, and
goes on when its caller's turn comes again. Half of the children are for short recordings. A recording that
takes longer needs a slot for long ones, or loses its child until it has one; where these are all in use, one
is taken away from a caller who has more of them, and its recording is read again later.

A file that kills or hangs its child is tried once more in a fresh one, because the child may have died of
something else. Items that were already yielded are not yielded again: decoding the same bytes gives the same
chunks. After that the file is refused.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path

from ringback.audio.decoder_process import DecoderProcess, ReaderItem
from ringback.audio.encodings import Decoding, index_too_large, unreadable
from ringback.audio.frames import AudioEnd, AudioFacts, ReadOrder, SpeechChunk, TurnOver
from ringback.audio.mp4_index import LARGE_INDEX, claims_too_much, index_entries
from ringback.child_process.process import ChildDied
from ringback.errors import Refusal
from ringback.fair_turns import FairTurns
from ringback.service import every
from ringback.system import available_cores
from ringback.telemetry import event, problem

__all__ = ["AudioEnd", "AudioFacts", "AudioReader", "ReaderItem", "SpeechChunk"]


class AudioReader:
    """Owns up to `children` decoding processes, and one that is ready for the next recording; each reads one
    recording at a time and is used again."""

    def __init__(
        self,
        children: int,
        *,
        max_chunk: float = 15.0,
        timeout: float = 60.0,
        files_per_child: int = 200,
        rest: float = 60.0,
        at_once: int | None = None,
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        """`max_chunk`: seconds of the longest chunk. `timeout`: seconds of work without a message before
        a child counts as hung. `files_per_child`: then it is replaced, so that a leak cannot grow.
        `rest`: seconds (to twice as many) without work after which children are ended, but for one, and for
        that one too while another is at work.
        `at_once`: how many may be at work at a time; None: one per core.
        `on_progress`: called now and then while recordings are read."""
        self._max_chunk = max_chunk
        self._timeout = timeout
        self._files_per_child = files_per_child
        self._rest = rest
        self._on_progress = on_progress
        short = children // 2 if children >= _ENOUGH_FOR_BOTH else 0
        self._short = FairTurns(short, leaving_some=True)
        self._long = FairTurns(children - short)
        self._all_are_long = not short
        # Each may fill a child up to its bound: few at a time, so that the machine's memory holds out.
        self._large_slots = FairTurns(max(2, children // 8))
        self._turns = FairTurns(at_once or available_cores())
        self._starting = FairTurns(1, weigh=self._readings_of)
        self._readings: list[_Reading] = []
        self._idle: list[DecoderProcess] = []
        self._last_idle_gone = asyncio.Event()
        self._next_idle = asyncio.Event()
        """Set, and replaced by a new one, when a child has become idle."""
        self._stopped = False

    @property
    def name(self) -> str:
        return "audio"

    async def run(self, stopping: asyncio.Event) -> None:
        """Keeps a child ready once a recording has needed one, and ends the idle ones at the stop; a busy one
        ends with its recording."""
        ready = asyncio.create_task(self._keep_one_ready())
        await every(self._rest, self._end_unused, stopping)
        self._stopped = True
        ready.cancel()
        await asyncio.gather(ready, return_exceptions=True)
        while self._idle:
            await self._idle.pop().end()

    async def _keep_one_ready(self) -> None:
        """A start takes seconds on a busy machine: the next recording need not wait for it. The first one
        does: a server that gets none spares 60 MB."""
        # With so few children another one would be a large part more.
        while not self._all_are_long:
            await self._last_idle_gone.wait()
            self._last_idle_gone.clear()
            await self._starting.take("")
            try:
                if not self._idle:
                    await self._give_back(await DecoderProcess.start(), healthy=True)
            except OSError as error:
                problem("audio.child_not_started", error=str(error))
            finally:
                self._starting.give_back("")

    @asynccontextmanager
    async def read(
        self, path: Path, decoding: Decoding, caller: str = ""
    ) -> AsyncIterator[AsyncIterator[ReaderItem]]:
        """Read one recording: an `AudioFacts`, then chunks as they are found, then an `AudioEnd`.

        Waits for a child, and for turns of `caller` (`PROJECT/KEY`). Decoding stays at most a few chunks
        ahead of the consumer. Iterating raises `Refusal` if the audio is bad. Leaving early ends the
        child.
        """
        large = await asyncio.to_thread(_has_large_index, path)
        async with self._large_slot(caller) if large else nullcontext():
            items = self._read_items(path, decoding, caller)
            try:
                yield items
            finally:
                await items.aclose()

    @asynccontextmanager
    async def _large_slot(self, caller: str) -> AsyncIterator[None]:
        await self._large_slots.take(caller)
        try:
            yield
        finally:
            self._large_slots.give_back(caller)

    async def _read_items(self, path: Path, decoding: Decoding, caller: str) -> AsyncGenerator[ReaderItem]:
        order = ReadOrder(str(path), decoding, self._max_chunk)
        yielded = deaths = losses = 0
        is_long = self._all_are_long
        while True:
            reading = await (self._long_reading if is_long else self._short_reading)(caller, yielded, losses)
            healthy = False
            try:
                child = reading.child = await self._child(caller)
                await reading.begin(order)
                while (item := await reading.next_item(self._timeout)) is not None:
                    self._on_progress()
                    if reading.seen > yielded:
                        yielded = reading.seen
                        yield item
                healthy = True
                return
            except Refusal:
                healthy = True
                raise
            except _ChildTaken:
                healthy = is_long = True
                losses += 1
                event("audio.child_taken", losses=losses, handed_out=yielded)
            except ChildDied as died:
                is_long = reading.is_long
                deaths += 1
                problem("audio.child_died", attempt=deaths, handed_out=yielded, reason=str(died))
                if deaths == ATTEMPTS:
                    raise unreadable() from None
            finally:
                self._readings.remove(reading)
                reading.end()
                if reading.child is not None:
                    await self._give_back(child, healthy)

    async def _short_reading(self, caller: str, yielded: int, losses: int) -> "_Reading":
        """A reading with a slot for short recordings."""
        await self._short.take(caller)
        return self._add_reading(caller, yielded, losses, is_long=False)

    async def _long_reading(self, caller: str, yielded: int, losses: int) -> "_Reading":
        """A reading with a slot for long recordings; one is freed for it where that is fair."""
        place = asyncio.create_task(self._long.take(caller))
        try:
            await asyncio.sleep(0)
            while not place.done():
                self._free_long_slot(caller)
                await asyncio.wait([place], timeout=_SEARCH_SECONDS)
        except asyncio.CancelledError:
            if place.done():
                self._long.give_back(caller)
            place.cancel()
            raise
        return self._add_reading(caller, yielded, losses, is_long=True)

    def _add_reading(self, caller: str, yielded: int, losses: int, *, is_long: bool) -> "_Reading":
        reading = _Reading(
            caller, self._short, self._long, self._turns, is_long=is_long, yielded_before=yielded,
            losses=losses, on_progress=self._on_progress,
        )  # fmt: skip
        self._readings.append(reading)
        return reading

    def _free_long_slot(self, caller: str) -> None:
        """Take a child away from the caller with more long recordings than is fair, while this caller
        waits."""
        now = asyncio.get_running_loop().time()
        over = [
            (more, reading.since, reading)
            for reading in self._readings
            if (more := self._more_than(caller, reading.caller)) > 0 and reading.may_lose_child(now)
        ]
        if over:
            # Of the caller with the most the one that began last: the least work is done again.
            max(over, key=lambda each: each[:2])[2].must_yield = True

    def _more_than(self, caller: str, other: str) -> int:
        """How many children the other caller has more, not counting the one that both may have."""
        of_caller, of_other = self._long.held_by(caller), self._long.held_by(other)
        same_project = caller.partition("/")[0] == other.partition("/")[0]
        mine, theirs = of_caller[same_project], of_other[same_project]
        return theirs - mine - (1 if mine else 0)

    async def _end_unused(self) -> None:
        """Each holds some 40 MB of its own. One stays, so that the next recording need not wait for a start;
        beside a long recording not even that one, if none came for so long."""
        at_work = any(reading.child is not None for reading in self._readings)
        resting = self._idle if at_work else self._idle[:-1]
        unused = [child for child in resting if child.unused]
        self._idle = [child for child in self._idle if child not in unused]
        for child in self._idle:
            child.unused = True
        for child in unused:
            await child.end()

    async def _child(self, caller: str) -> DecoderProcess:
        """An idle child, or a new one. They start one after the other: a start costs as much as decoding
        minutes of audio, and who waits for one takes another child that becomes idle before."""
        turn = asyncio.create_task(self._starting.take(caller))
        try:
            while (child := await self._idle_child(caller)) is None:
                if turn.done():
                    self._last_idle_gone.set()
                    return await DecoderProcess.start()
                idle = asyncio.create_task(self._next_idle.wait())
                await asyncio.wait((turn, idle), return_when=asyncio.FIRST_COMPLETED)
                idle.cancel()
            return child
        finally:
            if turn.done():
                self._starting.give_back(caller)
            else:
                turn.cancel()

    def _readings_of(self, caller: str) -> int:
        return sum(reading.caller == caller for reading in self._readings)

    async def _idle_child(self, caller: str) -> DecoderProcess | None:
        # The last one is left to the next caller.
        reserved = 0 if self._all_are_long or self._readings_of(caller) <= SHARE_OF_IDLE else 1
        while len(self._idle) > reserved:
            child = self._idle.pop()  # The one used last, so that the others may rest.
            if not self._idle:
                self._last_idle_gone.set()
            if child.alive:
                return child
            await child.end()
        return None

    async def _give_back(self, child: DecoderProcess, healthy: bool) -> None:
        used_up = child.files >= self._files_per_child or child.grown
        if healthy and child.alive and not used_up and not self._stopped:
            self._idle.append(child)
            self._next_idle.set()
            self._next_idle = asyncio.Event()
        else:
            await child.end()


class _Reading:
    """One recording at one child, and the turn in which the child works."""

    def __init__(
        self,
        caller: str,
        short: FairTurns,
        long: FairTurns,
        turns: FairTurns,
        *,
        is_long: bool,
        yielded_before: int,
        losses: int,
        on_progress: Callable[[], None],
    ) -> None:
        """Its slot is taken already. `yielded_before`: items of this recording that an earlier child has
        read. `losses`: how many children of it were taken away."""
        self.caller = caller
        self.child: DecoderProcess | None = None
        self.must_yield = False
        """It gives up its child at the end of its turn: for a caller with fewer."""
        self.is_long = is_long
        self.seen = 0
        self.since = asyncio.get_running_loop().time()
        self._short = short
        self._long = long
        self._turns = turns
        self._turns_had = 0
        self._yielded_at: float | None = None
        self._waited = 0.0
        """Seconds for which its child waited for the consumer."""
        self._yielded_before = yielded_before
        self._on_progress = on_progress
        self._min_seconds = _MIN_SECONDS * 2.0**losses
        self._caught_up = self.since
        self._has_slot = True
        self._has_turn = False

    async def begin(self, order: ReadOrder) -> None:
        await self._take_turn()
        self._its_child.begin(order)

    async def next_item(self, timeout: float) -> ReaderItem | None:
        """The child's next item; None after the end. Raises `Refusal`, `ChildDied`."""
        if self._yielded_at is not None:
            self._waited += asyncio.get_running_loop().time() - self._yielded_at
        while isinstance(item := await self._its_child.next_item(timeout), TurnOver):
            self._on_progress()
            self._end_turn()
            self._yield_child_if_due()
            await self._take_turn()
            self._its_child.go_on()
        # The turn is free while the consumer is busy: the child does the rest of it, and then waits.
        self._end_turn()
        self.seen += 1
        now = asyncio.get_running_loop().time()
        if self.seen <= self._yielded_before:
            self._caught_up = now
        else:
            self._yielded_at = now
        return item

    def may_lose_child(self, now: float) -> bool:
        """Not before it has had the child for a while, twice as long after each loss, and for as long as it
        took to read again what it had read before."""
        if not self.is_long or self.child is None or self.must_yield or self.seen < self._yielded_before:
            return False
        return now - self._caught_up >= max(self._min_seconds, self._caught_up - self.since)

    def _yield_child_if_due(self) -> None:
        """At the end of a turn. A recording that turns out to be long needs a slot for long ones; raises
        `_ChildTaken` where there is none, or another caller gets the child."""
        if not self.is_long and (self._turns_had > _SHORT_TURNS or self._waited > _SHORT_SECONDS):
            if self._long.take_now(self.caller):
                self.is_long = True
                self._short.give_back(self.caller)
            else:
                self.must_yield = True
        if self.must_yield:
            self._its_child.abandon()
            raise _ChildTaken

    def end(self) -> None:
        """Give back its turn and its slot."""
        self._end_turn()
        if self._has_slot:
            self._has_slot = False
            (self._long if self.is_long else self._short).give_back(self.caller)

    @property
    def _its_child(self) -> DecoderProcess:
        assert self.child is not None
        return self.child

    async def _take_turn(self) -> None:
        await self._turns.take(self.caller)
        self._has_turn = True
        self._turns_had += 1

    def _end_turn(self) -> None:
        if self._has_turn:
            self._has_turn = False
            self._turns.give_back(self.caller)


class _ChildTaken(Exception):
    """Another recording has it from now on."""


def _has_large_index(path: Path) -> bool:
    """Raises `Refusal` when the index claims too much, and `OSError` for a lost file: that is the server's
    fault, and a child would report bad audio."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        entries = index_entries(file, size)
    if claims_too_much(entries, size):
        raise index_too_large()
    return entries > LARGE_INDEX


SHARE_OF_IDLE = 1
"""Readings of one caller that may take the last idle child."""
ATTEMPTS = 2
"""Children that are tried for a file that crashes or hangs them."""

_ENOUGH_FOR_BOTH = 4
"""With fewer children none is reserved for short recordings."""
_SEARCH_SECONDS = 0.5
"""Seconds between two searches for a child that may be taken away."""
_MIN_SECONDS = 2.0
"""Seconds for which a recording has its first child at least."""
_SHORT_TURNS, _SHORT_SECONDS = 4, 10.0
"""What needs more turns than that, or makes its child wait for longer, is no short recording."""
