"""Reading `Retry-After` (RFC 9110 §10.2.3). Pure."""

from email.utils import parsedate_to_datetime


def parse_retry_after(text: str | None, now: float) -> float | None:
    """Seconds from `now` (Unix), from either form of the header; None when it says nothing usable."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return parsedate_to_datetime(text).timestamp() - now
    except (ValueError, OverflowError):
        return None
