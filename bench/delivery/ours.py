"""The installed server, with deliveries that lie in its ledger.

They are put there through the ledger's own port before the server starts, sealed and with their key, as a
finished transcription puts them, due when the server is up and idle.
"""

import asyncio
import itertools
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from msgspec.structs import replace

from bench.delivery.load import Delivery, Phase, Seen, body
from bench.harness.child import Child
from bench.harness.costs import cpu_seconds
from bench.harness.server import KEY, RunningServer
from ringback.blobs import BlobKey, FolderBlobStore, StoredDocument, store_document
from ringback.callbacks.delivery import DeliveryOrder, callback_context, order_job
from ringback.clock import SystemClock
from ringback.ids import new_id
from ringback.jobs.job import JobId, NewJob
from ringback.keys import ApiKey, secret_hash
from ringback.sealing import Seal
from ringback.storage.sqlite import SqliteLedger

START_SECONDS = (8.0, 20.0, 60.0)
"""The server is ready by then; on a busy machine the second or third time."""
GROUP = 2_000


class Late(RuntimeError):
    """The machine was too busy for the times that the phases had been given."""


class Ours:
    """A context: entering it fills the ledger and starts the server."""

    pids: tuple[int, ...]

    def __init__(
        self,
        receiver: Child,
        phases: Sequence[Phase],
        *,
        backlog: tuple[str, int] = ("", 0),
        **settings: str,
    ) -> None:
        """`backlog`: a URL, and how many deliveries are due there from the beginning."""
        self._receiver = receiver
        self._phases = phases
        self._backlog = backlog
        self._settings = settings
        self._due: dict[str, float] = {}

    def __enter__(self) -> Self:
        for seconds in START_SECONDS:
            with ExitStack() as undo:
                folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="ringback-bench-")))
                self._ledger = folder / "ringback.db"
                asyncio.run(self._fill(folder, seconds))
                server = RunningServer(folder, callback_allow="127.0.0.0/8", **self._settings)
                self.pids = (undo.enter_context(server).pid,)
                if time.time() < self._up_at:
                    self._server = server
                    self._stack = undo.pop_all()
                    return self
        raise RuntimeError("the server was not ready before the deliveries were due")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._stack:
            self._server.close()
            if kind is None and not self._backlog[1]:
                asyncio.run(self._check_settled())

    def play(self, phase: Phase) -> Seen:
        starts = self._up_at + phase.starts
        if time.time() > starts:
            raise Late(f"{phase.name} was due before the phase before it was over")
        self._receiver.ask(expect=len(phase.deliveries), under=phase.prefix)
        before = cpu_seconds(*self.pids)
        seen = self._receiver.ask(wait=starts - time.time() + phase.patience, tell=True)
        cpu = cpu_seconds(*self.pids) - before
        came = seen["came_at"]
        lags = [
            came[each.path] - self._due[each.path] if each.path in came else None for each in phase.deliveries
        ]
        return Seen(seen["count"], seen["distinct"], seen["seconds"], lags, cpu)

    async def _fill(self, folder: Path, seconds: float) -> None:
        clock = SystemClock()
        self._seal = Seal.of("", folder / "secret.key")
        async with (
            await SqliteLedger.open(self._ledger, clock) as ledger,
            FolderBlobStore(folder / "blobs") as blobs,
        ):
            self._project = (await ledger.projects())[0].id
            self._key = await self._add_key(ledger)
            url, count = self._backlog
            dead = (self._job(url, StoredDocument(inline=body(2_048)), 0.0) for _ in range(count))
            while group := list(itertools.islice(dead, GROUP)):
                await ledger.add(group)
            # The long part is done: from here on it takes a second or two.
            self._up_at = time.time() + seconds
            for phase in self._phases:
                stored = await store_document(
                    blobs, BlobKey(f"results/{uuid.uuid4()}"), body(phase.body_bytes).encode()
                )
                for deliveries in _groups(phase.deliveries):
                    jobs = [self._job(each.url, stored, self._until(phase, each)) for each in deliveries]
                    await ledger.add(jobs)
                    for each, job in zip(deliveries, jobs, strict=True):
                        # By the ledger's clock: the group took a moment to write.
                        found = await ledger.get(job.id) if phase.timed else None
                        self._due[each.path] = found.due_at if found else self._up_at + phase.starts

    async def _add_key(self, ledger: SqliteLedger) -> str:
        """The server finds it there and takes it for the operator's."""
        key = str(uuid.uuid5(uuid.UUID(self._project), "RINGBACK_API_KEY"))
        owner = ApiKey(
            id=key, project=self._project, comment="", scopes=("owner",), tags=(),
            created_at=time.time(), expires_at=None,
        )  # fmt: skip
        await ledger.add_key(owner, secret_hash(KEY))
        return key

    def _until(self, phase: Phase, delivery: Delivery) -> float:
        return self._up_at + phase.starts + delivery.at - time.time()

    def _job(self, url: str, stored: StoredDocument, delay: float) -> NewJob:
        request_id = JobId(new_id())
        order = DeliveryOrder(
            request_id=request_id,
            url=self._seal.seal(url, callback_context(request_id)),
            method="POST",
            status=200,
            key_id=self._key,
            body=stored,
            destination=url[: url.index("/", 8)],
        )
        return replace(order_job(order, project=self._project, accessor=None), parent=None, delay=delay)

    async def _check_settled(self) -> None:
        """Every delivery stands in the ledger as done."""
        async with await SqliteLedger.open(self._ledger, SystemClock()) as ledger:
            gauges = await ledger.gauges()
        live = sum(gauge.queued + gauge.leased for gauge in gauges.values())
        if live:
            raise RuntimeError(f"{live} deliveries are not settled")


def _groups(deliveries: Sequence[Delivery]) -> Iterator[Sequence[Delivery]]:
    for start in range(0, len(deliveries), GROUP):
        yield deliveries[start : start + GROUP]
