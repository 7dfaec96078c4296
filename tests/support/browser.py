"""A real Chromium without a window, driven over its DevTools protocol."""

import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from websockets.sync.client import ClientConnection, connect

from support.waiting import PATIENCE, wait_until

PROGRAMS = ("chromium-headless-shell", "chromium", "google-chrome")
KEYS = {"Tab": 9, "Enter": 13, " ": 32}


def program() -> str | None:
    """What is installed of Debian's packages; None: none."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


class Browser:
    """One page; what it complains about (errors, violations of its policy) is collected."""

    def __init__(self, executable: str, microphone: Path | None = None) -> None:
        """`microphone`: the wav that it brings, over and over; None: there is none."""
        self._executable = executable
        self._microphone = microphone
        self.complaints: list[str] = []

    def __enter__(self) -> "Browser":
        self._profile = tempfile.mkdtemp(prefix="ringback-browser-")
        command = [
            *(self._executable, "--headless", "--disable-gpu", "--no-first-run", "--hide-scrollbars"),
            *("--remote-debugging-port=0", f"--user-data-dir={self._profile}", "--disable-dev-shm-usage"),
            *("--autoplay-policy=no-user-gesture-required", "--disable-background-networking"),
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            *self._microphone_flags(),
            "about:blank",
        ]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self._stack = ExitStack()
        self._number = 0
        try:
            self._connect()
        except BaseException:
            self._end()
            raise
        return self

    def _microphone_flags(self) -> list[str]:
        if self._microphone is None:
            return []
        return [
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",  # permission is given without being asked for
            f"--use-file-for-fake-audio-capture={self._microphone}",
        ]

    def _connect(self) -> None:
        opened = connect(self._address(), max_size=None, proxy=None)
        self._socket: ClientConnection = self._stack.enter_context(opened)
        target = self._call("Target.createTarget", {"url": "about:blank"}, session=False)["targetId"]
        attached = self._call("Target.attachToTarget", {"targetId": target, "flatten": True}, session=False)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._stack.close()
        os.killpg(self._process.pid, signal.SIGKILL)  # Debian's program is a script around it
        self._process.wait(PATIENCE)
        shutil.rmtree(self._profile, ignore_errors=True)

    def open(self, url: str) -> None:
        """Return when the page is there; what was there before is gone, also where it has the same URL."""
        self.evaluate("window.before = true")
        self._call("Page.navigate", {"url": url})
        self.wait_for("!window.before && document.readyState === 'complete'")

    def view(self, width: int, height: int, scheme: str = "light") -> None:
        """The size of the window, and whether its user likes it dark."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._call("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._call("Emulation.setEmulatedMedia", {"features": features})

    def evaluate(self, expression: str) -> Any:
        """The value of an expression; of a promise, once it is there. Raises where it throws."""
        requested = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        answer = self._call("Runtime.evaluate", requested)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(
        self, expression: str, seconds: float = float(os.environ.get("BROWSER_WAIT", "120"))
    ) -> None:
        """Return once an expression is true, as JavaScript sees it."""
        wait_until(
            lambda: self.evaluate(f"Boolean({expression})"),
            seconds,
            lambda: f"{expression}\n{self.complaints}\n{self.text()}",
        )

    def text(self) -> str:
        return str(self.evaluate("document.body.innerText"))

    def type(self, text: str) -> None:
        """Into what has the focus."""
        self._call("Input.insertText", {"text": text})

    def press(self, key: str) -> None:
        pressed = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key]}
        if key == "Enter":
            pressed["text"] = "\r"
        self._call("Input.dispatchKeyEvent", {"type": "keyDown", **pressed})
        self._call("Input.dispatchKeyEvent", {"type": "keyUp", **pressed})

    def choose_file(self, selector: str, path: Path) -> None:
        """As its user does in the dialogue of an `<input type=file>`."""
        root = self._call("DOM.getDocument")["root"]["nodeId"]
        found = self._call("DOM.querySelector", {"nodeId": root, "selector": selector})["nodeId"]
        self._call("DOM.setFileInputFiles", {"nodeId": found, "files": [str(path)]})

    def click(self, text: str) -> None:
        """The button with this text."""
        find = f"[...document.querySelectorAll('button')].find(each => each.innerText === {json.dumps(text)})"
        self.evaluate(f"{find}.click()")

    def select(self, name: str, value: str) -> None:
        """An option, as its user does."""
        self.evaluate(
            f"{{const field = document.querySelector('select[name={name}]');"
            f"field.value = {json.dumps(value)};"
            "for (const kind of ['input', 'change']) field.dispatchEvent(new Event(kind, {bubbles: true}))}"
        )

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        shot = self._call("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": whole})
        path.write_bytes(base64.b64decode(shot["data"]))

    def _address(self) -> str:
        """Where it listens, as soon as it says so."""
        file = Path(self._profile) / "DevToolsActivePort"

        def is_written() -> bool:
            assert self._process.poll() is None, "the browser ended"
            return file.exists() and len(file.read_text().split()) == 2

        wait_until(is_written, 60, "the browser does not start")
        port, path = file.read_text().split()
        return f"ws://127.0.0.1:{port}{path}"

    def _call(self, method: str, parameters: dict[str, Any] | None = None, *, session: bool = True) -> Any:
        self._number += 1
        requested: dict[str, Any] = {"id": self._number, "method": method, "params": parameters or {}}
        if session:
            requested["sessionId"] = self._session
        self._socket.send(json.dumps(requested))
        while True:
            message = json.loads(self._socket.recv(timeout=PATIENCE))
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        match message.get("method"):
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(message["params"]["exceptionDetails"])[:2_000])
            case "Log.entryAdded" if message["params"]["entry"]["level"] == "error":
                self.complaints.append(message["params"]["entry"]["text"])
