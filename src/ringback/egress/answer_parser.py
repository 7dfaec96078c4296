"""One HTTP/1.1 answer as its bytes come in. Pure: no sockets, no time.

The status line decides what becomes of a request, so it is read as soon as it is there, by ourselves. The
rest goes to httptools; a head that it refuses is put into the form that it reads (equal Content-Lengths once,
no space before a colon), because browsers and other clients read such answers, too.
"""

import re
from typing import Final

from httptools import HttpParserError, HttpResponseParser

HEAD_BYTES: Final = 262_144
"""The longest status line and headers together; curl's limit is 300 KB."""
INTERIM_ANSWERS: Final = 16
"""Answers with a 1xx status that may come before the real one."""


class AnswerParser:
    """`status` as soon as the status line is there; headers, body and end when they have come."""

    def __init__(self) -> None:
        self.status: int | None = None
        self._phrase: bytes | None = None
        self.complete = False
        """The answer has come to its end."""
        self.fault: str | None = None
        """Why no more of it can be read, in words."""
        self.has_headers = False
        self.after = b""
        """What came behind the headers of a 101."""
        self._head = bytearray()
        self._searched = 0
        self._interim = 0
        self._headers: dict[bytes, bytes] = {}
        self._body = bytearray()  # one piece: a host may send chunks of one byte
        self._parser: HttpResponseParser | None = None
        self._begun = False
        self._repaired = False
        self._surplus = False
        self._until_close = False
        self._keep_alive = False

    @property
    def reusable(self) -> bool:
        """Whether another request may follow on the same connection: this answer left no doubt of its end."""
        return self.complete and self._keep_alive and not self._repaired and not self._surplus

    @property
    def reason(self) -> str:
        """The phrase after the status, printable, at most 60 characters."""
        phrase = (self._phrase or b"").decode("latin-1").strip()[:60]
        return "".join(each if each.isprintable() else "?" for each in phrase)

    @property
    def buffered(self) -> int:
        """Bytes of body that `take` would give."""
        return len(self._body)

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.complete or self.fault is not None

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Names in lower case; the last value of each."""
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._headers.items()]

    def header(self, name: bytes) -> str | None:
        """The value of the last header of this name (lower case)."""
        value = self._headers.get(name)
        return None if value is None else value.decode("latin-1").strip()

    def feed(self, data: bytes) -> None:
        """Take what came; never raises."""
        if not data:
            return
        if self.over:
            if self.status == _SWITCHED:
                self.after += data
            self._surplus = True
        elif self._parser is None:
            self._feed_head(data)
        else:
            self._feed_parser(data)

    def end(self) -> None:
        """The other side has closed: the end of the body, or a fault where a status had come."""
        self._keep_alive = False
        if self.over or self.status is None:
            return
        if self._until_close:
            self.complete = True
        else:
            self.fault = "it broke off"

    def take(self) -> bytes:
        """The body's bytes that have come since the last call."""
        body = bytes(self._body)
        self._body.clear()
        return body

    def _feed_head(self, data: bytes) -> None:
        self._head += data
        while not self.over and self._parser is None:
            head = self._next_head()
            if head is None:
                return
            if self.status is None:
                self._pass_over_interim()
            elif self.status == _SWITCHED:
                self._read_headers_of_switch(head)
                self.complete, self.after = True, bytes(self._head)
            else:
                self._read_headers(head)
                if self._head:
                    self.feed(bytes(self._head))

    def _next_head(self) -> bytes | None:
        """Status line and headers, when all of them are there; notes the status when its line is."""
        self._read_status_line()
        if self.fault is not None:
            return None
        end = _END_OF_HEAD.search(self._head, self._searched)
        if end is None:
            self._searched = max(0, len(self._head) - 3)
            if len(self._head) > HEAD_BYTES:
                self.fault = f"its headers are larger than {HEAD_BYTES >> 10} KB"
            return None
        head = bytes(self._head[: end.end()])
        del self._head[: end.end()]
        self._searched = 0
        return head

    def _read_status_line(self) -> None:
        """Notes the status of a final answer, or the fault of what is none."""
        if self.status is not None:
            return
        line = _STATUS_LINE.match(self._head)
        if line is None:
            if b"\n" in self._head or not b"HTTP/".startswith(self._head[:5]):
                self.fault = "the answer was not HTTP that can be read"
            return
        status = int(line[1])
        if status >= 200 or status == _SWITCHED:
            self.status = status
            self._phrase = line[2]

    def _pass_over_interim(self) -> None:
        self._interim += 1
        if self._interim > INTERIM_ANSWERS:
            self.fault = "too many interim answers"

    def _read_headers_of_switch(self, head: bytes) -> None:
        """A 101 has no body, and httptools would say no more than that it is an upgrade."""
        for line in head.split(b"\n")[1:]:
            name, colon, value = line.partition(b":")
            if colon:
                self._headers[name.strip().lower()] = value.strip()
        self.has_headers = True

    def _read_headers(self, head: bytes) -> None:
        try:
            self._parse(head)
        except HttpParserError:
            self._repaired = True
            self._headers.clear()
            self._begun = False
            try:
                self._parse(_repaired(head))
            except (HttpParserError, ValueError):
                self.fault = "its headers cannot be read"
                return
        lengths, transfer = self._headers.get(b"content-length"), self._headers.get(b"transfer-encoding")
        self._until_close = lengths is None and (transfer is None or b"chunked" not in transfer.lower())
        self._repaired |= lengths is not None and transfer is not None
        self.has_headers = True

    def _parse(self, head: bytes) -> None:
        self._parser = HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self._parser.feed_data(head)

    def _feed_parser(self, data: bytes) -> None:
        assert self._parser is not None
        try:
            self._parser.feed_data(data)
        except HttpParserError:
            if self.complete:
                self._surplus = True
            else:
                self.fault = "its body cannot be read"

    # What httptools calls.

    def on_message_begin(self) -> None:
        self._surplus |= self._begun
        self._begun = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.complete and not self.has_headers:  # no trailers, nor a second answer
            self._headers[name.lower()] = value

    def on_body(self, data: bytes) -> None:
        if not self.complete:
            self._body += data

    def on_message_complete(self) -> None:
        if not self.complete:
            assert self._parser is not None
            self.complete = True
            self._keep_alive = self._parser.should_keep_alive()


def _repaired(head: bytes) -> bytes:
    """The same headers in the form that a strict parser reads. Raises `ValueError` for unequal lengths."""
    status_line, *lines = head.rstrip(b"\r\n").split(b"\n")
    status = _STATUS_LINE.match(status_line + b"\n")
    assert status is not None, "it was read before"
    fields, lengths, chunked = [b"HTTP/1.1 %s -" % status[1]], set[bytes](), False
    for line in lines:
        name, colon, value = line.partition(b":")
        name, value = name.strip(), _CONTROL.sub(b" ", value).strip()
        if not colon or not _TOKEN.fullmatch(name):
            continue
        if name.lower() == b"content-length":
            lengths |= {each.strip() for each in value.split(b",")}
        else:
            fields.append(name + b": " + value)
        chunked |= name.lower() == b"transfer-encoding"
    if not chunked:  # chunks say where the body ends, whatever a length says (RFC 9112 §6.3)
        if len(lengths) > 1:
            raise ValueError("two lengths")
        fields += [b"Content-Length: " + each for each in lengths]
    return b"\r\n".join([*fields, b"", b""])


_SWITCHED = 101
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_STATUS_LINE = re.compile(rb"HTTP/[0-2](?:\.[0-9])? +([0-9]{3})([ \t][^\r\n]*)?\r?\n")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
