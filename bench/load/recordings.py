"""Recordings with callbacks: so many under way, the next one sent when a callback has come back.

It is client and receiver in one. Command: `port`, `headers`, `paths`, `at_once`.
"""

import asyncio
import json
import time
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import uvloop
from aiohttp import web

from bench.harness.child import Facts, obey_async, say


class Driver:
    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._called_back: dict[str, asyncio.Future[Facts]] = {}
        self.own_port = 0

    async def receive(self, request: web.Request) -> web.Response:
        document = json.loads(await request.read())
        future = self._called_back.get(request.path)
        if future is not None and not future.done():
            future.set_result(document)
        return web.Response()

    async def run(self, command: Facts) -> Facts:
        bodies = [read(path) for path in command["paths"]]
        numbers = iter(range(len(bodies)))
        texts = [""] * len(bodies)
        waits = [0.0] * len(bodies)

        async def one_after_the_other() -> None:
            for number in numbers:
                started = time.monotonic()
                document = await self._through(command, number, bodies[number])
                waits[number] = time.monotonic() - started
                texts[number] = document["results"]["channels"][0]["alternatives"][0]["transcript"]

        started = time.monotonic()
        await asyncio.gather(*(one_after_the_other() for _ in range(command["at_once"])))
        seconds = time.monotonic() - started
        ordered = sorted(waits)
        return {
            "seconds": seconds,
            "texts": texts,
            "p50_s": ordered[len(ordered) // 2],
            "max_s": ordered[-1],
        }

    async def _through(self, command: Facts, number: int, body: bytes) -> Facts:
        path = f"/{time.monotonic_ns()}-{number}"
        self._called_back[path] = asyncio.get_running_loop().create_future()
        callback = f"http://127.0.0.1:{self.own_port}{path}"
        query = urlencode({"callback": callback, "punctuate": "true"})
        url = f"http://127.0.0.1:{command['port']}/v1/listen?{query}"
        async with self._session.post(url, data=body, headers=command["headers"]) as answer:
            if answer.status != 200:
                raise RuntimeError(f"{answer.status}: {await answer.text()}")
        document = await self._called_back[path]
        del self._called_back[path]
        return document


def read(path: str) -> bytes:
    return Path(path).read_bytes()


async def main() -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        driver = Driver(session)
        application = web.Application(client_max_size=1 << 30)
        application.router.add_post("/{path}", driver.receive)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        driver.own_port = runner.addresses[0][1]
        say({"port": driver.own_port})
        await obey_async(driver.run)


if __name__ == "__main__":
    uvloop.run(main())
