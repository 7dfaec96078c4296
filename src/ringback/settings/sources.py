"""Where settings come from: the file, the environment, the command line; the later one counts."""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ringback.errors import Misconfigured
from ringback.settings.checks import WITHIN, contradictions
from ringback.settings.conversion import GivenValue, converted, kubernetes_hint
from ringback.settings.schema import FIELDS, Settings, data_folder, variable

CONFIG_VARIABLE = "RINGBACK_CONFIG"
CONFIG_FILE = "ringback.toml"
"""In the working directory or the data folder."""


def load(
    config: Path | None = None,
    options: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """Read, convert and check all settings; nothing else is started before.

    `config` is the file to read (default: `RINGBACK_CONFIG`, `./ringback.toml`, or `ringback.toml` in the
    data folder, whichever is there first). `options` are settings from the command line by dotted key;
    `None` ones are left out. Raises `Misconfigured` naming every key that is wrong, its value and the fix.
    """
    given = {key: value for key, value in (options or {}).items() if value is not None}
    faults: list[str] = []
    found: dict[str, GivenValue] = {}
    for each in (*_from_file(config, given, environ, faults), *_from_environment(environ, faults)):
        found[each.key] = each
    for key, value in given.items():
        found[key] = GivenValue(key, value, "--" + key.replace(".", "-").replace("_", "-"))

    values = {each.key: value for each in found.values() if (value := converted(each, faults)) is not None}
    settings = _assembled(values)
    faults += contradictions(settings)
    if faults:
        raise Misconfigured("\n".join(faults))
    return settings


def _from_file(
    config: Path | None, given: Mapping[str, Any], environ: Mapping[str, str], faults: list[str]
) -> Iterator[GivenValue]:
    path = _file(config, given, environ)
    if path is None:
        return
    try:
        document = tomllib.loads(path.read_text())
    except OSError as error:
        raise Misconfigured(
            f"{path}: cannot be read ({error.strerror}): check the path and its rights"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}: is not TOML: {error}") from None
    for key, value in _flattened(document):
        if key in FIELDS:
            yield GivenValue(key, value, str(path))
        else:
            faults.append(f"{path}: there is no setting {key!r}{_nearest(key, FIELDS)}")


def _file(config: Path | None, given: Mapping[str, Any], environ: Mapping[str, str]) -> Path | None:
    if config is not None:
        return config
    if environ.get(CONFIG_VARIABLE):
        return Path(environ[CONFIG_VARIABLE])
    data_dir = str(given.get("data_dir") or environ.get(variable("data_dir"), ""))
    candidates = (Path(CONFIG_FILE), data_folder(data_dir, environ) / CONFIG_FILE)
    return next((path for path in candidates if path.is_file()), None)


def _flattened(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, dict):
            for inner, inner_value in value.items():
                yield f"{name}.{inner}", inner_value
        else:
            yield name, value


def _from_environment(environ: Mapping[str, str], faults: list[str]) -> Iterator[GivenValue]:
    known = {variable(key): key for key in FIELDS}
    for name, value in environ.items():
        if not name.startswith("RINGBACK_") or name == CONFIG_VARIABLE:
            continue
        if name not in known:
            faults.append(
                f"environment: there is no setting {name}{_nearest(name, known)}{kubernetes_hint(value)}"
            )
        elif value:  # an empty variable is one that is not set
            yield GivenValue(known[name], value, name)


def _assembled(given: Mapping[str, Any]) -> Settings:
    values = dict(given)
    for section, shorter, longer in WITHIN:
        part, whole = f"{section}.{shorter}", f"{section}.{longer}"
        if part not in values and whole in values:  # a default gives way to what was asked for
            values[part] = min(FIELDS[part][1], values[whole])
    top = {key: value for key, value in values.items() if "." not in key}
    for field in msgspec.structs.fields(Settings):
        if isinstance(field.default, msgspec.Struct):
            inner = {k.partition(".")[2]: v for k, v in values.items() if k.startswith(field.name + ".")}
            top[field.name] = msgspec.structs.replace(field.default, **inner)
    return Settings(**top)


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else "; docs/settings.md lists them all"
