"""docs/metrics.md, the alerts and the dashboard name the metrics that there are, and no others."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped] # huggingface-hub brings it; it has no types
from prometheus_client.metrics import MetricWrapperBase

from ringback.telemetry import REGISTRY, metrics

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "metrics.md").read_text()
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "ringback.json"

TARGET_LABELS = {"instance", "job", "le"}
"""What Prometheus adds to every series, and what a histogram's have."""

SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


def exposed() -> dict[str, str]:
    """Name as the page has it → type."""
    return {
        family.name + ("_total" if family.type == "counter" else ""): family.type
        for family in REGISTRY.collect()
    }


def series() -> dict[str, set[str]]:
    """Name of every series → its labels."""
    labels = {
        each._name: set(each._labelnames)
        for each in vars(metrics).values()
        if isinstance(each, MetricWrapperBase)
    }
    return {
        family.name + suffix: labels.get(family.name, set()) | TARGET_LABELS
        for family in REGISTRY.collect()
        for suffix in SUFFIXES[family.type]
    }


def rows() -> dict[str, list[str]]:
    lines = [
        line for line in PAGE.splitlines() if line.startswith(("| `ringback_", "| `process_", "| `python_"))
    ]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {each[0].strip("`"): each for each in cells}


def alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def expressions() -> Iterator[str]:
    for rule in alerts():
        yield rule["expr"]
    dashboard = json.loads(DASHBOARD.read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["definition"]


def test_every_metric_has_its_row_with_its_type_and_no_row_is_left_over() -> None:
    assert {name: cells[1] for name, cells in rows().items()} == exposed()


def test_every_row_has_the_labels() -> None:
    for name, labels in series().items():
        base = name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count")
        if name.startswith("ringback_"):
            cells = rows().get(name) or rows()[base]
            assert set(re.findall(r"`(\w+)`", cells[2])) == labels - TARGET_LABELS, name


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_what_is_asked_for_is_there(expression: str) -> None:
    known = {**series(), "up": TARGET_LABELS}
    # What stands in quotes is a value, not a name.
    bare = re.sub(r'"[^"]*"', '""', expression)
    names = set(re.findall(r"\b(?:ringback|process|python)_\w+|\bup\b", bare))
    assert names, "it asks for nothing of ours"
    assert names <= known.keys(), names - known.keys()
    common = set.union(*(known[name] for name in names))
    used = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"\"", bare))
    used |= {label.strip() for group in re.findall(r"by \(([^)]*)\)", bare) for label in group.split(",")}
    assert used <= common, used - common


def test_a_metric_that_nobody_looks_at_is_a_mistake() -> None:
    looked_at = " ".join(expressions())
    unseen = {name for name in exposed() if name.startswith("ringback_") and name not in looked_at}
    assert unseen == {
        "ringback_llm_request_seconds",
        "ringback_llm_requests_total",
        "ringback_stream_seconds_total",
        "ringback_stream_messages_total",
    }, unseen


def test_every_alert_has_its_row_its_severity_and_its_words() -> None:
    answered = dict(re.findall(r"^\| `(Ringback\w+)` \| (\w+) \|", PAGE, re.MULTILINE))
    assert answered == {rule["alert"]: rule["labels"]["severity"] for rule in alerts()}
    for rule in alerts():
        assert set(rule["annotations"]) == {"summary", "description"}


def test_every_alert_has_a_case_in_which_it_fires() -> None:
    tests = yaml.safe_load((ALERTS.parent / "alerts_test.yml").read_text())["tests"]
    fires = {
        name
        for test in tests
        for case in test["promql_expr_test"]
        if case["exp_samples"]
        for name in re.findall(r'alertname="(\w+)"', case["expr"])
    }
    assert fires == {rule["alert"] for rule in alerts()}
