"""What the processes of an idle server have imported: each package costs memory, and time at the start.

A name that is new here wants a look at what it costs (`python -X importtime`), and whether it can wait until
it is used.
"""

import subprocess
import sys

import pytest

SERVER = {
    *("cryptography", "httptools", "jellyfish", "msgspec", "numpy", "prometheus_client", "python_multipart"),
    *("rapidfuzz", "starlette", "text_to_num", "uvloop", "websockets", "yarl"),
    *("anyio", "idna", "multidict", "propcache", "typing_extensions"),  # of Starlette and yarl
}


@pytest.mark.parametrize(
    ("module", "packages"),
    [
        ("ringback.bootstrap.serving", SERVER),
        ("ringback.engines.child", {"msgspec", "numpy", "typing_extensions"}),
        ("ringback.audio.child", {"av", "msgspec", "numpy", "typing_extensions"}),
    ],
)
def test_a_process_imports_only_what_it_needs_to_start(module: str, packages: set[str]) -> None:
    code = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split()) - set(sys.stdlib_module_names) - {"__main__", "ringback"}
    # Compiled modules register parts of themselves by names of their own.
    assert {name for name in loaded if not name.startswith(("_", "cython_runtime"))} <= packages
