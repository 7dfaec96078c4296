"""deploy/ says what the program understands: commands, variables, probes, times, ports."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped] # huggingface-hub brings it; it has no types
from click.testing import CliRunner
from starlette.routing import Route

from ringback import settings
from ringback.bootstrap.weak_keys import weak_keys
from ringback.cli import main
from ringback.server.drain import PROBE_SECONDS, SPREAD_SECONDS
from ringback.server.routes import probes
from support.front import front

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
VARIABLES = set(map(settings.variable, settings.keys()))
STOPS_WITHIN = 40 + PROBE_SECONDS
"""Seconds: what docs/operations.md allows, and the probes' part of it."""


def manifests() -> list[dict[str, Any]]:
    return [document for path in MANIFESTS for document in yaml.safe_load_all(path.read_text())]


COMPOSE = [DEPLOY / "compose.yaml", DEPLOY / "compose.single.yaml"]


def services() -> dict[str, Any]:
    """Of both files; no name is in two of them."""
    found = [service for file in COMPOSE for service in yaml.safe_load(file.read_text())["services"].items()]
    return {name: each for name, each in found if each.get("command")}


def pods() -> Iterator[dict[str, Any]]:
    for document in manifests():
        if document["kind"] in {"Deployment", "Job"}:
            yield document["spec"]["template"]["spec"]


def commands() -> Iterator[list[str]]:
    for pod in pods():
        for container in pod["containers"]:
            yield container["command"]
    for service in services().values():
        if service["command"][0] == "ringback":
            yield service["command"]


def environments() -> Iterator[dict[str, str]]:
    for document in manifests():
        if document["kind"] in {"ConfigMap", "Secret"}:
            yield document.get("data") or document["stringData"]
    for service in services().values():
        if service["command"][0] == "ringback":
            yield service["environment"]


def metrics_port() -> int:
    """Where all nodes have their metrics."""
    listen = {each["RINGBACK_METRICS_LISTEN"] for each in environments() if "RINGBACK_METRICS_LISTEN" in each}
    (address,) = {settings.MetricsSettings(each).address for each in listen}
    assert address is not None
    return address[1]


def test_every_command_is_one() -> None:
    found = [tuple(command) for command in commands()]
    assert {(*command[:2],) for command in found} == {("ringback", "serve"), ("ringback", "migrate")}
    roles = {command[-1] for command in found if "--role" in command}
    assert roles == {"api", "transcribe", "deliver"}
    for name in ("serve", "migrate"):
        assert CliRunner().invoke(main, [name, "--help"]).exit_code == 0
    assert "--role" in CliRunner().invoke(main, ["serve", "--help"]).output


def test_every_variable_is_a_setting_and_together_they_start() -> None:
    both: dict[str, str] = {}
    for environment in environments():
        ours = {name: value for name, value in environment.items() if name.startswith("RINGBACK_")}
        assert ours
        assert set(ours) <= VARIABLES
        both |= ours
    for role in ("api", "transcribe", "deliver"):
        assert settings.load(environ=both | {"RINGBACK_ROLE": role}).does(role)


