"""The warning about turns: `turn_detection` on a server that has no model for it. Pure."""

import msgspec

from ringback.listen.options import ListenOptions
from ringback.listen.parameter_warnings import ParameterWarning


def with_turn_warnings(options: ListenOptions, *, judges_turns: bool) -> ListenOptions:
    """The options; without `turn_detection`, and with a warning instead, where it can do nothing."""
    if not options.turn_detection:
        return options
    if not judges_turns:
        what = (
            "`turn_detection`: this server has no model that judges pauses. Its operator installs it with "
            "`make setup EXTRAS=turns`."
        )
        return _without(options, ParameterWarning("turn_detection", "unsupported", what))
    if options.endpointing is None:
        what = "`turn_detection` holds back what `endpointing=false` never sends."
        return _without(options, ParameterWarning("turn_detection", "ignored", what))
    return options


def _without(options: ListenOptions, warning: ParameterWarning) -> ListenOptions:
    return msgspec.structs.replace(options, turn_detection=False, warnings=(*options.warnings, warning))
