"""Warnings about languages: what `detect_language` found beside the dominant one, and hints in vain. Pure."""

from collections.abc import Iterator, Sequence

from ringback.listen.options import ListenOptions
from ringback.listen.parameter_warnings import ParameterWarning
from ringback.transcript import Channel, LanguageShare

LEAST_SHARE = 0.01
"""Of the time of all words; less is not worth a warning."""


def hint_warnings(options: ListenOptions) -> Iterator[ParameterWarning]:
    if options.language_hint and not options.code_switching:
        what = "`language_hint` is passed over: it counts with `language=multi` only."
        yield ParameterWarning("language_hint", "ignored", what)


def language_warnings(channels: Sequence[Channel]) -> Iterator[ParameterWarning]:
    """What a caller of `detect_language` should know beside `detected_language`, channel by channel."""
    for number, channel in enumerate(channels):
        where = f"Channel {number}: " if len(channels) > 1 else ""
        if others := [each for each in channel.other_languages if each.share >= LEAST_SHARE]:
            message = (
                f"{where}{_percent(others)} of the speech is in other languages than {channel.language} "
                f"({_named(others)}), and written in them."
            )
            yield ParameterWarning("detect_language", "other_languages", message)
        if excluded := [each for each in channel.excluded_languages if each.share >= LEAST_SHARE]:
            message = (
                f"{where}{_percent(excluded)} of the speech sounds like languages that were ruled out "
                f"({_named(excluded)}), and may be translated."
            )
            yield ParameterWarning("detect_language", "excluded_languages", message)


def _named(shares: Sequence[LanguageShare]) -> str:
    return ", ".join(f"{each.language} {_percent([each])}" for each in shares)


def _percent(shares: Sequence[LanguageShare]) -> str:
    return f"{max(1, round(100 * sum(each.share for each in shares)))} %"
