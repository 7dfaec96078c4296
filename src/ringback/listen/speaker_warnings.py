"""Warnings about speakers: `diarize` on a server that cannot tell them, and words that have none. Pure."""

from collections.abc import Iterator, Sequence

import msgspec

from ringback.listen.options import ListenOptions
from ringback.listen.parameter_warnings import ParameterWarning
from ringback.transcript import Channel


def with_speaker_warnings(options: ListenOptions, *, speakers: bool) -> ListenOptions:
    """The options; without `diarize`, and with a warning instead, where this server has no models for it."""
    if not options.diarize or speakers:
        return options
    name = "diarize" if options.diarize_model is None else "diarize_model"
    what = (
        f"`{name}`: this server has no models that tell speakers. Its operator installs them with "
        "`make setup EXTRAS=speakers`."
    )
    warning = ParameterWarning(name, "unsupported", what)
    return msgspec.structs.replace(options, diarize=False, warnings=(*options.warnings, warning))


def speaker_warnings(channels: Sequence[Channel]) -> Iterator[ParameterWarning]:
    """What a caller of `diarize` should know beside the words, channel by channel."""
    for number, channel in enumerate(channels):
        if channel.unlabelled_seconds > 0:
            where = f"Channel {number}: " if len(channels) > 1 else ""
            seconds = max(0.1, round(channel.unlabelled_seconds, 1))
            what = f"{where}words of {seconds} s have no `speaker`: the models could not be run on them."
            yield ParameterWarning("diarize", "partial", what)
