"""Gives Celery its tasks, as an application's request handlers would.

Commands: `queue` with `deliveries` ([[url, seconds], …]) and `body_bytes` puts them there at once; with
`start` (Unix seconds) each at its moment, and says when each was put. `repeat` instead: so many for one URL.
`ready` answers once a worker does; `consume` lets it take from a queue.
"""

import time
import uuid

import redis

from bench.harness.child import Facts, obey, say
from bench.peers.celery_task import app, deliver

GROUP = 2_000


def carry_out(command: Facts) -> Facts:
    if "ready" in command:
        return await_worker(command["ready"])
    if "consume" in command:
        app.control.add_consumer(command["consume"], reply=True, timeout=5)
        return {}
    body = '{"results":"' + "x" * (command["body_bytes"] - 14) + '"}'
    if "repeat" in command:
        return repeat(command["url"], body, command["queue"], command["repeat"])
    put_at = []
    for url, seconds in command["deliveries"]:
        pause = command["start"] + seconds - time.time() if command.get("start") else 0.0
        if pause > 0:
            time.sleep(pause)
        put_at.append(time.time())
        deliver.apply_async((url, body), queue=command["queue"])
    return {"put_at": put_at}


def await_worker(seconds: float) -> Facts:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if app.control.ping(timeout=0.3):
            return {}
    raise SystemExit(f"no Celery worker within {seconds} s")


def repeat(url: str, body: str, queue: str, count: int) -> Facts:
    """Messages like the one that Celery writes, each with its own id: `apply_async` would take minutes."""
    store = redis.Redis.from_url(app.conf.broker_url)
    task_id = str(uuid.uuid4())
    deliver.apply_async((url, body), queue="pattern", task_id=task_id)
    pattern = store.rpop("pattern")
    own_id = task_id.encode()
    for start in range(0, count, GROUP):
        ids = [str(uuid.uuid4()).encode() for _ in range(min(GROUP, count - start))]
        store.lpush(queue, *(pattern.replace(own_id, each) for each in ids))
    return {}


if __name__ == "__main__":
    say({})
    obey(carry_out)
