"""What a user would write to send webhooks with Celery: at least once, ten retries, thirty seconds apart.

Runs in the environment of requirements/rivals.txt. BROKER_URL names the Redis.
"""

import os
import threading
from typing import Any

import requests
from celery import Celery

app = Celery("webhooks", broker=os.environ["BROKER_URL"])
app.conf.update(
    task_ignore_result=True,
    # At least once, as Ringback: a task is taken off the broker when it is done, also when its worker died.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_default_queue="live",
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)

own = threading.local()


def session() -> requests.Session:
    """One for each thread or process, so that connections are kept."""
    http_session: requests.Session | None = getattr(own, "session", None)
    if http_session is None:
        http_session = own.session = requests.Session()
    return http_session


@app.task(bind=True, max_retries=10)  # type: ignore[untyped-decorator] # Celery has no types
def deliver(self: Any, url: str, body: str) -> None:
    headers = {"content-type": "application/json"}
    try:
        session().post(url, data=body, headers=headers, timeout=(1, 10)).raise_for_status()
    except requests.RequestException as error:
        raise self.retry(exc=error, countdown=30) from None
