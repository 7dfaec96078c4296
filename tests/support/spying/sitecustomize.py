"""Python runs this at its start when this folder is first on PYTHONPATH: it watches a program under test.

Every connection that the process tries is noted, at the lowest place that Python has (the interpreter's
own audit event), in the file SPIED_CONNECTS; and names are looked up in the JSON of SPIED_NAMES first:
name → answers, one list per look-up, of which the last one stays.
"""

import json
import os
import socket
import sys
from typing import Any

_file = os.open(os.environ["SPIED_CONNECTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
_names: dict[str, list[list[str]]] = json.loads(os.environ["SPIED_NAMES"])
_real = socket.getaddrinfo


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and arguments[0].family in {socket.AF_INET, socket.AF_INET6}:
        host, port = arguments[1][:2]
        os.write(_file, f"{host} {port}\n".encode())


def _look_up(host: Any, port: Any, *arguments: Any, **named: Any) -> Any:
    answers = _names.get(str(host).removesuffix("."))
    if answers is None:
        return _real(host, port, *arguments, **named)
    found = answers.pop(0) if len(answers) > 1 else answers[0]
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return [
        (socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port))
        for each in found
    ]


sys.addaudithook(_hear)
socket.getaddrinfo = _look_up
