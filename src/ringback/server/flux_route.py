"""`WS /v2/listen`: what a handshake of turn-based streaming asks for. `live_route` serves it.

https://developers.deepgram.com/reference/speech-to-text/listen-flux.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from ringback.engines.base import ModelInfo
from ringback.errors import Failure, Refusal
from ringback.listen.flux_options import parse_flux
from ringback.listen.options import ListenOptions
from ringback.server.error_responses import error_response
from ringback.server.query import query_pairs
from ringback.server.services import Services
from ringback.transcription.model import model_for


def flux_options(websocket: WebSocket, services: Services) -> tuple[ListenOptions, ModelInfo]:
    """Raises `Refusal` (400), also where this server has no turn model."""
    options = parse_flux(query_pairs(websocket))
    if not services.judges_turns:
        raise Refusal(
            400,
            "Bad Request",
            "Bad Request: No such model/language/tier combination found. This server has no turn model: "
            "its operator installs one with `make setup EXTRAS=turns`.",
            parameter="model",
        )
    model = model_for(options, services.catalogue, live=True)
    if options.keyterm and model.incremental:
        raise Refusal(
            400,
            "INVALID_QUERY_PARAMETER",
            f"Failed to deserialize query parameters: `keyterm`: {model.name} takes no words to expect.",
            parameter="keyterm",
        )
    return options, model


async def no_upgrade(request: Request) -> Response:
    """A request that is no handshake, whatever its method: there is a WebSocket here and nothing else."""
    failure = Failure(405, "METHOD_NOT_ALLOWED", "This path takes WebSocket handshakes alone.")
    return error_response(request, failure, {"allow": "GET"})
