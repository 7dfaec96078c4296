"""Fixtures that several kinds of tests share: the corpus, an S3 server, a clock that only the test moves."""

import json
import logging
import os
import re
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest

from ringback import telemetry
from support.clips import Clip
from support.clock import ManualClock
from support.one_at_a_time import turn
from support.postgres import servers
from support.s3 import S3

# A loaded machine is slow: how long one example takes says nothing about the code.
hypothesis.settings.register_profile(
    "ringback", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("ringback")
# For `make mutants`: the same examples each time, and none made smaller, as they are not read.
hypothesis.settings.register_profile(
    "mutants",
    hypothesis.settings.get_profile("ringback"),
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    database=None,
    derandomize=True,
)

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
    log, handlers = telemetry.events._log, [*logging.getLogger().handlers]
    yield
    telemetry.events._log = log
    logging.getLogger().handlers[:] = handlers


TESTS = Path(__file__).parent
CLIENTS = TESTS / "contract"
LONG = {
    "chaos/test_address_corpus.py",
    "chaos/test_bad_receivers.py",
    "chaos/test_canary_secrets.py",
    "chaos/test_clock_jumps.py",
    "chaos/test_cluster_chaos.py",
    "chaos/test_dead_host.py",
    "chaos/test_fair_shares.py",
    "chaos/test_fencing.py",
    "chaos/test_full_disk.py",
    "chaos/test_live_callbacks.py",
    "chaos/test_live_hostile.py",
    "chaos/test_under_attack.py",
    "conformance/engines/test_languages.py",
    "conformance/engines/test_recogniser.py",
    "e2e/test_cluster_program.py",
    "e2e/test_core_program.py",
    "e2e/test_demo.py",
    "e2e/test_image_steps.py",
    "e2e/test_recording_accuracy.py",
    "e2e/test_recording_variants.py",
    "e2e/test_site.py",
    "e2e/test_start.py",
    "integration/test_audio_reader.py",
    "integration/test_audio_reader_children.py",
    "integration/test_backup.py",
    "integration/test_cluster_means.py",
    "integration/test_doctor_agrees.py",
    "integration/test_live_recogniser.py",
    "integration/test_live_same_as_recorded.py",
    "integration/test_names_model_crashes.py",
    "integration/test_postgres_plans.py",
    "integration/test_recognition_accuracy.py",
    "integration/test_shared_stores_watched.py",
    "integration/test_small_model.py",
    "integration/test_start_waits.py",
    "web/test_dashboard.py",
}
"""Files that take longest, by `--durations` of a whole run: CI and `make test-long` run them."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out whole files that `-m` would leave out: importing them takes seconds in each process."""
    expression = config.option.markexpr
    name = collection_path.relative_to(TESTS).as_posix() if collection_path.is_relative_to(TESTS) else ""
    if "not clients" in expression and collection_path == CLIENTS:
        return True
    return True if "not long" in expression and name in LONG else None


@pytest.hookimpl(tryfirst=True)  # before -m is looked at
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what the everyday run leaves out: other people's clients, PostgreSQLs beside the newest, long."""
    older = {*list(servers())[1:]}
    for item in items:
        if item.path.is_relative_to(CLIENTS):
            item.add_marker("clients")
        if item.path.relative_to(TESTS).as_posix() in LONG:
            item.add_marker("long")
        parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
        if any(isinstance(value, str) and value in older for value in parameters):
            item.add_marker("slow")


SKIPS = (
    "no kernel headers on this machine",
    "PyAV was built from source here",
    "the speech corpus",
    "mounting a small disk needs root",
)
"""Why a test may be skipped even where `CI_FORBIDS_SKIPS` is set, as CI does: all else is installed there."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run what is marked `alone` while the other processes of this run wait."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if run is None:
        return (yield)
    folder = Path(tempfile.gettempdir()) / f"ringback-tests-{run}"
    folder.mkdir(exist_ok=True)
    with turn(folder, alone=item.get_closest_marker("alone") is not None):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Make a skip for any other reason a failure: no promise goes unnoticed for want of a program."""
    report = yield
    if "CI_FORBIDS_SKIPS" in os.environ and report.skipped and not hasattr(report, "wasxfail"):
        reason = str(call.excinfo.value) if call.excinfo else ""
        if not any(allowed in reason for allowed in SKIPS):
            report.outcome = "failed"
            report.longrepr = f"skipped, where nothing may be: {reason}"
    return report


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
