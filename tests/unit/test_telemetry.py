import json
import subprocess
import sys

from support.no_threads_at_exit import IS_STRICT_ITSELF
from support.no_threads_at_exit import PROGRAM as PROGRAM_OF_THE_END
from support.waiting import PATIENCE

PROGRAM = """
import signal, os, sys, threading
from ringback import telemetry
telemetry.configure("info", "json")
{body}
"""


def log_of(body: str) -> list[dict[str, object]]:
    """The events that a program with this body leaves on standard error."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(body=body)], capture_output=True, timeout=PATIENCE, check=False
    )
    return [json.loads(line) for line in ran.stderr.splitlines()]


def test_an_event_is_one_line_with_its_facts_and_without_empty_ones() -> None:
    (event,) = log_of("telemetry.event('request.accepted', status=200, model=None, path=os.getcwd)")
    assert event["event"] == "request.accepted"
    assert (event["level"], event["status"]) == ("info", 200)
    assert "model" not in event
    assert str(event["timestamp"]).endswith("Z")


def test_events_are_in_order_and_complete_at_a_clean_end() -> None:
    events = log_of("for number in range(5_000): telemetry.event('counted', number=number)")
    assert [event["number"] for event in events] == list(range(5_000))


def test_no_line_is_lost_or_torn_between_threads() -> None:
    events = log_of(
        "def many(name):\n"
        "    for number in range(2_000): telemetry.event('counted', thread=name, number=number)\n"
        "threads = [threading.Thread(target=many, args=(name,)) for name in 'abcd']\n"
        "[thread.start() for thread in threads]\n"
        "[thread.join() for thread in threads]\n"
    )
    assert len({(event["thread"], event["number"]) for event in events}) == 8_000


def test_a_problem_is_written_while_the_program_goes_on() -> None:
    body = (
        "telemetry.event('before')\ntelemetry.problem('engine.died', reason='for the test')\nsignal.pause()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(body=body)], stderr=subprocess.PIPE
    ) as running:
        assert running.stderr is not None
        names = [json.loads(running.stderr.readline())["event"] for _ in range(2)]
        running.kill()
    assert names == ["before", "engine.died"]


def test_a_reader_who_stops_reading_does_not_stop_the_program() -> None:
    body = (
        "for number in range(50_000): telemetry.problem('said', number=number, padding='x' * 100)\n"
        "print('went on', flush=True)"
    )
    command = [sys.executable, "-c", PROGRAM.format(body=body)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"went on\n"
        assert running.wait(timeout=PATIENCE) == 0, "its end does not wait for the reader either"


def test_levels_below_the_asked_one_are_silent() -> None:
    body = "telemetry.configure('warning', 'json')\ntelemetry.event('quiet')\ntelemetry.problem('loud')"
    assert [event["event"] for event in log_of(body)] == ["loud"]


def test_a_closed_stream_does_not_stop_the_work() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(body="os.close(2)\ntelemetry.problem('x')\nprint('went on')")],
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ran.stdout == b"went on\n"


def test_the_last_lines_are_written_where_no_thread_can_be_started_at_exit() -> None:
    """As in Python 3.12, whose interpreter refuses new threads once its end has begun."""
    events = log_of(
        f"{'' if IS_STRICT_ITSELF else PROGRAM_OF_THE_END}\n"
        "import atexit\n"
        "def late():\n"
        "    try: threading.Thread(target=print).start()\n"
        "    except RuntimeError: telemetry.event('refused')\n"
        "atexit.register(late)\n"
        "for number in range(100): telemetry.event('counted', number=number)"
    )
    assert [event.get("number") for event in events] == [*range(100), None]
    assert events[-1]["event"] == "refused"


def test_what_a_library_logs_is_one_event_without_what_an_exception_quotes() -> None:
    events = log_of(
        "import asyncio, logging\n"
        "telemetry.configure('info', 'json')\n"
        "def fail(): raise ValueError('a secret of a caller')\n"
        "try: fail()\n"
        "except ValueError: logging.getLogger('asyncpg').exception('lost it\\nin detail: secret')\n"
        "async def forgotten():\n"
        "    asyncio.get_running_loop().create_future().set_exception(ConnectionError('secret'))\n"
        "asyncio.run(forgotten())\n"
    )
    found = [(each["event"], each["logger"], each["message"], each.get("error")) for each in events]
    assert found == [
        ("library.warning", "asyncpg", "lost it", "ValueError"),
        ("library.warning", "asyncio", "Future exception was never retrieved", "ConnectionError"),
    ]
    assert "secret" not in json.dumps(events)


def test_the_facts_stand_in_one_order_whoever_logs_them() -> None:
    (event,) = log_of(
        "telemetry.event('x', zebra=1, status=200, request_id='r', client='192.0.2.1', apple=2)"
    )
    assert list(event) == [
        "timestamp", "level", "event", "request_id", "client", "status", "zebra", "apple",
    ]  # fmt: skip


def test_on_a_terminal_an_event_is_one_line_whatever_its_facts_hold() -> None:
    body = (
        "telemetry.configure('info', 'text')\n"
        "reason, frames = 'two\\nlines \\x1b[31m \\u202e', ['a\\nb', 'c']\n"
        "telemetry.problem('x.failed', reason=reason, key='k1', frames=frames)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(body=body)], capture_output=True, timeout=PATIENCE, check=False
    )
    (line,) = ran.stderr.decode("ascii").splitlines()
    assert line.split(" ", 1)[1] == (
        r'warning x.failed key=k1 reason="two\nlines \u001b[31m \u202e" frames=["a\nb","c"]'
    )
    assert "\x1b" not in line
