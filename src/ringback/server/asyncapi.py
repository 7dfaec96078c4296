"""The description of live streams as AsyncAPI 3.0.

https://www.asyncapi.com/docs/reference/specification/v3.0.0. It has the socket at `/v1/listen`, and the
socket that a `ws://` callback opens to a receiver. Like `openapi` it is made from the values that the server
itself uses: the types of the messages, the table of parameters, the close codes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ringback import __version__
from ringback.listen.actions import CloseReason
from ringback.listen.controls import CONTROL_MESSAGES
from ringback.listen.live_messages import MESSAGES
from ringback.listen.parameter import Mode, Parameter, Support
from ringback.listen.parameters import PARAMETERS
from ringback.server.error_responses import LISTEN_PATH
from ringback.server.openapi import described_parameter, with_public_names
from ringback.server.operations import SCHEMAS

AUDIO = "Audio"


def asyncapi() -> dict[str, Any]:
    """The whole document."""
    sent, received = [_name(type_) for type_ in MESSAGES], [_name(type_) for type_ in CONTROL_MESSAGES]
    results = [name for name in sent if name not in _ANSWERS]
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
                **_channel([*sent, *received, AUDIO], query=_query()),
            },
            "callback": {
                "address": None,
                "description": "The socket that is opened to a receiver with `callback=ws://…` or `wss://…`.",
                **_channel(results, headers=_CALLBACK_HEADERS),
            },
        },
        "operations": {
            "receiveAudioAndControls": _operation("receive", "listen", [AUDIO, *received]),
            "sendMessages": _operation("send", "listen", sent),
            "sendResultsToCallback": _operation("send", "callback", results),
        },
        "components": _components(),
    }
    described: dict[str, Any] = with_public_names(document)
    return described


def _components() -> dict[str, Any]:
    types = (*MESSAGES, *CONTROL_MESSAGES)
    _, schemas = msgspec.json.schema_components(types, ref_template=SCHEMAS + "{name}")
    return {
        "schemas": schemas,
        "messages": {AUDIO: _AUDIO, **{_name(type_): _message(type_) for type_ in types}},
        "securitySchemes": _SECURITY,
    }


def _name(type_: type[msgspec.Struct]) -> str:
    """The value of a message's `type`."""
    return str(type_.__struct_config__.tag)


def _message(type_: type[msgspec.Struct]) -> dict[str, Any]:
    return {"name": _name(type_), "payload": {"$ref": SCHEMAS + type_.__name__}}


def _channel(messages: Sequence[str], **handshake: Any) -> dict[str, Any]:
    return {
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {"ws": {"method": "GET", **handshake, "bindingVersion": "0.1.0"}},
        "x-close": [{"code": reason.code, "reason": reason.reason} for reason in CloseReason],
    }


def _operation(action: str, channel: str, names: Sequence[str]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names],
    }


def _query() -> dict[str, Any]:
    live = [parameter for parameter in PARAMETERS if Mode.LIVE in parameter.modes]
    return {"type": "object", "properties": {parameter.name: _property(parameter) for parameter in live}}


def _property(parameter: Parameter) -> dict[str, Any]:
    described = {"description": described_parameter(parameter), **parameter.schema}
    return described | {"deprecated": True} if parameter.support is Support.IGNORED else described


_ANSWERS = frozenset({"Error", "ConfigureSuccess", "ConfigureFailure"})
"""Answers to the client's own messages: they are not sent to callbacks."""

_AUDIO: Mapping[str, Any] = {
    "contentType": "application/octet-stream",
    "summary": "Binary: audio in `encoding`, or files that say what they are. Empty: CloseStream.",
    "payload": {"type": "string"},
}

_DESCRIPTION = """\
Deepgram's live streams as this server has them: audio in, words out while they are said. What is sent when, \
and how a stream ends, is told in docs/live.md. A handshake that is refused is an HTTP answer with an error \
of `/v1/listen`, as in openapi.json; one that is accepted carries `dg-request-id`. `x-close` lists the close \
frames: code and reason."""

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
