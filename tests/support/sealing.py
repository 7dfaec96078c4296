"""The seal of tests."""

from ringback.sealing import Seal

SEAL = Seal([b"s" * 32])
