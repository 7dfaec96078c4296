"""Ringback: hand in your audio, hang up; Ringback calls you back with the transcript."""

import os

# Written here, and not read from the installed metadata: that would cost each start and each child a tenth of
# a second. `tests/docs` holds that it is the version of `pyproject.toml`.
__version__ = "0.1.0"

# Before anything imports them: onnxruntime (from 1.29 on) and huggingface_hub report about their use to
# their makers by default. Nothing about a user's recordings leaves the machine by itself.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
