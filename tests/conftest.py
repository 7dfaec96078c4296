"""What several kinds of tests share: the corpus, and time that moves only when told to."""

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from ringback import telemetry
from support.clips import Clip
from support.clock import ManualClock
from support.s3 import S3

CORPUS = Path(__file__).parent.parent.parent / "shared" / "corpus"


@pytest.fixture(scope="session")
def corpus() -> list[Clip]:
    """All clips of the shared corpus, which lies beside a working checkout but not on a user's machine."""
    manifest = CORPUS / "manifest.json"
    if not manifest.exists():
        pytest.skip("the speech corpus (../shared/corpus) is not on this machine")
    return [
        Clip(CORPUS / entry["path"], entry["dur"], entry["ch"], entry["lang"], entry["text"])
        for entry in json.loads(manifest.read_text())
    ]


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """A real S3 server. Who breaks it starts one of their own."""
    with S3(tmp_path_factory.mktemp("s3")) as opened:
        yield opened


@pytest.fixture
def manual_clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """What a command that runs in this very process sets for its log does not reach the tests behind it."""
    log, configuration, handlers = telemetry._log, structlog.get_config(), [*logging.getLogger().handlers]
    yield
    telemetry._log = log
    structlog.configure(**configuration)
    logging.getLogger().handlers[:] = handlers


EVENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[")
FIGURES = ("tests/chaos/", "tests/e2e/", "tests/integration/", "tests/contract/")
"""Where what a test prints is a figure that people want to see: how many kills, what error rate, how slow."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what passing tests have printed, which pytest hides, whichever process they ran in."""
    figures = list(_figures(terminalreporter.stats.get("passed", [])))
    if figures:
        terminalreporter.section("figures")
        for figure in figures:
            terminalreporter.write_line(figure)


def _figures(reports: list[pytest.TestReport]) -> Iterator[str]:
    for report in reports:
        if report.when == "call" and report.nodeid.startswith(FIGURES) and report.capstdout.strip():
            yield f"{report.nodeid.removeprefix('tests/')}"
            lines = (line.strip() for line in report.capstdout.splitlines())
            yield from (f"    {line}" for line in lines if line and not EVENT.match(line))
