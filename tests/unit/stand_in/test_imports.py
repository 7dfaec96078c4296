"""The stand-in runs where there is no recogniser, and costs a test run nothing until it is used."""

import subprocess
import sys

RECOGNISING = ("numpy", "ctranslate2", "onnxruntime", "tokenizers", "av", "huggingface_hub")


def modules_after(code: str) -> set[str]:
    """What a fresh interpreter has imported, of other people's packages and of ours."""
    code += "\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_the_stand_in_imports_nothing_that_recognises() -> None:
    loaded = modules_after(
        "from ringback.stand_in.server import StandIn\n"
        "import ringback.cli.mock\n"
        "with StandIn() as stand_in:\n"
        "    pass"
    )
    assert "ringback.listen.live" in loaded
    assert not loaded & set(RECOGNISING)
    assert not {name for name in loaded if name.startswith(("ringback.engines", "ringback.storage"))}


def test_the_plug_in_imports_pytest_alone() -> None:
    loaded = modules_after("import ringback.stand_in.pytest_plugin")
    ours = {name for name in loaded if name.split(".")[0] == "ringback"}
    assert ours == {"ringback", "ringback.stand_in", "ringback.stand_in.pytest_plugin"}
