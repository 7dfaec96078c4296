"""Uploads to `POST /v1/listen`, and what they have left behind."""

from urllib.parse import quote

from ringback.jobs.job import JobFilter
from ringback.transcription.request import KIND
from support.blobs import stored_below
from support.front import OWNER, Front

AUDIO = b"RIFF" + bytes(range(256)) * 40

CALLBACK = quote("http://user:secret@127.0.0.1:9/hook?token=1", safe="")


async def jobs(api: Front) -> list[str]:
    page = await api.ledger.page(JobFilter(api.project, KIND), 100)
    return [job.id for job in page.jobs]


async def nothing_is_left(api: Front) -> bool:
    return not await jobs(api) and not stored_below(api.folder)


BOUNDARY = "----a-boundary"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def form(*fields: tuple[str, str], file: bytes | None = AUDIO) -> bytes:
    """A body of `POST /v1/audio/transcriptions`; the file stands before its fields, as it may."""
    parts = [] if file is None else [('file"; filename="a.wav', file)]
    parts += [(name, value.encode()) for name, value in fields]
    return b"".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value + b"\r\n"
        for name, value in parts
    ) + (f"--{BOUNDARY}--\r\n".encode())


def head_of(*headers: str, path: str = "/v1/listen") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Authorization: Token {OWNER}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
