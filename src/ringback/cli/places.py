"""The options by which every command finds the server's settings and data."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ringback.settings import Settings, load

Decorated = Callable[..., Any]


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
