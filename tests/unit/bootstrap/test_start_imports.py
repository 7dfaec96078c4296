"""What the processes of an idle server have imported: each package costs memory, and time at the start.

A name that is new here wants a look at what it costs (`python -X importtime`), and whether it can wait until
it is used.
"""

import subprocess
import sys

import pytest

SERVER = {
    *("cryptography", "httptools", "msgspec", "numpy", "prometheus_client", "python_multipart"),
    *("starlette", "text_to_num", "uvloop", "websockets", "yarl"),
    *("anyio", "idna", "multidict", "propcache", "typing_extensions"),  # of Starlette and yarl
}


@pytest.mark.parametrize(
    ("module", "packages"),
    [
        ("ringback.bootstrap.serving", SERVER),
        ("ringback.engines.child", {"msgspec", "numpy", "typing_extensions"}),
        ("ringback.engines.whisper", {"msgspec", "numpy", "tokenizers", "typing_extensions"}),
        ("ringback.audio.child", {"av", "msgspec", "numpy", "typing_extensions"}),
    ],
)
def test_a_process_imports_only_what_it_needs_to_start(module: str, packages: set[str]) -> None:
    loaded = {name.split(".")[0] for name in _modules_with(module)}
    loaded -= set(sys.stdlib_module_names) | {"__main__", "ringback"}
    # Compiled modules register parts of themselves by names of their own.
    assert {name for name in loaded if not name.startswith(("_", "cython_runtime"))} <= packages


def test_the_engine_process_does_not_read_what_is_installed() -> None:
    """The server tells it: 2 MB."""
    assert "importlib.metadata" not in _modules_with("ringback.engines.child")


def _modules_with(module: str) -> set[str]:
    """The names of all modules that a new interpreter has once it has imported this one."""
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())
