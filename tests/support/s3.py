"""A real S3 server (SeaweedFS) on free ports, and URLs presigned for it.

What is needed of AWS's signing stands here in the standard library's own means, so that the server under
test and its judge share no code.
"""

import hashlib
import hmac
import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from urllib.parse import quote, urlencode

from support.ports import free_port
from support.waiting import PATIENCE, wait_until

WEED = Path(sys.executable).with_name("weed")
BUCKET = "callbacks"
KEY_ID, SECRET = "ringbacktest", "not-a-secret-beyond-this-machine"
REGION = "us-east-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": REGION}
_PORTS = ("s3", "master", "volume", "filer")


@dataclass
class S3:
    """`weed mini` in a folder, with one bucket; started on entering, stopped on leaving."""

    folder: Path
    port: int = field(default_factory=free_port)
    _process: "subprocess.Popen[bytes] | None" = None
    _command: list[str] = field(default_factory=list)

    def __enter__(self) -> "S3":
        config = self.folder / "s3.json"
        identity = {
            "name": "test",
            "credentials": [{"accessKey": KEY_ID, "secretKey": SECRET}],
            "actions": ["Admin"],
        }
        config.write_text(json.dumps({"identities": [identity]}))
        self._command = [str(WEED), "mini", *self._options(config)]
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Its own way to stop takes up to ten seconds, for data that is not needed.
        if self._process is not None:
            self.kill()

    def start(self) -> None:
        """Start it, again after a kill, and return once it takes objects."""
        with (self.folder / "weed.log").open("ab") as log:
            self._process = subprocess.Popen(self._command, cwd=self.folder, stdout=log, stderr=log)
        self._wait_until_ready()

    def kill(self) -> None:
        """As a crash would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(PATIENCE)
        self._process = None

    def freeze(self) -> None:
        """It answers no request, and its connections stay."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def blobs_url(self, prefix: str) -> str:
        """For `ringback.blobs`, with `CREDENTIALS` in the environment."""
        return f"s3://{BUCKET}/{prefix}?endpoint=http://127.0.0.1:{self.port}&allow_http=true"

    def unfinished(self) -> list[str]:
        """The keys of uploads in parts that were neither completed nor aborted."""
        with urllib.request.urlopen(self._presigned("", "GET", {"uploads": ""}), timeout=PATIENCE) as answer:
            return re.findall(r"<Key>([^<]*)</Key>", answer.read().decode())

    def keys(self, prefix: str) -> list[str]:
        """All objects whose keys begin so, up to a thousand."""
        requested = self._presigned("", "GET", {"list-type": "2", "prefix": prefix})
        with urllib.request.urlopen(requested, timeout=PATIENCE) as answer:
            return re.findall(r"<Key>([^<]*)</Key>", answer.read().decode())

    def presigned(self, key: str, method: str = "PUT", secret: str = SECRET, expires: int = 900) -> str:
        """Signature version 4 in the query, `host` its only signed header, as the SDKs make it.

        https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
        """
        return self._presigned(f"/{key}", method, {}, secret, expires)

    def _presigned(
        self, path: str, method: str, more: dict[str, str], secret: str = SECRET, expires: int = 900
    ) -> str:
        now = datetime.now(UTC)
        moment, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        scope = f"{day}/{REGION}/s3/aws4_request"
        host, path = f"127.0.0.1:{self.port}", quote(f"/{BUCKET}{path}")
        query = urlencode(
            {
                "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
                "X-Amz-Credential": f"{KEY_ID}/{scope}",
                "X-Amz-Date": moment,
                "X-Amz-Expires": str(expires),
                "X-Amz-SignedHeaders": "host",
                **more,
            },
            quote_via=quote,
            safe="",
        )
        requested = f"{method}\n{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
        hashed = hashlib.sha256(requested.encode()).hexdigest()
        signing = f"AWS4{secret}".encode()
        for part in (day, REGION, "s3", "aws4_request"):
            signing = hmac.digest(signing, part.encode(), "sha256")
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashed}"
        signature = hmac.digest(signing, text.encode(), "sha256").hex()
        return f"http://{host}{path}?{query}&X-Amz-Signature={signature}"

    def presigned_v2(self, key: str, method: str = "PUT", content_type: str = "") -> str:
        """The oldest form, whose signature covers the content type (empty: none may be sent).

        https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html
        """
        path = quote(f"/{BUCKET}/{key}")
        expires = int(time.time()) + 900
        text = f"{method}\n\n{content_type}\n{expires}\n{path}"
        signature = b64encode(hmac.digest(SECRET.encode(), text.encode(), "sha1")).decode()
        query = urlencode({"AWSAccessKeyId": KEY_ID, "Expires": expires, "Signature": signature})
        return f"http://127.0.0.1:{self.port}{path}?{query}"

    def get(self, key: str) -> tuple[bytes, str]:
        """An object and its content type; `KeyError` when it is not there."""
        try:
            with urllib.request.urlopen(self.presigned(key, "GET"), timeout=PATIENCE) as answer:
                return answer.read(), answer.headers["content-type"]
        except urllib.error.HTTPError as error:
            with error:
                raise KeyError(key) from None

    def put(self, key: str, content: bytes) -> None:
        request = urllib.request.Request(self.presigned(key), content, method="PUT")
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            answer.read()

    def _options(self, config: Path) -> list[str]:
        ports = {"s3": self.port} | {name: free_port() for name in _PORTS if name != "s3"}
        return [
            f"-dir={self.folder}",
            f"-bucket={BUCKET}",
            f"-s3.config={config}",
            *(f"-{name}.port={port}" for name, port in ports.items()),
            *(f"-{name}.port.grpc={free_port()}" for name in ports),
            f"-admin.port={free_port()}",
            f"-admin.port.grpc={free_port()}",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-webdav=false",
            "-admin.ui=false",
            "-volume.preStopSeconds=0",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-master.telemetry=false",
            "-master.electionTimeout=1s",  # after a kill it waits for others, which there are not
        ]

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        process = self._process

        def log() -> str:
            return (self.folder / "weed.log").read_text(errors="replace")

        def is_ready() -> bool:
            assert process.poll() is None, log()
            return self._takes_an_object()

        wait_until(is_ready, 60, log)

    def _takes_an_object(self) -> bool:
        request = urllib.request.Request(self.presigned("ready"), b"?", method="PUT")
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False
