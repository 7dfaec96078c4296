"""The description of live streams as AsyncAPI 3.0.

https://www.asyncapi.com/docs/reference/specification/v3.0.0. It has the sockets at `/v1/listen` and
`/v2/listen`, and those that a `ws://` callback opens to a receiver. Like `openapi` it is made from the values
that the server itself uses: the types of the messages, the tables of parameters, the close codes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ringback import __version__
from ringback.listen.actions import CloseReason
from ringback.listen.controls import CONTROL_MESSAGES
from ringback.listen.flux_controls import FLUX_CONTROL_MESSAGES
from ringback.listen.flux_messages import FLUX_MESSAGES
from ringback.listen.flux_parameters import FLUX_PARAMETERS
from ringback.listen.live_messages import MESSAGES
from ringback.listen.parameter import Mode, Parameter, Support
from ringback.listen.parameters import PARAMETERS
from ringback.server.error_responses import FLUX_PATH, LISTEN_PATH
from ringback.server.openapi import described_parameter, with_public_names
from ringback.server.operations import SCHEMAS

AUDIO = "Audio"


def asyncapi() -> dict[str, Any]:
    """The whole document."""
    document = {
        "asyncapi": "3.0.0",
        "info": _INFO,
        "defaultContentType": "application/json",
        "servers": {
            "here": {
                "host": "127.0.0.1:8080",
                "protocol": "ws",
                "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in _SECURITY],
            }
        },
        "channels": {
            "listen": {
                "address": LISTEN_PATH,
                "description": "The client's socket.",
                **_channel([*_SENT, *_RECEIVED, AUDIO], _V1_ENDS, query=_query(_LIVE_PARAMETERS)),
            },
            "callback": {
                "address": None,
                "description": "The socket that is opened to a receiver with `callback=ws://…` or `wss://…`.",
                **_channel(_RESULTS, _V1_ENDS, headers=_CALLBACK_HEADERS),
            },
            **_channels_of_turns(),
        },
        "operations": {
            "receiveAudioAndControls": _operation("receive", "listen", [AUDIO, *_RECEIVED]),
            "sendMessages": _operation("send", "listen", _SENT),
            "sendResultsToCallback": _operation("send", "callback", _RESULTS),
            "receiveAudioAndTurnControls": _operation("receive", "listenTurns", [AUDIO, *_TURN_CONTROLS]),
            "sendTurnMessages": _operation("send", "listenTurns", _TURNS),
            "sendTurnsToCallback": _operation("send", "callbackOfTurns", _TURN_RESULTS),
        },
        "components": _components(),
    }
    described: dict[str, Any] = with_public_names(document)
    return described


def _channels_of_turns() -> dict[str, Any]:
    return {
        "listenTurns": {
            "address": FLUX_PATH,
            "description": "The client's socket of a turn-based stream (Flux): docs/flux.md.",
            **_channel([*_TURNS, *_TURN_CONTROLS, AUDIO], _FLUX_ENDS, query=_query(FLUX_PARAMETERS)),
        },
        "callbackOfTurns": {
            "address": None,
            "description": "What `callback` is to `listen`, of a turn-based stream.",
            **_channel(_TURN_RESULTS, _FLUX_ENDS, headers=_CALLBACK_HEADERS),
        },
    }


def _components() -> dict[str, Any]:
    types, flux = (*MESSAGES, *CONTROL_MESSAGES), (*FLUX_MESSAGES, *FLUX_CONTROL_MESSAGES)
    _, schemas = msgspec.json.schema_components((*types, *flux), ref_template=SCHEMAS + "{name}")
    named = {_name(type_): type_ for type_ in types} | dict(zip(_flux_names(flux), flux, strict=True))
    return {
        "schemas": schemas,
        "messages": {AUDIO: _AUDIO, **{name: _message(type_) for name, type_ in named.items()}},
        "securitySchemes": _SECURITY,
    }


def _name(type_: type[msgspec.Struct]) -> str:
    """The value of a message's `type`."""
    return str(type_.__struct_config__.tag)


