"""A request to a user's URL, and its bytes. Pure."""

from base64 import b64encode
from collections.abc import Mapping

import msgspec

from ringback.egress.target import Target


class Request(msgspec.Struct, frozen=True):
    """A request, before it is sent."""

    target: Target
    method: str
    headers: Mapping[str, str]
    body: bytes | None = None

    @property
    def head(self) -> bytes:
        """The request line and all headers, with the URL's credentials as Basic authorization."""
        url = self.target.url
        lines = [
            f"{self.method} {url.raw_path_qs} HTTP/1.1",
            f"Host: {url.host_port_subcomponent}",
            "Accept: */*",
            "Accept-Encoding: identity",
        ]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.body is not None:
            lines.append(f"Content-Length: {len(self.body)}")
        if self.target.credentials is not None:
            credentials = b64encode(":".join(self.target.credentials).encode()).decode()
            lines.append(f"Authorization: Basic {credentials}")
        text = "\r\n".join([*lines, "", ""])
        if text.count("\n") != len(lines) + 1 or text.count("\r") != len(lines) + 1:
            raise ValueError("a line break in a header")
        return text.encode()
