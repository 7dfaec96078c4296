"""Translates an object store's errors into those of the port, without secrets."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

from ringback.blobs.port import BlobKey, StoreDenied, StoreUnreachable

MOST_CHARACTERS = 300
"""Characters of the library's text, at most."""


@contextmanager
def translated_errors(key: BlobKey | None = None) -> Iterator[None]:
    """Raises `StoreDenied`, `StoreUnreachable`, or, for a `key` that is not there, `KeyError`."""
    try:
        yield
    except FileNotFoundError as error:
        if key is None or _code(error) in _NO_BUCKET:
            raise StoreDenied(_message(error)) from None
        raise KeyError(key) from None
    except TimeoutError:
        raise StoreUnreachable("it did not answer in time") from None
    except BaseError as error:
        raise (StoreDenied if _is_refusal(error) else StoreUnreachable)(_message(error)) from None


def _is_refusal(error: BaseError) -> bool:
    """Listings hide a refusal in a general error: its text has the status."""
    if isinstance(error, PermissionDeniedError | UnauthenticatedError) or _code(error) in _NO_BUCKET:
        return True
    return _STATUS.search(str(error)) is not None


def _message(error: Exception) -> str:
    """The store's own code, or the library's first line without a query: there Azure's signatures stand."""
    text = str(error)
    code = _code(error)
    if code:
        return code
    return _QUERY.sub("", text.splitlines()[0] if text else type(error).__name__)[:MOST_CHARACTERS]


def _code(error: Exception) -> str:
    found = _CODE.search(str(error))
    return found[1] if found else ""


_CODE = re.compile(r"<Code>(\w{1,100})</Code>")
_STATUS = re.compile(r"status code: 40[13]\b")
_QUERY = re.compile(r"\?\S*")
_NO_BUCKET = frozenset({"NoSuchBucket", "ContainerNotFound"})
