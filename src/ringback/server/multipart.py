"""Reading multipart/form-data (RFC 7578) piece by piece: fields are kept, the file is passed on as it comes.

`python-multipart` finds the parts; what there may be of them, and how large, is bounded here. Without I/O.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from ringback.errors import Refusal

MOST_PARTS = 200
MOST_FIELD_BYTES = 65_536
"""Of the values of all fields together."""

MOST_OVERHEAD_BYTES = 1_048_576
"""By which a body may be longer than its file: all else that may be in it, generously."""

MOST_HEADERS, MOST_HEADER_BYTES = 8, 4_096
"""Of one part; the bytes of each header."""


@dataclass(frozen=True, slots=True)
class FormField:
    """A part without a file."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class FileBegin:
    """The file begins; its bytes follow, in their order."""


@dataclass(frozen=True, slots=True)
class FileBytes:
    data: bytes


@dataclass(frozen=True, slots=True)
class FileEnd:
    """The file is complete."""


FormEvent = FormField | FileBegin | FileBytes | FileEnd


class FormReader:
    """Turns the bytes of a body into events.

    The part named `file` is the file, with or without a file name. Of other parts with a file name, and of
    those in `discarded`, only the names are kept. Every method raises `Refusal` (400, 413).
    """

    def __init__(self, boundary: bytes, discarded: Collection[str] = ()) -> None:
        self._discarded = discarded
        self._events: list[FormEvent] = []
        self._parts = 0
        self._kept_bytes = 0
        self._part = _Part()
        self._has_file = False
        self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": self._add_header_name,
                    "on_header_value": self._add_header_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": self._add_data,
                    "on_part_end": self._end_part,
                    "on_end": self._end,
                },
                max_header_count=MOST_HEADERS,
                max_header_size=MOST_HEADER_BYTES,
            )
        except FormParserError:
            raise no_form("its boundary is too long") from None

    def receive(self, data: bytes) -> list[FormEvent]:
        """What these bytes bring, and those before them had left open."""
        try:
            self._parser.write(data)
        except FormParserError:
            raise no_form("its parts cannot be told apart, or their headers are too long") from None
        events, self._events = self._events, []
        return events

    def finish(self) -> None:
        """The body has ended."""
        if not self._ended:
            raise no_form("it ends before its last boundary")

    # What the parser calls.

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise Refusal(413, "PAYLOAD_TOO_LARGE", f"The form has more than {MOST_PARTS} parts.")
        self._part = _Part()

    def _add_header_name(self, data: bytes, start: int, end: int) -> None:
        self._part.header_name += data[start:end]

    def _add_header_value(self, data: bytes, start: int, end: int) -> None:
        self._part.header_value += data[start:end]

    def _end_header(self) -> None:
        self._part.end_header()

    def _end_headers(self) -> None:
        part = self._part
        part.is_file = part.name == "file"
        part.is_kept = not (part.is_file or part.has_file_name or part.name in self._discarded)
        if part.is_file:
            if self._has_file:
                raise Refusal(400, "BAD_FORM", "The form has more than one `file`.", parameter="file")
            self._has_file = True
            self._events.append(FileBegin())
        self._keep(len(part.name))

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        if self._part.is_file:
            self._events.append(FileBytes(data[start:end]))
        elif self._part.is_kept:
            self._keep(end - start)
            self._part.value += data[start:end]

    def _end_part(self) -> None:
        part = self._part
        if part.is_file:
            self._events.append(FileEnd())
            return
        try:
            value = part.value.decode() if part.is_kept else "(not kept)"
        except UnicodeDecodeError:
            raise no_form("a field is not in UTF-8") from None
        self._events.append(FormField(part.name, value))

    def _end(self) -> None:
        self._ended = True

    def _keep(self, size: int) -> None:
        self._kept_bytes += size
        if self._kept_bytes > MOST_FIELD_BYTES:
            text = f"The fields of the form are longer than {MOST_FIELD_BYTES} bytes."
            raise Refusal(413, "PAYLOAD_TOO_LARGE", text)


def form_boundary(request: Request) -> bytes:
    """What stands between the parts, from Content-Type. Raises `Refusal` (415)."""
    media_type, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if media_type != b"multipart/form-data" or not boundary:
        raise Refusal(
            415, "UNSUPPORTED_MEDIA_TYPE", "Send multipart/form-data, with its boundary in Content-Type."
        )
    return boundary


def no_form(why: str) -> Refusal:
    return Refusal(400, "BAD_FORM", f"The body is no multipart/form-data: {why}.")


class _Part:
    """The part that is being read."""

    def __init__(self) -> None:
        self.name = ""
        self.has_file_name = False
        self.is_file = False
        self.is_kept = False
        self.header_name = bytearray()
        self.header_value = bytearray()
        self.value = bytearray()

    def end_header(self) -> None:
        if self.header_name.lower() == b"content-disposition":
            _, options = parse_options_header(self.header_value.decode("latin-1"))
            self.has_file_name = b"filename" in options
            self.name = options.get(b"name", b"").decode("utf-8", "replace")
        self.header_name.clear()
        self.header_value.clear()


# It warns of every malformed body, which strangers can send at any rate; the refusal says the same.
logging.getLogger("python_multipart").setLevel(logging.ERROR)
