"""`ringback doctor`: can the server start and work here, and if not, what fixes it?"""

import asyncio
import errno
import ipaddress
import platform
import shutil
import socket
import sys
import time
import urllib.request
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
import numpy as np

from ringback import __version__, telemetry
from ringback.audio.samples import SAMPLE_RATE, Samples
from ringback.audio.speech import silero_is_installed
from ringback.bootstrap.sandbox_check import gpu_note, missing_of
from ringback.bootstrap.serving import FEWEST_OPEN_FILES, OPEN_FILES
from ringback.bootstrap.weak_keys import weak_keys
from ringback.cli import doctor_callback
from ringback.cli.doctor_cluster import shared_store_findings
from ringback.cli.doctor_ledger import SERVED, ledger_findings, secret_key_findings
from ringback.cli.doctor_packs import pack_findings
from ringback.cli.local_engine import local_engine
from ringback.cli.options import make_data_folder, settings_of, with_settings
from ringback.cli.output import Finding, Grade
from ringback.engines.base import ModelInfo, Quality, Task, Urgency
from ringback.engines.pool import EnginePool
from ringback.engines.speech_extra import INSTALL
from ringback.engines.turn_model import SmartTurn, turn_model_file
from ringback.errors import EngineFailure, Misconfigured
from ringback.retry_schedule import parse_schedule
from ringback.sandbox.check import report
from ringback.settings import Settings
from ringback.system import raise_open_files_limit, sync

LOW_DISK, NEEDED_DISK = 5 << 30, 200 << 20
"""Bytes of free disk: below the first a warning, below the second a refusal."""

BUILT_AFTER = datetime(2026, 11, 1, tzinfo=UTC)
"""A clock that says less is wrong."""

FEW_OPEN_FILES = 4_096
"""Descriptors; a warning below."""

MORE_ROOM = "free some below {}, or choose another data_dir"

SLOW_FSYNC = 0.05
"""Seconds. Every accepted request waits for one or two."""


@click.group("doctor", invoke_without_command=True)
@with_settings
@click.option("--json", "as_json", is_flag=True, help="All findings as one JSON document, at the end.")
@click.pass_context
def command(context: click.Context, config: Path | None, data_dir: str | None, *, as_json: bool) -> None:
    """Check settings, data folder, database, object store, port, models and policy; name what fixes them.

    The exit status is 0 when the server can start (warnings or not), and 1 when it cannot. The command
    below it tries a callback URL instead.

    \b
    Examples:
      ringback doctor
      RINGBACK_MODEL=small ringback doctor
      ringback doctor callback https://receiver.example/hook
    """
    if context.invoked_subcommand is not None:
        return
    sys.exit(asyncio.run(_examine(lambda: settings_of(config, data_dir), as_json=as_json)))


command.add_command(doctor_callback.command)


async def _examine(read_settings: Callable[[], Settings], *, as_json: bool = False) -> int:
    findings: list[Finding] = []
    async for finding in _all_findings(read_settings):
        findings.append(finding)
        if not as_json:
            click.echo(str(finding))
            sys.stdout.flush()
    failed = any(finding.grade is Grade.FAIL for finding in findings)
    verdict = _verdict(failed, any(finding.subject == SERVED for finding in findings))
    if as_json:
        report = {"version": __version__, "can_start": not failed, "verdict": verdict, "findings": findings}
        verdict = msgspec.json.format(msgspec.json.encode(report), indent=2).decode()
    click.echo(verdict)
    return 1 if failed else 0


def _verdict(failed: bool, served: bool) -> str:
    if failed:
        return "The server cannot start like this."
    if served:
        return "A server works here already; a second one would be refused."
    return "The server can start: ringback serve"


async def _all_findings(read_settings: Callable[[], Settings]) -> AsyncIterator[Finding]:
    program = f"ringback {__version__}, Python {platform.python_version()}, {platform.platform()}"
    yield Finding(Grade.OK, "version", program)
    yield _clock(datetime.now(UTC))
    try:
        settings = read_settings()
    except Misconfigured as error:
        for line in str(error).splitlines():
            yield Finding(Grade.FAIL, "settings", line)
        return
    yield Finding(Grade.OK, "settings", "all known, each well formed")
    for finding in (*_keys(settings), *_folder(settings)):
        yield finding
    of_ledger, file = ledger_findings(settings)
    for finding in of_ledger:
        yield finding
    served = file is not None and file.served
    for finding in (
        *await secret_key_findings(settings, file),
        *pack_findings(settings),
        *_open_files(),
        *_port(settings, served),
        *_callbacks(settings),
    ):
        yield finding
    async for finding in shared_store_findings(settings):
        yield finding
    if settings.does("api") or settings.does("transcribe"):
        async for finding in _recognition(settings):
            yield finding


