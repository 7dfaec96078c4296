"""Paths of Deepgram's and OpenAI's interfaces that this server does not have, and why. Pure.

The paths are those of https://developers.deepgram.com/reference; lists that are always empty here are
answered by `account_routes`.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple


class NotServed(NamedTuple):
    """Why there is none, and what to do instead."""

    message: str
    details: str


def not_served(path: str) -> NotServed | None:
    """None: it is no path of theirs that we know of, or this server has it."""
    return next((reason for form, reason in _REASONS if form.fullmatch(path)), None)


_NO_MEMBERS = NotServed(
    "This server has no members.",
    "Keys are all that it knows of people: make and delete them under /v1/projects/{project_id}/keys.",
)
_NO_INVITES = NotServed(
    "This server has no members, so there are no invites.",
    "Make a key with POST /v1/projects/{project_id}/keys, and hand that out.",
)
_NO_MEMBERSHIP = NotServed(
    "This server has no members, so there is none to leave.",
    "Delete the key instead: DELETE /v1/projects/{project_id}/keys/{key_id}.",
)
_NO_BILLS = NotServed(
    "This server bills nothing.", "Requests and hours stand under /v1/projects/{project_id}/usage."
)
_NO_CREDENTIALS = NotServed(
    "This server gives out no distribution credentials.", "Nothing that it needs is behind a login."
)
_NO_SPEECH = NotServed("This server does not speak.", "It has speech to text: POST /v1/listen.")
_NO_TRANSLATION = NotServed(
    "This server does not translate.",
    "POST /v1/audio/transcriptions writes what is said in the language that it is said in.",
)
_NO_AGENTS = NotServed("This server has no voice agents.", "It has speech to text: POST /v1/listen.")

_PROJECT = "/v1/projects/[^/]+"
_REASONS: Sequence[tuple[re.Pattern[str], NotServed]] = tuple(
    (re.compile(form), reason)
    for form, reason in (
        (f"{_PROJECT}/members(/.*)?", _NO_MEMBERS),
        (f"{_PROJECT}/invites(/.*)?", _NO_INVITES),
        (f"{_PROJECT}/leave", _NO_MEMBERSHIP),
        (f"{_PROJECT}/(balances|purchases|billing)(/.*)?", _NO_BILLS),
        (f"{_PROJECT}/self-hosted/.*", _NO_CREDENTIALS),
        (f"{_PROJECT}/(agents|agent-variables)(/.*)?", _NO_AGENTS),
        ("/v1/agent/.*", _NO_AGENTS),
        ("/v[12]/speak", _NO_SPEECH),
        ("/v1/audio/speech", _NO_SPEECH),
        ("/v1/audio/translations", _NO_TRANSLATION),
    )
)
