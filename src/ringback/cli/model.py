"""`ringback model`: which recognisers are here, and how to get another."""

from pathlib import Path

import click

from ringback.cli.options import settings_of, with_settings
from ringback.cli.output import ProgressBar
from ringback.engines.base import ModelInfo
from ringback.engines.registry import ModelCatalogue
from ringback.engines.speech_extra import require_speech_extra

MANY_LANGUAGES = 4


@click.group("model")
def command() -> None:
    """List the models on this machine, or fetch another.

    \b
    Examples:
      ringback model list
      ringback model pull small
      ringback model pull organisation/a-whisper-for-ctranslate2
      RINGBACK_MODEL=small ringback serve
    """


@command.command("list")
@with_settings
def list_models(config: Path | None, data_dir: str | None) -> None:
    """Show the models that requests may name; the first serves Deepgram's names (nova-3, base …)."""
    settings = settings_of(config, data_dir)
    catalogue = ModelCatalogue(settings.model, settings.data_path / "models")
    for model in catalogue.unreadable:
        click.echo(f"{model.name} is left out: {model.hint}", err=True)
    for info in catalogue.models():
        click.echo(f"{info.name:<24} {info.arch:<10} {info.version:<18} {_languages(info)}")


@command.command("pull")
@with_settings
@click.argument("name")
def pull_model(config: Path | None, data_dir: str | None, name: str) -> None:
    """Fetch a Whisper model for CTranslate2 from the hub into the data folder.

    NAME is one of Whisper's sizes (tiny, base, small, medium, large-v3, and NAME.en up to medium) or
    organisation/repository. Afterwards RINGBACK_MODEL=NAME uses it. The server itself fetches nothing.
    """
    settings = settings_of(config, data_dir)
    require_speech_extra("fetching models")
    # Not at the top: the hub's client is there with the extra alone.
    from ringback.engines.pull import pull  # noqa: PLC0415

    with ProgressBar(f"Fetching {name}") as bar:
        folder = pull(name, settings.data_path / "models", bar.advance)
    click.echo(f"{folder.name} is here: {folder}\nUse it with RINGBACK_MODEL={folder.name}", err=True)


def _languages(info: ModelInfo) -> str:
    if len(info.languages) < MANY_LANGUAGES:
        return ", ".join(info.languages)
    return f"{len(info.languages)} languages"