def _clock(now: datetime) -> Finding:
    """Certificates and tokens are judged by it, and callbacks are signed with it."""
    what = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if now < BUILT_AFTER:
        return Finding(Grade.WARN, "clock", f"{what} is before this version was made", "set the clock (NTP)")
    return Finding(Grade.OK, "clock", what)


def _keys(settings: Settings) -> Iterator[Finding]:
    for fault in weak_keys(settings):
        what, _, fix = fault.partition(": make one")
        yield Finding(Grade.FAIL, "keys", what, f"make one{fix}")


def _sandbox(settings: Settings) -> Iterator[Finding]:
    found = report()
    if not (missing := missing_of(found, settings.engine)):
        yield Finding(Grade.OK, "sandbox", f"{found}{gpu_note(settings.engine)}")
    for what in missing:
        fix = "the server starts all the same: docs/operations.md says what each layer is for"
        yield Finding(Grade.WARN, "sandbox", what, fix)


def _folder(settings: Settings) -> Iterator[Finding]:
    try:
        folder = make_data_folder(settings)
        seconds = _time_of_fsync(folder)
    except Misconfigured as error:
        yield Finding(Grade.FAIL, "data folder", str(error))
        return
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        fix = MORE_ROOM.format(folder) if full else "look at the disk's health, and how it is mounted"
        yield Finding(Grade.FAIL, "disk", f"a durable write failed: {error.strerror}", fix)
        return
    yield Finding(Grade.OK, "data folder", f"{folder} is writable")
    speed = f"a durable write takes {seconds * 1000:.1f} ms"
    if seconds > SLOW_FSYNC:
        yield Finding(Grade.WARN, "disk", speed, "every accepted request waits for it: choose a faster disk")
    else:
        yield Finding(Grade.OK, "disk", speed)
    yield _disk_space(folder)


