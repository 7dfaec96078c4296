"""Which models this server has, and which of them serves a request, whose model name may be Deepgram's."""

import pkgutil
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ringback.engines.base import LoadOptions, ModelInfo, Recogniser, RecogniserKind
from ringback.engines.scripted import ScriptedKind
from ringback.engines.transducer_weights import TransducerKind
from ringback.engines.weights import WhisperKind
from ringback.errors import Misconfigured, Refusal
from ringback.transcript import base_language


@dataclass(frozen=True, slots=True)
class UnreadableModel:
    """A pulled model that cannot be read, and how to fix that."""

    name: str
    hint: str


@dataclass(frozen=True, slots=True)
class _Entry:
    info: ModelInfo
    kind: RecogniserKind
    name: str


class ModelCatalogue:
    """The models on this machine, the configured one first.

    `model` is a plain name, a folder (a Whisper model), or `KIND:NAME`;
    `models` is the folder of pulled models, `kinds` has our own if it is left out. `live_model`: what takes
    the place of `model` for live streams.
    Raises `Misconfigured`, saying how to fix it, if one of these is not here or cannot be read; another model
    that cannot be read is left out, and listed in `unreadable`.
    """

    def __init__(
        self,
        model: str,
        models: Path,
        kinds: Mapping[str, RecogniserKind] | None = None,
        *,
        live_model: str = "",
    ) -> None:
        kinds = own_kinds() if kinds is None else kinds
        self._models = models
        self._default = _configured(model, models, kinds)
        self._live = _configured(live_model, models, kinds, "live_model") if live_model else self._default
        self.unreadable: list[UnreadableModel] = []
        """Pulled models that were left out."""
        entries = [self._default, self._live, *_at_hand(models, kinds, self.unreadable)]
        self._entries = {entry.info.name: entry for entry in reversed(entries)}

    @property
    def default(self) -> ModelInfo:
        """The configured model."""
        return self._default.info

    @property
    def live_default(self) -> ModelInfo:
        """The one configured for live streams."""
        return self._live.info

    @property
    def confined(self) -> bool:
        """Whether the kinds of the configured models can work in the engine process's sandbox."""
        return all(getattr(entry.kind, "confined", True) for entry in (self._default, self._live))

    def models(self) -> Sequence[ModelInfo]:
        """Each once; the configured model first."""
        others = [entry.info for entry in self._entries.values() if entry is not self._default]
        return [self._default.info, *reversed(others)]

    def has(self, model: str) -> bool:
        """Whether requests may ask for this name: one of ours, or of Deepgram's."""
        return bool(self._named(model))

    def resolve(
        self,
        model: str | None,
        language: str,
        detect: bool,
        version: str = "latest",
        *,
        candidates: Sequence[str] = (),
        live: bool = False,
    ) -> ModelInfo:
        """The model that serves a request, or with `live` a live stream.

        `model` is a name or a uuid that `models` lists, or one of Deepgram's names; ours takes precedence.
        `language` is a code such as `en` or `pt-BR`, or `multi`; with `detect` it is ignored, but the model
        must know one of `candidates`, if there are any
        (https://developers.deepgram.com/docs/language-detection). A model that Deepgram has is served by
        the configured one, or, where that does not know the language, by the first that does
        (https://developers.deepgram.com/docs/model), whatever `version` of Deepgram's is named. Raises
        `Refusal` 400 otherwise.
        """
        languages: list[str] = []
        if detect:
            languages = [base_language(candidate) for candidate in candidates]
        elif language != "multi":
            languages = [base_language(language)]
        several = detect or language == "multi"
        named = self._named(model, live=live)
        matching = [info for info in named if _knows(info, languages, several=several)]
        exact = [info for info in matching if version in {"latest", info.version}]
        if exact or (matching and _is_deepgrams(model)):
            return (exact or matching)[0]
        versions = "".join(f"{info.name} has the version {info.version}. " for info in matching)
        raise Refusal(
            400,
            "Bad Request",
            f"{_NO_SUCH} {versions}{self._hint(languages)}",
            reason="there is no such model, or it does not know the language",
            parameter="model" if not matching else "version",
        )

    def load(self, name: str, device: str, compute_type: str, threads: int) -> Recogniser:
        """The model of this name (`ModelInfo.name`), in this process. Raises `Misconfigured`.

        The engine process calls this; so may a program that wants the recogniser without queue and process.
        `recognise` of the result may be called by `threads` threads at once.
        """
        entry = self._entries.get(name)
        if entry is None:
            raise Misconfigured(f"there is no model {name!r}; there are: {', '.join(self._entries)}")
        return entry.kind.load(entry.name, LoadOptions(self._models, device, compute_type, threads))

    def _named(self, model: str | None, *, live: bool = False) -> Sequence[ModelInfo]:
        """The models that this name may mean, the best first."""
        listed = [self.live_default, *self.models()] if live else self.models()
        ours = [
            info
            for info in listed
            if model is not None and (model == info.name or model.lower() == info.uuid)
        ]
        if not _is_deepgrams(model):
            return ours
        whisper = (model or "").removeprefix("whisper-")
        if model != whisper and whisper in self._entries:
            return [self._entries[whisper].info]
        return [*ours, *listed]

    def _hint(self, languages: Sequence[str]) -> str:
        names = "; ".join(f"{info.name} ({_languages_of(info)})" for info in self.models())
        hint = f"This server has: {names}."
        if languages and not any(_knows(info, languages) for info in self.models()):
            hint = f"No model here knows {' or '.join(languages)}. {hint}"
        if not any(len(info.languages) > 1 for info in self.models()) and list(languages) != ["en"]:
            hint += f" Other languages need a multilingual model: {MULTILINGUAL}."
        return hint


