"""`ringback model`: which recognisers are here, and how to get another."""

from pathlib import Path

import click

from ringback.bootstrap.values import model_catalogue
from ringback.cli.options import settings_of, with_settings
from ringback.cli.output import ProgressBar
from ringback.engines.base import ModelInfo
from ringback.engines.known_models import KNOWN_MODELS, known_model
from ringback.engines.speech_extra import require_speech_extra

MANY_LANGUAGES = 4


@click.group("model")
def command() -> None:
    """List the models on this machine, or fetch another.

    \b
    Examples:
      ringback model list
      ringback model list --known
      ringback model pull small
      ringback model pull zipformer-en
      ringback model pull organisation/a-whisper-for-ctranslate2
      RINGBACK_MODEL=small ringback serve
    """


@command.command("list")
@with_settings
@click.option(
    "--known", is_flag=True, help="Those that `pull` knows by name, with size and licence, instead."
)
def list_models(config: Path | None, data_dir: str | None, *, known: bool) -> None:
    """Show the models that requests may name; the first serves Deepgram's names (nova-3, base …)."""
    if known:
        for each in KNOWN_MODELS:
            languages = ", ".join(each.languages) or ("en" if each.name.endswith(".en") else "99 languages")
            click.echo(
                f"{each.name:<20} {each.kind:<11} {each.megabytes:>5} MB  {each.licence:<26} {languages}"
            )
        return
    settings = settings_of(config, data_dir)
    catalogue = model_catalogue(settings)
    for model in catalogue.unreadable:
        click.echo(f"{model.name} is left out: {model.hint}", err=True)
    for info in catalogue.models():
        click.echo(f"{info.name:<24} {info.arch:<10} {info.version:<18} {_languages(info)}")


@command.command("pull")
@with_settings
@click.argument("name")
def pull_model(config: Path | None, data_dir: str | None, name: str) -> None:
    """Fetch a model from the hub into the data folder, or check the files of one that is there.

    NAME is one of `ringback model list --known` (small, large-v3, zipformer-en …), or organisation/repository
    of a Whisper model for CTranslate2. Afterwards RINGBACK_MODEL=NAME uses it. The server itself fetches
    nothing. The hashes of the first pull are kept, and compared at later ones.
    """
    settings = settings_of(config, data_dir)
    require_speech_extra("fetching models")
    # Not at the top: the hub's client is there with the extra alone.
    from ringback.engines.pull import pull  # noqa: PLC0415

    model = known_model(name)
    if model is not None:
        click.echo(f"{name}: {model.megabytes} MB, {model.licence}, from {model.repository}", err=True)
    with ProgressBar(f"Fetching {name}") as bar:
        folder = pull(name, settings.data_path / "models", bar.advance)
    click.echo(f"{folder.name} is here: {folder}\nUse it with RINGBACK_MODEL={folder.name}", err=True)


def _languages(info: ModelInfo) -> str:
    if len(info.languages) < MANY_LANGUAGES:
        return ", ".join(info.languages)
    return f"{len(info.languages)} languages"
