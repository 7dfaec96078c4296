"""The names in a transcript, for redaction and entities (`engines.names`)."""

import asyncio

from ringback.engines.base import Urgency
from ringback.engines.pool import EnginePool
from ringback.errors import Misconfigured
from ringback.features.finish import speak
from ringback.features.steps import TextSteps
from ringback.listen.options import ListenOptions
from ringback.listen.text_warnings import with_text_warnings
from ringback.transcript import NamedSpan, Transcript


async def find_names(
    transcript: Transcript, options: ListenOptions, pool: EnginePool, source: str = "", caller: str = ""
) -> list[tuple[NamedSpan, ...]] | None:
    """The names on each channel of `speak(transcript)`; None: not requested, or the caller got a warning that
    this server cannot find them.

    Without the names there is no result: this raises `EngineFailure`, or
    `Misconfigured` where names were promised and this machine has no model for them.
    """
    if not TextSteps.of(options).reads_names:
        return None
    if not pool.finds_names:
        if _promised(options):
            raise Misconfigured(
                "the request was accepted by a server with the names model, which this one lacks: run "
                "`make setup EXTRAS=redact` on every machine that transcribes"
            )
        return None
    # Of a recording of many hours this takes a while: not on the loop that serves everybody.
    spoken = await asyncio.to_thread(speak, transcript, options)
    return [
        await pool.find_names(
            [word.text for word in channel.alternative.words], Urgency.RECORDING, source, caller
        )
        for channel in spoken.channels
    ]


def _promised(options: ListenOptions) -> bool:
    """Whether the caller lacks a warning that it would have without the model."""
    warned = with_text_warnings(options, names=False).warnings[len(options.warnings) :]
    return any(warning not in options.warnings for warning in warned)
