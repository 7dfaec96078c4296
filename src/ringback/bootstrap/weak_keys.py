"""Keys that could be guessed: the server does not start with them. Pure.

On every address placeholders are refused, and texts that are no key. If other machines can reach the server,
a key must be too long to try all possible ones: then it has to be random text.
"""

import ipaddress
from itertools import pairwise

from ringback.settings import Settings

SHORTEST_KEY, FEWEST_CHARACTERS = 6, 3
"""Characters, and different ones among them, of an API key on a loopback address."""

SHORTEST_EXPOSED_KEY, FEWEST_RANDOM_CHARACTERS = 16, 8
"""The same where other machines reach the server. 32 hexadecimal digits that are random have fewer than 8
different ones about once in 200,000."""

_PLACEHOLDERS = ("changeme", "replaceme", "yourapikey", "yoursecretkey")
"""What examples have in the place of a key, without the characters between the words."""

_MAKE_ONE = "make one with `openssl rand -hex 32`"


def weak_keys(settings: Settings) -> list[str]:
    """What is wrong with `api_key` and `secret_key`: one line each, with the fix and never with the key."""
    faults = []
    if settings.api_key and (fault := _api_key_fault(settings.api_key, exposed=is_exposed(settings.host))):
        faults.append(f"api_key: {fault}: {_MAKE_ONE} and set it as RINGBACK_API_KEY")
    # Those behind the first only decrypt what was written before: a weak one may be on its way out.
    secret = settings.secret_key.partition(",")[0].strip()
    if secret and (fault := _secret_key_fault(secret)):
        fix = f"{_MAKE_ONE} and set it as RINGBACK_SECRET_KEY"
        faults.append(f"secret_key: {fault}: {fix} (new,old keeps what the old one has encrypted readable)")
    return faults


def is_exposed(host: str) -> bool:
    """Whether a server that listens on this address can be reached from other machines."""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() != "localhost"


def _api_key_fault(key: str, *, exposed: bool) -> str | None:
    if _is_placeholder(key):
        return "is the placeholder of an example"
    if len(key) < SHORTEST_KEY or len(set(key)) < FEWEST_CHARACTERS:
        return f"has fewer than {SHORTEST_KEY} characters, or is the same one again and again"
    short = len(key) < SHORTEST_EXPOSED_KEY or len(set(key)) < FEWEST_RANDOM_CHARACTERS
    if exposed and (short or _is_sequence(key)):
        return (
            "can be guessed, and other machines reach this server: it must be at least "
            f"{SHORTEST_EXPOSED_KEY} characters of random text"
        )
    return None


def _secret_key_fault(secret: str) -> str | None:
    """Its length is held by `sealing`, whatever the address."""
    if _is_placeholder(secret):
        return "is the placeholder of an example"
    if len(set(secret)) < FEWEST_RANDOM_CHARACTERS:
        return "can be guessed: it must be random text"
    return None


def _is_sequence(key: str) -> bool:
    """Whether the characters follow one another as in 1234567890123456."""
    return len({ord(after) - ord(before) for before, after in pairwise(key)}) < 3


def _is_placeholder(key: str) -> bool:
    letters = "".join(character for character in key.lower() if character.isalnum())
    return any(words in letters for words in _PLACEHOLDERS)
