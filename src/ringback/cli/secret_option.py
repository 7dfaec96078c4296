"""Options whose value is a secret: they work, and say where the value belongs instead."""

from collections.abc import Callable
from typing import TypeVar

import click
from click.core import ParameterSource

T = TypeVar("T")


def better_in(variable: str) -> Callable[[click.Context, click.Parameter, T], T]:
    """An option's callback: a warning where the value stands on the command line, which every user of the
    machine can read in the list of processes, and which the shell keeps in its history."""

    def warn(context: click.Context, option: click.Parameter, value: T) -> T:
        assert option.name is not None
        if context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE:
            click.echo(
                f"Warning: other users of this machine can read {option.opts[0]} in the list of processes: "
                f"set {variable} in the environment instead.",
                err=True,
            )
        return value

    return warn
