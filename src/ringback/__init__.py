"""Ringback: hand in your audio, hang up; Ringback calls you back with the transcript."""

from importlib.metadata import version

__version__ = version("ringback")
