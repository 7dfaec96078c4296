"""What a request adds to usage, made from what matters to a test."""

from typing import Any

from ringback.jobs.usage import UsageAmount, UsageKey, Used


def used(
    *,
    requests: int = 1,
    seconds: float = 2.0,
    channels: int = 1,
    tokens: tuple[int, int] = (0, 0),
    **key: Any,
) -> Used:
    """Of the project `p` on the first day of 1970, unless `key` says otherwise."""
    whole: dict[str, Any] = {
        "project": "p",
        "hour": 1,
        "accessor": "k",
        "endpoint": "listen",
        "method": "sync",
        "model": "tiny.en",
        "model_id": "uuid",
        "language": "en",
        "features": (),
        "parameters": (),
        "tags": (),
        "succeeded": True,
    }
    return Used(UsageKey(**whole | key), UsageAmount(requests, seconds, seconds * channels, *tokens))