def _flux_names(types: Sequence[type[msgspec.Struct]]) -> list[str]:
    """Both protocols have an Error."""
    return [f"Flux{_name(type_)}" for type_ in types]


def _message(type_: type[msgspec.Struct]) -> dict[str, Any]:
    return {"name": _name(type_), "payload": {"$ref": SCHEMAS + type_.__name__}}


def _channel(messages: Sequence[str], ends: Sequence[CloseReason], **handshake: Any) -> dict[str, Any]:
    return {
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {"ws": {"method": "GET", **handshake, "bindingVersion": "0.1.0"}},
        "x-close": [{"code": reason.code, "reason": reason.reason} for reason in ends],
    }


def _operation(action: str, channel: str, names: Sequence[str]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names],
    }


def _query(parameters: Sequence[Parameter]) -> dict[str, Any]:
    return {"type": "object", "properties": {each.name: _property(each) for each in parameters}}


def _property(parameter: Parameter) -> dict[str, Any]:
    described = {"description": described_parameter(parameter), **parameter.schema}
    return described | {"deprecated": True} if parameter.support is Support.IGNORED else described


_LIVE_PARAMETERS = [parameter for parameter in PARAMETERS if Mode.LIVE in parameter.modes]
_V1_ENDS = [reason for reason in CloseReason if reason is not CloseReason.UNPARSABLE]
_FLUX_ENDS = [reason for reason in CloseReason if reason is not CloseReason.IDLE_TIMEOUT]
_ANSWERS = frozenset({"Error", "ConfigureSuccess", "ConfigureFailure"})
_FLUX_ANSWERS = frozenset({"FluxConfigureSuccess", "FluxConfigureFailure", "FluxWarning"})
"""Answers to the client's own messages: they are not sent to callbacks."""

_SENT, _RECEIVED = [_name(type_) for type_ in MESSAGES], [_name(type_) for type_ in CONTROL_MESSAGES]
_RESULTS = [name for name in _SENT if name not in _ANSWERS]
_TURNS, _TURN_CONTROLS = _flux_names(FLUX_MESSAGES), _flux_names(FLUX_CONTROL_MESSAGES)
_TURN_RESULTS = [name for name in _TURNS if name not in _FLUX_ANSWERS]

_AUDIO: Mapping[str, Any] = {
    "contentType": "application/octet-stream",
    "summary": "Binary: audio in `encoding`, or files that say what they are. Empty: CloseStream.",
    "payload": {"type": "string"},
}

_DESCRIPTION = """\
Deepgram's live streams as this server has them: audio in, words out while they are said. What is sent when, \
and how a stream ends, is told in docs/live.md, of turn-based streams (`/v2/listen`) in docs/flux.md. A \
handshake that is refused is an HTTP answer with an error of `/v1/listen`, as in openapi.json; one that is \
accepted carries `dg-request-id`. `x-close` lists the close frames: code and reason."""

_INFO: Mapping[str, Any] = {
    "title": "Ringback live streams",
    "version": __version__,
    "description": _DESCRIPTION,
    "license": {"name": "Apache-2.0"},
}

_SECURITY: Mapping[str, Any] = {
    "token": {
        "type": "httpApiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`Token YOUR_API_KEY`. Browsers name the sub-protocols `token, YOUR_API_KEY` instead.",
    },
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token from /v1/auth/grant. Browsers name the sub-protocols `bearer, TOKEN`.",
    },
}

_CALLBACK_HEADERS: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        name: {"type": "string", "description": description}
        for name, description in (
            ("dg-request-id", "The id of the stream."),
            ("dg-token", "The identifier of the key that asked; it proves nothing."),
            ("webhook-id", "The id of the stream, for its signature."),
            ("webhook-timestamp", "Unix seconds."),
            ("webhook-signature", "Of an empty body: docs/signing.md."),
            ("ringback-sequence", "The number of the first message on this connection."),
        )
    },
}
