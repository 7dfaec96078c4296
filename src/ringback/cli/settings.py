"""`ringback settings`: the commented file that is default and reference at once."""

from importlib import resources

import click


@click.command("settings")
def command() -> None:
    """Print every setting with its default and its meaning, as a ringback.toml.

    \b
    Example:
      ringback settings > ringback.toml
    """
    click.echo(resources.files("ringback").joinpath("ringback.toml").read_text(), nl=False)
