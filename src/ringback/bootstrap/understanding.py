"""The language model that the settings name, and the way to it."""

from contextlib import AsyncExitStack

from ringback.clock import Clock
from ringback.egress.client import EgressClient
from ringback.egress.policy import Policy
from ringback.egress.target import TargetError, read_target
from ringback.errors import Misconfigured
from ringback.settings import LlmSettings
from ringback.understanding.endpoint import LlmEndpoint, LlmOptions
from ringback.understanding.understand import Understanding


async def open_understanding(settings: LlmSettings, clock: Clock, stack: AsyncExitStack) -> Understanding:
    """Built in alone, where no `llm.url` is set. Raises `Misconfigured`."""
    options = llm_options(settings)
    if options is None:
        return Understanding()
    # A client of its own: the operator's word opens the way to this host, and to callers it opens nothing.
    policy = Policy(allow=(options.target.host,))
    egress = await stack.enter_async_context(EgressClient(policy, clock))
    return Understanding(LlmEndpoint(egress, options))


def llm_options(settings: LlmSettings) -> LlmOptions | None:
    """None: no language model is set. Raises `Misconfigured`."""
    if not settings.url:
        return None
    try:
        target = read_target(f"{settings.url.rstrip('/')}/chat/completions")
    except TargetError as error:
        raise Misconfigured(f"llm.url: {error}") from None
    return LlmOptions(
        target=target,
        model=settings.model,
        api_key=settings.api_key,
        connect_timeout=settings.connect_timeout,
        timeout=settings.timeout,
        total_timeout=settings.total_timeout,
        concurrency=settings.concurrency,
        context_tokens=settings.context_tokens,
    )
