"""Fetching a model from a hub, when the operator asks for it: `ringback model pull NAME`."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub
from huggingface_hub import errors
from huggingface_hub.utils.tqdm import tqdm

from ringback.engines.weights import NEEDED_FILES
from ringback.errors import Misconfigured

Progress = Callable[[int, int], None]
"""Told how many bytes have come, and of how many."""

_FILES = ("config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*")


def pull(name: str, into: Path, progress: Progress) -> Path:
    """Fetch a model into `into/NAME`, all or nothing; that folder.

    `name` is one of Whisper's (`small`, `large-v3`, …: Systran's conversions) or `organisation/repository`.
    Raises `Misconfigured`, saying what to change.
    """
    repository = name if "/" in name else f"Systran/faster-whisper-{name}"
    target = into / name.rpartition("/")[2]
    staging = into / f".pulling-{target.name}"
    if (target / "model.bin").exists():
        return target
    try:
        into.mkdir(parents=True, exist_ok=True)
        _fetch(repository, staging, progress)
        _check(repository, staging)
        shutil.rmtree(staging / ".cache", ignore_errors=True)
        staging.rename(target)
    except errors.GatedRepoError as error:
        raise Misconfigured(
            f"{repository} asks for consent: accept its terms on its page and set HF_TOKEN."
        ) from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise Misconfigured(
            f"the hub has no model {repository!r}. Name one of Whisper's sizes (tiny, base, small, medium, "
            "large-v3, each also as NAME.en up to medium) or organisation/repository."
        ) from error
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, OSError) as error:
        raise Misconfigured(
            f"{repository} could not be fetched: {error}. Check the network (HTTPS_PROXY, HF_ENDPOINT) and "
            f"the free space in {into}; what has come is kept, so run the command again."
        ) from error
    return target


def _fetch(repository: str, staging: Path, progress: Progress) -> None:
    huggingface_hub.snapshot_download(
        repository, local_dir=staging, allow_patterns=list(_FILES), tqdm_class=_reporting_to(progress)
    )


def _check(repository: str, folder: Path) -> None:
    missing = [file for file in NEEDED_FILES if not (folder / file).exists()]
    if missing:
        shutil.rmtree(folder, ignore_errors=True)
        raise Misconfigured(
            f"{repository} is not a Whisper model for CTranslate2: it has no {', '.join(missing)}. "
            "Convert it with `ct2-transformers-converter`, and name the folder in the setting `model`."
        )


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
