"""The installed program with a tenant: made by command, heard, called back, and erased to the last byte."""

import json
import os
import subprocess
from pathlib import Path
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

from support.program import RINGBACK, Program
from support.receiver import Receiver
from support.waiting import PATIENCE

AUDIO = Path(__file__).parents[1] / "audio"
CLIP = (AUDIO / "phone_en_auth_incorrect.flac").read_bytes()
CANARY = "kanarienvogel"


def ringback(server: Program, *arguments: str, key: str = "") -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")}
    environment |= {"RINGBACK_DATA_DIR": str(server.data_dir)} | ({"RINGBACK_API_KEY": key} if key else {})
    done = subprocess.run(
        [str(RINGBACK), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def submit(server: Program, key: str, url: str, word: str) -> str:
    query = f"callback={quote(url, safe='')}&tag={CANARY}&extra=note:{CANARY}"
    requested = Request(f"{server.url}/v1/listen?{query}", CLIP, {"Authorization": f"Token {key}"})
    requested.add_header("Idempotency-Key", f"{CANARY} {word}")
    with build_opener(ProxyHandler({})).open(requested) as answer:
        request_id: str = json.loads(answer.read())["request_id"]
    return request_id


def places(server: Program, words: list[bytes]) -> list[str]:
    """Files of the data folder in which one of the words stands."""
    found = [path for path in server.data_dir.rglob("*") if path.is_file() and "models" not in path.parts]
    return [str(path) for path in found if any(word in content(path) for word in words)]


def content(path: Path) -> bytes:
    """Nothing where the server has removed it meanwhile."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def test_what_a_tenant_had_is_gone(tmp_path: Path) -> None:
    settings = {"RINGBACK_CALLBACK_RETRIES": "0"}
    with Program(tmp_path, settings) as server, Receiver(lambda _: 503) as receiver:
        server.wait_until_ready()
        ringback(server, "projects", "create", "acme")
        key = ringback(server, "keys", "create", "--project", "acme", "--scope", "owner")
        project = ringback(server, "projects", "list").splitlines()[1].split()[0]
        url = receiver.url.replace("http://", f"http://user:{CANARY}@")
        first, second = (submit(server, key, url, word) for word in ("first", "second"))
        path = f"/v1/projects/{project}/requests"

        def parked(request: str) -> bool:
            displayed = server.get(f"{path}/{request}", key)
            return [each["state"] for each in displayed.json()["request"]["ringback"]["deliveries"]] == [
                "parked"
            ]

        server.wait_until(lambda: parked(first), 180, "the callback is not parked")
        result = server.get(f"{path}/{first}/result", key).json()
        recognised = result["results"]["channels"][0]["alternatives"][0]["transcript"]
        words = [CANARY.encode(), recognised.encode()]
        assert places(server, words)

        assert first in ringback(
            server, "requests", "delete", first, "--yes", "--server", server.url, key=key
        )
        assert server.get(f"{path}/{first}", key).status == 404
        ringback(server, "projects", "delete", "acme", "--yes")
        # The command is a process of its own: the server looks for such changes every second.
        server.wait_until(
            lambda: server.get(f"{path}/{second}", key).status == 401, PATIENCE, "the key still works"
        )
        server.wait_until(lambda: not places(server, words), 180, "something is left")
        assert server.stop() == 0
        assert places(server, words) == []