async def test_every_probe_is_a_route_of_every_role(tmp_path: Path) -> None:
    async with front(tmp_path) as opened:
        paths = {
            route.path for route in probes(opened.services.probe_sources).routes if isinstance(route, Route)
        }
    assert len(paths) == 3
    for document in manifests():
        if document["kind"] != "Deployment":
            continue
        template = document["spec"]["template"]
        (container,) = template["spec"]["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert ports == {"http": settings.Settings().port, "metrics": metrics_port()}
        for probe in ("readinessProbe", "startupProbe"):
            assert container[probe]["httpGet"]["path"] in paths
            assert container[probe]["httpGet"]["port"] == "http"
        assert container["readinessProbe"]["periodSeconds"] <= PROBE_SECONDS
        annotations = template["metadata"]["annotations"]
        assert annotations["prometheus.io/path"] in paths
        assert int(annotations["prometheus.io/port"]) == ports["metrics"]


def test_nothing_is_killed_before_it_may_have_stopped() -> None:
    assert SPREAD_SECONDS < PROBE_SECONDS
    graces = [
        pod["terminationGracePeriodSeconds"] for pod in pods() if "terminationGracePeriodSeconds" in pod
    ]
    assert len(graces) == 3
    assert min(graces) >= STOPS_WITHIN
    for name in ("api", "transcribe", "deliver", "ringback"):
        assert int(services()[name]["stop_grace_period"].removesuffix("s")) >= STOPS_WITHIN


def test_kubernetes_sets_no_variables_of_ours() -> None:
    assert all(pod["enableServiceLinks"] is False for pod in pods())


def test_queues_scale_by_a_metric_that_is_there() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    scaled = [document for document in manifests() if document["kind"] == "HorizontalPodAutoscaler"]
    assert len(scaled) == 3
    for document in scaled:
        for metric in document["spec"]["metrics"]:
            if metric["type"] == "External":
                named = metric["external"]["metric"]
                assert f"| `{named['name']}` |" in page
                assert named["selector"]["matchLabels"]["kind"] in {"transcribe", "deliver"}


@pytest.mark.parametrize("path", [*MANIFESTS, *COMPOSE], ids=lambda path: path.name)
def test_no_image_floats(path: Path) -> None:
    for line in path.read_text().splitlines():
        image = line.strip().removeprefix("image: ")
        assert image == line.strip() or image in {"ringback", "ringback-cluster"} or ":" in image


def test_no_pod_has_rights_that_it_does_not_need() -> None:
    found = list(pods())
    assert len(found) == 4
    for pod in found:
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            mounted = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
            assert set(mounted) == {"/data", "/tmp"}, "all that can be written"
            assert set(mounted.values()) == {volume["name"] for volume in pod["volumes"]}


def test_no_container_of_ours_has_rights_that_it_does_not_need() -> None:
    ours = [each for each in services().values() if each["command"][0] == "ringback"]
    assert len(ours) == 5
    for service in ours:
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True
        assert service["tmpfs"] == ["/tmp"]


def test_compose_has_no_secret_and_names_each_that_it_needs() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    head, _, body = text.partition("x-node:")
    needed = set(re.findall(r"\$\{(\w+):\?\}", body))
    (made,) = re.findall(r"for name in ([A-Z_ ]+);", head)
    assert needed == set(made.split())
    assert "change-me" not in body


def test_compose_on_one_machine_serves_that_machine_and_keeps_its_data() -> None:
    text = (DEPLOY / "compose.single.yaml").read_text()
    document = yaml.safe_load(text)
    (service,) = document["services"].values()
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    (volume,) = [mount.split(":") for mount in service["volumes"]]
    assert volume == [*document["volumes"], "/data"]
    needed = set(re.findall(r"\$\{(\w+):\?\}", text))
    assert needed == {"RINGBACK_API_KEY"}
    assert "RINGBACK_API_KEY=$(openssl" in text, "its first lines say how to make it"


def test_the_placeholders_of_kubernetes_do_not_start() -> None:
    (secret,) = [each["stringData"] for each in manifests() if each["kind"] == "Secret"]
    (shared,) = [each["data"] for each in manifests() if each["kind"] == "ConfigMap"]
    loaded = settings.load(environ=shared | secret | {"RINGBACK_HOST": "0.0.0.0"})
    assert len(weak_keys(loaded)) == 2


def test_the_image_stands_on_an_exact_release() -> None:
    assert re.search(
        r"^ARG BASE=python:3\.\d+\.\d+-slim-\w+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE
    )


UNIT = (DEPLOY / "ringback.service").read_text()


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    if (analyze := shutil.which("systemd-analyze")) is None:
        pytest.skip("there is no systemd-analyze here: apt-get install systemd")
    unit = UNIT.replace("/opt/ringback/.venv/bin/ringback", shutil.which("true") or "")
    # Neither the program nor its user is there where this runs.
    (tmp_path / "ringback.service").write_text(unit.replace("User=ringback", "User=root"))
    done = subprocess.run(
        [analyze, "verify", str(tmp_path / "ringback.service")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_unit_waits_for_the_stop_and_names_what_is_there() -> None:
    lines = dict(line.split("=", 1) for line in UNIT.splitlines() if "=" in line and not line.startswith("#"))
    assert int(lines["TimeoutStopSec"]) >= 40
    variable, _, folder = lines["Environment"].partition("=")
    assert variable in VARIABLES
    assert folder == f"/var/lib/{lines['StateDirectory']}"
    command = lines["ExecStart"].split()[1:]
    assert CliRunner().invoke(main, [*command, "--help"]).exit_code == 0
    # Without these the sandbox of the children has two layers fewer.
    assert {"landlock_restrict_self", "seccomp"} <= set(lines["SystemCallFilter"].split())
