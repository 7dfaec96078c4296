"""The audio reader and the recogniser for commands that work without a server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ringback.audio.reader import AudioReader
from ringback.bootstrap.values import engine_setup, model_catalogue
from ringback.engines.pool import EnginePool
from ringback.engines.registry import ModelCatalogue
from ringback.settings import Settings


@dataclass(frozen=True, slots=True)
class LocalEngine:
    catalogue: ModelCatalogue
    pool: EnginePool
    reader: AudioReader


@asynccontextmanager
async def local_engine(settings: Settings) -> AsyncIterator[LocalEngine]:
    """Start both, and end them with the context. Raises Misconfigured when a model is not to be had."""
    stopping = asyncio.Event()
    catalogue = model_catalogue(settings)
    engine = LocalEngine(catalogue, EnginePool(engine_setup(settings)), AudioReader(children=1))
    try:
        async with asyncio.TaskGroup() as group:
            for service in (engine.pool, engine.reader):
                group.create_task(service.run(stopping), name=service.name)
            try:
                yield engine
            finally:
                stopping.set()
    except ExceptionGroup as group_of_errors:
        # What the caller did, or a service that ended, is one thing to tell.
        raise group_of_errors.exceptions[0] from None