def _disk_space(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    what = f"{free / (1 << 30):.1f} GiB free"
    if free < NEEDED_DISK:
        return Finding(Grade.FAIL, "room", what, MORE_ROOM.format(folder))
    if free < LOW_DISK:
        return Finding(Grade.WARN, "room", what, "an upload may have 2 GB, and results are kept")
    return Finding(Grade.OK, "room", what)


def _time_of_fsync(folder: Path) -> float:
    probe = folder / f".doctor-{uuid.uuid4().hex}"
    try:
        with probe.open("wb") as file:
            file.write(b"x" * 4096)
            file.flush()
            started = time.monotonic()
            sync(file.fileno())
            return time.monotonic() - started
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


def _open_files() -> Iterator[Finding]:
    allowed = raise_open_files_limit(OPEN_FILES)
    what = f"{allowed} may be open"
    hint = "raise the limit: `ulimit -n 65536`, or LimitNOFILE= in a systemd unit"
    if allowed < FEWEST_OPEN_FILES:
        yield Finding(Grade.FAIL, "files", f"{what}, {FEWEST_OPEN_FILES} are needed", hint)
    elif allowed < FEW_OPEN_FILES:
        yield Finding(Grade.WARN, "files", f"{what}: {allowed // 2} connections at a time", hint)
    else:
        yield Finding(Grade.OK, "files", what)


def _port(settings: Settings, served: bool) -> Iterator[Finding]:
    """`served`: a server works with this data folder now."""
    where = f"{settings.host}:{settings.port}"
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror:
        yield Finding(Grade.FAIL, "address", f"{settings.host} is not an address here", "set RINGBACK_HOST")
    except OSError as error:
        ringback = _ringback_answers(settings)
        if ringback and (served or settings.database_url):
            yield Finding(Grade.OK, "address", f"the server serves {where}")
            return
        if ringback:
            what = f"{where} is taken by a Ringback of another data folder"
            yield Finding(
                Grade.FAIL, "address", what, "set RINGBACK_PORT to a free port (0: any), or stop that one"
            )
            return
        fix = "set RINGBACK_PORT to a free port (0: any), or stop what listens there"
        if isinstance(error, PermissionError):
            fix = "ports below 1024 need rights: choose RINGBACK_PORT above"
        elif error.errno != errno.EADDRINUSE:
            fix = "set RINGBACK_HOST to an address of this machine (0.0.0.0: all)"
        yield Finding(Grade.FAIL, "address", f"{where} cannot be listened on: {error.strerror}", fix)
    else:
        yield Finding(Grade.OK, "address", f"{where} is free")


def _ringback_answers(settings: Settings) -> bool:
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104 - compared, not bound
    with suppress(OSError, ValueError):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://{host}:{settings.port}/v1/status", timeout=2) as answer:
            return b"system_health" in answer.read(4096)
    return False


def _callbacks(settings: Settings) -> Iterator[Finding]:
    ports = ", ".join(map(str, settings.callback.ports)) or "any"
    yield Finding(Grade.OK, "callbacks", f"to public addresses, ports {ports}; {_retries(settings)}")
    allowed = settings.callback.allow
    if not allowed:
        what = "none that is not public"
        hint = "to call this machine or a private network, set RINGBACK_CALLBACK_ALLOW, such as 127.0.0.1"
        yield Finding(Grade.OK, "allowed as well", what, hint)
        return
    everything = [entry for entry in allowed if _is_everything(entry)]
    if everything:
        fix = "name only the networks that receivers live in"
        what = f"{', '.join(everything)}: any caller can make this server call your internal services"
        yield Finding(Grade.WARN, "allowed as well", what, fix)
    else:
        yield Finding(Grade.OK, "allowed as well", ", ".join(allowed))


def _retries(settings: Settings) -> str:
    if settings.callback.schedule:
        return (
            f"{len(parse_schedule(settings.callback.schedule).delays)} retries ({settings.callback.schedule})"
        )
    return f"{settings.callback.retries} retries, {settings.callback.retry_delay:g} s apart"


def _is_everything(entry: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_network(entry).prefixlen == 0
    return False


async def _recognition(settings: Settings) -> AsyncIterator[Finding]:
    for finding in _sandbox(settings):
        yield finding
    async for finding in _models(settings):
        yield finding


async def _models(settings: Settings) -> AsyncIterator[Finding]:
    telemetry.configure("warning", "text")
    try:
        async with local_engine(settings) as engine:
            started = time.monotonic()
            await engine.pool.wait_ready()
            default = engine.catalogue.default
            language = "en" if "en" in default.languages else default.languages[0]
            task = Task(default.name, language, Quality(settings.engine.quality))
            await engine.pool.recognise(_tone(), task, Urgency.RECORDING)
            seconds = time.monotonic() - started
            works = f"works on {engine.pool.computes_on}, {engine.pool.threads} threads"
            yield Finding(Grade.OK, "model", f"{default.name} is loaded and {works}, after {seconds:.1f} s")
            yield _speech_detection()
            yield _languages([info for info in engine.catalogue.models() if len(info.languages) > 1])
            yield await _names(engine.pool)
            yield await _speakers(engine.pool)
            yield _turns()
    except Misconfigured as error:
        yield Finding(Grade.FAIL, "model", str(error))
    except EngineFailure as error:
        fix = "too little memory for the model is the usual reason: try a smaller one (RINGBACK_MODEL)"
        yield Finding(Grade.FAIL, "model", f"the engine failed on a second of sound: {error}", fix)


def _speech_detection() -> Finding:
    if silero_is_installed():
        return Finding(Grade.OK, "speech", "Silero VAD")
    fix = f"{INSTALL} brings Silero VAD"
    return Finding(Grade.WARN, "speech", "by loudness alone: noise counts as speech", fix)


def _languages(multilingual: Sequence[ModelInfo]) -> Finding:
    if multilingual:
        names = ", ".join(f"{info.name} ({len(info.languages)} languages)" for info in multilingual)
        return Finding(Grade.OK, "other languages", names)
    fix = "if you need others: `make setup EXTRAS=multilingual`, or `ringback model pull small`"
    return Finding(Grade.OK, "other languages", "none, English only", fix)


async def _names(pool: EnginePool) -> Finding:
    if not pool.finds_names:
        fix = "if `redact` is to hide them: `make setup EXTRAS=redact`"
        return Finding(Grade.OK, "names and places", "no model for them", fix)
    try:
        await pool.find_names(["hello"], Urgency.RECORDING)
    except (Misconfigured, EngineFailure) as error:
        return Finding(Grade.FAIL, "names and places", str(error))
    return Finding(Grade.OK, "names and places", "the model is there and answers")


async def _speakers(pool: EnginePool) -> Finding:
    if not pool.finds_voices:
        fix = "for `diarize`: `make setup EXTRAS=speakers`"
        return Finding(Grade.OK, "speakers", "no models that tell them", fix)
    try:
        await pool.find_voices(_tone(), Urgency.RECORDING)
    except (Misconfigured, EngineFailure) as error:
        return Finding(Grade.FAIL, "speakers", str(error))
    return Finding(Grade.OK, "speakers", "the models are there and answer")


def _turns() -> Finding:
    file = turn_model_file()
    if file is None:
        fix = "for `/v2/listen`: `make setup EXTRAS=turns`"
        return Finding(Grade.OK, "turns", "no model that hears where they end", fix)
    try:
        SmartTurn(file).completeness(_tone())
    except Misconfigured as error:
        return Finding(Grade.FAIL, "turns", str(error))
    return Finding(Grade.OK, "turns", "the model is there and answers")


def _tone() -> Samples:
    """A second of 440 Hz."""
    return (0.1 * np.sin(2 * np.pi * 440 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)).astype(np.float32)
