"""docs/commands.md has a section for every command, a word on every subcommand and every option."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ringback.cli import COMMANDS, main

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "commands.md"


def sections() -> dict[str, str]:
    parts = re.split(r"^## `ringback ([a-z]+)`$", DOCUMENT.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def command_of(name: str) -> click.Command:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    return command


def all_commands(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        for sub_name, sub_command in command.commands.items():
            yield f"{name} {sub_name}", sub_command


def test_a_section_for_every_command() -> None:
    assert list(sections()) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_subcommand_and_option_is_named(name: str) -> None:
    # The options by which a command finds its settings are told once, at the top.
    text = sections()[name] + DOCUMENT.read_text().partition("\n## ")[0]
    for full_name, command in all_commands(name, command_of(name)):
        assert f"`ringback {full_name}" in DOCUMENT.read_text()
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert any(option in text for option in parameter.opts), (full_name, parameter.opts)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_teaches_with_an_example(name: str) -> None:
    text = command_of(name).help
    assert text is not None
    assert "Example" in text or isinstance(command_of(name), click.Group)
    for _, command in all_commands(name, command_of(name)):
        for parameter in command.params:
            assert not isinstance(parameter, click.Option) or parameter.help, parameter.name
