"""Options that commands share: where the settings and data are, and options whose value is a secret."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from ringback.errors import Misconfigured
from ringback.settings import Settings, load

Decorated = Callable[..., Any]
T = TypeVar("T")


def with_settings(command: Decorated) -> Decorated:
    """Give a command `--config` and `--data-dir`; `settings_of` turns what they were given into Settings."""
    config = click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Settings file [default: RINGBACK_CONFIG, ./ringback.toml, or the data folder's ringback.toml].",
    )
    data_dir = click.option(
        "--data-dir",
        type=click.Path(file_okay=False),
        help="Folder of the ledger, the audio and the results [default: ~/.local/share/ringback].",
    )
    return config(data_dir(command))


def settings_of(config: Path | None, data_dir: str | None, **options: Any) -> Settings:
    """All settings, with those from the command line winning. Raises Misconfigured."""
    return load(config, {"data_dir": data_dir, **options})


def make_data_folder(settings: Settings) -> Path:
    """The data folder, made if it was not there; only its owner may look inside. Raises Misconfigured."""
    folder = settings.data_path
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        reason = None if os.access(folder, os.W_OK | os.X_OK) else "permission denied"
    except OSError as error:
        reason = error.strerror
    if reason is None:
        return folder
    raise Misconfigured(
        f"The data folder {folder} cannot be written ({reason}): make it writable for user {os.getuid()}, "
        "or name another folder in RINGBACK_DATA_DIR or --data-dir."
    )


def warn_if_on_command_line(variable: str) -> Callable[[click.Context, click.Parameter, T], T]:
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


def with_json(command: Decorated) -> Decorated:
    """`--json`, as `as_json`."""
    option = click.option("--json", "as_json", is_flag=True, help="Print the server's JSON, for programs.")
    return option(command)


def with_period(command: Decorated) -> Decorated:
    """`--start` and `--end`, in the words of the server's own parameters."""
    start = click.option("--start", metavar="TIME", help="Not before: 2026-11-22 or 2026-11-22T10:00:00Z.")
    end = click.option("--end", metavar="TIME", help="Not after; a date includes its day.")
    return start(end(command))


def with_tags(command: Decorated) -> Decorated:
    """`--tag`, as `tags`."""
    return click.option("--tag", "tags", multiple=True, help="With this tag; may repeat.")(command)
