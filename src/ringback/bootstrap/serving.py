"""The server as a process: signals, start, stop."""

import asyncio
import gc
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from typing import TypeVar

import uvloop

from ringback import __version__, telemetry
from ringback.blobs import StoreUnreachable
from ringback.bootstrap.context import ProcessContext, open_context
from ringback.bootstrap.dependencies import when_available
from ringback.bootstrap.first_key import ensure_api_key
from ringback.bootstrap.roles import ServiceStages
from ringback.bootstrap.traces import record_traces
from ringback.bootstrap.weak_keys import weak_keys
from ringback.clock import Clock, SystemClock
from ringback.errors import Misconfigured
from ringback.jobs.round_turns import Turns
from ringback.jobs.store import LedgerUnavailable
from ringback.keys import new_secret
from ringback.sandbox import hide_memory
from ringback.service import Service, run_in_stages, until
from ringback.settings import Settings
from ringback.system import raise_open_files_limit, return_freed_memory

T = TypeVar("T")

OPEN_FILES = 65_536
"""Descriptors that the server asks for: 10,000 connections from outside, as many going out, and its own."""
FEWEST_OPEN_FILES = 64
"""Below, the ledger, the children and the event loop alone may run out of them."""

FIRST_KEY_SECONDS = 60.0
"""After that a node that starts may try again: the one whose turn it was may have died."""


def serve(settings: Settings) -> int:
    """Run the server until SIGTERM or SIGINT; the process's exit status. Raises `Misconfigured`."""
    if faults := weak_keys(settings):
        raise Misconfigured("\n".join(faults))
    # Our environment and our memory hold secrets, and the children run as the same user.
    hide_memory()
    telemetry.configure(settings.log_level, settings.log_format)
    _allow_open_files()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings))
    except ExceptionGroup as group:
        # What one service found while running is to the operator a plain fault like any other.
        fault = next(_leaf_errors(group), None)
        if isinstance(fault, Misconfigured):
            raise fault from None
        raise
    except LedgerUnavailable as error:
        hint = ": does PostgreSQL run, and can this machine reach it?" if settings.database_url else ""
        raise Misconfigured(f"{error}{hint}") from None
    except StoreUnreachable as error:
        raise Misconfigured(str(error)) from None
    return 0


def _allow_open_files() -> None:
    """Each connection, upload and child needs descriptors. Raises `Misconfigured` where there are too few."""
    allowed = raise_open_files_limit(OPEN_FILES)
    if allowed < FEWEST_OPEN_FILES:
        raise Misconfigured(
            f"This process may have only {allowed} files open, and needs {FEWEST_OPEN_FILES} at least: raise "
            "the limit (`ulimit -n 65536`, LimitNOFILE= in a systemd unit)."
        )


def _leaf_errors(group: ExceptionGroup) -> Iterator[Exception]:
    for error in group.exceptions:
        if isinstance(error, ExceptionGroup):
            yield from _leaf_errors(error)
        else:
            yield error


async def _serve(settings: Settings) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        # It may wait for what it stands on, for minutes.
        stages = await until(stopping, _assemble(settings, SystemClock(), stack))
        if stages is not None:
            _tune_garbage_collector()
            await run_in_stages(stages, stopping)
    telemetry.event("server.stopped")


def _tune_garbage_collector() -> None:
    """What the start has made will stay: the garbage collector, off until now (`cli.serve`), need not go
    through it again and again.

    Its rounds, one for every few hundred objects by default, took 80 to 100 µs of each delivery.
    """
    gc.collect()
    return_freed_memory()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    gc.enable()


async def _assemble(settings: Settings, clock: Clock, stack: AsyncExitStack) -> list[list[Service]]:
    """Everything made and connected; what must be closed at the end is on the stack."""
    context = await open_context(settings, clock, stack)
    record_traces(os.environ, context.node, stack)
    stages = ServiceStages(context)
    port = stages.bind()
    project = await _prepare_ledger(context)
    model = None if context.catalogue is None else context.catalogue.default.name
    telemetry.describe_build(__version__, model)
    telemetry.event(
        "server.listening",
        host=settings.host,
        port=port,
        roles=settings.role,
        node=context.node,
        project=project,
        version=__version__,
        data_dir=str(settings.data_path),
        model=model,
    )
    return stages.in_order()


async def _prepare_ledger(context: ProcessContext) -> str:
    """Have the operator's key in it, and tell what waits in it; the id of its first project."""
    settings, ledger, clock = context.settings, context.ledger, context.clock

    async def waiting_for(question: Callable[[], Awaitable[T]]) -> T:
        return await when_available("ledger", question, settings.limits.start_seconds, clock)

    project = (await waiting_for(ledger.projects))[0].id
    if settings.does("api") and (settings.api_key or await waiting_for(_turn_to_make_a_key(context.cluster))):
        # Only now, when nothing else can fail any more, is a key shown that will not be shown again.
        await waiting_for(partial(ensure_api_key, settings, ledger, clock, new_secret()))
    await waiting_for(partial(_report_resumed, context))
    return project


async def _report_resumed(context: ProcessContext) -> None:
    """Tell what is there to go on with, and at a higher level what an earlier process left in the middle."""
    live = {kind: gauge.queued + gauge.leased for kind, gauge in (await context.ledger.gauges()).items()}
    facts = {kind: jobs for kind, jobs in live.items() if jobs}
    if context.interrupted:
        telemetry.problem("jobs.resumed", interrupted=context.interrupted, live=facts)
    elif facts:
        telemetry.event("jobs.waiting", live=facts)


def _turn_to_make_a_key(cluster: Turns | None) -> Callable[[], Awaitable[bool]]:
    """Asks whether this node may: of nodes that start together, one. After a lost answer the turn counts as
    this node's: if another has it, both look whether there is a key, and at worst each shows one that works.
    """
    may_be_ours = False

    async def take_turn() -> bool:
        nonlocal may_be_ours
        if cluster is None:
            return True
        try:
            return await cluster.take_turn("first key", FIRST_KEY_SECONDS) or may_be_ours
        except LedgerUnavailable:
            may_be_ours = True
            raise

    return take_turn
