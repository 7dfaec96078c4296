"""The least that could deliver: an aiohttp loop that posts bodies, 64 at once, and keeps nothing.

Command: `ports`, `count`, `body_bytes`, `at_once`.
"""

import asyncio
import time

import aiohttp
import uvloop

from bench.harness.child import Facts, obey_async, say


async def post_all(session: aiohttp.ClientSession, command: Facts) -> Facts:
    body = b"x" * command["body_bytes"]
    numbers = iter(range(command["count"]))
    ports = command["ports"]

    async def post() -> None:
        for number in numbers:
            url = f"http://127.0.0.1:{ports[number % len(ports)]}/{number}"
            async with session.post(url, data=body, headers={"content-type": "application/json"}) as answer:
                await answer.read()
                assert answer.status == 200

    started = time.monotonic()
    await asyncio.gather(*(post() for _ in range(command["at_once"])))
    return {"seconds": time.monotonic() - started}


async def main() -> None:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        say({})
        await obey_async(lambda command: post_all(session, command))


if __name__ == "__main__":
    uvloop.run(main())
