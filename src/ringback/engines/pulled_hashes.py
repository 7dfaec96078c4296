"""The SHA-256 of every file that was ever pulled, in `pulled.json` beside the models.

Recorded at the first pull, compared at each later one, also when the model's folder was removed in between: a
repository whose files were replaced under their names is noticed.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from ringback.errors import Misconfigured
from ringback.system import sync, sync_folder

FILE = "pulled.json"


class PulledModel(msgspec.Struct, frozen=True):
    """What a name stood for when it was first pulled."""

    repository: str
    sha256: Mapping[str, str]
    """By the file's name."""


def hashes_of(folder: Path) -> dict[str, str]:
    """Of the files right in it."""
    return {path.name: _sha256(path) for path in sorted(folder.iterdir()) if path.is_file()}


def recorded(models: Path) -> dict[str, PulledModel]:
    """By the model's name. Raises `Misconfigured` where the file cannot be read."""
    path = models / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, PulledModel])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        raise Misconfigured(
            f"{path} cannot be read: {error}. It has the hashes of the models that were pulled; repair it, "
            "or remove it to trust what is pulled next."
        ) from error


def record(models: Path, name: str, pulled: PulledModel) -> None:
    """Keep it, whatever fails meanwhile. Raises `OSError`."""
    known = {**recorded(models), name: pulled}
    written = models / f".{FILE}"
    with written.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(known), indent=2) + b"\n")
        file.flush()
        sync(file.fileno())
    written.replace(models / FILE)
    sync_folder(models)


def check_same(name: str, before: PulledModel, now: PulledModel, models: Path) -> None:
    """Raises `Misconfigured`, naming what differs."""
    if before == now:
        return
    files = sorted(
        file for file in {*before.sha256, *now.sha256} if before.sha256.get(file) != now.sha256.get(file)
    )
    what = (
        f"its files differ from those of the first pull: {', '.join(files)}"
        if files
        else f"it was {before.repository} at the first pull, and is {now.repository} now"
    )
    raise Misconfigured(
        f"the model {name!r} is not what it was: {what}. Nothing was replaced. If the change is meant, "
        f"remove {name!r} from {models / FILE} and the folder {models / name}, then pull it again."
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
