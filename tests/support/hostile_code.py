"""Code that an attacker would run inside a child: each attempt is told with what the kernel said to it.

Run in a process of its own: `python hostile_code.py MODULE JSON`. It starts the module's own `main`, with the
function that meets a caller's bytes replaced, as an exploit in FFmpeg or in a recogniser would.
"""

import contextlib
import ctypes
import errno
import fcntl
import importlib
import json
import mmap
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
X86 = os.uname().machine == "x86_64"


def call(x86_64: int, aarch64: int, *arguments: int) -> int:
    words = [ctypes.c_ulong(each & (1 << 64) - 1) for each in arguments]
    result = int(LIBC.syscall(ctypes.c_long(x86_64 if X86 else aarch64), *words))
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result


def read(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.read(descriptor, 10)


def overwrite(path: str) -> None:
    descriptor = os.open(path, os.O_RDWR)
    with mmap.mmap(descriptor, 0) as pages:
        pages[0:1] = b"!"


def connect(address: list[Any]) -> None:
    with socket.socket() as tcp:
        tcp.connect((address[0], address[1]))


def datagram(address: list[Any]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.sendto(b"secret", (address[0], address[1]))


def fork() -> None:
    if os.fork() == 0:
        os._exit(0)
    os.wait()


def make_code() -> None:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


def type_into_terminal() -> None:
    fcntl.ioctl(2, 0x5412, b"x")


def own_signals_to(pid: int) -> None:
    with socket.socketpair()[0] as either:
        fcntl.fcntl(either, 8, pid)


def attempts(known: dict[str, Any]) -> dict[str, Callable[[], object]]:
    """What is tried, by name. `known`: parent, ledger, folder, address."""
    parent, ledger, folder = known["parent"], known["ledger"], known["folder"]
    return {
        "read the parent's environment": lambda: read(f"/proc/{parent}/environ"),
        "read the parent's memory": lambda: read(f"/proc/{parent}/mem"),
        "list the parent's files": lambda: list(Path(f"/proc/{parent}/fd").iterdir()),
        "read the ledger": lambda: read(ledger),
        "overwrite the ledger": lambda: overwrite(ledger),
        "truncate the ledger": lambda: os.truncate(ledger, 0),
        "list the recordings": lambda: list(Path(folder).iterdir()),
        "read /etc/passwd": lambda: read("/etc/passwd"),
        "write a file": lambda: os.open(f"{folder}/new", os.O_CREAT | os.O_WRONLY),
        "write an unnamed file": lambda: os.open(folder, os.O_TMPFILE | os.O_WRONLY),
        "link": lambda: Path(folder, "link").symlink_to(ledger),
        "change rights": lambda: Path(folder, "victim").chmod(0o777),
        "rename": lambda: Path(folder, "victim").rename(f"{folder}/elsewhere"),
        "unlink": lambda: Path(folder, "elsewhere").unlink(),
        "make a folder": lambda: Path(folder, "sub").mkdir(),
        "connect": lambda: connect(known["address"]),
        "send a datagram": lambda: datagram(known["address"]),
        "open a Unix socket": lambda: socket.socket(socket.AF_UNIX).close(),
        "open a socket pair": socket.socketpair,
        "fork": fork,
        "fork by clone": lambda: call(56, 220, signal.SIGCHLD, 0),
        "trace the parent": lambda: call(101, 117, 0x4206, parent, 0, 0),
        "read the parent's memory at once": lambda: call(310, 270, parent, 0, 0, 0, 0, 0),
        "signal the parent": lambda: os.kill(parent, 0),
        "signal a thread of the parent": lambda: call(234, 131, parent, parent, 0),
        "open the parent": lambda: os.pidfd_open(parent),
        "have signals sent to the parent": lambda: own_signals_to(parent),
        "be traced again": lambda: call(157, 167, 4, 1, 0, 0, 0),
        "raise a limit": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
        "a new name space": lambda: call(272, 97, 0x10000000),
        "io_uring": lambda: call(425, 425, 1, 0),
        "load a kernel program": lambda: call(321, 280, 0, 0, 0),
        "make code": make_code,
        "a file in memory": lambda: os.memfd_create("x"),
        "type into the terminal": type_into_terminal,
        # The last one: where it works nothing comes back.
        "run a shell": lambda: os.execv("/bin/sh", ["sh", "-c", "exit 0"]),
    }


def tried(known: dict[str, Any]) -> dict[str, str]:
    """Attempt → the errno that stopped it, or `done`."""
    results = {}
    for name, attempt in attempts(known).items():
        if name in known["without"]:
            continue
        try:
            attempt()
            results[name] = "done"
        except OSError as error:
            results[name] = errno.errorcode[error.errno or 0]
        except (ValueError, OverflowError) as error:
            # As Python tells EPERM of `setrlimit`.
            results[name] = "EPERM" if "not allowed" in str(error) else repr(error)
    with contextlib.suppress(RuntimeError):
        thread = threading.Thread(target=lambda: results.update(threads="work"))
        thread.start()
        thread.join()
    results["environment"] = " ".join(sorted(os.environ))
    return results


def main() -> None:
    module = importlib.import_module(sys.argv.pop(1))
    known = json.loads(sys.argv.pop(1))
    report = socket.socket(fileno=known["report"])

    def payload(*_: object) -> None:
        report.sendall(json.dumps(tried(known)).encode())
        os._exit(0)

    for name in known["replaced"]:
        holder: Any = module
        *owners, last = name.split(".")
        for owner in owners:
            holder = getattr(holder, owner)
        setattr(holder, last, payload)
    if known["unconfined"]:
        for name in ("restrict", "confine"):
            if hasattr(module, name):
                setattr(module, name, lambda *_: None)
    module.main()


if __name__ == "__main__":
    main()