MULTILINGUAL = "run `make setup EXTRAS=multilingual`, or install `ringback[multilingual]`"


def own_kinds() -> dict[str, RecogniserKind]:
    """Our own kinds of recogniser, by name."""
    return {"whisper": WhisperKind(), "transducer": TransducerKind(), "scripted": ScriptedKind()}


def all_kinds(others: Mapping[str, str]) -> dict[str, RecogniserKind]:
    """Our own kinds and those of other packages, each given as `MODULE:CLASS`."""
    return own_kinds() | {name: pkgutil.resolve_name(value)() for name, value in others.items()}


_NO_SUCH = "Bad Request: No such model/language/tier combination found."

_DOMAINS = (
    "general|meeting|phonecall|finance|conversationalai|voicemail|video|medical|drivethru|automotive|atc"
)
_DEEPGRAM = re.compile(
    rf"(nova-3|nova-2|nova|enhanced|base)(-({_DOMAINS}))?|{_DOMAINS}"
    r"|whisper(-(tiny|base|small|medium|large))?|flux-general-(en|multi)"
)
"""The model names that Deepgram documents, with their domains; a domain alone is an older spelling."""


def _is_deepgrams(model: str | None) -> bool:
    """Whether this is one of Deepgram's names; None stands for its default."""
    return model is None or _DEEPGRAM.fullmatch(model) is not None


def _configured(
    model: str, models: Path, kinds: Mapping[str, RecogniserKind], setting: str = "model"
) -> _Entry:
    kind, colon, name = model.partition(":")
    if not colon:
        kind, name = _kind_that_has(model, models, kinds), model
    if kind not in kinds:
        raise Misconfigured(
            f"the setting {setting}={model!r} names the recogniser {kind!r}, which is not installed; "
            f"there are: {', '.join(kinds)}"
        )
    return _Entry(kinds[kind].describe(name, models), kinds[kind], name)


def _kind_that_has(model: str, models: Path, kinds: Mapping[str, RecogniserKind]) -> str:
    """Whisper, also where there is none of this name: its refusal says how to get it."""
    return next((kind for kind in kinds if model in kinds[kind].names(models)), "whisper")


def _at_hand(
    models: Path, kinds: Mapping[str, RecogniserKind], unreadable: list[UnreadableModel]
) -> Iterator[_Entry]:
    """Every installed or pulled model that can be read; the others are added to `unreadable`."""
    for kind in kinds.values():
        for name in kind.names(models):
            try:
                yield _Entry(kind.describe(name, models), kind, name)
            except Misconfigured as error:
                unreadable.append(UnreadableModel(name, hint=str(error)))


def _knows(info: ModelInfo, languages: Sequence[str], *, several: bool = False) -> bool:
    """Whether it knows one of these languages (none: any); with `several`, it must also tell them apart."""
    known = not languages or any(language in info.languages for language in languages)
    return known and (not several or (len(info.languages) > 1 and not info.incremental))


def _languages_of(info: ModelInfo) -> str:
    if len(info.languages) <= 3:
        return ", ".join(info.languages)
    return f"{len(info.languages)} languages"
