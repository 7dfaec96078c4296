"""What `ringback usage` makes of the server's report."""

import csv
import io
from typing import Any

import pytest
from click.testing import CliRunner

from ringback.cli import main
from ringback.cli.server_client import ServerClient
from ringback.cli.usage import csv_text, usage_table

ROWS = [("2026-11-22", "a", "12", "1.5000", "3.0000"), ("2026-11-23", "none", "1", "0.0000", "0.0000")]


def test_a_table_has_a_line_per_day_and_group() -> None:
    assert list(usage_table([("2026-11-22", "a\x1b[2J", "12", "1.5000", "3.0000")])) == [
        "DAY         GROUP  REQUESTS  HOURS   CHANNEL HOURS",
        "2026-11-22  a [2J  12        1.5000  3.0000",
    ]


def test_values_are_separated_and_read_again() -> None:
    rows = [*ROWS, ("2026-11-23", 'a "quoted",\u2028\nb', "1", "0.0", "0.0")]
    heads, *others = csv.reader(io.StringIO(csv_text(rows), newline=""))
    assert heads == ["day", "group", "requests", "hours", "channel_hours"]
    assert [tuple(row) for row in others] == rows


@pytest.mark.parametrize("tag", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", '=cmd|"x",y'])
def test_no_tag_is_a_formula(tag: str) -> None:
    _heads, row = csv.reader(io.StringIO(csv_text([("2026-11-22", tag, "1", "0.0", "0.0")])))
    assert row[1] == f"'{tag}"


def test_the_filters_go_to_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    requested: list[Any] = []
    report = {
        "results": [
            {
                "requests": 2,
                "hours": 0.5,
                "total_hours": 1.0,
                "grouping": {"start": "2026-11-22", "tags": "a,b"},
            }
        ],
        "ringback": {"complete": False},
    }

    def get(_client: ServerClient, path: str, query: Any = ()) -> Any:
        requested.append((path, query))
        return report if "usage" in path else {"projects": [{"project_id": "p"}]}

    monkeypatch.setattr(ServerClient, "get", get)
    words = ["usage", "--by", "tags", "--start", "2026-11-22", "--tag", "a", "--tag", "b", "--csv"]
    said = CliRunner().invoke(main, words, env={"RINGBACK_API_KEY": "k"})
    assert said.exit_code == 0, said.output
    assert requested[-1] == (
        "/v1/projects/p/usage/breakdown",
        [("grouping", "tags"), ("start", "2026-11-22"), ("tag", "a"), ("tag", "b")],
    )
    assert said.stdout.splitlines()[1] == '2026-11-22,"a,b",2,0.5000,1.0000'
    assert "shorter period" in said.stderr


def test_two_forms_at_once_are_refused() -> None:
    said = CliRunner().invoke(main, ["usage", "--csv", "--json"], env={"RINGBACK_API_KEY": "k"})
    assert said.exit_code == 2
