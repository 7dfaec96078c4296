"""The numbers that an engine computes with, in tests that load a real model.

`make test-kernels` runs them in int8, the default on a CPU, at each instruction set of the machine, and once
in float32.
"""

import os

COMPUTE_TYPE = os.environ.get("TEST_COMPUTE_TYPE", "default")
"""CTranslate2's compute type. (`CT2_FORCE_CPU_ISA`, its instruction set, is read by the library itself.)"""
