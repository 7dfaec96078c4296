"""Fetching a model from a hub, when the operator asks for it: `ringback model pull NAME`."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub
import msgspec
from huggingface_hub import errors
from huggingface_hub.utils.tqdm import tqdm

from ringback.engines import pulled_hashes
from ringback.engines.known_models import KNOWN_MODELS, KnownModel, known_model
from ringback.engines.pulled_hashes import PulledModel
from ringback.engines.transducer_weights import FACTS, TOKENS, TransducerFacts
from ringback.engines.weights import NEEDED_FILES
from ringback.errors import Misconfigured

Progress = Callable[[int, int], None]
"""Told how many bytes have come, and of how many."""

_WHISPER_FILES = ("config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*")


def pull(name: str, into: Path, progress: Progress) -> Path:
    """Fetch a model into `into/NAME`, all or nothing; that folder. One that is there is checked.

    `name` is one of `known_models`, another of Whisper's as Systran converted them, or
    `organisation/repository` of a Whisper model for CTranslate2. Raises `Misconfigured`, saying what to
    change, also when a file differs from what it was when the model was first pulled.
    """
    model = known_model(name) or _whisper(name)
    target = into / model.name
    if target.exists():
        _check_hashes(model, target, into)
        return target
    staging = into / f".pulling-{model.name}"
    try:
        into.mkdir(parents=True, exist_ok=True)
        _fetch(model, staging, progress)
        _check_complete(model, staging)
        shutil.rmtree(staging / ".cache", ignore_errors=True)
        _check_fetched(model, staging, into)
        staging.rename(target)
    except errors.GatedRepoError as error:
        raise Misconfigured(
            f"{model.repository} asks for consent: accept its terms on its page and set HF_TOKEN."
        ) from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise Misconfigured(
            f"the hub has no model {model.repository!r}. Name one of Whisper's sizes or another known one "
            f"({', '.join(known.name for known in KNOWN_MODELS)}), or organisation/repository."
        ) from error
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, OSError) as error:
        raise Misconfigured(
            f"{model.repository} could not be fetched: {error}. Check the network (HTTPS_PROXY, HF_ENDPOINT) "
            f"and the free space in {into}; what has come is kept, so run the command again."
        ) from error
    return target


def _whisper(name: str) -> KnownModel:
    """One that is not in the list: nothing is known of its size and licence."""
    repository = name if "/" in name else f"Systran/faster-whisper-{name}"
    return KnownModel(name.rpartition("/")[2], repository, "whisper", 0, "")


def _fetch(model: KnownModel, staging: Path, progress: Progress) -> None:
    files = model.files or _WHISPER_FILES
    huggingface_hub.snapshot_download(
        model.repository, local_dir=staging, allow_patterns=list(files), tqdm_class=_reporting_to(progress)
    )
    if model.kind == "transducer" and (staging / TOKENS).exists():
        facts = TransducerFacts(model.languages, model.flush_seconds)
        (staging / FACTS).write_bytes(msgspec.json.encode(facts) + b"\n")


def _check_complete(model: KnownModel, folder: Path) -> None:
    needed = model.files or NEEDED_FILES
    missing = [file for file in needed if not (folder / file).exists()]
    if not missing:
        return
    shutil.rmtree(folder, ignore_errors=True)
    what = (
        "is not a Whisper model for CTranslate2"
        if model.kind == "whisper"
        else "has changed, and is not the transducer that this version of Ringback knows"
    )
    fix = (
        "Convert it with `ct2-transformers-converter`, and name the folder in the setting `model`."
        if model.kind == "whisper"
        else "Get its files by hand (docs/models.md), and name the folder in the setting `model`."
    )
    raise Misconfigured(f"{model.repository} {what}: it has no {', '.join(missing)}. {fix}")


def _check_fetched(model: KnownModel, staging: Path, models: Path) -> None:
    try:
        _check_hashes(model, staging, models)
    except Misconfigured:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def _check_hashes(model: KnownModel, folder: Path, models: Path) -> None:
    """The first time they are recorded; a folder that was put there by hand is taken as it is."""
    hashes = pulled_hashes.hashes_of(folder)
    hashes.pop(FACTS, None)  # ours
    now = PulledModel(model.repository, hashes)
    before = pulled_hashes.recorded(models).get(model.name)
    if before is None:
        pulled_hashes.record(models, model.name, now)
    else:
        pulled_hashes.check_same(model.name, before, now, models)


def _reporting_to(progress: Progress) -> type[Any]:
    """A progress bar that draws nothing and tells `progress` about the bytes."""

    class Reporting(tqdm):  # the hub wants a class of tqdm's
        def __init__(self, *args: Any, **options: Any) -> None:
            self.counts_bytes = options.get("unit") == "B"
            super().__init__(*args, **{**options, "disable": True})  # type: ignore[no-untyped-call]

        def update(self, n: float | None = 1) -> bool | None:
            self.n += n or 0
            if self.counts_bytes:
                progress(int(self.n), int(self.total or 0))
            return None

    return Reporting
