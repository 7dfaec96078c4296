"""Ringback: hand in your audio, hang up; Ringback calls you back with the transcript."""

import os
from importlib.metadata import version

__version__ = version("ringback")

# Before anything imports them: onnxruntime (from 1.29 on) and huggingface_hub report about their use to
# their makers unless told not to. Nothing about a user's recordings leaves the machine by itself.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
