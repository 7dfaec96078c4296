"""A receiver of operational webhooks, for tests."""

from typing import cast

from ringback.callbacks.operational import OperatorReceiver
from ringback.egress.client import EgressClient
from ringback.egress.target import read_target


def receiver(
    url: str = "https://ops.example/hook",
    project: str = "first",
    egress: EgressClient | None = None,
    types: tuple[str, ...] = (),
) -> OperatorReceiver:
    """Without `egress` nothing can be sent there."""
    return OperatorReceiver(read_target(url), cast("EgressClient", egress), project, types)
