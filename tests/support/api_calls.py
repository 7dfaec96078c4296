"""Calls of the running service that several tests make."""

from urllib.parse import quote

from ringback.jobs.job import Job
from support.front import OWNER, Answered, Front

SECRET_URL = "http://user:secret@127.0.0.1:8443/hook/private?token=1"

CALLBACK = quote(SECRET_URL, safe="")

NOWHERE = "00000000-0000-4000-8000-000000000000"


async def get(api: Front, path: str, key: str = OWNER) -> Answered:
    return await api.call("GET", path.replace("{project}", f"/v1/projects/{api.project}"), key=key)


async def submit(api: Front, query: str = "", *, finish: int | None = None) -> Job:
    """A callback request; `finish` ends its transcription with this status, without a delivery."""
    answer = await api.call("POST", f"/v1/listen?callback={CALLBACK}&{query}", data=b"RIFF")
    assert answer.status == 200
    lease = await api.claim()
    if finish is not None:
        await api.finish(lease, status=finish)
    return lease.job


def keeps_secrets(body: bytes) -> None:
    for secret in (b"hook/private", b"token=1", b"user", b"secret"):
        assert secret not in body
