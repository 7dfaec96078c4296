"""The options by which every command finds the server's settings and data."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ringback.errors import Misconfigured
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


def made_data_folder(settings: Settings) -> Path:
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
