"""What the recogniser keeps of the speech that it has had."""

import subprocess
import sys

import pytest

from ringback.engines.process import ENGINE

MOST_KEPT = 10.0
"""MiB after twenty lengths; what is prepared for one takes 1.5 MiB on some processors."""

RECOGNISE = """
import ctypes, sys, tempfile
from pathlib import Path

import numpy as np

from ringback.engines.base import Task
from ringback.engines.registry import ModelCatalogue


class MallInfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]


try:
    mallinfo = ctypes.CDLL(None).mallinfo2
except AttributeError:
    sys.exit("no mallinfo2")
mallinfo.restype = MallInfo


def in_use():
    info = mallinfo()
    return (info.uordblks + info.hblkhd) / 2**20


model = ModelCatalogue("tiny.en", Path(tempfile.mkdtemp())).load("tiny.en", "cpu", "default", 1)
noise = np.random.default_rng(0).normal(0.0, 1e-3, 16_000 * 4).astype(np.float32)
for number in range(25):
    model.recognise([noise[: 16_000 + 1_200 * number]], Task("tiny.en", "en"))
    if number == 4:
        before = in_use()
print(in_use() - before)
"""


def test_lengths_of_speech_leave_nothing_behind() -> None:
    done = subprocess.run(
        [sys.executable, "-c", RECOGNISE],
        check=False,
        env=ENGINE.environment(),
        capture_output=True,
        text=True,
    )
    if "no mallinfo2" in done.stderr:
        pytest.skip("the C library does not tell what is in use")
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < MOST_KEPT
